"""The sensor that tells a team what failed: runs, and blocking checks that stopped one.

Dagster without its paid plan has no alert policies. A blocking check that fails with ERROR fails its run, so one cursor over failed runs
sees both, whoever started the run: each such check is an alert, and the run is one where something else failed. The cursor moves once the
alerts lie in the outbox, and every tick sends what still waits there: neither a dead target nor a killed daemon loses or doubles one.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.alerting.alert import Alert, AlertKind, shortened
from orchestration.alerting.outbox import Delivery, Outbox
from orchestration.alerting.settings import NO_TARGET, PASSWORD, USER, WEBHOOK, AlertSettings, read_settings
from orchestration.execution import failed_checks, other_failures
from orchestration.launching import PARTITION_TAG

EVERY_S = 60
MOST_RUNS = 50
"""Failed runs that one tick reads."""

SECRETS = (WEBHOOK, USER, PASSWORD)


def alert_settings() -> AlertSettings:
    """The targets by environment; what is secret is read as `dg.EnvVar`, at the moment of use, and is no part of any configuration."""
    secrets = {name: value for name in SECRETS if (value := dg.EnvVar(name).get_value())}
    return read_settings({**{name: value for name, value in os.environ.items() if name not in SECRETS}, **secrets})


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells by webhook and e-mail what failed: runs, and blocking checks. Without targets (FEELM_ALERT_...) it does nothing.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One tick: put new failures into the outbox, send what waits."""
    try:
        settings = alert_settings()
    except FeelmError as error:
        return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
    if not settings.sends:
        return dg.SensorResult(skip_reason=NO_TARGET, cursor=newest_failure(context.instance))
    cursor, outbox = context.cursor or newest_failure(context.instance), Outbox(Home.from_environment())
    records = failures_after(context.instance, int(cursor))
    found = [alert for record in records for alert in run_alerts(context.instance, record, settings)]
    outbox.add(found)
    delivery = outbox.deliver(settings)
    return dg.SensorResult(skip_reason=told(delivery), cursor=str(records[-1].storage_id) if records else cursor)


def newest_failure(instance: dg.DagsterInstance) -> str:
    """The cursor from which on failures are news."""
    records = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
    return str(records[0].storage_id) if records else "0"


def failures_after(instance: dg.DagsterInstance, cursor: int) -> Sequence[dg.EventLogRecord]:
    """Up to MOST_RUNS failed runs, the oldest first."""
    wanted = dg.RunStatusChangeRecordsFilter(event_type=dg.DagsterEventType.RUN_FAILURE, after_storage_id=cursor)
    return instance.fetch_run_status_changes(wanted, limit=MOST_RUNS, ascending=True).records


def run_alerts(instance: dg.DagsterInstance, record: dg.EventLogRecord, settings: AlertSettings) -> list[Alert]:
    """What a failed run has to tell: each blocking check that failed, and what else did; nothing where the run was deleted meanwhile."""
    entry = record.event_log_entry
    run = instance.get_run_by_id(entry.run_id)
    if run is None:
        return []
    events = [event.dagster_event for event in instance.all_logs(run.run_id) if event.dagster_event is not None]
    failure = _Failure(run, datetime.fromtimestamp(entry.timestamp, UTC).isoformat(timespec="seconds"), settings.run_link(run.run_id))
    checks, others = [failure.of_check(check) for check in failed_checks(events)], other_failures(events)
    return checks if checks and not others else [*checks, failure.of_run("\n".join(others) or entry.message)]


@dataclass(frozen=True)
class _Failure:
    """A failed run: when it failed, and where Dagster shows it."""

    run: dg.DagsterRun
    at: str
    link: str

    @property
    def partition(self) -> str | None:
        """Of the run, where it had one."""
        return self.run.tags.get(PARTITION_TAG)

    def of_check(self, check: dg.AssetCheckEvaluation) -> Alert:
        asset, partition, name = check.asset_key.to_user_string(), check.partition or self.partition, check.check_name
        # Keys may hold what file names and headers may not.
        digest = hashlib.sha256(json.dumps([asset, partition, name]).encode()).hexdigest()[:16]
        what = f"Check {name} failed on {' '.join(filter(None, (asset, partition)))}"
        why = shortened(check.description or "the check says no more")
        alert_id = f"check-{self.run.run_id}-{digest}"
        return Alert(alert_id, AlertKind.CHECK_FAILED, self.at, what, why, asset, partition, name, self.run.run_id, self.link)

    def of_run(self, why: str) -> Alert:
        job = "A run of assets" if self.run.job_name.startswith("__") else f"The job {self.run.job_name}"
        what = f"{job} failed on {self.partition}" if self.partition else f"{job} failed"
        run_id = self.run.run_id
        return Alert(
            f"run-{run_id}", AlertKind.RUN_FAILED, self.at, what, shortened(why), partition=self.partition, run_id=run_id, link=self.link
        )


def told(delivery: Delivery) -> str:
    """What a tick did, for Dagster's list of ticks."""
    if not delivery.done and not delivery.waiting:
        return "nothing to tell"
    waits = f"; {delivery.waiting} wait" if delivery.waiting else ""
    faults = f" ({'; '.join(delivery.faults)})" if delivery.faults else ""
    return f"{delivery.done} sent{waits}{faults}"
