"""`feelm pages`: the films' pages as files that need no service."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from corpus.paths import Home
from orchestration.console import Json, show

pages_app = typer.Typer(no_args_is_help=True, help="The films' pages as files that need no service.")


@pages_app.callback()
def pages() -> None:
    """The films' pages as files that need no service."""


@pages_app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="A new or empty folder, or an earlier export, which is replaced.")],
    with_videos: Annotated[bool, typer.Option("--with-videos", help="Copy the films too, so that they play.")] = False,
    as_json: Json = False,
) -> None:
    """Write library, film pages and comparisons of all films that may be shown: they open from a disk and stand on any static host."""
    from pages.site.export import export_pages

    done = export_pages(Home.from_environment(), folder, with_videos)
    told = [f"{done.films} film pages, {done.pairs} pairs, {done.videos} videos, {done.bytes / 1e6:.1f} MB: open {done.folder}/index.html"]
    told += [f"kept back: {reason}" for reason in done.kept_back]
    if done.without_page:
        told.append(f"no page yet (`feelm run` makes it): {', '.join(done.without_page)}")
    show(done, Text("\n".join(told)), as_json)
