"""Small changes to a line: soften it, sharpen it, leave a pause, name what is felt, as declared in `operations.yaml`.

They are written without any model and say nothing about what they do to a scene: that is heard afterwards, each in its place. A change
that would not leave a sentence with words in it is not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from corpus.terms import EMOTIONS, FeelmError
from ml.features.text.cues import has_words

OPERATIONS_FILE = Path(__file__).parent / "operations.yaml"
EVERY_LANGUAGE = "any"
OTHER = "{other}"
_STAYS_LARGE = re.compile(r"^(I\b|[A-Z][^\s]*[A-Z]|[A-ZÄÖÜ]\b)")


@dataclass(frozen=True)
class Step:
    """A pattern and what stands in its place, at most `count` times (0: everywhere), or words set `before` or `after` the line."""

    pattern: re.Pattern[str] | None = None
    by: str = ""
    count: int = 0
    before: str = ""
    after: str = ""
    where: re.Pattern[str] | None = None

    def fits(self, text: str, other: str | None) -> bool:
        """Whether the step can be done: whoever it names is known and not named already, and the line is as it must be."""
        if OTHER in self.by + self.before + self.after and (other is None or other.casefold() in text.casefold()):
            return False
        return self.where is None or self.where.search(text) is not None

    def __call__(self, text: str, other: str | None, names: Sequence[str]) -> str:
        """The text after the step; `other` is the one spoken to, `names` are words that keep their capital."""
        if self.pattern is not None:
            return self.pattern.sub(self._by(other), text, count=self.count)
        return (
            f"{self._filled(self.before, other)}{_small(text, names) if _goes_on(self.before) else text}{self._filled(self.after, other)}"
        )

    def _by(self, other: str | None) -> str:
        return self.by.replace(OTHER, (other or "").replace("\\", r"\\"))

    def _filled(self, words: str, other: str | None) -> str:
        return words.replace(OTHER, other or "")


@dataclass(frozen=True)
class Operation:
    """A way of changing a line: its name, what it does, the language it is for, and its ways for any target and by target."""

    name: str
    about: str
    language: str
    ways: tuple[tuple[Step, ...], ...]
    targets: Mapping[str, tuple[tuple[Step, ...], ...]]


@dataclass(frozen=True)
class Rewording:
    """Another text for a line, and the names of the operations that made it."""

    text: str
    operations: tuple[str, ...]


def reworded(text: str, target: str, language: str | None, other: str | None = None, names: Sequence[str] = ()) -> list[Rewording]:
    """Every text that one operation makes of a line, each once; `target` is the emotion that is wished for."""
    found: dict[str, Rewording] = {}
    for operation in read_operations():
        if operation.language not in (EVERY_LANGUAGE, language or "en"):
            continue
        for way in (*operation.ways, *operation.targets.get(target, ())):
            changed = _changed(text, way, other, names)
            if changed is not None:
                found.setdefault(changed, Rewording(changed, (operation.name,)))
    return list(found.values())


def _changed(text: str, way: Sequence[Step], other: str | None, names: Sequence[str]) -> str | None:
    changed = text
    for step in way:
        if not step.fits(changed, other):
            return None
        changed = step(changed, other, names)
    changed = _tidied(changed)
    return changed if has_words(changed) and changed != _tidied(text) else None


def _tidied(text: str) -> str:
    """Blanks and signs as they are set, and a capital at the beginning where there was none left."""
    text = re.sub(r"\s+([,.!?…])", r"\1", " ".join(text.split()))
    text = re.sub(r"(?<!\.)([.!?…])[.,](?!\.)|^[,;.\s]+(?=\w)", r"\1", text)
    return text[:1].upper() + text[1:]


def _goes_on(before: str) -> bool:
    """Whether the line goes on with the sentence that was set in front of it."""
    return bool(before.strip()) and before.strip()[-1] not in ".!?…"


def _small(text: str, names: Sequence[str]) -> str:
    first = text.split(maxsplit=1)[0].strip(",.!?…'’\"") if text.split() else ""
    keeps = _STAYS_LARGE.match(text) or first.casefold() in {name.casefold() for name in names}
    return text if keeps else text[:1].lower() + text[1:]


@cache
def read_operations(path: Path = OPERATIONS_FILE) -> tuple[Operation, ...]:
    """The declared operations of all languages.

    Raises:
        FeelmError: the file declares something that is no operation; the message names the place.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return tuple(_operation(language, name, one) for language, own in raw.items() for name, one in own.items())
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, KeyError, re.error) as error:
        raise FeelmError(f"{path} declares no operations on lines: {error}") from error


def _operation(language: str, name: str, raw: Mapping[str, Any]) -> Operation:
    place = f"{language}: {name}"
    if unknown := set(raw) - {"about", "ways", "targets"}:
        raise ValueError(f"{place}: unknown {', '.join(sorted(map(str, unknown)))}")
    targets = raw.get("targets", {})
    if strange := set(targets) - set(EMOTIONS):
        raise ValueError(f"{place}: {', '.join(sorted(map(str, strange)))} is no emotion")
    ways = tuple(_ways(raw.get("ways", []), place))
    if not ways and not targets:
        raise ValueError(f"{place}: has no ways")
    return Operation(name, str(raw["about"]), language, ways, {target: tuple(_ways(own, place)) for target, own in targets.items()})


def _ways(raw: Sequence[Sequence[Mapping[str, Any]]], place: str) -> Iterator[tuple[Step, ...]]:
    for way in raw:
        yield tuple(_step(step, place) for step in way)


def _step(raw: Mapping[str, Any], place: str) -> Step:
    where = re.compile(raw["where"], re.IGNORECASE) if "where" in raw else None
    given = set(raw) - {"where"}
    if given in ({"before"}, {"after"}):
        return Step(before=str(raw.get("before", "")), after=str(raw.get("after", "")), where=where)
    if not {"replace", "by"} <= given <= {"replace", "by", "once"}:
        raise ValueError(f"{place}: a step gives replace and by, or before, or after, not {', '.join(sorted(map(str, raw)))}")
    pattern = re.compile(raw["replace"], re.IGNORECASE)
    re.compile(f"{raw['replace']}|").sub(
        str(raw["by"]).replace(OTHER, ""), ""
    )  # a group that is not there shows only where something matches
    return Step(pattern, str(raw["by"]), 1 if raw.get("once") else 0, where=where)
