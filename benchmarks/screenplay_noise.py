"""Makes a screenplay and subtitles of one film that differ as the two do in life, and knows which line each cue comes from.

The lines are studyforrest's (speaker, text, time), the scenes its scene list. Deletions leave lines unspoken, ad-libs put in cues
that the screenplay lacks, words are exchanged, dropped and put in; short lines share a cue and long ones go over several; at the
hard level whole scenes are unspoken, unwritten or stand elsewhere.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from corpus.dialogue.subtitles.read import Cue

STUDYFORREST = Path("studyforrest")
_EXTENSION = re.compile(r"\s*\([^)]*\)\s*$")


@dataclass(frozen=True)
class Line:
    """One line of the film: speaker as the screenplay writes it, words, and the number of its scene."""

    person: str
    text: str
    scene: int

    @property
    def speaker(self) -> str:
        return _EXTENSION.sub("", self.person)


@dataclass(frozen=True)
class Level:
    """Shares 0..1: of lines unspoken, of ad-libs per line, of words edited, of scenes moved, unspoken and unwritten."""

    name: str
    deletions: float
    adlibs: float
    edits: float
    moved: float = 0.0
    unspoken: float = 0.0
    unwritten: float = 0.0
    merges: float = 0.15


MILD = Level("mild", 0.1, 0.1, 0.1)
HARD = Level("hard", 0.3, 0.3, 0.3, moved=0.05, unspoken=0.08, unwritten=0.04)


@dataclass(frozen=True)
class Trial:
    """`script` is in the screenplay's order, `headings` by scene number; `sources[c]` are positions in `script` that cue c is made of,
    most words first (empty for an ad-lib)."""

    script: tuple[Line, ...]
    headings: tuple[str, ...]
    cues: tuple[Cue, ...]
    sources: tuple[tuple[int, ...], ...]


def film_lines(shared: Path) -> tuple[list[Line], list[str]]:
    """The film's lines with words in them, in order, and its scene headings."""
    with (shared / STUDYFORREST / "movie_scenes.csv").open(encoding="utf-8") as stream:
        scenes = [(float(row[0]), f"{row[3]}. {row[1]} - {row[2]}") for row in csv.reader(stream)]
    starts = [start for start, _ in scenes]
    with (shared / STUDYFORREST / "english_dialog.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if re.search(r"\w", row["text"])]
    lines = [Line(row["person"], row["text"], max(0, bisect_right(starts, float(row["start"])) - 1)) for row in rows]
    return lines, [heading for _, heading in scenes]


def other_lines(shared: Path) -> list[str]:
    """Lines of other stories, for ad-libs (MELD)."""
    with (shared / "meld" / "train_sent_emo.csv").open(encoding="utf-8") as stream:
        return [row["Utterance"] for row in csv.DictReader(stream)]


def make_trial(lines: Sequence[Line], headings: Sequence[str], others: Sequence[str], level: Level, seed: int) -> Trial:
    """Screenplay and subtitles of the same film at a level of disagreement; the same seed gives the same pair."""
    rng = np.random.default_rng([seed, int(1000 * level.edits)])
    n_scenes = len(headings)
    unspoken = set(rng.permutation(n_scenes)[: round(level.unspoken * n_scenes)].tolist())
    unwritten = set(rng.permutation(n_scenes)[: round(level.unwritten * n_scenes)].tolist()) - unspoken
    order = _moved(n_scenes, round(level.moved * n_scenes), rng)
    script = sorted((line for line in lines if line.scene not in unwritten), key=lambda line: order.index(line.scene))
    place = {id(line): position for position, line in enumerate(script)}
    noise = _Noise(rng, level, [word for line in lines for word in line.text.split()], others)
    spoken = [line for line in lines if line.scene not in unspoken and rng.random() >= level.deletions]
    said = [*noise.cues([(noise.edited(line.text), place.get(id(line))) for line in spoken])]
    cues = tuple(Cue(n, 3000 * n, 3000 * n + 2500, text, text) for n, (text, _) in enumerate(said, start=1))
    return Trial(tuple(script), tuple(headings), cues, tuple(sources for _, sources in said))


def _moved(n_scenes: int, n_moved: int, rng: np.random.Generator) -> list[int]:
    order = list(range(n_scenes))
    for scene in rng.permutation(n_scenes)[:n_moved].tolist():
        order.remove(scene)
        order.insert(int(rng.integers(n_scenes)), scene)
    return order


@dataclass(frozen=True)
class _Noise:
    rng: np.random.Generator
    level: Level
    vocabulary: Sequence[str]
    others: Sequence[str]

    def edited(self, text: str) -> str:
        words = [new for word in text.split() for new in self._edited_word(word)]
        return " ".join(words) or text

    def _edited_word(self, word: str) -> list[str]:
        if self.rng.random() >= self.level.edits:
            return [word]
        kind = self.rng.random()
        return [self._any_word()] if kind < 0.6 else [] if kind < 0.8 else [word, self._any_word()]

    def _any_word(self) -> str:
        if self.rng.random() < 0.5:
            return str(self.vocabulary[self.rng.integers(len(self.vocabulary))])
        words = str(self.others[self.rng.integers(len(self.others))]).split()
        return words[self.rng.integers(len(words))] if words else "well"

    def adlib(self) -> str:
        kind = self.rng.random()
        if kind < 0.4:
            return str(self.others[self.rng.integers(len(self.others))])
        if kind < 0.7:
            return " ".join(str(self.vocabulary[i]) for i in self.rng.integers(len(self.vocabulary), size=self.rng.integers(1, 9)))
        first = int(self.rng.integers(len(self.vocabulary) - 10))
        return " ".join(self.vocabulary[first : first + int(self.rng.integers(2, 5))])

    def cues(self, said: Sequence[tuple[str, int | None]]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Text and sources of each cue: ad-libs between the lines, two short lines in one cue, long lines over several."""
        index = 0
        while index < len(said):
            if self.rng.random() < self.level.adlibs:
                yield self.adlib(), ()
            text, source = said[index]
            following = said[index + 1] if index + 1 < len(said) else None
            if following and len((text + " " + following[0]).split()) <= 12 and self.rng.random() < self.level.merges:
                yield f"{text} {following[0]}", _sources([(text, source), following])
                index += 1
            else:
                yield from ((part, _sources([(part, source)])) for part in self._split(text))
            index += 1

    def _split(self, text: str) -> Iterator[str]:
        words = text.split()
        while words:
            size = len(words) if len(words) <= 12 else int(self.rng.integers(5, 12))
            yield " ".join(words[:size])
            words = words[size:]


def _sources(parts: Sequence[tuple[str, int | None]]) -> tuple[int, ...]:
    ranked = sorted(parts, key=lambda part: -len(part[0].split()))
    return tuple(source for _, source in ranked if source is not None)


def fountain(trial: Trial) -> str:
    """The trial's screenplay in Fountain."""
    return "Title: Trial\n\n" + "\n".join(_blocks(trial, "{heading}\n", "@{person}\n{text}\n"))


def plain(trial: Trial) -> str:
    """The trial's screenplay as scripts lie in the web: columns of blanks, lines broken at 35 signs."""
    blocks = _blocks(trial, "{heading}\n", " " * 25 + "{person}\n{wrapped}\n")
    return "\n".join(blocks)


def final_draft(trial: Trial) -> str:
    """The trial's screenplay as Final Draft writes it."""
    row = '<Paragraph Type="{}"><Text>{}</Text></Paragraph>'
    heading = row.format("Scene Heading", "{heading}")
    speech = row.format("Character", "{person}") + row.format("Dialogue", "{text}")
    body = "".join(_blocks(trial, heading, speech, escape))
    return f'<?xml version="1.0" encoding="UTF-8"?><FinalDraft DocumentType="Script"><Content>{body}</Content></FinalDraft>'


def _blocks(trial: Trial, heading: str, speech: str, written=str) -> Iterator[str]:  # noqa: ANN001
    scene = None
    for line in trial.script:
        if line.scene != scene:
            scene = line.scene
            yield heading.format(heading=written(trial.headings[scene]))
        yield speech.format(person=written(line.person), text=written(line.text), wrapped=_wrapped(line.text))


def _wrapped(text: str) -> str:
    rows = [""]
    for word in text.split():
        if len(rows[-1]) + len(word) >= 35:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return "\n".join(" " * 11 + row for row in rows)
