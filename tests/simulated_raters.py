"""Seeded raters of known skill, as the long template holds them: the known truth of the annotation tests."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import UNITS
from corpus.terms import EMOTIONS

SKILLS = {"Anna Alm": 0.85, "Bo Berg": 0.8, "Cleo Carr": 0.75, "Dan Dahl": 0.0}
"""Probability of seeing the true emotion; Dan guesses."""


@dataclass(frozen=True)
class Simulated:
    """Lines of one or more films of equal length, with their true emotions."""

    lines: int = 60
    films: tuple[str, ...] = ("made-1-01", "made-1-02")
    skills: dict[str, float] = field(default_factory=lambda: dict(SKILLS))
    seed: int = 11
    line_ms: int = 2000
    emotions: tuple[str, ...] = EMOTIONS

    @property
    def durations(self) -> dict[str, int]:
        return dict.fromkeys(self.films, self.lines * self.line_ms)

    @property
    def truth(self) -> dict[str, str]:
        rng = np.random.default_rng(self.seed)
        return {f"{film}.u{i:05d}": self.emotions[rng.integers(len(self.emotions))] for film in self.films for i in range(self.lines)}

    def rows(self) -> list[dict[str, object]]:
        rng, truth = np.random.default_rng(self.seed + 1), self.truth
        rows = []
        for name, skill in self.skills.items():
            for unit_id, emotion in truth.items():
                film, index = unit_id.split(".u")
                seen = emotion if rng.random() < skill else self.emotions[rng.integers(len(self.emotions))]
                start = int(index) * self.line_ms
                rows.append(self._row(film, start, name, seen, rng))
        return rows

    def _row(self, film: str, start: int, name: str, seen: str, rng: np.random.Generator) -> dict[str, object]:
        return {
            "film_id": film,
            "start_ms": start + 100,
            "end_ms": start + self.line_ms - 100,
            "annotator": name,
            "pass_no": 1,
            "character": "",
            "perspective": "portrayed",
            "emotion": seen,
            "intensity": round(0.3 + 0.5 * rng.random(), 2),
            "valence": round(2 * rng.random() - 1, 2),
            "arousal": "",
            "cues": "face,voice",
            "modality_seen": "av",
            "note": "",
            "lead_time_ms": int(rng.integers(2000, 9000)),
            "created_at": f"2026-01-01T{start // 3_600_000:02d}:{start // 60_000 % 60:02d}:{start // 1000 % 60:02d}Z",
        }

    def write_units(self, folder: Path) -> dict[str, Path]:
        paths = {}
        for film in self.films:
            rows = [_unit(unit_id, film, i, self.line_ms) for i, unit_id in enumerate(u for u in self.truth if u.startswith(f"{film}."))]
            scene = {"unit_id": f"{film}.scene000", "film_id": film, "level": "scene", "start_ms": 0, "end_ms": self.durations[film]}
            paths[film] = folder / film / "units.parquet"
            UNITS.write(UNITS.frame([*rows, scene]), paths[film])
        return paths


def _unit(unit_id: str, film: str, index: int, line_ms: int) -> dict[str, object]:
    return {
        "unit_id": unit_id,
        "film_id": film,
        "level": "utterance",
        "start_ms": index * line_ms,
        "end_ms": (index + 1) * line_ms,
        "text": "...",
        "scene_id": f"{film}.scene000",
        "position": index,
    }


def csv_text(rows: list[dict[str, object]], delimiter: str = ",") -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_text(rows), encoding="utf-8")
    return path


def accuracy(gold: pd.DataFrame, truth: dict[str, str]) -> float:
    judged = gold[gold["label"].notna() & gold["unit_id"].isin(list(truth))]
    return float((judged["label"] == judged["unit_id"].map(truth)).mean())
