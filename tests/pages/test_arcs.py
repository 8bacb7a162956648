"""Arcs: valence of the lines, shares by the emotion named, characters by how much they say; and their digest."""

from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.terms import EMOTIONS, FeelmError
from ml.models.reading import AFFECT
from pages.arcs import character_arcs, model_arc, raters_arc
from pages.digest import DIGEST_FILE, FilmDigest
from pages.film import build_film_page, read_film_page
from pages.lines import Line
from tests.pages.sample import BARE, N_LINES, SILENT, TALK


@pytest.fixture(scope="module")
def lines(home: Home) -> tuple[Line, ...]:
    return read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet").lines


def test_shares_count_lines_by_the_emotion_that_each_teller_names(lines: tuple[Line, ...]) -> None:
    raters = raters_arc(lines)
    assert raters is not None and len(raters.points) == N_LINES - 1
    assert sum(raters.shares) == pytest.approx(1, abs=0.001)
    assert raters.shares[EMOTIONS.index("disgust")] == pytest.approx(1 / (N_LINES - 1), abs=0.001)
    assert model_arc([line for line in lines if line.model is None]) is None


def test_valence_is_what_the_seven_probabilities_imply(lines: tuple[Line, ...]) -> None:
    arc, first = model_arc(lines), lines[0]
    assert arc is not None and first.model is not None
    wanted = sum(p * AFFECT[name][0] for name, p in zip(EMOTIONS, first.model.probabilities, strict=True))
    assert arc.points[0].valence == pytest.approx(wanted, abs=0.002)
    assert (arc.start_ms, len(arc.course)) == ((first.start_ms + first.end_ms) // 2, 100)


def test_few_lines_draw_no_course_and_stand_as_dots(lines: tuple[Line, ...]) -> None:
    arc = model_arc(lines[:4])
    assert arc is not None and arc.course == () and arc.shape is None
    curve = arc.curve("x")
    assert curve.dots and (curve.places[0], curve.places[-1], len(curve.values)) == (0, 1, 4)


def test_a_course_in_time_begins_with_the_first_line_and_not_with_the_film(lines: tuple[Line, ...]) -> None:
    arc = model_arc(lines)
    assert arc is not None
    timed = arc.timed(44_000, "x")
    assert timed.places[0] == pytest.approx(arc.start_ms / 44_000) and timed.places[-1] == pytest.approx(arc.end_ms / 44_000)


def test_characters_stand_by_how_much_they_say(lines: tuple[Line, ...]) -> None:
    found = character_arcs(lines)
    assert [one.lines for one in found] == sorted((one.lines for one in found), reverse=True)
    assert found[0].name == "mara" and found[0].share == pytest.approx(0.5)


def test_the_digest_is_read_as_it_was_written(home: Home, tmp_path: Path) -> None:
    build_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet", tmp_path)
    told = FilmDigest.read(tmp_path)
    assert told is not None
    page = read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    assert told == page.digest
    assert (told.units, told.judged, told.split, told.compared, told.agreeing, told.raters) == (N_LINES, N_LINES - 1, 1, 13, 10, 3)


@pytest.mark.parametrize("film_id", [SILENT, BARE])
def test_a_film_of_which_nothing_is_said_has_a_digest_without_arcs(home: Home, film_id: str, tmp_path: Path) -> None:
    build_film_page(home, film_id, tmp_path / "none.parquet", tmp_path)
    told = FilmDigest.read(tmp_path)
    assert told is not None and told.told is None and told.characters == ()


def test_a_damaged_digest_is_told_with_what_to_do(tmp_path: Path) -> None:
    assert FilmDigest.read(tmp_path) is None
    (tmp_path / DIGEST_FILE).write_text('{"film_id": "x"}', encoding="utf-8")
    with pytest.raises(FeelmError, match="delete it and run `feelm run`"):
        FilmDigest.read(tmp_path)
