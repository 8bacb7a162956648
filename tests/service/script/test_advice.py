"""A made film with planted curves: the one scene that goes another way than those that read alike is found, with its figures."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corpus.contracts import PREDICTIONS, SCENES, UNIT_FEATURES, UNITS
from corpus.paths import Home
from corpus.terms import PROBABILITY_COLUMNS, FeelmError
from service.script.advice import ADVICE_FILE, FilmAdvice, advise_film, named_emotion, read_advice_rules
from tests.emotions import shares

FILM = "planted"
SCENE_MS = 60_000
USUAL = {"shot_length_s": 2.2, "motion": 0.1, "brightness": 0.3, "loudness": -20.0, "tempo_bpm": 120.0, "beat_regularity": 0.6}
GLAD = USUAL | {"shot_length_s": 4.0, "brightness": 0.6}
FEELS = ("fear",) * 5 + ("joy",) * 4 + ("disgust",)


@pytest.fixture
def there(tmp_path: Path) -> Home:
    return Home(tmp_path)


def write(home: Home, changed: dict[int, dict[str, float]] | None = None, feels: tuple[str, ...] = FEELS) -> None:
    """A film of a scene for each emotion, whose fearful scenes have one look and whose others have another, but for what is `changed`."""
    rng = np.random.default_rng(2)
    curves = [(USUAL if emotion == "fear" else GLAD) | (changed or {}).get(at, {}) for at, emotion in enumerate(feels)]
    units, features, said, scenes = [], [], [], []
    for at, emotion in enumerate(feels):
        start, scene_id = at * SCENE_MS, f"{FILM}.scene{at:03d}"
        times = {"start_ms": start, "end_ms": start + SCENE_MS}
        scenes.append({"scene_id": scene_id, "film_id": FILM, "index": at, **times, "heading": f"INT. ROOM {at}", "method": "start"})
        units.append({"unit_id": scene_id, "film_id": FILM, "level": "scene", **times, "scene_id": scene_id, "position": at})
        features.append({name: value * (1 + 0.01 * rng.standard_normal()) for name, value in curves[at].items()})
        for line in range(3):
            unit_id, when = f"{FILM}.u{3 * at + line:05d}", {"start_ms": start + 1000 * line, "end_ms": start + 1000 * line + 800}
            units.append(
                {
                    "unit_id": unit_id,
                    "film_id": FILM,
                    "level": "utterance",
                    **when,
                    "text": "So.",
                    "scene_id": scene_id,
                    "position": 3 * at + line,
                }
            )
            features.append(dict.fromkeys(USUAL, 99.0))  # a scene's own row is what counts
            probabilities = dict(zip(PROBABILITY_COLUMNS, shares(**{emotion: 0.7}), strict=True))
            said.append({"unit_id": unit_id, "film_id": FILM, "system": "fused", "fold": 1, **probabilities})
    UNITS.write(UNITS.frame(units), home.artifact("scenes", FILM) / "units.parquet")
    SCENES.write(SCENES.frame(scenes), home.artifact("scenes", FILM) / "scenes.parquet")
    table = pd.DataFrame(features).astype(np.float32)
    table.insert(0, "unit_id", [unit["unit_id"] for unit in units])
    table.insert(1, "present", True)
    UNIT_FEATURES.write(table, home.artifact("scene_features", FILM) / "features.parquet")
    PREDICTIONS.write(PREDICTIONS.frame(said), home.artifact("film_report", FILM) / "predictions.parquet")
    home.artifact("film", FILM).mkdir(parents=True, exist_ok=True)
    (home.artifact("film", FILM) / "film.json").write_text(json.dumps({"film_id": FILM, "title": "The Planted Film"}))


def advised(home: Home, changed: dict[int, dict[str, float]] | None = None) -> FilmAdvice:
    write(home, changed)
    return advise_film(home, FILM)


def test_a_film_whose_scenes_go_together_gets_no_advice(there: Home) -> None:
    found = advised(there)
    assert found.advice == () and found.title == "The Planted Film" and found.unseen == 1.0
    assert [scene.emotion for scene in found.scenes] == list(FEELS)


def test_the_fearful_scene_with_long_shots_is_found_with_times_and_figures(there: Home) -> None:
    (one,) = advised(there, {2: {"shot_length_s": 4.1}}).advice
    assert (one.number, one.start_ms, one.end_ms, one.emotion, one.measure, one.others) == (3, 120_000, 180_000, "fear", "shot_length_s", 4)
    assert one.value == pytest.approx(4.1, rel=0.05) and one.usual == pytest.approx(2.2, rel=0.05) and one.deviations > 2
    assert one.nearer_to == "joy" and one.nearer_usual == pytest.approx(4.0, rel=0.05)
    assert one.text.startswith("Scene 3 (INT. ROOM 2, 2:00–3:00) reads as fear (0.70); its shots last 4.1 s where your other 4 scenes")
    assert "have 2.2 s" in one.text and "scenes of joy have (4.0 s)" in one.text and "would take shorter shots." in one.text


@pytest.mark.parametrize(
    ("measure", "value", "takes"),
    [
        ("motion", 0.4, "a calmer picture"),
        ("brightness", 0.1, "a brighter picture"),
        ("loudness", -5.0, "a quieter sound"),
        ("loudness", -40.0, "a louder sound"),
        ("tempo_bpm", 60.0, "a quicker beat"),
    ],
)
def test_each_curve_is_held_against_the_films_own(there: Home, measure: str, value: float, takes: str) -> None:
    (one,) = advised(there, {1: {measure: value}}).advice
    assert (one.number, one.measure) == (2, measure) and takes in one.text
    assert (one.deviations > 0) is (value > USUAL[measure])


def test_what_usually_varies_must_differ_more_to_be_told(there: Home) -> None:
    varied = {at: {"shot_length_s": length} for at, length in enumerate((1.0, 2.0, 3.0, 4.0, 5.5, 3.0, 4.5, 6.0, 7.5))}
    assert advised(there, varied).advice == ()


def test_a_difference_that_is_too_small_to_see_is_not_told(there: Home) -> None:
    assert advised(there, {1: {"brightness": 0.34}}).advice == ()


def test_the_farthest_is_told_first(there: Home) -> None:
    found = advised(there, {1: {"brightness": 0.45}, 6: {"loudness": -60.0}}).advice
    assert [one.measure for one in found] == ["loudness", "brightness"]


def test_a_scene_without_others_that_read_alike_is_told_as_not_compared(there: Home) -> None:
    found = advised(there, {9: {"loudness": -60.0}})
    assert found.advice == ()
    assert found.not_compared == ("scene 10 is the only one that reads as disgust: 3 others are needed to compare with",)


def test_a_beat_that_is_none_is_not_compared(there: Home) -> None:
    found = advised(there, {1: {"tempo_bpm": 60.0, "beat_regularity": 0.1}})
    assert found.advice == ()
    assert "tempo_bpm was not measured in scene 2, or beat_regularity is below 0.3 there" in found.not_compared


def test_calm_gives_way_to_an_emotion_that_shows(there: Home) -> None:
    told = (shares(neutral=0.45, joy=0.3), shares(neutral=0.6, joy=0.15))
    assert [named_emotion(np.array(p), read_advice_rules().named) for p in told] == ["joy", "neutral"]


def test_a_film_that_is_not_there_or_not_read_says_what_to_do(there: Home) -> None:
    with pytest.raises(FeelmError, match="there is no film 'planted'"):
        advise_film(there, FILM)
    write(there)
    PREDICTIONS.write(PREDICTIONS.empty(), there.artifact("film_report", FILM) / "predictions.parquet")
    with pytest.raises(FeelmError, match="no model has read the film 'planted' yet"):
        advise_film(there, FILM)


def test_advice_is_json(there: Home) -> None:
    told = json.loads(json.dumps(dataclasses.asdict(advised(there, {2: {"shot_length_s": 4.1}})), allow_nan=False))
    assert told["advice"][0]["measure"] == "shot_length_s" and told["scenes"][0]["values"]["loudness"] < 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("  brightness:", "  glow:"), "glow is not measured"),
        (("alike: 3", "alike: 0"), "alike must be a number above 0"),
        (("    least: 0.05", "    most: 0.05"), "'least'"),
        (("beat_regularity", "swing"), "swing is not measured"),
    ],
)
def test_rules_that_are_none_are_refused(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    path = tmp_path / "advice.yaml"
    path.write_text(ADVICE_FILE.read_text().replace(*change))
    with pytest.raises(FeelmError, match=told):
        read_advice_rules(path)
