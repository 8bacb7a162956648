"""`feelm use-basis`, `feelm escalations`, `feelm compliance`: for the person who answers for the service."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.console import Json, err, out, rows_table, show

if TYPE_CHECKING:
    from service.safety.escalation import Queue

basis_app = typer.Typer(no_args_is_help=True, help="Recorded bases of uses that are refused without one (EU AI Act, Art. 5(1)(f)).")
escalations_app = typer.Typer(no_args_is_help=True, help="Conversations that a person takes over.")


@basis_app.command("add")
def basis_add(
    context: Annotated[str, typer.Option(help="customer_service, support, education, workplace, game, writing, research")],
    input_: Annotated[str, typer.Option("--input", help="voice or face")],
    subject: Annotated[str, typer.Option(help="employee, pupil, ...")],
    ground: Annotated[str, typer.Option(help="medical or safety")],
    who: Annotated[str, typer.Option(help="Who answers for it.")],
    why: Annotated[str, typer.Option(help="The reason, in a sentence.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day on which it holds.")],
    as_json: Json = False,
) -> None:
    """Record a medical or safety basis; the record can be ended and never removed."""
    from service.safety.uses import Context, Ground, Input, Subject, UseProfile, add_basis

    try:
        profile, own = UseProfile(Context(context), Input(input_), Subject(subject)), Ground(ground)
    except ValueError as error:
        raise FeelmError(f"{error}: see `feelm use-basis add --help` for what there is") from error
    basis = add_basis(Home.from_environment(), profile, own, who, why, until.date())
    show(basis, f"{basis.id}: {profile} on a {own} basis until {basis.until}", as_json)


@basis_app.command("list")
def basis_list(as_json: Json = False) -> None:
    """Show the bases that hold."""
    from service.safety.uses import read_bases

    bases = read_bases(Home.from_environment())
    rows = [[one.id, str(one.profile), one.ground, one.who, one.why, str(one.until)] for one in bases]
    show(bases, rows_table("Bases", ["id", "use", "ground", "who", "why", "until"], rows), as_json)


@basis_app.command("end")
def basis_end(basis_id: str, who: Annotated[str, typer.Option(help="Who ends it.")]) -> None:
    """End a basis; the record stays."""
    from service.safety.uses import end_basis

    end_basis(Home.from_environment(), basis_id, who)
    out.print(f"{basis_id} holds no more")


@escalations_app.command("list")
def escalations_list(
    state: Annotated[str | None, typer.Option(help="waiting, delivered or acknowledged")] = None, as_json: Json = False
) -> None:
    """Show conversations that were handed over, and what is wrong with their delivery."""
    from service.safety.escalation import State

    queue = _queue()
    try:
        found = queue.all(State(state) if state else None)
    except ValueError as error:
        raise FeelmError(f"there is no state {state!r}: there are {', '.join(State)}") from error
    rows = [[one.id, _day(one.at), one.domain, one.state, one.reason, one.acknowledged_by or one.fault or ""] for one in found]
    show(found, rows_table("Escalations", ["id", "at", "domain", "state", "why", "by / fault"], rows), as_json)
    for fault in queue.faults():
        err.print(fault, highlight=False, markup=False)


@escalations_app.command("take")
def escalations_take(escalation_id: str, who: Annotated[str, typer.Option(help="Who takes it over.")]) -> None:
    """Note that a person took a conversation over."""
    taken = _queue().acknowledge(escalation_id, who)
    out.print(f"{taken.id}: taken over by {taken.acknowledged_by}", highlight=False, markup=False)


@escalations_app.command("deliver")
def escalations_deliver() -> None:
    """Send what is due, as the service does by itself; exit code 1 when something stays undelivered."""
    queue = _queue()
    done = queue.deliver()
    out.print(f"{done} delivered, {queue.counts().waiting} wait", highlight=False)
    for fault in queue.faults():
        err.print(fault, highlight=False, markup=False)
    if queue.counts().waiting:
        raise typer.Exit(1)


def compliance(
    out_folder: Annotated[Path, typer.Option("--out", help="Folder of the bundle; it is replaced as a whole.")] = Path("compliance"),
    as_json: Json = False,
) -> None:
    """Write the compliance bundle: cards, ceilings, uses, disclosure, escalations, distress rules, limits, with a manifest."""
    from service.domains.profile import profiles
    from service.safety.compliance import Route, build_compliance

    routes = [Route(one.name, one.route.queue, one.route.told["en"]) for one in profiles().values()]
    bundle = build_compliance(Home.from_environment(), out_folder.resolve(), dict(os.environ), routes)
    rows = [[piece.name, piece.lacking or piece.about] for piece in bundle.pieces]
    value = {"folder": str(bundle.folder), "at": bundle.at, "pieces": bundle.pieces}
    show(value, rows_table(f"Bundle in {bundle.folder}", ["file", "what it is, or why it lacks"], rows), as_json)


def _queue() -> "Queue":
    from service.safety.escalation import Queue, read_target

    return Queue(Home.from_environment(), read_target(os.environ))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
