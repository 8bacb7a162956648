"""A history is read as it was written, the whole or what is about some films, whatever they are called."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ancestry import Part, Stamp
from assets.history import HISTORY_PART, FilmRights, History
from corpus.terms import FILM_ID_PATTERN

VERSION = "0123456789abcdef0123456789abcdef"
IDS = st.from_regex(FILM_ID_PATTERN, fullmatch=True)
TITLES = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from('\n\r\x85\u2028"{}'))


def stamp(stage: str, key: str, params: dict[str, str]) -> Stamp:
    return Stamp(stage, key, "code", {"entry": VERSION}, {stage: VERSION}, params)


def rights(film_id: str, title: str) -> FilmRights:
    return FilmRights(film_id, VERSION, title, "cc0", None, title, "research", [])


def by_key(history: History) -> tuple[list[Stamp], list[FilmRights]]:
    """Stamps and films in an order of their own: a history keeps those of a film together."""
    return sorted(history.stamps, key=lambda one: (one.stage, one.key)), sorted(history.films, key=lambda one: one.film_id)


@given(titles=st.dictionaries(IDS, TITLES, max_size=4), asked=st.sets(IDS, max_size=2))
def test_what_is_about_some_films_is_found_by_their_ids(
    tmp_path_factory: pytest.TempPathFactory, titles: dict[str, str], asked: set[str]
) -> None:
    beside = tmp_path_factory.mktemp("model")
    whole = stamp("gold_labels", "", {})
    of_films = [stamp(link, film_id, {"title": title}) for link in ("film", "scenes") for film_id, title in titles.items()]
    history = History([whole, *of_films], [rights(film_id, title) for film_id, title in titles.items()])
    history.write(beside / HISTORY_PART)
    read = History.read(beside)
    assert read is not None and by_key(read) == by_key(history)
    named = frozenset(asked | set(list(titles)[:1]))
    some = History.read(beside, Part(named))
    stamps, films = [one for one in of_films if one.key in named], [one for one in history.films if one.film_id in named]
    assert some is not None and by_key(some) == by_key(History([whole, *stamps], films))


def test_beside_a_model_without_a_history_there_is_none(tmp_path: Path) -> None:
    assert History.read(tmp_path) is None
