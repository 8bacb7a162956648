"""`feelm respond`: a fitting reply to what was said, with the reason and everything that it was chosen from."""

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from corpus.paths import Home
from orchestration.console import Json, rows_table, show

if TYPE_CHECKING:
    from service.respond.guarded import Answer
    from service.respond.rank import Ranked

SHOWN = 5
"""Candidates that the table shows."""


def respond(
    said: Annotated[str, typer.Argument(help="What was said; lines `name: words` are a talk, `agent` being who answers. Or a text file.")],
    domain: Annotated[str, typer.Option(help="What the reply is for: customer_service, support_companion, ... or one of your own.")],
    language: Annotated[str | None, typer.Option(help="The language of the talk; it is recognised where it is left out.")] = None,
    as_json: Json = False,
) -> None:
    """Answer the last turn of a talk: the reply, what it is expected to do, and why; or that a person takes over, who then finds it."""
    from service.champion import Champion, champion_folder
    from service.domains.profile import profile
    from service.respond.film_lines import FilmLines
    from service.respond.guarded import Safeguards, answer
    from service.safety.escalation import Queue, read_target
    from service.turns import turns_of_talk

    purpose = profile(domain)
    path = Path(said) if len(said) < 250 and "\n" not in said else None
    text = path.read_text(encoding="utf-8") if path is not None and path.is_file() else said
    home = Home.from_environment()
    champion = Champion.load(champion_folder(home))
    safeguards = Safeguards.of(home, [champion.lines], Queue(home, read_target(os.environ)))
    writers = [FilmLines.read(home, champion.lines)]
    given = answer(champion, purpose, turns_of_talk(text), safeguards, f"command-line-{uuid.uuid4()}", language, writers)
    show(given, _tables(given), as_json)


def _tables(given: "Answer") -> Group:
    told = [Text(given.text, style="bold")]
    if given.disclosed:
        told.append(Text(given.disclosed, style="dim"))
    if given.escalation:
        told.append(Text(f"A person takes over: `feelm escalations list` has {given.escalation}", style="bold red"))
    told += [Text(why, style="red") for why in given.distress.why]
    reply = given.reply
    if reply is None:
        return Group(*told)
    states = ", ".join(f"{one.state} {one.value:.2f}" for one in reply.states)
    told += [Text(reply.reason), Text(f"States: {states}", style="dim")]
    if reply.origin.caveat:
        told.append(Text(reply.origin.caveat, style="dim"))
    head = ["way", "candidate", "reaction foreseen", "effect", "share of the way", "related"]
    return Group(*told, rows_table("What it was chosen from", head, [_row(one) for one in reply.ranked[:SHOWN]]))


def _row(one: "Ranked") -> list[str]:
    way, figures = one.candidate.strategy.value.replace("_", " "), (f"{one.effect:+.2f}", f"{one.share:.2f}", f"{one.related:+.2f}")
    return [way, one.candidate.text, one.reaction.emotion, *figures]
