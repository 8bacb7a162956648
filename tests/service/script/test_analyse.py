"""Scenes whose course is known because their lines are what the small champion learned: arcs, flat stretches, contradictions, tips."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from corpus.terms import EMOTIONS, ArcShape, FeelmError
from ml.evaluation.arcs import POINTS
from ml.models.dialogue import Turn
from service.anticipate import foresee
from service.champion import Champion
from service.detect import UNCERTAIN_BELOW
from service.pieces import done
from service.script import hear
from service.script.analyse import SceneAnalysis, ScriptAnalysis, analyse
from service.script.bounds import BOUNDS_FILE, read_bounds
from service.script.hear import hear_scene
from service.script.read import read_script
from tests.service.talk import SAYINGS

WONDERFUL = "This is wonderful, thank you!"


def written(*emotions: str) -> str:
    """A scene of Anna and Ben in which the n-th line is a saying of the n-th emotion."""
    lines = [SAYINGS[emotion][place % len(SAYINGS[emotion])] for place, emotion in enumerate(emotions)]
    return "\n".join(f"{('Anna', 'Ben')[place % 2]}: {line}" for place, line in enumerate(lines))


def analysed(champion: Champion, text: str) -> SceneAnalysis:
    (scene,) = analyse(champion, read_script(text)).scenes
    return scene


RISING = ("sadness",) * 6 + ("joy",) * 6


@pytest.fixture(scope="module")
def rising(champion: Champion) -> ScriptAnalysis:
    return analyse(champion, read_script(written(*RISING)))


def test_a_scene_from_sadness_to_joy_rises_and_the_other_way_round_falls(champion: Champion, rising: ScriptAnalysis) -> None:
    (up,), down = rising.scenes, analysed(champion, written(*RISING[::-1]))
    assert len(up.course.valence) == len(up.course.intensity) == POINTS
    assert up.course.valence[0] < -0.3 and up.course.valence[-1] > 0.3 and up.course.shape == ArcShape.RAGS_TO_RICHES
    assert down.course.valence[0] > 0.3 and down.course.valence[-1] < -0.3 and down.course.shape == ArcShape.TRAGEDY


def test_each_line_is_read_as_the_emotion_that_it_was_written_for(rising: ScriptAnalysis) -> None:
    (scene,) = rising.scenes
    assert [line.reading.emotion for line in scene.lines] == list(RISING)
    assert [line.line for line in scene.lines] == list(range(1, 13))
    assert [character.name for character in scene.characters] == ["Anna", "Ben"]
    assert all(character.lines == 6 and character.course.lines == 6 and character.course.shape is None for character in scene.characters)


def test_the_scene_turns_where_it_was_written_to_turn(champion: Champion) -> None:
    scene = analysed(champion, written(*["sadness"] * 4, *["joy"] * 4, *["sadness"] * 4))
    (peak,) = [point for point in scene.course.turning if point.kind == "peak" and point.valence > 0.3]
    assert 5 <= peak.line <= 8
    assert peak.text == scene.lines[peak.line - 1].reading.text


def test_a_stretch_without_movement_is_told_with_its_figures(champion: Champion) -> None:
    scene = analysed(champion, written("anger", "joy", *["neutral"] * 5, "joy", "anger"))
    (flat,) = scene.flat
    stretch = scene.lines[2:7]
    assert (flat.first, flat.last, flat.lines, flat.emotion) == (3, 7, 5, "neutral")
    assert flat.valence_range == pytest.approx(max(line.valence for line in stretch) - min(line.valence for line in stretch), abs=1e-3)
    assert flat.valence_range <= read_bounds().flat.valence


def test_a_scene_in_which_something_moves_from_line_to_line_has_no_flat_stretch(champion: Champion) -> None:
    assert analysed(champion, written(*["joy", "anger"] * 5)).flat == ()


def test_a_bright_line_in_a_dark_scene_is_told_as_contradictory(champion: Champion) -> None:
    emotions = ["anger", "fear", "sadness", "anger", "anger", "fear", "sadness", "anger", "fear"]
    text = written(*emotions).splitlines()
    text[4] = f"Anna: {WONDERFUL}"
    (spot,) = analysed(champion, "\n".join(text)).contradictory
    assert (spot.line, spot.speaker, spot.text, spot.words.emotion) == (5, "Anna", WONDERFUL, "joy")
    assert spot.scene.emotion in ("anger", "fear", "sadness", "disgust")
    assert spot.words_valence > 0.2 and spot.scene_valence < -0.2
    assert analysed(champion, written(*emotions)).contradictory == ()


def test_what_the_words_say_is_heard_without_the_scene_and_the_scene_without_them(champion: Champion, rising: ScriptAnalysis) -> None:
    script = read_script(written(*RISING))
    turns = list(script.scenes[0].spoken)
    for at in (0, 6, 11):
        (alone,), (around,) = champion.hear([[turns[at]]], "en"), champion.hear([[*turns[:at], Turn("", "x"), *turns[at + 1 :]]], "en")
        line = rising.scenes[0].lines[at]
        assert line.words.emotion == EMOTIONS[alone.probabilities[0].argmax()]
        assert line.words.probability == pytest.approx(alone.probabilities[0].max(), abs=2e-3)
        assert around.read[at] == np.False_


MIXED = (
    "Anna: You said eight o'clock.\nBen: I know. The road was closed.\nAnna: You told me the money was safe. You swore it!\n"
    "Ben: I never lied to you.\nAnna: They found us, didn't they? Oh God, they found us.\nBen: Don't go to the window. Please.\n"
    "Anna: What do you want me to say?\nBen: Did you hear that?\nAnna: Somebody is out there.\nBen: Anna, please, not so loud."
)


VAGUE = (
    "Anna: I see.\nBen: Is that so?\nAnna: Perhaps.\nBen: You know how it is.\nAnna: Well, there it is.\nBen: I thought about it.\n"
    "Anna: And then?\nBen: So it goes on.\nAnna: He told me.\nBen: We will see."
)


@pytest.fixture(scope="module")
def undecided(champion: Champion) -> tuple[str, SceneAnalysis]:
    """A scene of which this champion, whatever emotions it learned, is unsure in places and in which leaving out a line tips another."""
    for text in (MIXED, VAGUE):
        scene = analysed(champion, text)
        if any(line.tips for line in scene.lines) and any(line.reading.confidence < UNCERTAIN_BELOW for line in scene.lines):
            return text, scene
    pytest.fail("no scene has lines that are undecided: take others")


def test_leaving_out_a_line_that_tips_another_does_tip_it(champion: Champion, undecided: tuple[str, SceneAnalysis]) -> None:
    text, scene = undecided
    turns = list(read_script(text).scenes[0].spoken)
    tips = [(at, tip) for at, line in enumerate(scene.lines) for tip in line.tips]
    assert tips
    for at, tip in tips:
        other = tip.line - 1
        (heard,) = champion.hear([[*turns[:other], Turn("", turns[other].speaker), *turns[other + 1 :]]], "en")
        assert EMOTIONS[heard.probabilities[at].argmax()] == tip.emotion != scene.lines[at].reading.emotion
        assert tip.text == turns[other].text and 0 < abs(at - other) <= read_bounds().tips.reach


def test_what_the_model_is_unsure_of_is_told_with_what_it_wavers_between(undecided: tuple[str, SceneAnalysis]) -> None:
    _, scene = undecided
    doubtful = [line for line in scene.lines if line.reading.confidence < UNCERTAIN_BELOW]
    assert [one.line for one in scene.unsure] == [line.line for line in doubtful] != []
    for one, line in zip(scene.unsure, doubtful, strict=True):
        ways = [(said.emotion, said.probability) for said in one.between]
        assert ways == sorted(ways, key=lambda way: -way[1])
        assert dict(zip(EMOTIONS, line.reading.probabilities, strict=True)) | dict(ways) == dict(
            zip(EMOTIONS, line.reading.probabilities, strict=True)
        )


def test_a_language_that_is_not_read_is_told_and_nothing_is_made_of_it(champion: Champion) -> None:
    scene = analysed(champion, "Das habe ich dir doch schon dreimal gesagt.\nWarum hörst du mir eigentlich niemals zu?")
    assert [one.why for one in scene.unsure] == ["its words are in no language that is read here"] * 2
    assert scene.contradictory == ()


def test_what_a_line_is_foreseen_to_do_to_the_other_is_what_is_anticipated(champion: Champion, rising: ScriptAnalysis) -> None:
    reactions = foresee(champion, read_script(written(*RISING)).scenes[0].spoken, "en")
    lines = rising.scenes[0].lines
    assert [line.foreseen.emotion for line in lines] == [reaction.emotion for reaction in reactions]
    assert [line.foreseen.who for line in lines] == ["Ben", "Anna"] * 6  # the first line too, though nobody spoke before it
    assert lines[0].foreseen.change is None and lines[1].foreseen.change is not None


def test_in_a_long_scene_a_line_is_left_out_of_its_neighbourhood(champion: Champion) -> None:
    turns = list(read_script(written(*(RISING * 3))).scenes[0].spoken)
    (whole,) = champion.hear([turns], "en")
    heard = done(hear_scene(champion, turns, whole, "en"))
    assert len(heard.without) == 36 and max(map(len, heard.without)) == 2 * hear.REACH + 1
    assert heard.tipped_by(0, 35) is None
    for at in (2, 18, 33):
        (silent,) = champion.hear([[*turns[:at], Turn("", turns[at].speaker), *turns[at + 1 :]]], "en")
        assert heard.around(at) == pytest.approx(silent.probabilities[at], abs=0.1)


def test_lines_that_nobody_is_known_to_speak_have_an_arc_and_no_characters(champion: Champion) -> None:
    script = analyse(champion, read_script("\n".join(SAYINGS["joy"])))
    assert script.characters == () and len(script.course.valence) == POINTS and script.course.shape is None


def test_one_line_is_no_arc(champion: Champion) -> None:
    scene = analysed(champion, "I love it here.")
    assert scene.course.valence == () and scene.course.turning == () and scene.lines[0].reading.emotion == "joy"


def test_an_answer_is_json_and_says_by_which_bounds_and_which_model(rising: ScriptAnalysis) -> None:
    told = json.loads(json.dumps(dataclasses.asdict(rising), allow_nan=False))
    assert told["bounds"]["flat"]["lines"] == read_bounds().flat.lines
    assert told["origin"]["model_version"] and told["layout"] == "named"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("lines: 4", "lines: 4.5"), "flat: lines must be a whole number"),
        (("words: 0.4", "words: -1"), "contradictory: words must be a number of at least 0"),
        (("  most: 3", "  many: 3"), "alternatives must give least, most"),
        (("flat:", "even:"), "must give flat"),
    ],
)
def test_bounds_that_are_none_are_refused_with_the_place(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "bounds.yaml"
    path.write_text(BOUNDS_FILE.read_text().replace(*change))
    with pytest.raises(FeelmError, match=told):
        read_bounds(path)
