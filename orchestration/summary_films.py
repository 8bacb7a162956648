"""What the command line shows of films: the catalogue, what was added, and what it covers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from corpus.films.catalogue.coverage import Coverage, EmotionShare, Share
from corpus.films.catalogue.entries import Film

if TYPE_CHECKING:
    from corpus.films.catalogue.add import Addition

SHOWN_ROWS = 8


def film_table(title: str, films: Sequence[Film]) -> Table:
    """Films, with which of their files are here."""
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    for column in ("id", "title", "year", "lang", "rights", "files"):
        table.add_column(column, no_wrap=column in ("id", "rights"))
    for film in films:
        table.add_row(film.film_id, film.title, str(film.year or "-"), film.language or "-", film.rights.value, _files(film))
    return table


def _files(film: Film) -> str:
    if film.waits:
        return "to fetch"
    paths = {"film": film.video, "subtitles": film.subtitles, "screenplay": film.screenplay}
    return " ".join(name if path.is_file() else f"{name} gone" for name, path in paths.items() if path is not None)


def addition_json(addition: "Addition") -> dict[str, Any]:
    """A film that was added, what was measured of it, and what is to be seen to."""
    measured = addition.measured
    return {
        **asdict(addition.film),
        "duration_ms": measured.ends_ms if measured else None,
        "media": asdict(measured.facts) if measured else None,
        "warnings": list(addition.warnings),
    }


def addition_words(added: "Sequence[Addition]") -> RenderableType:
    """What was found of each film, in words."""
    return Group(*(part for addition in added for part in _words(addition)))


def _words(addition: "Addition") -> list[RenderableType]:
    film, measured = addition.film, addition.measured
    told = [str(film.year) if film.year else "year unknown", film.language or "language unknown", f"rights {film.rights.value}"]
    lines = [measured.words] if measured else []
    files = {"subtitles": film.subtitles, "screenplay": film.screenplay}
    lines.append(", ".join(f"{role} {path.name}" if path else f"no {role}" for role, path in files.items()))
    parts: list[RenderableType] = [Text.assemble((film.film_id, "bold"), f": {film.title} ({', '.join(told)})")]
    parts += [Padding(Text(line), (0, 0, 0, 2)) for line in lines]
    return parts + [Padding(Text(f"! {warning}", style="yellow"), (0, 0, 0, 2)) for warning in addition.warnings]


def coverage_tables(coverage: Coverage) -> RenderableType:
    """Coverage by dimension, side by side where there is room, and what is missing beneath."""
    unmeasured = f" ({coverage.n_unmeasured} of unknown length)" if coverage.n_unmeasured else ""
    head = f"{coverage.n_films} films, {coverage.minutes:.0f} minutes{unmeasured}, {coverage.n_judged} units judged"
    dimensions = ("genres", "decades", "languages", "cultures", "arcs", "rights")
    tables: list[RenderableType] = [_share_table(name.removesuffix("s"), getattr(coverage, name)) for name in dimensions[:-1]]
    tables += [_share_table("rights", coverage.rights), _emotion_table(coverage.emotions)]
    missing = Table(box=None, pad_edge=False, show_header=False)
    for sentence in coverage.missing:
        missing.add_row("-", Text(sentence))
    return Group(Text(head, style="bold"), Text(), Columns(tables, padding=(1, 3)), Text("What is missing", style="bold"), missing)


def _share_table(name: str, shares: Sequence[Share]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(name)
    for column in ("films", "min"):
        table.add_column(column, justify="right")
    for share in shares[:SHOWN_ROWS]:
        table.add_row(share.name, str(share.films), f"{share.minutes:.0f}")
    if len(shares) > SHOWN_ROWS:
        table.add_row(f"and {len(shares) - SHOWN_ROWS} more", "", "")
    return table


def _emotion_table(emotions: Sequence[EmotionShare]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("emotion")
    for column in ("judged", "share", "leads in", "notes"):
        table.add_column(column, justify="right")
    for entry in emotions:
        share = f"{entry.share:.1%}" if entry.share is not None else "-"
        table.add_row(entry.emotion, f"{entry.mass:.0f}", share, str(len(entry.leads_in)), str(entry.notes))
    return table
