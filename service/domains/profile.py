"""A domain's profile: what replies are for there, how they sound, what they must not say, and when a person takes over.

A profile is a file in `profiles/` (or in a team's own folder, FEELM_DOMAINS): adding a domain is adding a file. It is checked as a whole
when it is read, and what is wrong is told by its place, so that nothing is found out in the middle of a conversation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from corpus.terms import EMOTIONS, FeelmError
from service.safety.distress.classifier import Sensitivity
from service.safety.uses import Context, Input, Subject
from service.states.read import State

OWN_PROFILES = Path(__file__).parent / "profiles"
TEAM_PROFILES = "FEELM_DOMAINS"
"""Variable: a folder with a team's own profiles, which may replace one of ours by its name."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
FALLBACK_LANGUAGE = "en"


class Strategy(StrEnum):
    """The eight ways of supporting that research on emotional support tells apart (Liu et al., ACL 2021, after Hill's helping skills)."""

    QUESTION = "question"
    RESTATEMENT = "restatement"
    REFLECTION = "reflection_of_feelings"
    SELF_DISCLOSURE = "self_disclosure"
    AFFIRMATION = "affirmation"
    SUGGESTION = "suggestion"
    INFORMATION = "information"
    OTHER = "other"


class Slot(StrEnum):
    """What a template may leave open: the feeling as a word, what was said turned to the listener, and what it is about."""

    FEELING = "feeling"
    SAID = "said"
    TOPIC = "topic"


@dataclass(frozen=True)
class Template:
    """A way to say something: `text` with slots, fit for some emotions of the person who is answered (empty: for any)."""

    strategy: Strategy
    text: str
    language: str
    emotions: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What it leaves open."""
        return tuple(Slot(name) for _, name, _, _ in Formatter().parse(self.text) if name)


@dataclass(frozen=True)
class Never:
    """What no reply may say: a pattern (regular expression, letter case aside) and the reason."""

    pattern: re.Pattern[str]
    reason: str


@dataclass(frozen=True)
class Route:
    """Where a conversation is handed over: the queue's name, what the person is told, and above which state of theirs (0..1) it happens."""

    queue: str
    told: Mapping[str, str]
    above: Mapping[str, float]


@dataclass(frozen=True)
class Example:
    """A conversation that shows what is meant: who said what, and which strategy answers."""

    turns: tuple[tuple[str, str], ...]
    strategy: Strategy


@dataclass(frozen=True)
class Profile:
    """A domain. `desired` says how much each emotion of the person answered is wished for (-1..1, as EMOTIONS), `strategies` how readily
    each way is taken (0..1), `inputs` what may be read (text, voice, face), `in_role` that a character speaks, `distress` how readily it
    is asked whether somebody is in danger.
    """

    name: str
    title: str
    goal: str
    tone: str
    context: Context
    subject: Subject
    inputs: tuple[Input, ...]
    desired: tuple[float, ...]
    strategies: Mapping[Strategy, float]
    never: tuple[Never, ...]
    route: Route
    templates: tuple[Template, ...]
    examples: tuple[Example, ...]
    most_words: int
    in_role: bool = False
    film_replies: bool = False
    distress: Sensitivity = Sensitivity.HIGH

    @property
    def languages(self) -> set[str]:
        """Those that it has templates in."""
        return {template.language for template in self.templates}

    def words(self, language: str | None) -> str:
        """The language to answer in: the one asked for where the profile has it, else English."""
        return language if language in self.languages else FALLBACK_LANGUAGE


def profiles() -> dict[str, Profile]:
    """Every domain by name, a team's own instead of ours where both have a name.

    Raises:
        FeelmError: a profile's file is not as it must be.
    """
    team = os.environ.get(TEAM_PROFILES)
    return _read_all(team)


def profile(name: str) -> Profile:
    """One domain.

    Raises:
        FeelmError: there is none of that name.
    """
    known = profiles()
    if name not in known:
        raise FeelmError(f"there is no domain {name!r}: there are {', '.join(sorted(known))}; another is a file in {TEAM_PROFILES}")
    return known[name]


@cache
def _read_all(team: str | None) -> dict[str, Profile]:
    folders = [OWN_PROFILES, *([Path(team)] if team else [])]
    for folder in folders:
        if not folder.is_dir():
            raise FeelmError(f"{TEAM_PROFILES} names {folder}, which is no folder")
    return {path.stem: read_profile(path) for folder in folders for path in sorted(folder.glob("*.yaml"))}


FIELDS = {
    "title", "goal", "tone", "context", "subject", "inputs", "desired", "strategies", "never", "route", "templates", "examples",
    "most_words", "in_role", "film_replies", "distress",
}  # fmt: skip
OPTIONAL = {"in_role", "film_replies", "distress"}


def read_profile(path: Path) -> Profile:
    """The profile in a file, whose name is the domain's.

    Raises:
        FeelmError: what the file says is not a profile; the message names the place.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FeelmError(f"{path} is no YAML: {error}") from error
    if not isinstance(raw, dict) or set(raw) - FIELDS or FIELDS - OPTIONAL - set(raw):
        told = (
            f"unknown {sorted(set(raw) - FIELDS)}, missing {sorted(FIELDS - OPTIONAL - set(raw))}" if isinstance(raw, dict) else "no fields"
        )
        raise FeelmError(f"{path} is no profile of a domain: {told}")
    if not NAME.fullmatch(path.stem):
        raise FeelmError(f"{path} must be named by lower-case letters, digits and _, as the domain is called")
    try:
        return _profile(path.stem, raw)
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise FeelmError(f"{path} is no profile of a domain: {error}") from error


def _profile(name: str, raw: Mapping[str, Any]) -> Profile:
    strategies = {Strategy(key): _within(value, 0, 1, f"strategies: {key}") for key, value in raw["strategies"].items()}
    if missing := set(Strategy) - set(strategies):
        raise ValueError(f"strategies lack {', '.join(sorted(missing))}")
    templates = tuple(_templates(raw["templates"]))
    if bare := [way for way in Strategy if strategies[way] and not general(templates, way)]:
        raise ValueError(f"no English template for any emotion without slots that shows {', '.join(bare)}")
    return Profile(
        name=name,
        title=str(raw["title"]),
        goal=str(raw["goal"]).strip(),
        tone=str(raw["tone"]).strip(),
        context=Context(raw["context"]),
        subject=Subject(raw["subject"]),
        inputs=_inputs(raw["inputs"]),
        desired=_desired(raw["desired"]),
        strategies=strategies,
        never=tuple(Never(re.compile(one["pattern"], re.IGNORECASE), str(one["reason"])) for one in raw["never"]),
        route=_route(raw["route"]),
        templates=templates,
        examples=tuple(_example(one) for one in raw["examples"]),
        most_words=int(_within(raw["most_words"], 5, 200, "most_words")),
        in_role=bool(raw.get("in_role", False)),
        film_replies=bool(raw.get("film_replies", False)),
        distress=_sensitivity(raw.get("distress", Sensitivity.HIGH)),
    )


def _sensitivity(raw: Any) -> Sensitivity:
    if raw not in tuple(Sensitivity):
        raise ValueError(f"distress must be one of {', '.join(Sensitivity)}, not {raw!r}")
    return Sensitivity(raw)


def _within(value: Any, low: float, high: float, place: str) -> float:
    if not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{place} must be a number from {low} to {high}, not {value!r}")
    return float(value)


def _desired(raw: Mapping[str, Any]) -> tuple[float, ...]:
    if not raw or set(raw) - set(EMOTIONS):
        raise ValueError(f"desired must name some of {', '.join(EMOTIONS)}")
    return tuple(_within(raw.get(emotion, 0.0), -1, 1, f"desired: {emotion}") for emotion in EMOTIONS)


def _inputs(raw: Sequence[str]) -> tuple[Input, ...]:
    if not isinstance(raw, list) or not raw or set(raw) - set(Input):
        raise ValueError(f"inputs must name some of {', '.join(Input)}, not {raw!r}")
    return tuple(map(Input, raw))


FOR_EMOTIONS = re.compile(r"\(([a-z, ]+)\) (.+)", re.DOTALL)
"""A template that is for some emotions begins with them: `(anger, fear) Is anything about it urgent?`"""


def _templates(raw: Mapping[str, Mapping[str, Sequence[str]]]) -> list[Template]:
    """Templates by language and strategy."""
    return [_template(Strategy(way), language, one) for language, ways in raw.items() for way, texts in ways.items() for one in texts]


def _template(way: Strategy, language: str, raw: str) -> Template:
    if not isinstance(raw, str):
        raise ValueError(f"templates: {raw!r} must be a text; one with a colon stands in quotation marks")
    found = FOR_EMOTIONS.fullmatch(raw.strip())
    text, emotions = (found[2], tuple(name.strip() for name in found[1].split(","))) if found else (raw.strip(), ())
    if unknown := set(emotions) - set(EMOTIONS):
        raise ValueError(f"templates: {raw!r} is for {', '.join(sorted(unknown))}, which are no emotions")
    template = Template(way, text, str(language), emotions)
    parts = [(name, form, turned) for _, name, form, turned in Formatter().parse(text) if name is not None]
    if unknown := {name for name, _, _ in parts} - set(Slot):
        raise ValueError(f"templates: {raw!r} leaves {', '.join(sorted(unknown)) or 'a nameless slot'} open; there are {', '.join(Slot)}")
    if any(form or turned for _, form, turned in parts):
        raise ValueError(f"templates: {raw!r} gives a slot a format: name the slot alone")
    return template


def general(templates: Sequence[Template], way: Strategy) -> list[Template]:
    """The English ones of a way that may always be said; a profile has some of every way that it takes."""
    return [one for one in templates if one.strategy is way and one.language == FALLBACK_LANGUAGE and not one.slots and not one.emotions]


MEASURED = {*State, *EMOTIONS}
"""What a route's bounds may be of."""


def _route(raw: Mapping[str, Any]) -> Route:
    if unknown := set(raw["above"]) - MEASURED:
        raise ValueError(f"route: above: {', '.join(sorted(map(str, unknown)))} is not measured; there are {', '.join(sorted(MEASURED))}")
    above = {str(state): _within(value, 0, 1, f"route: above: {state}") for state, value in raw["above"].items()}
    told = {str(language): str(text).strip() for language, text in raw["told"].items()}
    if FALLBACK_LANGUAGE not in told:
        raise ValueError("route: told lacks English (en)")
    return Route(str(raw["queue"]), told, above)


def _example(raw: Mapping[str, Any]) -> Example:
    return Example(tuple((str(turn["speaker"]), str(turn["text"])) for turn in raw["turns"]), Strategy(raw["strategy"]))
