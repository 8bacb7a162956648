"""Films with spoken sound and real features of voice and words, read disturbed by networks that never saw them.

Faces are made up: what is done to crops is tested by itself.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from corpus.contracts import FACES, PREDICTIONS, UNIT_FEATURES, UNITS
from corpus.maker.voice import Espeak
from corpus.paths import Home
from corpus.terms import MODALITIES, PROBABILITY_COLUMNS, FeelmError
from ml.evaluation.robustness.conditions import Condition, Disturbance
from ml.evaluation.robustness.disturbed import Setting, disturb
from ml.evaluation.robustness.measure import SYSTEMS, Unseen, measure_robustness, read_unseen
from ml.evaluation.robustness.report import REPORT_FILE, RobustnessReport
from ml.features.text import build_text_features
from ml.features.voice import RATE_HZ, build_voice_features
from ml.models.dataset import load_training
from ml.models.training import TrainingParams, unseen_models
from tests.ml.artifacts import write_films
from tests.ml.conftest import Trained, train

pytestmark = pytest.mark.long

PARAMS = TrainingParams.debug()
FILMS, LINES = 3, 8
BELOW_ONE_BIT_DB = 200
"""So faint a bed changes no sample of 16 bits."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, need_weights) -> Home:
    need_weights("minilm", "swift-f0", "silero-vad", "whisper-tiny-en")
    home = Home(tmp_path_factory.mktemp("home"))
    film_ids = write_films(home, FILMS, LINES)
    with Espeak(0) as espeak:
        for film_id in film_ids:
            speak(home, film_id, espeak)
    train(home, film_ids, [])
    return home


def speak(home: Home, film_id: str, espeak: Espeak) -> None:
    """Say a film's lines, and make its features of voice and words as the stages make them."""
    scenes, soundtrack = home.artifact("scenes", film_id), home.artifact("soundtrack", film_id)
    units, samples = UNITS.read(scenes / "units.parquet"), np.zeros(2 * LINES * RATE_HZ)
    for number, (text, start_ms) in enumerate(zip(units["text"], units["start_ms"], strict=True)):
        said = resample_poly(espeak.say(text, "en", 170 + 5 * number, 30 + 5 * number, 50, 0), 320, 441)[: 3 * RATE_HZ // 2]
        first = start_ms * RATE_HZ // 1000
        samples[first : first + len(said)] += 0.5 * said
    soundtrack.mkdir(parents=True)
    soundfile.write(soundtrack / "sound.flac", samples, RATE_HZ, subtype="PCM_16")
    build_voice_features(soundtrack, scenes, home.artifact("voice_features", film_id))
    build_text_features(scenes / "units.parquet", None, home.artifact("text_features", film_id))


def measured(home: Home, *conditions: Condition) -> RobustnessReport:
    return measure_robustness(home, conditions, PARAMS)


def test_a_disturbance_that_does_nothing_changes_nothing_at_all(home: Home) -> None:
    conditions = [
        Condition(Disturbance.NOISE, BELOW_ONE_BIT_DB),
        Condition(Disturbance.LAUGHTER, BELOW_ONE_BIT_DB),
        Condition(Disturbance.MISHEARD, 0),
        Condition(Disturbance.TYPOS, 0),
    ]
    found = measured(home, *conditions)
    for one in found.conditions:
        for change in one.changes:
            assert (change.change.value, change.change.low, change.change.high) == (0, 0, 0), one.disturbance
            assert change.uar == found.clean[change.system]


def test_what_is_disturbed_is_told_of_the_fused_model_and_of_each_modality_that_is_met(home: Home) -> None:
    (home.benchmarks / REPORT_FILE).unlink(missing_ok=True)  # what earlier tests tried would stay in it
    found = measured(home, Condition(Disturbance.NOISE, 0), Condition(Disturbance.MISHEARD, 0.4))
    assert [[change.system for change in one.changes] for one in found.conditions] == [["fused", "voice"], ["fused", "text"]]
    assert (found.n_films, found.n_units) == (FILMS, FILMS * LINES)
    for one in found.conditions:
        for change in one.changes:
            assert change.uar.value - found.clean[change.system].value == pytest.approx(change.change.value)
    assert set(found.without) == set(MODALITIES)
    assert RobustnessReport.read(home.benchmarks / REPORT_FILE) == found


def test_noise_in_the_sound_leaves_what_words_and_faces_say_untouched(home: Home, tmp_path: Path) -> None:
    unseen = Unseen.of(unseen_models(home, home.artifact("training_set"), PARAMS))
    columns = unseen.models[0].facts.columns
    noisy = disturb(home, sorted(set(unseen.rows["film_id"])), Setting(Condition(Disturbance.NOISE, 0), (), "minilm", 0), tmp_path)
    clean, said = (read_unseen(unseen, load_training(one, unseen.rows, columns)).probabilities for one in (home, noisy))
    for system in ("face", "text"):
        np.testing.assert_array_equal(clean[SYSTEMS.index(system)], said[SYSTEMS.index(system)])
    for system in ("voice", "fused"):
        assert np.abs(clean[SYSTEMS.index(system)] - said[SYSTEMS.index(system)]).max() > 1e-3


def test_the_same_seed_gives_the_same_figures_again(home: Home) -> None:
    condition = Condition(Disturbance.TYPOS, 0.5)
    first = measured(home, condition)
    for path in (home.benchmarks / "robustness").rglob("typing*"):
        path.unlink()
    again = measured(home, condition)
    assert [one.changes for one in again.conditions] == [one.changes for one in first.conditions]


def test_a_sample_is_of_whole_films_up_to_the_bound_and_of_two_at_least(trained: Trained) -> None:
    unseen = Unseen.of(unseen_models(trained.home, trained.training_set, PARAMS))
    each = unseen.rows["film_id"].value_counts().iloc[0]

    def films(most_units: int, seed: int = 0) -> set[str]:
        sample = unseen.sampled(most_units, seed)
        assert len(sample.rows) == len(sample.fold) == each * sample.rows["film_id"].nunique()
        return set(sample.rows["film_id"])

    assert (len(films(1)), len(films(4 * each - 1)), len(films(100 * each))) == (2, 3, unseen.rows["film_id"].nunique())
    assert films(1) < films(3 * each) and films(1) == films(1)
    assert len({frozenset(films(1, seed)) for seed in range(9)}) > 1


def test_a_sampled_film_is_read_as_it_is_among_all(home: Home) -> None:
    condition = Condition(Disturbance.TYPOS, 0)
    whole, part = measured(home, condition), measure_robustness(home, [condition], PARAMS, most_units=2 * LINES)
    assert (whole.n_films, part.n_films, part.n_units) == (FILMS, 2, 2 * LINES)
    assert part.conditions[0].changes[0].change.value == 0


def test_a_model_that_was_reported_with_other_readings_is_refused(home: Home) -> None:
    path = home.artifact("emotion_model") / "predictions.parquet"
    reported = PREDICTIONS.read(path)
    other = reported.assign(p_joy=reported["p_anger"], p_anger=reported["p_joy"])
    PREDICTIONS.write(other, path)
    try:
        with pytest.raises(FeelmError, match="train again"):
            measured(home)
    finally:
        PREDICTIONS.write(reported, path)


def test_the_networks_that_never_saw_a_film_say_again_what_the_report_was_made_of(trained: Trained) -> None:
    """With a corpus beside the films, and read apart from it."""
    unseen = Unseen.of(unseen_models(trained.home, trained.training_set, PARAMS))
    said = read_unseen(unseen, load_training(trained.home, unseen.rows, unseen.models[0].facts.columns))
    reported = PREDICTIONS.read(trained.model / "predictions.parquet")
    for system, probabilities in zip(SYSTEMS, said.probabilities, strict=True):
        own = reported[reported["system"] == system].set_index("unit_id").loc[unseen.rows["unit_id"][unseen.gold]]
        np.testing.assert_allclose(probabilities, own[list(PROBABILITY_COLUMNS)].to_numpy(), atol=1e-5)


def test_words_that_are_late_by_a_line_meet_the_voice_of_the_next_line(home: Home, tmp_path: Path) -> None:
    film_id = "film-00"
    home.artifact("faces", film_id).mkdir(parents=True)
    FACES.write(FACES.empty(), home.artifact("faces", film_id) / "faces.parquet")
    late = disturb(home, [film_id], Setting(Condition(Disturbance.DESYNC, 2), (), "minilm", 0), tmp_path)
    clear, shifted = (UNIT_FEATURES.read(one.artifact("voice_features", film_id) / "features.parquet") for one in (home, late))
    np.testing.assert_allclose(shifted["pitch_mean"][:-1], clear["pitch_mean"][1:])
    assert not shifted["present"].iloc[-1]
    assert late.artifact("text_features", film_id) == home.artifact("text_features", film_id)
