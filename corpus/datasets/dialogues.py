"""Reads television dialogue with emotions: MELD and EmoryNLP differ in columns, words for emotions and names, and in nothing else.

A film is one episode, so that no split parts it, whatever split the corpus was published with; a scene is one dialogue. A line whose
emotion has no place among the seven stays as an unlabelled line of its dialogue, since its neighbours answer it. Times that cannot be are
left out, and the line stays: its words and its label do not rest on them.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from corpus.contracts import UNITS
from corpus.datasets.encoding import UNREADABLE, mend
from corpus.datasets.gold import VOTE, declared_gold
from corpus.datasets.summary import CorpusSummary, Notes, Terms, told, write_corpus
from corpus.films.catalogue.names import slug
from corpus.terms import FeelmError

LONGEST_MS = 60_000
"""No line of these shows takes a minute: a longer one was cut wrongly."""

FIELDS = ("text", "speaker", "emotion", "dialogue", "utterance", "season", "episode", "start", "end")
NUMBERS = ("season", "episode", "dialogue", "utterance")

_NUMBER = re.compile(r"[0-9]{1,4}")
_TIME = re.compile(r"([0-9]{1,2}):([0-5]?[0-9]):([0-5]?[0-9])[.,]([0-9]{3})")


@dataclass(frozen=True)
class Format:
    """How a corpus writes its dialogue.

    `files` holds the file of each published split, `columns` the column of each of FIELDS. `emotions` maps the corpus's words, None
    where the seven have no such emotion. `speaker` gives the one who speaks, None for several. Utterances of a dialogue are numbered from
    `first`, dialogues within a split or, where `by_episode` is true, within an episode.
    """

    name: str
    series: str
    terms: Terms
    files: Mapping[str, str]
    columns: Mapping[str, str]
    emotions: Mapping[str, str | None]
    speaker: Callable[[str], str | None]
    first: int
    by_episode: bool


@dataclass(frozen=True)
class Row:
    """One row of a file: `place` names it, `cells` holds FIELDS or why there are none, `mended` says that its encoding was put right."""

    split: str
    place: str
    cells: list[str] | str
    mended: bool = False


@dataclass(frozen=True)
class Line:
    """One usable line, its speaker named as the corpus does; `label` is its word for the emotion, `emotion` ours, if there is one.

    `start_ms` and `end_ms` are None where the row's times cannot be.
    """

    place: str
    film_id: str
    episode: str
    split: str
    dialogue: int
    utterance: int
    text: str
    speaker: str | None
    label: str
    emotion: str | None
    start_ms: int | None
    end_ms: int | None

    @property
    def character_id(self) -> str | None:
        """Who speaks, None where it is not one person."""
        return slug(self.speaker or "") or None

    @property
    def scene_id(self) -> str:
        """The dialogue; its number says too in which published split it stands."""
        return f"{self.film_id}.{self.split}{self.dialogue:04d}"

    @property
    def unit_id(self) -> str:
        """The line."""
        return f"{self.scene_id}.u{self.utterance:02d}"


def build_dialogues(form: Format, source: Path, out: Path) -> CorpusSummary:
    """Read the files of `form` that lie in the folder `source` into units.parquet, gold.parquet and summary.json.

    Raises:
        FeelmError: none of the files is there, one has other columns, or no row can be used.
    """
    paths = {split: source / file for split, file in form.files.items() if (source / file).is_file()}
    if not paths:
        raise FeelmError(f"{form.name} is not at {source}: give the folder that holds {' or '.join(form.files.values())}")
    notes = Notes()
    ordered = read_lines(form, paths, notes)
    units = UNITS.frame(_units(ordered))
    judged = [line for line in ordered if line.emotion is not None]
    gold = declared_gold(_ids(judged), [(str(line.emotion),) for line in judged], "portrayed", VOTE)
    groups = {line.film_id: f"{form.series}-{line.episode}" for line in ordered}
    return write_corpus(form.name, form.terms, notes, units, gold, out, groups=groups, missing=_missing(form, paths, ordered))


def read_lines(form: Format, paths: Mapping[str, Path], notes: Notes) -> list[Line]:
    """The usable lines of a file for each split, dialogue by dialogue; `notes` takes what became of the others.

    Raises:
        FeelmError: a file has other columns.
    """
    lines: dict[str, Line] = {}
    for split, path in paths.items():
        for row in _rows(form, split, path):
            notes.rows_read += 1
            _take(form, row, lines, notes)
    _note_repeats(lines.values(), notes)
    return _in_order(lines.values())


def _rows(form: Format, split: str, path: Path) -> Iterator[Row]:
    """The rows under the header; one that a quotation mark keeps open has swallowed others, and all its lines are its place."""
    mended = [mend(line) for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)]
    reader = csv.reader(text for text, _ in mended)
    before = 0
    try:
        header = [name.strip() for name in next(reader, [])]
        if any(header.count(column) != 1 for column in form.columns.values()):
            raise FeelmError(f"{path} does not have the columns {', '.join(form.columns.values())}: is it of {form.name}?")
        order = [header.index(form.columns[name]) for name in FIELDS]
        before = reader.line_num
        for cells in reader:
            first, before = before + 1, reader.line_num
            if first < before:
                yield Row(split, f"{path.name} lines {first} to {before}", "a quotation mark that is not closed on its line")
            elif len(cells) == len(header):
                yield Row(split, f"{path.name} line {first}", [cells[i].strip() for i in order], mended[first - 1][1])
            elif cells:
                yield Row(split, f"{path.name} line {first}", "another number of cells than the header")
    except csv.Error as error:
        raise FeelmError(f"{path} is not CSV after line {before} ({error})") from error


def _take(form: Format, row: Row, lines: dict[str, Line], notes: Notes) -> None:
    """Put the row among the lines, or say why not."""
    read = row.cells if isinstance(row.cells, str) else _line(form, row, dict(zip(FIELDS, row.cells, strict=True)), notes)
    if isinstance(read, Line) and read.unit_id in lines:
        read = "the same dialogue and utterance as an earlier row"
    if isinstance(read, str):
        notes.refused[read].append(row.place)
        return
    lines[read.unit_id] = read
    if row.mended:
        notes.repaired["Windows characters in another encoding"].append(row.place)
    if UNREADABLE in read.text:
        notes.doubted["a character that cannot be read stays in the text"].append(row.place)


def _line(form: Format, row: Row, cells: Mapping[str, str], notes: Notes) -> Line | str:
    """The line, or the reason why it is refused."""
    if not all(_NUMBER.fullmatch(cells[name]) for name in NUMBERS):
        return "season, episode, dialogue or utterance is not a number"
    if not cells["text"]:
        return "no words"
    if cells["emotion"] not in form.emotions:
        return f"the emotion {cells['emotion'][:40]!r} is not one of the corpus's"
    emotion = form.emotions[cells["emotion"]]
    if emotion is None:
        notes.without_place[cells["emotion"]] += 1
    season, episode, dialogue, utterance = (int(cells[name]) for name in NUMBERS)
    number = f"s{season:02d}e{episode:02d}"
    start_ms, end_ms = _span(cells["start"], cells["end"], row.place, notes)
    return Line(
        place=row.place,
        film_id=f"{form.name}-{number}",
        episode=number,
        split=row.split,
        dialogue=dialogue,
        utterance=utterance,
        text=cells["text"],
        speaker=form.speaker(cells["speaker"]),
        label=cells["emotion"],
        emotion=emotion,
        start_ms=start_ms,
        end_ms=end_ms,
    )


def _span(start: str, end: str, place: str, notes: Notes) -> tuple[int | None, int | None]:
    """Start and end in ms, or two None with the reason noted."""
    start_ms, end_ms = _ms(start), _ms(end)
    if start_ms is None or end_ms is None:
        reason = "a time that is not hours:minutes:seconds,milliseconds"
    elif end_ms <= start_ms:
        reason = "an end that is not after the start"
    elif end_ms - start_ms > LONGEST_MS:
        reason = "a line that takes more than a minute"
    else:
        return start_ms, end_ms
    notes.doubted[f"{reason}: times left out"].append(place)
    return None, None


def _ms(timecode: str) -> int | None:
    found = _TIME.fullmatch(timecode)
    if found is None:
        return None
    hours, minutes, seconds, thousandths = (int(part) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _note_repeats(lines: Iterable[Line], notes: Notes) -> None:
    """A line that another dialogue holds too, judged a second time there: both stay, in one episode and so in one split."""
    seen: set[tuple[object, ...]] = set()
    for line in lines:
        what = (line.film_id, line.text, line.character_id, line.start_ms, line.end_ms)
        if line.start_ms is not None and what in seen:
            notes.doubted["the same line stands in an earlier dialogue, judged apart"].append(line.place)
        seen.add(what)


def _in_order(lines: Iterable[Line]) -> list[Line]:
    """By episode, then dialogue by its earliest time, then as the corpus numbers them (their times run backwards here and there)."""
    dialogues: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        dialogues[line.scene_id].append(line)
    starts = {scene: min((line.start_ms for line in own if line.start_ms is not None), default=2**62) for scene, own in dialogues.items()}
    return sorted(
        (line for own in dialogues.values() for line in own), key=lambda x: (x.film_id, starts[x.scene_id], x.scene_id, x.utterance)
    )


def _units(lines: list[Line]) -> Iterator[dict[str, object]]:
    told_so_far: Counter[str] = Counter()
    for line in lines:
        yield {
            "unit_id": line.unit_id,
            "film_id": line.film_id,
            "level": "utterance",
            "start_ms": line.start_ms,
            "end_ms": line.end_ms,
            "text": line.text,
            "character_id": line.character_id,
            "scene_id": line.scene_id,
            "position": told_so_far[line.film_id],
        }
        told_so_far[line.film_id] += 1


def _ids(lines: list[Line]) -> pd.DataFrame:
    return pd.DataFrame({"unit_id": [line.unit_id for line in lines], "film_id": [line.film_id for line in lines]})


def _missing(form: Format, paths: Mapping[str, Path], lines: list[Line]) -> str | None:
    """What the corpus's own numbering shows to be absent."""
    lacks = [f"the split {split} ({file}) is not there" for split, file in form.files.items() if split not in paths]
    utterances: dict[str, set[int]] = defaultdict(set)
    dialogues: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        utterances[line.scene_id].add(line.utterance)
        dialogues[f"{line.split} {line.episode}" if form.by_episode else line.split].add(line.dialogue)
    absent = [f"{part} {number}" for part, own in sorted(dialogues.items()) for number in _gaps(own, form.first)]
    if absent:
        lacks.append(f"dialogues absent from the numbering: {len(absent)} ({', '.join(absent[:5])}{' ...' if len(absent) > 5 else ''})")
    if n_lines := sum(len(_gaps(own, form.first)) for own in utterances.values()):
        lacks.append(f"lines absent within the dialogues: {n_lines}")
    return told(lacks)


def _gaps(numbers: set[int], first: int) -> list[int]:
    return sorted(set(range(first, max(numbers))) - numbers)
