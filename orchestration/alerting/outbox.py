"""The outbox: alerts wait in a folder of the home until every target has taken them.

An alert is put in once, by its id, and what each target has taken is written down after each sending, so that a target that was down gets
what it missed and the others get nothing twice. What is sent is remembered by name, so that an event met again is not told again. Between a
target's answer and the writing lies a moment in which a killed process leaves an alert that will be sent again, with the same id.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from corpus.paths import Home, write_json
from corpus.posting import Undelivered
from orchestration.alerting.alert import Alert, AlertKind
from orchestration.alerting.sending import mail, post
from orchestration.alerting.settings import AlertSettings

ANSWER_S = 8.0
"""Longest time for one sending."""

BUDGET_S = 35.0
"""After this no further sending is begun: Dagster gives a tick 60 s."""

REMEMBERED_DAYS = 90
"""How long the ids of sent alerts are kept, as long as Dagster's own ticks."""

Send = Callable[[Alert, float], None]


@dataclass(frozen=True)
class Waiting:
    """An alert that not every target has taken; `fault` says what the last attempt met."""

    alert: Alert
    sent_to: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(frozen=True)
class Delivery:
    """What one round did: alerts that every target has now, how many wait, and what the targets said, each once."""

    done: int
    waiting: int
    faults: tuple[str, ...]


@dataclass
class _Round:
    """One round of sending: its targets by name, when it ends, and which servers did not answer in it."""

    targets: dict[str, Send]
    until: float
    answer_s: float
    down: set[str] = field(default_factory=set)
    faults: dict[str, None] = field(default_factory=dict)

    def attempt(self, name: str, entry: Waiting) -> Waiting:
        """The entry after an attempt at one target; the same where there is no time, or its server did not answer before."""
        server = name.partition(" ")[0]
        if server in self.down or time.monotonic() >= self.until:
            return entry
        try:
            self.targets[name](entry.alert, self.answer_s)
        except Undelivered as error:
            self.faults[str(error)] = None
            if not error.reachable:
                self.down.add(server)
            return replace(entry, fault=str(error))
        return replace(entry, sent_to=(*entry.sent_to, name), fault=None)


class Outbox:
    """The folder `alerts` of a home."""

    def __init__(self, home: Home) -> None:
        self.folder = home.root / "alerts"

    def add(self, alerts: Sequence[Alert]) -> int:
        """Put alerts in; returns how many were new."""
        # In this order: what is sent is noted as such before it ceases to wait.
        new = [alert for alert in alerts if not self._waits(alert.alert_id).exists() and not self._sent(alert.alert_id).exists()]
        for alert in new:
            self._write(Waiting(alert))
        return len(new)

    def waiting(self) -> list[Waiting]:
        """What is not sent, the oldest first."""
        found = [entry for path in (self.folder / "waiting").glob("*.json") if (entry := _read(path)) is not None]
        return sorted(found, key=lambda entry: (entry.alert.at, entry.alert.alert_id))

    def deliver(self, settings: AlertSettings, budget_s: float = BUDGET_S, answer_s: float = ANSWER_S) -> Delivery:
        """Send what waits, the oldest first, for at most `budget_s` + `answer_s`; what no target takes waits for the next round.

        Where another process is sending, it is left to that.
        """
        with self._alone() as alone:
            entries, round_ = self.waiting(), _Round(_targets(settings), time.monotonic() + budget_s, answer_s)
            if not alone:
                return Delivery(0, len(entries), ("another process is sending",))
            done = sum(self._deliver(entry, round_) for entry in entries) if round_.targets else 0
            self._forget_old()
            return Delivery(done, len(entries) - done, tuple(round_.faults))

    def _deliver(self, entry: Waiting, round_: _Round) -> bool:
        """Send one alert to the targets that lack it, writing down what each took; True when all have it."""
        for name in [name for name in round_.targets if name not in entry.sent_to]:
            attempted = round_.attempt(name, entry)
            if attempted is not entry:
                entry = attempted
                self._write(entry)
        if not set(round_.targets) <= set(entry.sent_to):
            return False
        write_json(self._sent(entry.alert.alert_id), {"sent_to": entry.sent_to, "at": datetime.now(UTC).isoformat(timespec="seconds")})
        self._waits(entry.alert.alert_id).unlink()
        return True

    def _forget_old(self) -> None:
        before = time.time() - REMEMBERED_DAYS * 86400
        for path in (self.folder / "sent").glob("*.json"):
            if path.stat().st_mtime < before:
                path.unlink()

    def _write(self, entry: Waiting) -> None:
        write_json(self._waits(entry.alert.alert_id), asdict(entry))

    def _waits(self, alert_id: str) -> Path:
        return self.folder / "waiting" / f"{alert_id}.json"

    def _sent(self, alert_id: str) -> Path:
        return self.folder / "sent" / f"{alert_id}.json"

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process sends meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def _read(path: Path) -> Waiting | None:
    """None where another process has sent it in this moment."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    alert = Alert(**{**raw["alert"], "kind": AlertKind(raw["alert"]["kind"])})
    return Waiting(alert, tuple(raw["sent_to"]), raw["fault"])


def _targets(settings: AlertSettings) -> dict[str, Send]:
    targets: dict[str, Send] = {}
    if settings.webhook is not None:
        targets["webhook"] = partial(post, settings.webhook)
    box = settings.mail
    if box is not None:
        # One mail a recipient: where one is refused, the others do not get theirs again.
        targets |= {f"e-mail {recipient}": partial(mail, box, recipient) for recipient in box.recipients}
    return targets
