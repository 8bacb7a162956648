"""`feelm health`: whether the running system works, for people, cron and a container's health check."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from corpus.paths import Home
from orchestration.console import Json, rows_table, show

if TYPE_CHECKING:
    from orchestration.health import Health


def health(
    tell: Annotated[
        bool, typer.Option("--tell", help="Send what is wrong, once a day, and alerts that wait, to the targets of alerts.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at the daemon, people nobody reached, the queue, last ticks, the disk and unsent alerts; exit code 1 when something is wrong."""
    from orchestration.health import read_health

    home = Home.from_environment()
    found = read_health(home)
    delivery = _tell(home, found) if tell else None
    rows = [[fault.kind, fault.words] for fault in found.faults] or [["all is well", f"{found.running} runs, {found.queued} wait"]]
    table = rows_table("Health", ["what", "how it is"], rows)
    table.caption = delivery
    show({"healthy": not found.faults, **asdict(found), "told": delivery}, table, as_json)
    if found.faults:
        raise typer.Exit(1)


def _tell(home: Home, found: "Health") -> str:
    """Put the faults into the outbox, send what waits; what came of it."""
    from orchestration.alerting.outbox import Outbox
    from orchestration.alerting.settings import NO_TARGET
    from orchestration.alerts import alert_settings, told
    from orchestration.health import health_alert

    settings, outbox, alert = alert_settings(), Outbox(home), health_alert(home, found)
    if not settings.sends:
        return NO_TARGET
    outbox.add([alert] if alert else [])
    return told(outbox.deliver(settings))
