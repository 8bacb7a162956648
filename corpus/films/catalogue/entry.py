"""One film of a large catalogue without reading the others, and the ids of all without reading any.

Every step of a film's run is a process of its own, and ten thousand entries take seconds to parse: where the catalogue is set as
`write_catalogue` sets it, the film's own lines are found by their first one. Where it is set otherwise, it is to be read as a whole.
"""

from __future__ import annotations

import re
from pathlib import Path

from yaml import SafeLoader

from corpus.films.catalogue.entries import Film, film_from_entry, film_list
from corpus.films.catalogue.reading import parse_yaml, yaml_text
from corpus.films.catalogue.store import FIRST_ENTRY, HEAD
from corpus.terms import FeelmError

_ID = re.compile(r"^- id: ([a-z0-9_-]+)$", re.MULTILINE)


def read_ids(catalogue: Path) -> list[str] | None:
    """The films' ids in order, as `read_catalogue` finds them; None where the whole has to be read, which tells what is wrong."""
    if not catalogue.exists():
        return []
    content = yaml_text(catalogue)
    ids = _ID.findall(content)
    if not _is_written(content) or content.count("\n- ") != len(ids) or len(set(ids)) != len(ids):
        return None
    return sorted(ids) if all(map(_is_text, ids)) else None


def _is_text(word: str) -> bool:
    """Whether YAML takes a word for text as it stands: a number, a date or `null` is none, and is written in quotes where it is an id."""
    return not any(pattern.match(word) for _, pattern in SafeLoader.yaml_implicit_resolvers.get(word[0], ()))


def _is_written(content: str) -> bool:
    """Whether it is set as `write_catalogue` sets it, and one document."""
    return content.startswith(HEAD + FIRST_ENTRY) and "\n..." not in content and "\n---" not in content


def read_entry(catalogue: Path, film_id: str) -> Film | None:
    """The film as `read_catalogue` reads it; None where the whole has to be read, which tells what is wrong if anything is."""
    if not catalogue.exists():
        return None
    content, mark = yaml_text(catalogue), f"\n- id: {film_id}\n"
    if not _is_written(content) or content.count(mark) != 1:
        return None
    lines = content[content.index(mark) + 1 :].partition("\n- ")[0]
    try:
        (own,) = film_list({"films": parse_yaml(lines, catalogue)}, "an entry")
        return film_from_entry(own, catalogue.resolve().parent, "an entry", None)
    except (FeelmError, ValueError):
        return None
