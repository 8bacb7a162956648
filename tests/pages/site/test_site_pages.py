"""Library, film page and comparison: foreign words stay words, nothing is inline, and what is told follows from the figures."""

import re
from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.terms import FeelmError
from pages.site.compare import compare_page, compared, nearest
from pages.site.film import film_page, read_parts
from pages.site.library import library_page
from pages.site.places import Served, Written
from pages.site.shelf import Holding, Shelf, read_holding, read_shelf
from pages.site.shell import SERVED_POLICY, film_parts
from tests.pages.outline import Outline
from tests.pages.sample import HOSTILE, HOSTILE_MARKUP, SILENT, TALK
from tests.pages.site.conftest import NEW, OTHER, SECRET, TITLE

ELSEWHERE = re.compile(r"\s*(javascript|https?|//)", re.IGNORECASE)


def inline(html: str) -> list[str]:
    """What a page's policy would refuse, or would have refused if it were there."""
    found = []
    for tag, attributes in Outline(html).tags:
        found += [f"{tag} {name}" for name in attributes if name == "style" or name.startswith("on")]
        found += [
            f"{tag} {value}" for name, value in attributes.items() if name in ("href", "src", "action") and ELSEWHERE.match(value or "")
        ]
        found += [tag] if tag == "style" or (tag == "script" and not attributes.get("src")) else []
    return found


@pytest.fixture(scope="module")
def shelf(site_home: Home) -> Shelf:
    return read_shelf(site_home)


def holding(home: Home, film_id: str) -> Holding:
    found = read_holding(home, film_id)
    assert isinstance(found, Holding)
    return found


@pytest.fixture(scope="module")
def pages(site_home: Home, shelf: Shelf) -> dict[str, str]:
    talk = holding(site_home, TALK)
    return {
        "library": library_page(shelf, Served()),
        "film": film_page(talk, read_parts(talk), Served(), "/films/made-1-01/video"),
        "compare": compare_page(shelf.comparable, Served(), OTHER, TALK),
        "choice": compare_page(shelf.comparable, Written(), pairs=nearest(shelf.comparable, 9)),
    }


@pytest.mark.parametrize("name", ["library", "film", "compare", "choice"])
def test_foreign_words_are_shown_as_words_and_nothing_is_inline(pages: dict[str, str], name: str) -> None:
    html = pages[name]
    assert HOSTILE not in html and HOSTILE_MARKUP not in html
    assert inline(html) == []
    assert TITLE in Outline(html).words


def test_the_policy_lets_nothing_inline_in() -> None:
    assert "unsafe" not in SERVED_POLICY and "data:" in SERVED_POLICY.split("img-src", 1)[1].split(";")[0]
    assert SERVED_POLICY.count("data:") == 1


def test_a_card_tells_what_a_film_is_and_does(pages: dict[str, str]) -> None:
    words = Outline(pages["library"]).words
    for told in ("2031 · 0:44 · en · 14 lines", "3 raters", "the model agrees on 77", "CC0, Made by", "Kept back", "has rights 'unknown'"):
        assert told in words.replace("\xa0", " ")
    assert f"No page yet: `feelm run --film {NEW}` makes it." in words
    assert "/films/made-1-01" in pages["library"] and f"/films/{NEW}" not in pages["library"] and f"/films/{SECRET}" not in pages["library"]


def test_lines_and_spans_of_all_films_are_counted_apart(pages: dict[str, str]) -> None:
    words = Outline(pages["library"]).words
    units = [re.findall(rf"· (\d+) {level}s?\b", words) for level in ("line", "span")]
    lines, spans = (sum(map(int, counts)) for counts in units)
    assert lines and spans and f"{lines} lines" in words and f"{spans} span" in words


def test_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    words = Outline(library_page(read_shelf(Home(tmp_path)), Served())).words
    assert "feelm films add FOLDER , then feelm run" in words and "There is no film yet" in words


def test_the_film_plays_beside_its_timeline_or_it_is_said_why_not(site_home: Home, pages: dict[str, str]) -> None:
    assert pages["film"].index("<video") < pages["film"].index('id="timeline"')
    silent = holding(site_home, SILENT)
    told = film_page(silent, read_parts(silent), Served(), None, silent.no_video)
    assert "<video" not in told and "actress.mp4 is not where the catalogue says" in told


def test_the_page_holds_all_that_was_asked_of_it(pages: dict[str, str]) -> None:
    words = Outline(pages["film"]).words
    for told in (
        "Emotion curve",
        "Arc Valence",
        "Arcs of the characters",
        "Where model and raters part",
        "What raters dispute",
        "Every line",
    ):
        assert told in words


def test_a_film_without_a_page_says_which_command_makes_it(site_home: Home) -> None:
    with pytest.raises(FeelmError, match=f"feelm run --film {NEW}"):
        read_parts(holding(site_home, NEW))
    with pytest.raises(FeelmError, match="earlier version"):
        film_parts("<!doctype html><style>a{}</style><p>old</p>")


def test_a_film_and_its_mirror_are_far_apart_and_a_film_is_not_from_itself(site_home: Home) -> None:
    talk, other = holding(site_home, TALK), holding(site_home, OTHER)
    found, same = compared(talk, other), compared(talk, talk)
    assert [teller.name for teller in found.tellers] == ["model", "raters"]
    assert same.tellers[0].distance == pytest.approx(0) and same.tellers[0].correlation == pytest.approx(1)
    assert found.tellers[0].correlation == pytest.approx(-1)
    assert found.tellers[0].distance is not None and found.tellers[0].distance > 0.1
    assert found.tellers[1].distance == pytest.approx(0) and found.tellers[0].divergence == pytest.approx(0)


def test_a_comparison_shows_both_axes_shares_characters_and_raters(pages: dict[str, str]) -> None:
    words = Outline(pages["compare"]).words
    for told in (
        "From the first line to the last",
        "In time",
        "Shares of the emotions",
        "Characters",
        "Raters and their agreement",
        "1:28",
    ):
        assert told in words
    assert 'action="/compare" method="get"' in pages["compare"]


def test_the_same_film_twice_is_no_comparison(shelf: Shelf) -> None:
    assert "That is the same film twice" in compare_page(shelf.comparable, Served(), TALK, TALK)


def test_fewer_than_two_films_say_so(shelf: Shelf) -> None:
    assert "There are not two films to compare" in compare_page(shelf.comparable[:1], Served())


def test_of_many_films_each_is_laid_beside_the_nearest(shelf: Shelf) -> None:
    films = [*shelf.comparable, *shelf.comparable]
    found = nearest(films, 4)
    assert all(len(others) == 1 for _, others in found)
    assert all(one.film.film_id == others[0].film.film_id for one, others in found)
    assert [len(others) for _, others in nearest(films, 6)] == [2] * 4
