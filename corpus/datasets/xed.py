"""XED: lines of 48 films' English subtitles with emotions, in no order, without times or media.

Its labels are Plutchik's eight and neutral: six of them and neutral are the platform's own, anticipation and trust have no place here. A
line of one placed label is gold by the corpus's declaration, a line of several keeps them as shares and is ambiguous, a line of none is
left out and counted.

Source: Öhman et al., XED: A Multilingual Dataset for Sentiment Analysis and Emotion Detection, COLING 2020 (Helsinki-NLP/XED).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus import statistics
from corpus.annotations.vocabulary import canonical
from corpus.contracts import EMOTIONS, GOLD_LABELS, PROBABILITY_COLUMNS, UNITS, DeclaredUse, FeelmError, GoldStatus
from corpus.paths import write_json

FILE = "xed_en_with_film.tsv"
COLUMNS = ["text", "labels", "year", "imdb_id"]
PLACED = {str(n): canonical(str(n), "xed").emotion for n in range(9)}


@dataclass(frozen=True)
class CorpusSummary:
    """A public corpus's licence, what it may be used for, and what became of its lines."""

    name: str
    licence: str
    declared_use: str
    credit: str
    n: int
    n_gold: int
    n_films: int
    by_label: dict[str, int]
    partly_placed: int
    left_out: dict[str, int]
    missing: str | None = None


@dataclass(frozen=True)
class Line:
    """One usable line: `emotions` has the placed labels, `partly` is true where others had no place."""

    number: int
    film_id: str
    text: str
    emotions: tuple[str, ...]
    partly: bool


def build_xed(source: Path, out: Path) -> CorpusSummary:
    """Read xed_en_with_film.tsv (or the folder it lies in) into units.parquet (UNITS), gold.parquet (GOLD_LABELS) and summary.json.

    Raises:
        FeelmError: the file is absent, not UTF-8, or has other columns.
    """
    read = [_line(number, cells) for number, cells in _rows(source)]
    lines = [line for line in read if isinstance(line, Line)]
    left_out = Counter(reason for reason in read if isinstance(reason, str))
    if not lines:
        raise FeelmError(f"no usable line in {source}: {', '.join(left_out) or 'it is empty'}")
    units = UNITS.write(UNITS.frame(_unit(line) for line in lines), out / "units.parquet")
    gold = GOLD_LABELS.write(_gold(lines, units), out / "gold.parquet")
    summary = CorpusSummary(
        name="xed",
        licence="CC-BY 4.0",
        declared_use=DeclaredUse.COMMERCIAL.value,
        credit="XED, Öhman et al. 2020, Helsinki-NLP; CC-BY 4.0 allows commercial use with this credit",
        n=len(units),
        n_gold=int((gold["status"] == GoldStatus.GOLD.value).sum()),
        n_films=int(units["film_id"].nunique()),
        by_label={emotion: int((gold["label"] == emotion).sum()) for emotion in EMOTIONS},
        partly_placed=sum(line.partly for line in lines),
        left_out=dict(sorted(left_out.items())),
    )
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _rows(source: Path) -> list[tuple[int, list[str]]]:
    path = source / FILE if source.is_dir() else source
    if not path.is_file():
        raise FeelmError(f"XED is not at {source}: give the folder that holds {FILE}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FeelmError(f"{path} is not UTF-8 ({error}): is it XED's TSV?") from error
    if not lines or lines[0].split("\t") != COLUMNS:
        raise FeelmError(f"{path} does not start with the columns {', '.join(COLUMNS)}: is it XED's TSV?")
    return [(number, line.split("\t")) for number, line in enumerate(lines[1:], start=2) if line.strip()]


def _line(number: int, cells: list[str]) -> Line | str:
    """The line, or the reason why it is left out."""
    if len(cells) != len(COLUMNS) or not cells[0].strip() or not cells[3].isdigit():
        return "not four cells with a text and an IMDb number"
    labels = [label.strip() for label in cells[1].split(",")]
    if any(label not in PLACED for label in labels):
        return "a label that XED does not have"
    emotions = tuple(dict.fromkeys(emotion for label in labels if (emotion := PLACED[label]) is not None))
    if not emotions:
        return "only anticipation or trust, which have no place among the seven"
    return Line(number, f"xed-tt{int(cells[3]):07d}", cells[0].strip(), emotions, any(PLACED[label] is None for label in labels))


def _unit(line: Line) -> dict[str, object]:
    return {"unit_id": f"{line.film_id}.line{line.number:05d}", "film_id": line.film_id, "level": "utterance", "text": line.text}


def _gold(lines: list[Line], units: pd.DataFrame) -> pd.DataFrame:
    shares = np.zeros((len(lines), len(EMOTIONS)))
    for row, line in zip(shares, lines, strict=True):
        row[[EMOTIONS.index(emotion) for emotion in line.emotions]] = 1 / len(line.emotions)
    labels = [line.emotions[0] if len(line.emotions) == 1 else None for line in lines]
    smoothed = statistics.smoothed_shares(shares)
    gold = pd.DataFrame(smoothed, columns=list(PROBABILITY_COLUMNS)).assign(
        unit_id=units["unit_id"].to_numpy(),
        film_id=units["film_id"].to_numpy(),
        perspective="portrayed",
        status=[GoldStatus.AMBIGUOUS.value if label is None else GoldStatus.GOLD.value for label in labels],
        label=labels,
        n_raters=1,
        top_share=shares.max(axis=1),
        entropy_bits=statistics.entropy_bits(smoothed),
        intensity=None,
        valence=None,
        arousal=None,
    )
    return gold[GOLD_LABELS.names]
