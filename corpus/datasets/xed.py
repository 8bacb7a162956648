"""XED: lines of 48 films' English subtitles with emotions, in no order, without times or media.

Its labels are Plutchik's eight and neutral: six of them and neutral are the platform's own, anticipation and trust have no place here. A
line of one placed label is gold by the corpus's declaration, a line of several keeps them as shares and is ambiguous, a line of none is
refused and counted.

Source: Öhman et al., XED: A Multilingual Dataset for Sentiment Analysis and Emotion Detection, COLING 2020 (Helsinki-NLP/XED).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corpus.annotations.vocabulary import canonical
from corpus.contracts import UNITS
from corpus.datasets.gold import VOTE, declared_gold
from corpus.datasets.summary import CorpusSummary, Notes, Terms, write_corpus
from corpus.terms import DeclaredUse, FeelmError

FILE = "xed_en_with_film.tsv"
COLUMNS = ["text", "labels", "year", "imdb_id"]
PLACED = {str(n): canonical(str(n), "xed").emotion for n in range(9)}
TERMS = Terms(
    licence="CC-BY 4.0",
    declared_use=DeclaredUse.COMMERCIAL,
    credit="XED, Öhman et al. 2020, Helsinki-NLP; CC-BY 4.0 allows commercial use with this credit",
)


@dataclass(frozen=True)
class Line:
    """One usable line: `labels` as the corpus writes them, `emotions` those with a place, `partly` is true where others had none."""

    number: int
    film_id: str
    text: str
    labels: tuple[str, ...]
    emotions: tuple[str, ...]
    partly: bool


def build_xed(source: Path, out: Path) -> CorpusSummary:
    """Read xed_en_with_film.tsv (or the folder it lies in) into units.parquet (UNITS), gold.parquet (GOLD_LABELS) and summary.json.

    Raises:
        FeelmError: the file is absent, not UTF-8, or has other columns.
    """
    notes = Notes()
    lines = read_lines(source, notes)
    notes.partly_placed = sum(line.partly for line in lines)
    units = UNITS.frame(_unit(line) for line in lines)
    gold = declared_gold(units, [line.emotions for line in lines], "portrayed", VOTE)
    return write_corpus("xed", TERMS, notes, units, gold, out)


def read_lines(source: Path, notes: Notes) -> list[Line]:
    """The usable lines of the file; `notes` takes what became of the others.

    Raises:
        FeelmError: the file is absent, not UTF-8, or has other columns.
    """
    lines = []
    for number, cells in _rows(source):
        notes.rows_read += 1
        read = _line(number, cells)
        if isinstance(read, str):
            notes.refused[read].append(f"line {number}")
        else:
            lines.append(read)
    return lines


def _rows(source: Path) -> list[tuple[int, list[str]]]:
    path = _file(source) if source.is_dir() else source
    if not path.is_file():
        raise FeelmError(f"XED is not at {source}: give the folder that holds {FILE}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FeelmError(f"{path} is not UTF-8 ({error}): is it XED's TSV?") from error
    if not lines or lines[0].split("\t") != COLUMNS:
        raise FeelmError(f"{path} does not start with the columns {', '.join(COLUMNS)}: is it XED's TSV?")
    return [(number, line.split("\t")) for number, line in enumerate(lines[1:], start=2) if line.strip()]


def _file(folder: Path) -> Path:
    """The file by its name, else the one table of a folder that holds a part of the set under another name."""
    named, others = folder / FILE, sorted(folder.glob("*.tsv"))
    return others[0] if not named.is_file() and len(others) == 1 else named


def _line(number: int, cells: list[str]) -> Line | str:
    """The line, or the reason why it is refused."""
    if len(cells) != len(COLUMNS) or not cells[0].strip() or not cells[3].isdigit():
        return "not four cells with a text and an IMDb number"
    labels = [label.strip() for label in cells[1].split(",")]
    if any(label not in PLACED for label in labels):
        return "a label that XED does not have"
    emotions = tuple(dict.fromkeys(emotion for label in labels if (emotion := PLACED[label]) is not None))
    if not emotions:
        return "only anticipation or trust, which have no place among the seven"
    partly = any(PLACED[label] is None for label in labels)
    return Line(number, f"xed-tt{int(cells[3]):07d}", cells[0].strip(), tuple(dict.fromkeys(labels)), emotions, partly)


def _unit(line: Line) -> dict[str, object]:
    return {"unit_id": f"{line.film_id}.line{line.number:05d}", "film_id": line.film_id, "level": "utterance", "text": line.text}
