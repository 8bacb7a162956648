"""What a stamp says of where its outputs come from: the things that a run read, by name and content version.

A stamp names what was read by labels of its own link; here each label is resolved to the artifact, source file or delivery that it stands
for. What is left over (durations, notes) came from no artifact.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assets.chain import STAGES, Scope
from assets.workspace import ABSENT
from corpus.paths import Home

SOURCE, DELIVERY, CORPUS_SOURCE, ACCEPTED = "source", "delivery", "corpus_source", "accepted"
"""Things that no link makes: a film's file (key: film_id/role), a raters' file, a public corpus, and what is in use of a batch."""

VERSION = re.compile(r"[0-9a-f]{32}(?:\.dir)?")

FILM_OUTPUTS = frozenset(output for stage in STAGES.values() if stage.scope is Scope.FILM for output in stage.outputs)
FILM_LINKS = frozenset(stage.name for stage in STAGES.values() if stage.scope is Scope.FILM)
OF_FILMS = FILM_OUTPUTS | FILM_LINKS | {SOURCE}
PAGE = "film_report"
WHOLE_OUTPUTS = frozenset(output for stage in STAGES.values() if stage.scope is Scope.WHOLE for output in stage.outputs)


@dataclass(frozen=True)
class Stamp:
    """One finished run of a link: its code, the version of each thing it read by label, of each output, and its settings.

    `dagster_run` is null where the link was run without Dagster (`feelm stage`, `dvc repro`).
    """

    stage: str
    key: str
    code: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    params: dict[str, Any]
    dagster_run: str | None = None


@dataclass(frozen=True)
class Thing:
    """An artifact (`name` is a link's output) or a source, of one film, batch or corpus (`key`) or the whole (''), in one version."""

    name: str
    key: str
    version: str

    @property
    def id(self) -> str:
        """The same for the same content."""
        return f"{self.name}{'/' if self.key else ''}{self.key}@{self.version}"


@dataclass(frozen=True)
class Part:
    """What a question is about: of films' own artifacts those of `films` (None: of all), and `pages` of every film, if asked for.

    A library has thousands of films, and most questions are about one of them or none. Of the others it is told which were read, if
    `named`, and nothing else.
    """

    films: frozenset[str] | None = None
    pages: bool = True
    named: bool = False

    def holds(self, name: str, key: str) -> bool:
        """Whether it is about an artifact, source or link of that name and key."""
        if self.films is None or name not in OF_FILMS:
            return True
        return key.partition("/")[0] in self.films or (self.pages and name == PAGE)


EVERYTHING = Part()


def read_stamps(home: Home, part: Part = EVERYTHING) -> Iterator[Stamp]:
    """The last finished run of every link, those of films, batches and corpora that are gone included; in the order of the chain."""
    for name, stage in STAGES.items():
        folder = home.stamp(name).parent
        if part.films is None or stage.scope is not Scope.FILM or (part.pages and name == PAGE):
            paths = sorted(folder.glob("*.json"))
        else:
            paths = [path for film_id in sorted(part.films) if (path := home.stamp(name, film_id)).is_file()]
        for path in paths:
            raw = json.loads(path.read_bytes())
            key = "" if stage.scope is Scope.WHOLE else path.stem
            yield Stamp(name, key, raw["code"], raw["inputs"], raw["outputs"], raw["params"], raw.get("dagster_run"))


def products(stamp: Stamp) -> list[Thing]:
    """What the run made."""
    return [Thing(output, stamp.key, version) for output, version in stamp.outputs.items()]


def origins(stamp: Stamp, part: Part = EVERYTHING) -> list[Thing]:
    """What the run read; what was not there is left out."""
    labels = stamp.inputs if part.films is None else [label for label in stamp.inputs if _is_about(stamp, label, part)]
    return [thing for label in labels for thing in _things(stamp, label, stamp.inputs[label])]


def of_other_films(stamp: Stamp, part: Part) -> dict[str, dict[str, str]]:
    """By artifact the versions of it that a run about the whole read, by film, of films that are not in the part."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for label, version in stamp.inputs.items() if STAGES[stamp.stage].scope is Scope.WHOLE else ():
        film_id, slash, name = label.partition("/")
        if slash and name in FILM_OUTPUTS and version != ABSENT and not _is_about(stamp, label, part):
            found[name][film_id] = version
    return found


def _is_about(stamp: Stamp, label: str, part: Part) -> bool:
    head, slash, rest = label.partition("/")
    if not slash:
        return part.holds(label, stamp.key)
    return head in ("batch", "decision", "corpus") or part.holds(rest, head)


def _things(stamp: Stamp, label: str, value: str) -> list[Thing]:
    if value == ABSENT or not VERSION.match(value):
        return []
    head, slash, rest = label.partition("/")
    return _in_part(stamp.stage, head, rest, value) if slash else _by_name(stamp, label, value)


def _by_name(stamp: Stamp, label: str, version: str) -> list[Thing]:
    """A label of one word: a source, an artifact of the same film, or one of the whole."""
    match stamp.stage, label:
        case "film", "video" | "subtitles" | "screenplay":
            return [Thing(SOURCE, f"{stamp.key}/{label}", version)]
        case "annotation_batches", "file":
            return [Thing(DELIVERY, stamp.key, version)]
        case "annotation_gate", "batch":
            return [Thing("annotation_batches", stamp.key, version)]
        case "corpus", "source":
            return [Thing(CORPUS_SOURCE, stamp.key, version)]
    if label in FILM_OUTPUTS and STAGES[stamp.stage].scope is Scope.FILM:
        return [Thing(label, stamp.key, version)]
    return [Thing(label, "", version)] if label in WHOLE_OUTPUTS else []


def _in_part(stage: str, head: str, rest: str, version: str) -> list[Thing]:
    """A label of two words: the artifact of a film, batch or corpus."""
    match stage, head:
        case "annotations", "batch":
            return [Thing(ACCEPTED, rest, version)]
        case "report", "decision":
            return [Thing("annotation_decisions", rest, version)]
        case "training_set", "corpus":
            parts = zip(STAGES["corpus"].outputs, VERSION.findall(version), strict=True)
            return [Thing(output, rest, part) for output, part in parts if part != ABSENT]
    return [Thing(rest, head, version)] if rest in FILM_OUTPUTS else []


def ancestors(stamps: Iterable[Stamp], *outputs: str) -> list[Stamp]:
    """The runs behind artifacts of the whole, by what was read in which version; those of batches by their batch."""
    known = list(stamps)
    makers = {product: stamp for stamp in known for product in products(stamp)}
    gates = {stamp.key: stamp for stamp in known if stamp.stage == "annotation_gate"}
    waiting = [stamp for stamp in known for output in outputs if output in stamp.outputs and not stamp.key]
    found: dict[tuple[str, str], Stamp] = {}
    while waiting:
        stamp = waiting.pop()
        if (stamp.stage, stamp.key) not in found:
            found[stamp.stage, stamp.key] = stamp
            before = (gates.get(thing.key) if thing.name == ACCEPTED else makers.get(thing) for thing in origins(stamp))
            waiting += [maker for maker in before if maker is not None]
    return [stamp for stamp in known if (stamp.stage, stamp.key) in found]
