"""Reads the raw observers' files of the studyforrest emotion annotation: one CSV of one observer, with portrayed episodes in rows.

Arousal and valence are words of two steps and become -0.5 and 0.5, the middles of the scale's halves; the note keeps the words themselves,
and those of the cues that have no place among ours. A row may name several emotions, and several rows the same span and person: each is a
judgement of its own, since mixed emotions are what the set is about.

Source: Labs et al., Portrayed emotions in the movie "Forrest Gump", F1000Research 4:92 (2015).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    csv_rows,
    decode,
    each_file,
    milliseconds,
)
from corpus.annotations.judgements import CUES, NOTE_LENGTH, Delivery, Judgement, Refusal
from corpus.annotations.pseudonyms import Pseudonyms

TOOL = "studyforrest/1"
HEADER = ["start", "end", "character", "arousal", "valence", "direction", "emotion", "oncue", "offcue"]
SCHEME = "labs"
AROUSAL = {"LOW": -0.5, "HIGH": 0.5}
VALENCE = {"NEG": -0.5, "POS": 0.5}
DIRECTION = {"SELF": "self", "OTHER": "other"}
_CUES = {cue.upper(): cue for cue in CUES}
_SECONDS = re.compile(r"\d{1,7}(\.\d{1,6})?")
_OBSERVER = re.compile(r"(av|ao)\d{1,4}o\d{1,4}")
_SEEN = {"av": "av", "ao": "a"}


@dataclass(frozen=True)
class Said:
    """What a row says but for its cues; times in ms."""

    start_ms: int
    end_ms: int
    character: str
    arousal: str
    valence: str
    direction: str
    emotion: str

    @property
    def span(self) -> str:
        """Span and person, as a tool's id would name them."""
        return f"{self.start_ms}-{self.end_ms} {self.character}"


@dataclass(frozen=True)
class Episode:
    """One row, by its line, with the words of its cues as they stand."""

    line: int
    said: Said
    oncue: tuple[str, ...]
    offcue: tuple[str, ...]


def is_studyforrest(files: Files) -> bool:
    """Whether each file begins with the header of the observers' files."""
    head = ",".join(HEADER).encode()
    return all(content.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].strip() == head for content in files.values())


def read_observer(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one observer's file; the observer is its name (av1o01), or the one told.

    A row that says what an earlier one says is counted once, with the cues of both. Cue words without a place are told as one repair.
    """
    try:
        common = _common(name, pseudonyms, told)
        rows = list(_rows(decode(content)))
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    episodes, refusals, repairs = _told_apart(rows)
    judgements = tuple(_judgements(episodes, common))
    counted = len(judgements) + len(refusals) + len(repairs)
    return Delivery(TOOL, counted, judgements, refusals=tuple(refusals), repairs=(*repairs, *_placeless(episodes)))


def _told_apart(rows: list[tuple[int, list[str]]]) -> tuple[list[Episode], list[Refusal], list[Refusal]]:
    """The episodes, what could not be read, and what repeats an earlier episode."""
    episodes: dict[Said, Episode] = {}
    refusals: list[Refusal] = []
    repairs: list[Refusal] = []
    for line, cells in rows:
        try:
            episode = _episode(line, cells)
        except UnreadableRow as error:
            refusals.append(Refusal(f"line {line}", str(error)))
            continue
        earlier = episodes.setdefault(episode.said, episode)
        if earlier is not episode:
            repairs.append(_repetition(earlier, episode))
            episodes[episode.said] = _united(earlier, episode)
    return list(episodes.values()), refusals, repairs


def _common(name: str, pseudonyms: Pseudonyms, told: Told) -> Judgement:
    """What all judgements of the file share.

    Raises:
        UnreadableFile: film or observer are not known.
    """
    if told.film_id is None:
        raise UnreadableFile("the file does not name its film: say which with --film")
    stem = PurePosixPath(name).stem
    match = _OBSERVER.fullmatch(stem)
    observer = stem if match else told.annotator
    if observer is None:
        raise UnreadableFile("the file's name is no observer's, as av1o01.csv is: say who judged with --annotator")
    return Judgement(
        film_id=told.film_id,
        annotator_id=pseudonyms.of(observer),
        source_ref="",
        perspective=told.perspective,
        scheme=SCHEME,
        modality_seen=_SEEN[match[1]] if match else told.modality_seen,
    )


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv_rows(text)
    if next(rows, None) != (1, HEADER):
        raise UnreadableFile(f"the first line is not {','.join(HEADER)}")
    for line, cells in rows:
        yield line, [cell.strip() for cell in cells]


def _episode(line: int, cells: list[str]) -> Episode:
    """The row, whose words are all known.

    Raises:
        UnreadableRow: a cell is not what its column holds.
    """
    if len(cells) != len(HEADER):
        raise UnreadableRow(f"{len(cells)} cells where the first line has {len(HEADER)}")
    row = dict(zip(HEADER, cells, strict=True))
    start_ms, end_ms = _time_ms(row, "start"), _time_ms(row, "end")
    if start_ms >= end_ms:
        raise UnreadableRow(f"it ends at {row['end']} s, and starts at {row['start']} s")
    for column, words in (("arousal", AROUSAL), ("valence", VALENCE), ("direction", DIRECTION)):
        if row[column] not in words:
            raise UnreadableRow(f"{column} {row[column]!r} is none of {', '.join(words)}")
    if sum(map(len, cells)) > NOTE_LENGTH // 2:
        raise UnreadableRow(f"the row has more than {NOTE_LENGTH // 2} characters")
    said = Said(start_ms, end_ms, row["character"], row["arousal"], row["valence"], row["direction"], " ".join(row["emotion"].split()))
    return Episode(line, said, tuple(row["oncue"].split()), tuple(row["offcue"].split()))


def _time_ms(row: Mapping[str, str], column: str) -> int:
    if not _SECONDS.fullmatch(row[column]):
        raise UnreadableRow(f"{column} {row[column]!r} is no time in seconds")
    return milliseconds(float(row[column]))


def _repetition(earlier: Episode, later: Episode) -> Refusal:
    is_new = not {*later.oncue} <= {*earlier.oncue} or not {*later.offcue} <= {*earlier.offcue}
    with_cues = " with other cues, which are kept" if is_new else ""
    return Refusal(f"line {later.line}", f"repeats line {earlier.line}{with_cues}: counted once")


def _united(earlier: Episode, later: Episode) -> Episode:
    on, off = dict.fromkeys(earlier.oncue + later.oncue), dict.fromkeys(earlier.offcue + later.offcue)
    return replace(earlier, oncue=tuple(on), offcue=tuple(off))


def _judgements(episodes: list[Episode], common: Judgement) -> Iterator[Judgement]:
    """One judgement an emotion; those of one row are one group, and those of one span and person are ranked as they stand."""
    rows: Counter[str] = Counter()
    ranks: Counter[str] = Counter()
    for episode in episodes:
        span = episode.said.span
        rows[span] += 1
        first = _judgement(episode, common, rows[span])
        for number, emotion in enumerate(dict.fromkeys(episode.said.emotion.split()) or (None,)):
            ranks[span] += 1
            yield replace(first, emotion=emotion, rank=ranks[span], values=first.values if number == 0 else {})


def _judgement(episode: Episode, common: Judgement, row_of_span: int) -> Judgement:
    said = episode.said
    return replace(
        common,
        source_ref=f"line {episode.line}",
        start_ms=said.start_ms,
        end_ms=said.end_ms,
        character_id=said.character or None,
        direction=DIRECTION[said.direction],
        values={"arousal": AROUSAL[said.arousal], "valence": VALENCE[said.valence]},
        cues=tuple(cue for word, cue in _CUES.items() if word in episode.oncue),
        note=_note(episode),
        # Rows of one span and person are judgements of their own, each with its own valence.
        tool_id=f"{said.span} {row_of_span}",
    )


def _note(episode: Episode) -> str:
    words = [f"arousal {episode.said.arousal}", f"valence {episode.said.valence}"]
    words += [f"on {' '.join(placeless)}"] if (placeless := _without_place(episode)) else []
    words += [f"off {' '.join(episode.offcue)}"] if episode.offcue else []
    return ", ".join(words)[:NOTE_LENGTH]


def _without_place(episode: Episode) -> list[str]:
    return [word for word in episode.oncue if word not in _CUES]


def _placeless(episodes: list[Episode]) -> list[Refusal]:
    """How often each cue word had no place: of the onset those that are none of ours, of the offset all, which say how an emotion ended."""
    words = Counter(word for episode in episodes for word in (*_without_place(episode), *episode.offcue))
    told = ", ".join(f"{word} ({count})" for word, count in sorted(words.items())[:50])
    return [Refusal("cues", f"kept in the note, without a place among {', '.join(CUES)}: {told}")] if words else []


IMPORTER = Importer("studyforrest", "studyforrest observers' files (CSV)", is_studyforrest, each_file(read_observer))
