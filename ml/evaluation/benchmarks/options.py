"""How a benchmark is run: which seeds, how much effort, where its rows are kept, and who is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ml.evaluation.benchmarks.rows import TellRow
from ml.models.text.training import TextParams


@dataclass(frozen=True)
class Options:
    """`work` holds the rows, `workers` make them side by side; without `fine_tunes` only what trains in a minute is run."""

    work: Path
    seeds: tuple[int, ...] = (1, 2, 3)
    fine_tunes: bool = True
    encoder: str = "minilm"
    workers: int = 2
    tell: TellRow = field(default=lambda row, share: None)

    def text_params(self, params: TextParams) -> TextParams:
        """The benchmark's text settings with this run's encoder."""
        return replace(params, encoder=self.encoder)
