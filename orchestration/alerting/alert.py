"""What an alert is: one thing that went wrong, said in a sentence, with where to look.

An alert has the identity of the event that it tells of, so that the same event, met again, is the same alert and is told once. Texts are
bounded and bare of markup, since error messages quote file names and input that nobody vetted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST_MESSAGE = 2000
"""Characters of a message; the rest is in the log of the run."""


class AlertKind(StrEnum):
    """What went wrong."""

    RUN_FAILED = "run_failed"
    CHECK_FAILED = "check_failed"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class Alert:
    """One event: `alert_id` names it (letters, digits, `-`, `_`), `at` is its time (ISO 8601, UTC), `what` a line, `message` the reason.

    The message is `shortened`. `asset`, `partition`, `check` and `run_id` say what it is about, as far as it is about such; `link` is where
    Dagster shows it.
    """

    alert_id: str
    kind: AlertKind
    at: str
    what: str
    message: str
    asset: str | None = None
    partition: str | None = None
    check: str | None = None
    run_id: str | None = None
    link: str | None = None

    @property
    def text(self) -> str:
        """All of it in plain words, a line each."""
        return "\n".join(line for line in (self.what, self.message, self.link) if line)


def shortened(message: str) -> str:
    """At most LONGEST_MESSAGE characters; bytes of file names that are no text are replaced, since JSON and mail carry text alone."""
    message = message.encode(errors="replace").decode()
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
