"""`feelm films`: the films the team may use."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.console import Json, Workers, out, show

films_app = typer.Typer(no_args_is_help=True, help="The films the team may use.")


@films_app.command("add")
def films_add(
    media: Annotated[list[Path], typer.Argument(help="Film files, or folders with a film.yaml or films.yaml.")],
    film_id: Annotated[str | None, typer.Option("--id", help="Id; guessed from the title.")] = None,
    title: Annotated[str | None, typer.Option(help="Guessed from the file's name.")] = None,
    year: Annotated[int | None, typer.Option(help="Guessed from the file's name or tags.")] = None,
    subtitles: Annotated[Path | None, typer.Option(help="Found beside the film by its name where not given.")] = None,
    screenplay: Annotated[Path | None, typer.Option(help="Found beside the film by its name where not given.")] = None,
    language: Annotated[str | None, typer.Option(help="Such as en; taken from sound track or subtitles.")] = None,
    country: Annotated[str | None, typer.Option(help="Such as US.")] = None,
    genre: Annotated[list[str] | None, typer.Option(help="Once for each.")] = None,
    rights: Annotated[str | None, typer.Option(help="public_domain, cc0, cc_by, licensed, research_exception, unknown")] = None,
    rights_ref: Annotated[str | None, typer.Option(help="Where the rights are written down.")] = None,
    cut: Annotated[str | None, typer.Option(help="Which version this is, where there are several.")] = None,
    series: Annotated[str | None, typer.Option(help="Joins parts, cuts and versions that no split may part.")] = None,
    as_json: Json = False,
) -> None:
    """Add films to the catalogue; what can be measured is not asked."""
    from corpus.films.catalogue.add import add_films
    from orchestration.summary_films import addition_json, addition_words

    options: dict[str, Any] = {"film_id": film_id, "title": title, "year": year, "subtitles": subtitles, "screenplay": screenplay}
    options |= {"language": language, "country": country, "genres": tuple(genre) if genre else None}
    options |= {"rights": rights, "rights_ref": rights_ref, "cut_id": cut, "series": series}
    given = {name: value for name, value in options.items() if value is not None}
    added = [one for path in media for one in add_films(Home.from_environment().catalogue, path, **given)]
    show([addition_json(one) for one in added], addition_words(added), as_json)


@films_app.command("list")
def films_list(as_json: Json = False) -> None:
    """Show the catalogue."""
    from orchestration.summary_films import film_table

    films = list(Workspace.from_environment().films.values())
    show(films, film_table("Films", films), as_json)


@films_app.command("coverage")
def films_coverage(as_json: Json = False) -> None:
    """Show what the films cover (genre, decade, language, culture, emotion, arc), and what is missing."""
    from orchestration.library import catalogue_coverage
    from orchestration.summary_films import coverage_tables

    coverage = catalogue_coverage(Workspace.from_environment())
    show(coverage, coverage_tables(coverage), as_json)


@films_app.command("make")
def films_make(
    films: Annotated[int, typer.Option(min=1, help="How many.")] = 12,
    seed: Annotated[int, typer.Option()] = 7,
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("made-films"),
    workers: Workers = 2,
) -> None:
    """Make short films with known truth: picture, speech, subtitles, screenplay, raters."""
    from orchestration.progress import make_with_progress

    folders = make_with_progress(folder, films, seed, workers)
    out.print(f"{len(folders)} films in {folder}: add them with `feelm films add {folder}`")


@films_app.command("fetch")
def films_fetch(
    film_ids: Annotated[list[str] | None, typer.Argument(help="Ids; none shows what can be fetched.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch films that name where they come from, verify them, and add them; what broke off is resumed."""
    from corpus.films.catalogue.fetch import fetchable_films
    from orchestration.progress import fetch_with_progress
    from orchestration.summary_films import addition_json, addition_words, film_table

    home = Home.from_environment()
    if not film_ids:
        films = fetchable_films(home)
        show(films, film_table("Films that can be fetched: `feelm films fetch ID`", films), as_json)
        return
    added = fetch_with_progress(home, film_ids)
    show([addition_json(one) for one in added], addition_words(added), as_json)
