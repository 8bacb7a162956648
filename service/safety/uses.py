"""For whom the service may be used: context, input and subject decide what is allowed, what must be told, and by which article.

The rules are a table (`uses.yaml`) with the dates from which they apply; it is no legal advice. Voice or face of employees and pupils are
refused unless a medical or safety basis was recorded beforehand, by name, with its reason and its end, in a file that is only added to.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from corpus.paths import Home
from corpus.terms import FeelmError
from service.safety.ledger import append, read

TABLE = Path(__file__).with_name("uses.yaml")


class Context(StrEnum):
    """Where people meet the service."""

    CUSTOMER_SERVICE = "customer_service"
    SUPPORT = "support"
    EDUCATION = "education"
    WORKPLACE = "workplace"
    GAME = "game"
    WRITING = "writing"
    RESEARCH = "research"


class Input(StrEnum):
    """What is read."""

    TEXT = "text"
    VOICE = "voice"
    FACE = "face"


class Subject(StrEnum):
    """Whose emotions are read."""

    CUSTOMER = "customer"
    PATIENT = "patient"
    PUPIL = "pupil"
    EMPLOYEE = "employee"
    PLAYER = "player"
    WRITER = "writer"
    PARTICIPANT = "participant"
    FICTIONAL = "fictional"


class Ground(StrEnum):
    """What lifts a prohibition."""

    MEDICAL = "medical"
    SAFETY = "safety"


class Effect(StrEnum):
    """What a rule does."""

    REFUSE = "refuse"
    DISCLOSE = "disclose"
    NOTE = "note"


@dataclass(frozen=True)
class UseProfile:
    """One way of using the service."""

    context: Context
    input: Input
    subject: Subject

    def __str__(self) -> str:
        return f"{self.context} × {self.input} × {self.subject}"


@dataclass(frozen=True)
class Basis:
    """A recorded ground for a use: `who` answers for it, `why`, and until which day (inclusive)."""

    id: str
    profile: UseProfile
    ground: Ground
    who: str
    why: str
    until: date
    at: str

    def holds(self, profile: UseProfile, on: date) -> bool:
        """Whether it covers a use on a day."""
        return self.profile == profile and date.fromisoformat(self.at[:10]) <= on <= self.until


@dataclass(frozen=True)
class Reason:
    """Why something is so: the sentence, the article, and from when it applies."""

    rule: str
    words: str
    article: str
    since: date


@dataclass(frozen=True)
class Permission:
    """Whether a use is allowed, why, the names of the disclosure texts that are due, and the basis that allows it where one is needed."""

    profile: UseProfile
    allowed: bool
    reasons: tuple[Reason, ...]
    disclosures: tuple[str, ...]
    basis: Basis | None
    notice: str

    def require(self) -> Permission:
        """Itself where the use is allowed.

        Raises:
            FeelmError: it is not; the message says by which article, and what would allow it.
        """
        if self.allowed:
            return self
        told = " ".join(f"{reason.words} ({reason.article})" for reason in self.reasons)
        raise FeelmError(
            f"{self.profile} is refused: {told} A medical or safety basis is recorded with `feelm use-basis add`. {self.notice}"
        )


@dataclass(frozen=True)
class Rule:
    """One line of the table; an empty set of contexts, inputs or subjects is any."""

    id: str
    contexts: frozenset[Context]
    inputs: frozenset[Input]
    subjects: frozenset[Subject]
    effect: Effect
    unless: frozenset[Ground]
    texts: tuple[str, ...]
    reason: Reason

    def fits(self, profile: UseProfile) -> bool:
        """Whether it speaks of a use."""
        parts = ((self.contexts, profile.context), (self.inputs, profile.input), (self.subjects, profile.subject))
        return all(not known or own in known for known, own in parts)


@dataclass(frozen=True)
class UseTable:
    """All rules, which inputs each context has unless it asks for more, and what stands under every answer."""

    rules: tuple[Rule, ...]
    default_inputs: Mapping[Context, tuple[Input, ...]]
    notice: str


def decide(profile: UseProfile, bases: Sequence[Basis] = (), on: date | None = None) -> Permission:
    """Whether a use is allowed on a day (today), with the reasons and what is to be told.

    A prohibition counts whatever the day; disclosure is asked for before its date as well, since nobody is served by being told late.
    """
    table, day = use_table(), on or datetime.now(UTC).date()
    fitting = [rule for rule in table.rules if rule.fits(profile)]
    refusing = [rule for rule in fitting if rule.effect is Effect.REFUSE]
    basis = next((one for one in bases if one.holds(profile, day) and all(one.ground in rule.unless for rule in refusing)), None)
    basis = basis if refusing else None
    if refusing and basis is None:
        return Permission(profile, False, tuple(rule.reason for rule in refusing), (), None, table.notice)
    texts = tuple(dict.fromkeys(text for rule in fitting if rule.effect is Effect.DISCLOSE for text in rule.texts))
    return Permission(profile, True, tuple(rule.reason for rule in fitting), texts, basis, table.notice)


def default_inputs(context: Context) -> tuple[Input, ...]:
    """What is read in a context where nothing else is asked for; education reads text alone."""
    return use_table().default_inputs[context]


def all_profiles() -> tuple[UseProfile, ...]:
    """Every combination."""
    return tuple(UseProfile(context, input_, subject) for context in Context for input_ in Input for subject in Subject)


@cache
def use_table(path: Path = TABLE) -> UseTable:
    """The table of rules.

    Raises:
        FeelmError: it is not as it must be.
    """
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        rules = tuple(_rule(one) for one in raw["rules"])
        inputs = {Context(name): tuple(map(Input, own)) for name, own in raw["default_inputs"].items()}
        if set(inputs) != set(Context) or len({rule.id for rule in rules}) < len(rules):
            raise ValueError("each context has default_inputs, and each rule an id of its own")
        return UseTable(rules, inputs, str(raw["notice"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FeelmError(f"{path}: {error}") from error


def _rule(raw: Mapping[str, Any]) -> Rule:
    when = raw["when"]
    if wrong := set(when) - {"context", "input", "subject"}:
        raise ValueError(f"the rule {raw['id']} asks for {', '.join(sorted(wrong))}")
    effect = Effect(raw["effect"])
    texts = tuple(map(str, raw.get("texts", ())))
    if (effect is Effect.DISCLOSE) != bool(texts):
        raise ValueError(f"the rule {raw['id']}: texts belong to what discloses, and to nothing else")
    if not isinstance(raw["since"], date):
        raise ValueError(f"the rule {raw['id']}: since is no date")
    return Rule(
        str(raw["id"]),
        frozenset(map(Context, when.get("context", ()))),
        frozenset(map(Input, when.get("input", ()))),
        frozenset(map(Subject, when.get("subject", ()))),
        effect,
        frozenset(map(Ground, raw.get("unless", ()))),
        texts,
        Reason(str(raw["id"]), str(raw["reason"]), str(raw["article"]), raw["since"]),
    )


def bases_path(home: Home) -> Path:
    """The file of recorded bases."""
    return home.root / "service" / "use-bases.jsonl"


def add_basis(home: Home, profile: UseProfile, ground: Ground, who: str, why: str, until: date) -> Basis:
    """Record a basis.

    Raises:
        FeelmError: it would allow nothing that is refused, names nobody, gives no reason, or has ended already.
    """
    now = datetime.now(UTC)
    if not who.strip() or len(why.split()) < 3:
        raise FeelmError("a basis needs who answers for it and why, in a sentence: --who and --why")
    if until < now.date():
        raise FeelmError(f"--until {until} is past: a basis holds from today on")
    if decide(profile).allowed:
        raise FeelmError(f"{profile} is allowed without a basis: nothing is to be recorded")
    basis = Basis(str(uuid.uuid4()), profile, ground, who.strip(), why.strip(), until, now.isoformat(timespec="seconds"))
    append(bases_path(home), {"added": asdict(basis) | {"until": until.isoformat()}})
    return basis


def end_basis(home: Home, basis_id: str, who: str) -> None:
    """Record that a basis holds no more.

    Raises:
        FeelmError: there is none of that id that holds.
    """
    if all(basis.id != basis_id for basis in read_bases(home)):
        raise FeelmError(f"there is no basis {basis_id!r} that holds: `feelm use-basis list` names them")
    append(bases_path(home), {"ended": basis_id, "who": who, "at": datetime.now(UTC).isoformat(timespec="seconds")})


def read_bases(home: Home) -> list[Basis]:
    """The recorded bases that were not ended, in order.

    Raises:
        FeelmError: the file was changed by hand.
    """
    found: dict[str, Basis] = {}
    for record in read(bases_path(home)):
        if "added" in record:
            basis = _basis(record["added"])
            found[basis.id] = basis
        else:
            found.pop(str(record["ended"]), None)
    return list(found.values())


def _basis(raw: Mapping[str, Any]) -> Basis:
    own = raw["profile"]
    profile = UseProfile(Context(own["context"]), Input(own["input"]), Subject(own["subject"]))
    return Basis(raw["id"], profile, Ground(raw["ground"]), raw["who"], raw["why"], date.fromisoformat(raw["until"]), raw["at"])
