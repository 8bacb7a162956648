"""What the command line shows of films: the catalogue, what was added, and what it covers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from corpus.films.coverage import Coverage, EmotionShare, Share
from corpus.films.entries import Film
from orchestration.console import rows_table

if TYPE_CHECKING:
    from corpus.films.add import Addition

SHOWN_ROWS = 8


def film_table(title: str, films: Sequence[Film]) -> Table:
    """Films, with whether their files are here."""
    columns = ["id", "title", "year", "language", "rights", "subtitles", "screenplay", "here"]
    return rows_table(title, columns, [_film_row(film) for film in films])


def _film_row(film: Film) -> list[str]:
    year, language = str(film.year or "-"), film.language or "-"
    beside = ["yes" if path is not None else "-" for path in (film.subtitles, film.screenplay)]
    return [film.film_id, film.title, year, language, film.rights.value, *beside, "yes" if film.video.is_file() else "no"]


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


def coverage_tables(coverage: Coverage, width: int) -> RenderableType:
    """Coverage by dimension, side by side where there is room, and what is missing beneath."""
    unmeasured = f" ({coverage.n_unmeasured} of unknown length)" if coverage.n_unmeasured else ""
    head = f"{coverage.n_films} films, {coverage.minutes:.0f} minutes{unmeasured}, {coverage.n_judged} units judged"
    dimensions = ("genres", "decades", "languages", "cultures", "arcs", "rights")
    tables: list[RenderableType] = [_share_table(name.removesuffix("s"), getattr(coverage, name)) for name in dimensions[:-1]]
    tables += [_share_table("rights", coverage.rights), _emotion_table(coverage.emotions)]
    missing = rows_table("What is missing", ["what", "how"], [list(_parted(sentence)) for sentence in coverage.missing])
    return Group(Text(head, style="bold"), Text(), Columns(tables, padding=(1, 3), width=None), Text(), missing)


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


def _parted(sentence: str) -> tuple[str, str]:
    """A sentence as a row: what it is about, and what is said of it."""
    what, _, rest = sentence.partition(": ")
    return what, rest
