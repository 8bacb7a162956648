"""One film of a large catalogue without reading or writing the others, and the ids of all without reading any.

Every step of a film's run is a process of its own, and ten thousand entries take seconds to parse: where the catalogue is set as
`write_catalogue` sets it, the film's own lines are found by their first one. Where it is set otherwise, it is to be read as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from yaml import SafeLoader

from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.reading import yaml_text
from corpus.films.catalogue.store import FILMS, FIRST_ENTRY, HEAD, film_of, is_written, write_catalogue, written
from corpus.paths import write_text
from corpus.terms import FeelmError, Rights

_ID = re.compile(r"^- id: ([a-z0-9_-]+)$", re.MULTILINE)

_RIGHTS = re.compile(r"^  rights: *(.*?) *$", re.MULTILINE)


def read_ids(catalogue: Path) -> list[str] | None:
    """The films' ids in order, as `read_catalogue` finds them; None where the whole has to be read, which tells what is wrong."""
    if not catalogue.exists():
        return []
    content = yaml_text(catalogue)
    ids = _ID.findall(content)
    if not is_written(content) or content.count("\n- ") != len(ids) or len(set(ids)) != len(ids):
        return None
    return sorted(ids) if all(map(_is_text, ids)) else None


def read_rights(catalogue: Path) -> dict[str, Rights] | None:
    """Rights by film id, as `read_catalogue` finds them; None where the whole has to be read."""
    if (ids := read_ids(catalogue)) is None:
        return None
    entries = yaml_text(catalogue).split("\n- id: ")[1:]
    found = {entry.partition("\n")[0]: _RIGHTS.findall(entry) for entry in entries}
    rights = {one.value: one for one in Rights}
    is_plain = all(len(words) == 1 and words[0] in rights for words in found.values())
    return {film_id: rights[found[film_id][0]] for film_id in ids} if is_plain else None


def _is_text(word: str) -> bool:
    """Whether YAML takes a word for text as it stands: a number, a date or `null` is none, and is written in quotes where it is an id."""
    return not any(pattern.match(word) for _, pattern in SafeLoader.yaml_implicit_resolvers.get(word[0], ()))


def read_entry(catalogue: Path, film_id: str) -> Film | None:
    """The film as `read_catalogue` reads it; None where the whole has to be read, which tells what is wrong if anything is."""
    if not catalogue.exists():
        return None
    content, mark = yaml_text(catalogue), f"\n- id: {film_id}\n"
    if not is_written(content) or content.count(mark) != 1:
        return None
    lines = content[content.index(mark) + 1 :].partition("\n- ")[0]
    try:
        return film_of(lines, catalogue.resolve().parent, None)
    except (FeelmError, ValueError):
        return None


def put_entry(catalogue: Path, film: Film, films: Iterable[Film]) -> None:
    """Write the film into the catalogue that holds `films`: in its place by id, or in that of the entry of its id; the others stay as they
    stand. A catalogue that is set otherwise is written as a whole.
    """
    ids = read_ids(catalogue)
    if not ids or not _is_text(film.film_id):
        others = (other for other in films if other.film_id != film.film_id)
        return write_catalogue(catalogue, [*others, film])
    content = yaml_text(catalogue)
    entries = [f"- {entry}\n" for entry in content.removeprefix(HEAD + FIRST_ENTRY).removesuffix("\n").split("\n- ")]
    by_id = dict(zip(_ID.findall(content), entries, strict=True)) | {film.film_id: written(film, catalogue.resolve().parent)}
    write_text(catalogue, HEAD + FILMS + "".join(by_id[film_id] for film_id in sorted(by_id)))
