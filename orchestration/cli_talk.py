"""`feelm respond`: a fitting reply to what was said, with the reason and everything that it was chosen from."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from corpus.paths import Home
from orchestration.console import Json, rows_table, show

if TYPE_CHECKING:
    from service.respond.reply import Reply

SHOWN = 5
"""Candidates that the table shows."""


def respond(
    said: Annotated[str, typer.Argument(help="What was said; lines `name: words` are a talk, `agent` being who answers. Or a text file.")],
    domain: Annotated[str, typer.Option(help="What the reply is for: customer_service, support_companion, ... or one of your own.")],
    language: Annotated[str | None, typer.Option(help="The language of the talk; it is recognised where it is left out.")] = None,
    as_json: Json = False,
) -> None:
    """Answer the last turn of a talk: the reply, what it is expected to do, and why it was chosen."""
    from service.champion import Champion, champion_folder
    from service.domains.profile import profile
    from service.respond.reply import respond as answer
    from service.turns import turns_of_talk

    purpose = profile(domain)
    path = Path(said) if len(said) < 250 and "\n" not in said else None
    text = path.read_text(encoding="utf-8") if path is not None and path.is_file() else said
    reply = answer(Champion.load(champion_folder(Home.from_environment())), purpose, turns_of_talk(text), language)
    show(asdict(reply), _tables(reply), as_json)


def _tables(reply: "Reply") -> Group:
    rows = [
        [
            one.candidate.strategy.value.replace("_", " "),
            one.candidate.text,
            one.reaction.emotion,
            f"{one.effect:+.2f}",
            f"{one.share:.2f}",
            f"{one.related:+.2f}",
        ]
        for one in reply.ranked[:SHOWN]
    ]
    states = ", ".join(f"{one.state} {one.value:.2f}" for one in reply.states)
    told = [Text(reply.text, style="bold"), Text(reply.reason), Text(f"States: {states}", style="dim")]
    if reply.hand_over:
        told.append(Text(f"A person takes over: {reply.hand_over}", style="bold red"))
    if reply.origin.caveat:
        told.append(Text(reply.origin.caveat, style="dim"))
    head = ["way", "candidate", "reaction foreseen", "effect", "share of the way", "related"]
    return Group(*told, rows_table("What it was chosen from", head, rows))
