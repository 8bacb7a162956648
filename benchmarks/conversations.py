"""The conversations written for this project: read, reviewed by rule, and frozen by hash.

`benchmarks/conversations/<domain>-dev.jsonl` may be learned from and looked at; the `-test` half was written by others than the rules and
templates, without sight of them, and only measures. `frozen.json` holds the sha256 of every test half, which a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from corpus.paths import file_digest
from ml.models.dialogue import Turn
from service.domains.profile import profiles

FOLDER = Path(__file__).with_name("conversations")
FROZEN = FOLDER / "frozen.json"
USER, AGENT = "user", "agent"


@dataclass(frozen=True)
class Conversation:
    """A talk whose last turn is to be answered; of the user's turns the emotion and states are labelled (None for the agent's turns)."""

    name: str
    domain: str
    turns: tuple[Turn, ...]
    emotions: tuple[str | None, ...]
    states: tuple[frozenset[str], ...]
    strategy: str
    also: tuple[str, ...]
    escalate: bool


def domains() -> list[str]:
    """The domains that both halves are there of."""
    return sorted(path.name.removesuffix("-dev.jsonl") for path in FOLDER.glob("*-dev.jsonl") if path.name != "distress-dev.jsonl")


def unmeasured() -> list[str]:
    """Domains that can be asked for and that no conversations were written for: the page of results names them."""
    return sorted(set(profiles()) - set(domains()))


def conversations(domain: str, half: str) -> Iterator[Conversation]:
    """One half (dev, test) of a domain's conversations."""
    for line in (FOLDER / f"{domain}-{half}.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        turns = raw["turns"]
        yield Conversation(
            raw["id"],
            domain,
            tuple(Turn(turn["text"], turn["speaker"]) for turn in turns),
            tuple(turn.get("emotion") for turn in turns),
            tuple(frozenset(turn.get("states", ())) for turn in turns),
            raw["strategy"],
            tuple(raw["also"]),
            bool(raw["escalate"]),
        )


def frozen() -> dict[str, str]:
    """The sha256 of each test half as it was when it was written."""
    found: dict[str, str] = json.loads(FROZEN.read_text(encoding="utf-8"))
    return found


def digests() -> dict[str, str]:
    """The sha256 of each test half as it lies there."""
    return {path.name: file_digest(path) for path in sorted(FOLDER.glob("*-test.jsonl"))}
