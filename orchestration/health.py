"""Whether the running system works: the daemon's heartbeats, the queue of runs, the last ticks, the disk, alerts and people nobody reached.

Sensors tell of what fails while the daemon lives; that the daemon itself is dead can be told from outside only, so this is a command for
cron or a container's health check. It reads Dagster's storage and the home, changes nothing, and needs no daemon to answer.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.alerting.alert import Alert, AlertKind
from orchestration.alerting.outbox import Outbox
from orchestration.instance import dagster_instance
from service.safety.escalation import Queue, read_target

SILENT_S = 300
"""A daemon's loop that has not shown itself for so long is taken for dead; it does every 30 s, and a tick may take 60."""

STUCK_S = 900
"""A run that waits so long while none is running waits for nobody."""

UNSENT_S = 900
"""An alert that waits so long has met a target that is down, or none."""

LEAST_FREE_BYTES = 2_000_000_000
"""Less room than this ends in half a film's scan."""

UNFINISHED = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


UNSENT = "alerts"
"""The kind of fault that no alert can tell of."""


@dataclass(frozen=True)
class Fault:
    """Something wrong: its kind (daemon, people, queue, ticks, disk, alerts), and what it is in a sentence."""

    kind: str
    words: str


@dataclass(frozen=True)
class Beat:
    """A loop of the daemon: seconds since it last showed itself (None: never), and the errors that it told then."""

    daemon: str
    silent_s: float | None
    errors: tuple[str, ...]


@dataclass(frozen=True)
class FailedTick:
    """A sensor or schedule that runs and whose last tick failed."""

    name: str
    at: str
    error: str


@dataclass(frozen=True)
class Health:
    """What was found: `faults` is empty where all is well; times in seconds, sizes in bytes.

    `unreached` says of conversations that were handed over to a person what is wrong with their delivery.
    """

    faults: tuple[Fault, ...]
    beats: tuple[Beat, ...]
    queued: int
    running: int
    oldest_queued_s: float | None
    failed_ticks: tuple[FailedTick, ...]
    free_bytes: int
    unsent_alerts: int
    oldest_unsent_s: float | None
    last_alert_fault: str | None
    unreached: tuple[str, ...]


def read_health(home: Home) -> Health:
    """Look at a home.

    Raises:
        FeelmError: nothing was ever run in it.
    """
    if not (home.dagster / "dagster.yaml").is_file():
        raise FeelmError(f"nothing has been run in {home.root}: `feelm run` or `feelm ui` begins")
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with dagster_instance() as instance:
        beats = tuple(_beats(instance))
        queued = [record.create_timestamp.timestamp() for record in instance.get_run_records(_runs(dg.DagsterRunStatus.QUEUED))]
        running = instance.get_runs_count(_runs(*UNFINISHED))
        ticks = tuple(_failed_ticks(instance))
    unsent = Outbox(home).waiting()
    oldest_queued_s = _age_s(min(queued)) if queued else None
    oldest_unsent_s = _age_s(datetime.fromisoformat(unsent[0].alert.at).timestamp()) if unsent else None
    fault = next((entry.fault for entry in unsent if entry.fault), None)
    free = shutil.disk_usage(home.root).free
    parts = (beats, len(queued), running, oldest_queued_s, ticks, free, len(unsent), oldest_unsent_s, fault, _unreached(home))
    return Health(tuple(_faults(Health((), *parts))), *parts)


def _age_s(timestamp: float) -> float:
    return round(max(time.time() - timestamp, 0.0), 1)


def _unreached(home: Home) -> tuple[str, ...]:
    queue = Queue(home, read_target(os.environ))
    return queue.faults() if queue.path.is_file() else ()


def _runs(*statuses: dg.DagsterRunStatus) -> dg.RunsFilter:
    return dg.RunsFilter(statuses=list(statuses))


def _beats(instance: dg.DagsterInstance) -> Iterator[Beat]:
    known = instance.get_daemon_heartbeats()
    for daemon in sorted(instance.get_required_daemon_types()):
        beat = known.get(daemon)
        errors = tuple(_first_line(error.message) for error in (beat.errors or ())) if beat else ()
        yield Beat(daemon, _age_s(beat.timestamp) if beat else None, errors)


def _failed_ticks(instance: dg.DagsterInstance) -> Iterator[FailedTick]:
    from dagster._core.scheduler.instigation import TickStatus

    for state in instance.all_instigator_state():
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1) if state.is_running else []
        if ticks and ticks[0].status is TickStatus.FAILURE:
            at = datetime.fromtimestamp(ticks[0].timestamp, UTC).isoformat(timespec="seconds")
            yield FailedTick(state.name, at, _first_line(ticks[0].error.message if ticks[0].error else "no message"))


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0]


def _faults(found: Health) -> Iterator[Fault]:
    """What is wrong, the gravest first."""
    yield from (Fault("people", words) for words in found.unreached)
    yield from _daemon_faults(found.beats)
    if found.oldest_queued_s is not None and found.oldest_queued_s > STUCK_S and not found.running:
        yield Fault("queue", f"{found.queued} runs wait, the oldest for {_minutes(found.oldest_queued_s)}, and none is running")
    for tick in found.failed_ticks:
        yield Fault("ticks", f"the last tick of {tick.name} failed ({tick.at}): {tick.error}")
    if found.free_bytes < LEAST_FREE_BYTES:
        yield Fault("disk", f"{found.free_bytes / 1e9:.1f} GB are free: make room")
    if found.oldest_unsent_s is not None and found.oldest_unsent_s > UNSENT_S:
        why = found.last_alert_fault or "no target took them"
        yield Fault(UNSENT, f"{found.unsent_alerts} alerts are unsent, the oldest for {_minutes(found.oldest_unsent_s)}: {why}")


def _daemon_faults(beats: tuple[Beat, ...]) -> Iterator[Fault]:
    silent = [beat for beat in beats if beat.silent_s is None or beat.silent_s > SILENT_S]
    if silent and len(silent) == len(beats):
        since = min((beat.silent_s for beat in silent if beat.silent_s is not None), default=None)
        told = "it has never run" if since is None else f"no sign of it for {_minutes(since)}"
        yield Fault("daemon", f"the daemon is dead: {told}; `feelm ui` starts it")
    else:
        yield from (Fault("daemon", f"the daemon's {beat.daemon} has shown no sign {_for(beat.silent_s)}") for beat in silent)
    yield from (Fault("daemon", f"the daemon's {beat.daemon} tells an error: {beat.errors[0]}") for beat in beats if beat.errors)


def _for(silent_s: float | None) -> str:
    return "yet" if silent_s is None else f"for {_minutes(silent_s)}"


def _minutes(duration_s: float) -> str:
    return f"{duration_s / 60:.0f} min"


def health_alert(home: Home, found: Health) -> Alert | None:
    """The faults as an alert, the same for the same kinds of fault on one day (UTC); None where there are none but unsent alerts."""
    told, now = [fault for fault in found.faults if fault.kind != UNSENT], datetime.now(UTC)
    if not told:
        return None
    alert_id = f"health-{now:%Y%m%d}-{'-'.join(sorted({fault.kind for fault in told}))}"
    what, why = f"Feelm does not run well in {home.root}", "\n".join(fault.words for fault in told)
    return Alert(alert_id, AlertKind.UNHEALTHY, now.isoformat(timespec="seconds"), what, why)
