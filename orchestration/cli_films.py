"""`feelm films`: the films the team may use."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from corpus.paths import Home
from orchestration.console import Json, Workers, err, out, rows_table, show

films_app = typer.Typer(no_args_is_help=True, help="The films the team may use.")


@films_app.command("add")
def films_add(
    media: Annotated[list[Path], typer.Argument(help="Video files, or folders of made films.")],
    film_id: Annotated[str | None, typer.Option("--id", help="Id; guessed from the file's name.")] = None,
    title: Annotated[str | None, typer.Option()] = None,
    subtitles: Annotated[Path | None, typer.Option(help="Found beside the film by its name where not given.")] = None,
    screenplay: Annotated[Path | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47, such as en.")] = None,
    rights: Annotated[str | None, typer.Option(help="public_domain, cc0, cc_by, licensed, research_exception, unknown")] = None,
    rights_ref: Annotated[str | None, typer.Option(help="Where the rights are written down.")] = None,
    as_json: Json = False,
) -> None:
    """Add films to the catalogue; what can be measured is not asked."""
    from orchestration.library import add_media

    options = {"film_id": film_id, "title": title, "subtitles": subtitles, "screenplay": screenplay}
    options |= {"language": language, "rights": rights, "rights_ref": rights_ref}
    added = add_media(Home.from_environment(), media, {k: v for k, v in options.items() if v is not None})
    rows = [[film.film_id, film.title or "", film.language or "", film.rights.value] for film in added]
    show([asdict(film) for film in added], rows_table("Added", ["id", "title", "language", "rights"], rows), as_json)


@films_app.command("list")
def films_list(as_json: Json = False) -> None:
    """Show the catalogue."""
    from assets.workspace import Workspace

    films = Workspace.from_environment().films.values()
    rows = [
        [film.film_id, film.title or "", film.language or "", film.rights.value, "yes" if film.subtitles else "-", str(film.video)]
        for film in films
    ]
    show(
        [asdict(film) for film in films],
        rows_table("Films", ["id", "title", "language", "rights", "subtitles", "video"], rows),
        as_json,
    )


@films_app.command("make")
def films_make(
    films: Annotated[int, typer.Option(min=1, help="How many.")] = 12,
    seed: Annotated[int, typer.Option()] = 7,
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("made-films"),
    workers: Workers = 2,
) -> None:
    """Make short films with known truth: picture, speech, subtitles, screenplay, raters."""
    from orchestration.progress import make_with_progress

    folders = make_with_progress(folder, films, seed, workers, err)
    out.print(f"{len(folders)} films in {folder}: add them with `feelm films add {folder}`")


@films_app.command("fetch")
def films_fetch(film_id: Annotated[str, typer.Argument(help="An id of the starter catalogue; `list` shows them.")]) -> None:
    """Fetch an open film of the starter catalogue and add it."""
    from orchestration.library import fetch_and_add, starter_table

    if film_id == "list":
        out.print(starter_table())
        return
    film = fetch_and_add(Home.from_environment(), film_id)
    out.print(f"{film.film_id}: {film.title}, {film.rights.value} ({film.rights_ref})")
