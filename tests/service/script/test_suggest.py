"""Suggestions are ranked by what the model itself says of each in its place, and a what-if shows what a change does to every line."""

import dataclasses
import json

import numpy as np
import pytest

from corpus.paths import Home
from corpus.terms import EMOTIONS, FeelmError
from ml.models.dialogue import Turn
from service.champion import Champion
from service.respond.film_lines import FilmLines
from service.script import suggest as suggesting
from service.script.operations import reworded
from service.script.read import ScriptScene, read_script
from service.script.suggest import LEAST_MOVE, Target, suggest, what_if
from tests.service.talk import SAYINGS

TEXT = (
    "Anna: The meeting is at ten.\nBen: I put the keys on the table.\nAnna: It is a blue car.\nBen: We take the second road.\n"
    "Anna: Here is your receipt."
)
GLAD = "I am so happy for you!"


@pytest.fixture(scope="module")
def scene() -> ScriptScene:
    return read_script(TEXT).scenes[0]


def heard_at(champion: Champion, scene: ScriptScene, row: int, text: str, place: int, emotion: str) -> float:
    turns = [*scene.spoken[:row], Turn(text, scene.turns[row].speaker), *scene.spoken[row + 1 :]]
    return float(champion.hear([turns], "en")[0].probabilities[place][EMOTIONS.index(emotion)])


def films_that_answer(champion: Champion, scene: ScriptScene, row: int, *answers: str) -> FilmLines:
    """Films in which somebody says what is said before a line, and is answered by these."""
    said = champion.lines.read([[scene.turns[row - 1].text]]).embedding
    return FilmLines(np.repeat(said, len(answers), axis=0), answers, tuple(f"Film {n}" for n in range(len(answers))), champion.lines)


def test_every_suggestion_is_what_the_model_says_of_it_in_its_place(champion: Champion, scene: ScriptScene) -> None:
    found = suggest(champion, scene, Target("fear"), line=3)
    assert found.place == 3 and found.reading.emotion == "neutral" and found.best
    for one in found.best:
        assert one.line == 3 and one.before_text == "It is a blue car."
        assert one.after == pytest.approx(heard_at(champion, scene, 2, one.text, 2, "fear"), abs=2e-3)
        assert one.before == found.probability and one.moved == pytest.approx(one.after - one.before, abs=1e-3)
        assert one.moved >= LEAST_MOVE
        assert one.reading.text == one.text and one.reaches is (one.reading.emotion == "fear")


def test_the_first_suggestion_is_the_one_that_moves_most_of_all_that_are_declared(champion: Champion, scene: ScriptScene) -> None:
    found = suggest(champion, scene, Target("sadness"), line=3)
    moved = [one.moved for one in found.best]
    assert moved == sorted(moved, reverse=True)
    each = [heard_at(champion, scene, 2, one.text, 2, "sadness") for one in reworded("It is a blue car.", "sadness", "en", "Ben")]
    assert len(each) > 10 and found.best[0].after >= max(each) - 2e-3
    assert found.tried >= len(each)


def test_a_film_line_that_the_model_reads_as_the_target_ranks_first_and_names_its_film(champion: Champion, scene: ScriptScene) -> None:
    films = films_that_answer(champion, scene, 2, "It is a green car.", GLAD)
    found = suggest(champion, scene, Target("joy"), line=3, films=films)
    first = found.best[0]
    assert (first.text, first.film, first.ways) == (GLAD, "Film 1", ())
    assert first.reaches and "quotes Film 1" in found.told
    assert "It is a green car." not in {one.text for one in found.best}


def test_films_are_asked_what_was_answered_to_the_line_before_and_the_first_line_has_none(home: Home, champion: Champion) -> None:
    lines = FilmLines.read(home, champion.lines)
    sayings = [text for texts in SAYINGS.values() for text in texts]
    alike = lines.heard @ champion.lines.read([sayings]).embedding.T
    before = sayings[int(alike.max(axis=0).argmax())]
    scene = read_script(f"Anna: {before}\nBen: That is what I said to him.").scenes[0]
    quoted = [suggest(champion, scene, Target(emotion), line=2, films=lines).best for emotion in EMOTIONS]
    assert {one.film for best in quoted for one in best} - {None} <= set(lines.films)
    assert any(one.film is not None for best in quoted for one in best)
    assert all(one.film is None for one in suggest(champion, scene, Target("joy"), line=1, films=lines).best)


def test_where_nothing_helps_that_is_said(champion: Champion) -> None:
    glad = read_script("Anna: I love it here.\nBen: We won, we won!").scenes[0]
    found = suggest(champion, glad, Target("joy"), line=2)
    assert found.probability > 1 - LEAST_MOVE
    assert found.best == () and found.tried > 5
    assert "Nothing that was tried moves it by 0.02 or more" in found.told


def test_with_nothing_to_try_that_is_said(champion: Champion, scene: ScriptScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggesting, "reworded", lambda *_: [])
    found = suggest(champion, scene, Target("joy"), line=3)
    assert found.tried == 0 and found.best == () and "nothing to try" in found.told


def test_a_strength_is_a_mark_to_come_near_to_and_no_more_is_better(champion: Champion, scene: ScriptScene) -> None:
    films = films_that_answer(champion, scene, 2, GLAD)
    much, some = (suggest(champion, scene, Target("joy", strength), line=3, films=films) for strength in (None, 0.3))
    assert much.best[0].after > 0.9
    off = [abs(one.after - 0.3) for one in some.best]
    assert off == sorted(off) and off[0] < abs(much.best[0].after - 0.3)
    assert all(one.reaches is (one.after >= 0.3) for one in some.best)


def test_the_end_of_a_scene_may_be_moved_by_the_lines_before_it(champion: Champion, scene: ScriptScene) -> None:
    found = suggest(champion, scene, Target("anger"))
    assert found.place == 5 and found.reading.text == "Here is your receipt."
    assert all(3 <= one.line <= 5 for one in found.best)
    for one in found.best:
        row = scene.at(one.line)
        assert one.after == pytest.approx(heard_at(champion, scene, row, one.text, 4, "anger"), abs=2e-3)


def test_in_a_long_scene_a_line_is_moved_among_its_neighbours(champion: Champion) -> None:
    lines = [SAYINGS[emotion][place % 5] for place, emotion in enumerate(["neutral", "fear", "sadness", "anger"] * 20)]
    scene = read_script("\n".join(f"{('Anna', 'Ben')[place % 2]}: {line}" for place, line in enumerate(lines))).scenes[0]
    found = suggest(champion, scene, Target("joy"), line=41)
    near = list(scene.spoken[40 - suggesting.NEAR : 40 + suggesting.NEAR + 1])
    (heard,) = champion.hear([near], "en")
    assert found.place == 41 and found.reading.text == lines[40]
    assert found.reading.probabilities == pytest.approx(heard.probabilities[suggesting.NEAR].tolist(), abs=2e-3)
    (whole,) = champion.hear([scene.spoken], "en")
    assert found.reading.probabilities == pytest.approx(whole.probabilities[40].tolist(), abs=0.05)


def test_a_second_change_keeps_words_of_the_line(champion: Champion, scene: ScriptScene) -> None:
    found = suggest(champion, scene, Target("joy"), line=3)
    twice = [one for one in found.best if len(one.ways) > 1]
    assert twice and all(len(set(one.ways)) == 2 for one in twice)
    assert all("car" in one.text for one in twice)
    ways = [frozenset(one.ways) for one in found.best]
    assert len(set(ways)) == len(ways)
    assert max(sum(name in own for own in ways) for name in set().union(*ways)) <= suggesting.MOST_OF_WAY


@pytest.mark.parametrize(
    ("emotion", "strength", "told"), [("bliss", None, "no emotion 'bliss'"), ("joy", 0.0, "above 0"), ("joy", 1.2, "at most at 1")]
)
def test_a_target_that_is_none_is_refused(emotion: str, strength: float | None, told: str) -> None:
    with pytest.raises(FeelmError, match=told):
        Target(emotion, strength)


def test_what_if_shows_both_arcs_and_each_line(champion: Champion, scene: ScriptScene) -> None:
    found = what_if(champion, scene, {3: "I cried all night."})
    assert [one.line for one in found.lines] == [1, 2, 3, 4, 5]
    changed = found.lines[2]
    assert changed.text == "I cried all night." and changed.before is not None and changed.after is not None
    assert (changed.before.emotion, changed.after.emotion) == ("neutral", "sadness")
    assert changed.moved is not None and changed.moved > 0.5
    assert changed.moved > max(one.moved or 0.0 for one in found.lines if one.line != 3)
    assert min(found.after.valence) < min(found.before.valence) - 0.2
    assert found.before.valence[0] == pytest.approx(found.after.valence[0], abs=0.1)


def test_what_changes_nothing_moves_nothing(champion: Champion, scene: ScriptScene) -> None:
    found = what_if(champion, scene, {3: "It is a blue car."})
    assert found.before == found.after and all(one.moved == 0 for one in found.lines)
    assert found.told == "No other line's reading changes by 0.05 or more."


def test_a_line_left_out_is_there_before_and_not_after(champion: Champion, scene: ScriptScene) -> None:
    found = what_if(champion, scene, {2: None, 4: "  "})
    assert [(one.line, one.after is None) for one in found.lines] == [(1, False), (2, True), (3, False), (4, True), (5, False)]
    (alone,) = champion.hear([[scene.spoken[0], scene.spoken[2], scene.spoken[4]]], None)
    assert found.lines[4].after is not None
    assert found.lines[4].after.probabilities == pytest.approx(alone.probabilities[2].tolist(), abs=2e-3)
    assert (found.before.lines, found.after.lines) == (5, 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({9: "Hello."}, "no line is spoken at line 9"),
        ({1: "a" * 2001}, "more than 2000: shorten them"),
        (dict.fromkeys(range(1, 6)), "keep at least one"),
    ],
)
def test_a_change_that_cannot_be_heard_is_refused(
    champion: Champion, scene: ScriptScene, changes: dict[int, str | None], told: str
) -> None:
    with pytest.raises(FeelmError, match=told):
        what_if(champion, scene, changes)


def test_answers_are_json(champion: Champion, scene: ScriptScene) -> None:
    for answer in (suggest(champion, scene, Target("joy"), line=3), what_if(champion, scene, {2: None})):
        assert json.loads(json.dumps(dataclasses.asdict(answer), allow_nan=False))["origin"]["model_version"] == champion.model.version
