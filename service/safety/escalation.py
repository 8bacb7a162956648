"""Conversations that a person takes over: kept until somebody has them, delivered by a signed webhook, and never lost in silence.

An escalation is written to a database of the home (SQLite, flushed before the call returns) and only then sent; what a target does not
take is tried again with growing pauses, by whichever process runs next, with the same Idempotency-Key. Where even the database cannot be
written, it is sent at once, and if that fails too the reply to the person says that nobody could be reached and what to do.

SQLite and not a folder of files like the outbox of alerts: an escalation changes its state three times, several processes deliver and
acknowledge side by side, and a claim must be taken by one of them alone.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import yaml

from corpus.paths import Home
from corpus.posting import Undelivered, post_json
from corpus.terms import FeelmError
from service.languages import spoken_to

WEBHOOK, SECRET = "FEELM_ESCALATION_WEBHOOK", "FEELM_ESCALATION_SECRET"
LEAST_SECRET = 16
"""Characters; shorter ones can be tried out."""

SIGNATURE = "X-Feelm-Signature"
ANSWER_S = 8.0
"""Longest time for one sending."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 900.0
CLAIM_S = 30.0
"""A sending that a killed process began is begun again after this."""

SIGNATURE_HOLDS_S = 300.0
LATE_S = 300.0
"""An escalation that waits so long is told as a fault."""

LONGEST_EVIDENCE = 2000
WORDS = Path(__file__).with_name("handover.yaml")

_log = logging.getLogger("feelm.escalation")


class NoEscalation(FeelmError):
    """There is no escalation of that id."""


class State(StrEnum):
    """Where an escalation is: nobody has it, a target took it, a person took it over."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True)
class Escalation:
    """A conversation for a person: `reason` in a sentence, `evidence` what it rests on, `route` the queue of the domain's profile.

    Times are seconds since 1970. `fault` is what the last attempt met, `attempts` how many there were.
    """

    id: str
    at: float
    domain: str
    conversation: str
    reason: str
    evidence: tuple[str, ...]
    route: str
    state: State = State.WAITING
    attempts: int = 0
    next_attempt: float = 0.0
    fault: str | None = None
    delivered_at: float | None = None
    acknowledged_by: str | None = None
    acknowledged_at: float | None = None

    @classmethod
    def new(cls, domain: str, conversation: str, reason: str, evidence: Sequence[str], route: str, key: str | None = None) -> Escalation:
        """One that begins now; the same `key` (say conversation and turn) gives the same id, so that a repeated call adds nothing."""
        own = uuid.uuid4() if key is None else uuid.uuid5(uuid.NAMESPACE_URL, f"feelm:{domain}:{conversation}:{key}")
        now = time.time()
        return cls(str(own), now, domain, conversation, reason, tuple(one[:LONGEST_EVIDENCE] for one in evidence), route, next_attempt=now)


@dataclass(frozen=True)
class Target:
    """Where escalations go: https, or http on this machine; both are secrets."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Counts:
    """For metrics: escalations by state, attempts that failed, those that could not be kept, and seconds.

    `oldest_waiting_s` is null where none waits, the delivery times where none was delivered.
    """

    waiting: int
    delivered: int
    acknowledged: int
    failed_attempts: int
    unkept: int
    oldest_waiting_s: float | None
    median_delivery_s: float | None
    longest_delivery_s: float | None


@dataclass(frozen=True)
class HandedOver:
    """What became of an escalation: whether it is `kept`, was `delivered` at once, and what the person is told."""

    escalation: Escalation
    kept: bool
    delivered: bool
    told: str


def read_target(environment: Mapping[str, str]) -> Target | None:
    """The target of an environment; None where none is set.

    Raises:
        FeelmError: a value cannot be meant so; the message names the variable and never its value.
    """
    url, secret = environment.get(WEBHOOK, "").strip(), environment.get(SECRET, "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        local = parts.hostname is not None and _is_loopback(parts.hostname)
    except ValueError:
        raise FeelmError(f"{WEBHOOK} is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or (parts.scheme == "http" and not local):
        raise FeelmError(f"{WEBHOOK} must be an https address, or http on this machine: escalations tell of people in danger")
    if len(secret) < LEAST_SECRET:
        raise FeelmError(f"{SECRET} must have at least {LEAST_SECRET} characters: it signs what is sent to {WEBHOOK}")
    return Target(url, secret)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signature(secret: str, body: bytes, at: float) -> str:
    """The header that proves who sent a body, and when: `t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    seconds = str(int(at))
    return f"t={seconds},v1={hmac.new(secret.encode(), seconds.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def is_signed(secret: str, body: bytes, header: str, now: float, holds_s: float = SIGNATURE_HOLDS_S) -> bool:
    """For receivers: whether the header is that of the body and not older than `holds_s`."""
    parts = dict(piece.partition("=")[::2] for piece in header.split(","))
    seconds = parts.get("t", "")
    if not seconds.isdecimal() or abs(now - int(seconds)) > holds_s:
        return False
    return hmac.compare_digest(signature(secret, body, int(seconds)), header)


class Queue:
    """The escalations of a home; for any number of threads and processes."""

    def __init__(self, home: Home, target: Target | None) -> None:
        self.path = home.root / "service" / "escalations.sqlite3"
        self.target = target
        self._unkept: dict[str, Escalation] = {}
        self._lock = threading.Lock()

    def add(self, escalation: Escalation) -> None:
        """Keep an escalation; one of the same id is kept once.

        Raises:
            sqlite3.Error, OSError: it could not be written.
        """
        with self._open() as base:
            base.execute(f"INSERT OR IGNORE INTO escalations VALUES ({','.join('?' * len(_COLUMNS))})", _row(escalation))

    def hand_over(self, escalation: Escalation, language: str | None = None, at_once: bool = True) -> HandedOver:
        """Keep an escalation, send it (`at_once`, else the courier does), and say what the person is told; it never raises.

        Where it can neither be kept nor sent the person is told that nobody was reached, and it is tried again while the process lives.
        """
        kept = self._kept(escalation)
        delivered = self._delivered_now(escalation, kept) if at_once or not kept else False
        if not kept and not delivered:
            _log.critical("escalation %s of %s could neither be kept nor sent", escalation.id, escalation.domain)
            with self._lock:
                self._unkept[escalation.id] = escalation
        told = "handed_over" if delivered or (kept and self.target is not None) else "unreachable"
        return HandedOver(escalation, kept, delivered, words(told, language))

    def _kept(self, escalation: Escalation) -> bool:
        try:
            self.add(escalation)
        except (sqlite3.Error, OSError) as error:
            _log.error("escalation %s could not be kept: %s", escalation.id, error)
            return False
        return True

    def _delivered_now(self, escalation: Escalation, kept: bool) -> bool:
        if kept:
            try:
                return self._claim_and_send(escalation.id) is State.DELIVERED
            except (sqlite3.Error, OSError) as error:
                _log.error("escalation %s: the queue failed while sending: %s", escalation.id, error)
                return False
        return self._send(escalation) is None

    def deliver(self, budget_s: float = 30.0) -> int:
        """Send what is due, the oldest first, for at most `budget_s`; how many were delivered. Safe to call from many processes.

        Raises:
            sqlite3.Error, OSError: the queue cannot be read or written.
        """
        until, done = time.monotonic() + budget_s, self._retry_unkept()
        if self.target is None:
            return done
        for escalation_id in self._due():
            if time.monotonic() >= until:
                break
            done += self._claim_and_send(escalation_id) is State.DELIVERED
        return done

    def acknowledge(self, escalation_id: str, who: str) -> Escalation:
        """Note that a person took it over; who had taken it before keeps it.

        Raises:
            NoEscalation: there is none of that id.
            FeelmError: nobody was named.
        """
        if not who.strip():
            raise FeelmError("say who takes the escalation over: a name that the team knows")
        with self._open() as base:
            base.execute(
                "UPDATE escalations SET state=?, acknowledged_by=?, acknowledged_at=? WHERE id=? AND state<>?",
                (State.ACKNOWLEDGED, who.strip(), time.time(), escalation_id, State.ACKNOWLEDGED),
            )
        return self.get(escalation_id)

    def get(self, escalation_id: str) -> Escalation:
        """One escalation.

        Raises:
            NoEscalation: there is none of that id.
        """
        with self._open() as base:
            found = base.execute("SELECT * FROM escalations WHERE id=?", (escalation_id,)).fetchone()
        if found is None:
            raise NoEscalation(f"there is no escalation {escalation_id!r}: `feelm escalations list` names them")
        return _read(found)

    def all(self, state: State | None = None) -> list[Escalation]:
        """All escalations, or those in one state, the oldest first."""
        where, given = ("WHERE state=?", (state.value,)) if state is not None else ("", ())
        with self._open() as base:
            return [_read(row) for row in base.execute(f"SELECT * FROM escalations {where} ORDER BY at, id", given)]

    def counts(self) -> Counts:
        """What is to be measured."""
        known, now = self.all(), time.time()
        waiting = [one for one in known if one.state is State.WAITING]
        took = [one.delivered_at - one.at for one in known if one.delivered_at is not None]
        failed = sum(one.attempts - (one.delivered_at is not None) for one in known)
        by_state = {state: sum(one.state is state for one in known) for state in State}
        return Counts(
            waiting=by_state[State.WAITING],
            delivered=by_state[State.DELIVERED],
            acknowledged=by_state[State.ACKNOWLEDGED],
            failed_attempts=failed,
            unkept=len(self._unkept),
            oldest_waiting_s=round(now - min(one.at for one in waiting), 1) if waiting else None,
            median_delivery_s=round(median(took), 3) if took else None,
            longest_delivery_s=round(max(took), 3) if took else None,
        )

    def faults(self) -> tuple[str, ...]:
        """What people must know, in sentences, as `feelm health` tells it; empty where all is well."""
        try:
            counts = self.counts()
        except (sqlite3.Error, OSError) as error:
            return (f"the queue of escalations in {self.path} cannot be read: {error}",)
        found = []
        if counts.waiting and self.target is None:
            found.append(f"{counts.waiting} escalations wait and no target is set: {WEBHOOK} with {SECRET}, or `feelm escalations list`")
        elif counts.oldest_waiting_s is not None and counts.oldest_waiting_s > LATE_S:
            last = next((one.fault for one in self.all(State.WAITING) if one.fault), "nothing was tried")
            found.append(f"{counts.waiting} escalations are undelivered, the oldest for {counts.oldest_waiting_s / 60:.0f} min: {last}")
        if counts.unkept:
            found.append(f"{counts.unkept} escalations could not be written to {self.path}: make room, they are in memory alone")
        return tuple(found)

    def _due(self) -> list[str]:
        with self._open() as base:
            rows = base.execute(
                "SELECT id FROM escalations WHERE state=? AND next_attempt<=? ORDER BY at, id", (State.WAITING, time.time())
            ).fetchall()
        return [str(row[0]) for row in rows]

    def _claim_and_send(self, escalation_id: str) -> State:
        """Take one that is due for oneself, send it, and note what came of it; what another process has taken is left to that."""
        if self.target is None:
            return State.WAITING
        now = time.time()
        with self._open() as base:
            claimed = base.execute(
                "UPDATE escalations SET next_attempt=?, attempts=attempts+1 WHERE id=? AND state=? AND next_attempt<=?",
                (now + CLAIM_S, escalation_id, State.WAITING, now),
            ).rowcount
        if not claimed:
            return State.WAITING
        escalation = self.get(escalation_id)
        fault = self._send(escalation)
        with self._open() as base:
            if fault is None:
                base.execute(
                    "UPDATE escalations SET state=CASE state WHEN ? THEN ? ELSE state END, delivered_at=?, fault=NULL WHERE id=?",
                    (State.WAITING, State.DELIVERED, time.time(), escalation_id),
                )
                return State.DELIVERED
            base.execute(
                "UPDATE escalations SET next_attempt=?, fault=? WHERE id=?", (now + pause_s(escalation.attempts), fault, escalation_id)
            )
        return State.WAITING

    def _send(self, escalation: Escalation) -> str | None:
        """Send one; what went wrong, None where it was taken."""
        if self.target is None:
            return "no target is set"
        body = json.dumps({"escalation": _sent(escalation)}, ensure_ascii=False, sort_keys=True).encode()
        headers = {"Idempotency-Key": escalation.id, SIGNATURE: signature(self.target.secret, body, time.time())}
        try:
            post_json(self.target.url, body, headers, ANSWER_S, "escalation webhook")
        except Undelivered as error:
            _log.error("escalation %s was not delivered: %s", escalation.id, error)
            return str(error)
        return None

    def _retry_unkept(self) -> int:
        with self._lock:
            again = list(self._unkept.values())
        done = 0
        for escalation in again:
            sent = self._send(escalation) is None
            if sent or self._kept(escalation):
                done += sent
                with self._lock:
                    self._unkept.pop(escalation.id, None)
        return done

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are on the disk when the block ends, or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=10.0)) as base:
            base.execute("PRAGMA synchronous=FULL")
            base.execute(_TABLE)
            self.path.chmod(0o600)
            with base:
                yield base


class Courier:
    """A thread that delivers what is due until it is stopped; `wake` has it look at once."""

    def __init__(self, queue: Queue, every_s: float = 1.0) -> None:
        self.queue, self.every_s = queue, every_s
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="escalations", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def stop(self, wait_s: float = ANSWER_S + 2) -> None:
        """End after the sending that is under way; what is left waits in the queue."""
        self._stopped.set()
        self._woken.set()
        self._thread.join(wait_s)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.queue.deliver()
            except (sqlite3.Error, OSError):
                _log.exception("the queue of escalations could not be worked on; it is tried again")
            self._woken.wait(self.every_s)
            self._woken.clear()


def pause_s(attempts: int) -> float:
    """Seconds before the next attempt after so many: doubled each time, at most LONGEST_PAUSE_S."""
    return min(FIRST_PAUSE_S * 2.0 ** max(min(attempts, 30) - 1, 0), LONGEST_PAUSE_S)


def words(name: str, language: str | None) -> str:
    """What the person is told (`handed_over`, `unreachable`), in their language where it is known, else in English."""
    known = _words()
    return known[spoken_to(language, known)][name]


@cache
def _words() -> dict[str, dict[str, str]]:
    read = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    if not isinstance(read, dict) or any(set(own) != {"handed_over", "unreachable"} for own in read.values()):
        raise FeelmError(f"{WORDS}: each language has handed_over and unreachable")
    return read


_COLUMNS = tuple(Escalation.__dataclass_fields__)
_TABLE = f"CREATE TABLE IF NOT EXISTS escalations ({', '.join(_COLUMNS)}, PRIMARY KEY (id))"


def _row(escalation: Escalation) -> tuple[object, ...]:
    held = asdict(escalation) | {"evidence": json.dumps(escalation.evidence, ensure_ascii=False), "state": escalation.state.value}
    return tuple(held[name] for name in _COLUMNS)


def _read(row: Sequence[object]) -> Escalation:
    held = dict(zip(_COLUMNS, row, strict=True))
    evidence = tuple(json.loads(str(held["evidence"])))
    return replace(Escalation(**held), evidence=evidence, state=State(str(held["state"])))  # type: ignore[arg-type]


def _sent(escalation: Escalation) -> dict[str, object]:
    """What a receiver gets."""
    own = {name: getattr(escalation, name) for name in ("id", "domain", "conversation", "reason", "evidence", "route")}
    return own | {"at": datetime.fromtimestamp(escalation.at, UTC).isoformat(timespec="milliseconds"), "attempt": escalation.attempts}
