"""The public corpora by name: a new corpus is a module beside this one and a line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from corpus.datasets.xed import CorpusSummary, build_xed

BUILDERS: dict[str, Callable[[Path, Path], CorpusSummary]] = {"xed": build_xed}
"""Each reads a source folder or file and fills an empty folder with units.parquet, gold.parquet and summary.json."""
