"""What people are told of the program, that they were told, and that it never claims to feel.

The texts are data in the languages that the distress rules know. The log holds who was told what and when, by conversation and the text's
digest and never what was said, in one file a month, and keeps at least half a year. It recognises and responds: `claims_feelings` finds
first-person claims of feeling in a candidate reply; a character of a game may speak of itself in its role, and may not claim to be alive.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import yaml

from corpus.paths import Home
from corpus.terms import FeelmError
from service.languages import FALLBACK, spoken_to
from service.safety.ledger import append, read

TEXTS, CLAIMS = Path(__file__).with_name("disclosure.yaml"), Path(__file__).with_name("claims.yaml")
NAMES = ("chatbot", "text", "voice", "face")
LEAST_KEPT_DAYS = 184
"""Half a year: logs must be kept at least so long."""

KEPT_DAYS = 400

_QUOTED = re.compile(r"[\"“„«][^\"”“»]*[\"”“»]|(?<!\w)['‘][^'’]*['’](?!\w)")


@dataclass(frozen=True)
class Disclosure:
    """What is to be told: the names of the texts, the language, the words, and the words' sha256."""

    names: tuple[str, ...]
    language: str
    words: str
    digest: str


@dataclass(frozen=True)
class Told:
    """An entry of the log: when, in which conversation and domain, which texts in which language, and the words' digest."""

    at: str
    conversation: str
    domain: str
    names: tuple[str, ...]
    language: str
    digest: str


@dataclass(frozen=True)
class Claim:
    """A first-person claim of feeling: the characters [start, end) of the text, and the words."""

    start: int
    end: int
    words: str


def disclosure(names: Sequence[str], language: str | None = None) -> Disclosure:
    """The words of some texts in a language, in English where there is none in that.

    Raises:
        FeelmError: there is no text of that name.
    """
    if wrong := set(names) - set(NAMES):
        raise FeelmError(f"there is no disclosure text {', '.join(sorted(wrong))}: there are {', '.join(NAMES)}")
    known = disclosure_texts()
    code = spoken_to(language, known)
    words = " ".join(known[code][name] for name in names)
    return Disclosure(tuple(names), code, words, hashlib.sha256(words.encode()).hexdigest())


@cache
def disclosure_texts() -> dict[str, dict[str, str]]:
    """All texts by language and name.

    Raises:
        FeelmError: the file is not as it must be.
    """
    held = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    if not isinstance(held, dict) or FALLBACK not in held or any(set(own) != set(NAMES) for own in held.values()):
        raise FeelmError(f"{TEXTS}: each language has {', '.join(NAMES)}, and {FALLBACK} is there")
    return held


class DisclosureLog:
    """Who was told what and when, in a home."""

    def __init__(self, home: Home, kept_days: int = KEPT_DAYS) -> None:
        if kept_days < LEAST_KEPT_DAYS:
            raise FeelmError(f"logs of disclosure are kept at least {LEAST_KEPT_DAYS} days, not {kept_days}")
        self.folder, self.kept_days = home.root / "service" / "disclosures", kept_days

    def add(self, conversation: str, domain: str, told: Disclosure, now: datetime | None = None) -> Told:
        """Note that somebody is told.

        Raises:
            OSError: it could not be written: then nobody may be served unlogged.
        """
        moment = now or datetime.now(UTC)
        entry = Told(moment.isoformat(timespec="milliseconds"), conversation, domain, told.names, told.language, told.digest)
        append(self._file(moment), {name: getattr(entry, name) for name in Told.__dataclass_fields__})
        self._forget_old(moment.date())
        return entry

    def entries(self) -> Iterator[Told]:
        """Everything that is kept, in order.

        Raises:
            FeelmError: a file was changed by hand.
        """
        for path in self._files():
            for record in read(path):
                yield Told(**{**record, "names": tuple(record["names"])})

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("told-????-??.jsonl"))

    def _file(self, moment: datetime) -> Path:
        return self.folder / f"told-{moment:%Y-%m}.jsonl"

    def _forget_old(self, today: date) -> None:
        """A month goes when its last day is older than what is kept."""
        for path in self._files():
            first = date.fromisoformat(f"{path.stem.removeprefix('told-')}-01")
            after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
            if after < today - timedelta(days=self.kept_days):
                path.unlink()


def claims_feelings(text: str, in_role: bool = False) -> tuple[Claim, ...]:
    """First-person claims of feeling by the program in a reply; `in_role`: a game's character speaks, who may feel but not claim to live.

    Quotations and denials (“I do not feel”) are no claims. English is read closely; of other languages the plainest words.
    """
    rules = _claim_rules()
    covered = [match.span() for pattern in (_QUOTED, *rules["denials"]) for match in pattern.finditer(text)]
    patterns = rules["always"] if in_role else (*rules["claims"], *rules["always"], *rules["others"])
    found = {match.span() for pattern in patterns for match in pattern.finditer(text)}
    open_ = sorted(span for span in found if not any(start <= span[0] and span[1] <= end for start, end in covered))
    return tuple(Claim(start, end, text[start:end]) for start, end in open_)


@cache
def _claim_rules() -> Mapping[str, tuple[re.Pattern[str], ...]]:
    held = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    try:
        feelings = "".join(str(held["feelings"]).split("\n")).replace(" |", "|").replace("| ", "|")
        return {
            part: tuple(re.compile(str(one).replace("<feelings>", feelings), re.IGNORECASE | re.MULTILINE) for one in held[part])
            for part in ("claims", "always", "denials", "others")
        }
    except (KeyError, TypeError, re.error) as error:
        raise FeelmError(f"{CLAIMS}: {error}") from error
