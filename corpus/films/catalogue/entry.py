"""One film of a large catalogue, without reading the others.

Every step of a film's run is a process of its own, and ten thousand entries take seconds to parse: where the catalogue is set as
`write_catalogue` sets it, the film's own lines are found by their first one. Where it is set otherwise, it is to be read as a whole.
"""

from __future__ import annotations

from pathlib import Path

from corpus.films.catalogue.entries import Film, film_from_entry, film_list
from corpus.films.catalogue.reading import parse_yaml, yaml_text
from corpus.films.catalogue.store import FIRST_ENTRY, HEAD
from corpus.terms import FeelmError


def read_entry(catalogue: Path, film_id: str) -> Film | None:
    """The film as `read_catalogue` reads it; None where the whole has to be read, which tells what is wrong if anything is."""
    if not catalogue.exists():
        return None
    content, mark = yaml_text(catalogue), f"\n- id: {film_id}\n"
    is_written = content.startswith(HEAD + FIRST_ENTRY) and "\n..." not in content and "\n---" not in content  # no second document
    if not is_written or content.count(mark) != 1:
        return None
    lines = content[content.index(mark) + 1 :].partition("\n- ")[0]
    try:
        (own,) = film_list({"films": parse_yaml(lines, catalogue)}, "an entry")
        return film_from_entry(own, catalogue.resolve().parent, "an entry", None)
    except (FeelmError, ValueError):
        return None
