"""RAVDESS' protocol on made recordings: actors are dealt whole, and nobody is on both sides."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from corpus.terms import FeelmError
from ml.evaluation.benchmarks import ravdess, run_benchmark

RATE = 16_000
EMOTIONS = (1, 3, 5)
"""Neutral, happy and angry in RAVDESS' numbers."""


def sound(emotion: int, actor: int, repetition: int) -> np.ndarray:
    """A hum whose pitch and roughness tell the emotion, a little other for each actor."""
    drawn = np.random.default_rng(100 * actor + 10 * emotion + repetition)
    t = np.arange(int(0.8 * RATE)) / RATE
    pitch = {1: 110, 3: 330, 5: 160}[emotion] * (1 + 0.03 * actor)
    wave = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 8))
    return (0.05 * wave + (0.05 if emotion == 5 else 0.001) * drawn.normal(size=len(t))).astype(np.float32)


def write_actors(folder: Path, actors: range, repetitions: int = 1) -> Path:
    for actor in actors:
        home = folder / f"Actor_{actor:02d}"
        home.mkdir(parents=True)
        for emotion in EMOTIONS:
            for statement in (1, 2):
                for repetition in range(1, repetitions + 1):
                    name = f"03-01-{emotion:02d}-01-{statement:02d}-{repetition:02d}-{actor:02d}.wav"
                    soundfile.write(home / name, sound(emotion, actor, 2 * statement + repetition), RATE)
    return folder


@pytest.fixture
def quick_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that tell emotion and actor, instead of minutes of listening."""

    def describe(paths: tuple[Path, ...], part: str, tell: object) -> np.ndarray:
        drawn = np.random.default_rng(len(part))
        numbers = np.array([[int(number) for number in path.stem.split("-")] for path in paths], np.float32)
        return (numbers[:, [2, 6]] + drawn.normal(size=(len(paths), 2))).astype(np.float32)

    monkeypatch.setattr(ravdess, "describe_clips", describe)


def test_made_voices_are_told_apart_by_actors_never_heard(tmp_path: Path, options, need_weights):
    need_weights("whisper-tiny-en", "swift-f0")
    found = run_benchmark("ravdess", write_actors(tmp_path / "data", range(1, 6)), None, options())
    assert found.metrics["accuracy"] >= 0.9 and found.baselines["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert found.variants.keys() == {"speech", "measured", "per_speaker"}
    assert found.protocol.system == "speech_and_measured" and found.protocol.n_scored == 30
    assert found.protocol.scored_on == "every actor once, unheard"


def test_actors_are_dealt_whole_and_anew_for_each_seed(tmp_path: Path):
    own = ravdess.read_clips(write_actors(tmp_path, range(1, 13)), None)
    first, second = own.folds(1), own.folds(2)
    for fold in (first, second):
        assert set(fold.tolist()) == set(range(5))
        assert all(len(set(fold[np.array(own.actor) == actor].tolist())) == 1 for actor in own.actor)
    assert (first != second).any() and (first == own.folds(1)).all()


@pytest.mark.usefixtures("quick_ears")
def test_the_actors_of_a_test_folder_are_scored_and_no_others(tmp_path: Path, options):
    data, test = write_actors(tmp_path / "data", range(1, 7)), write_actors(tmp_path / "test", range(20, 22))
    found = run_benchmark("ravdess", data, test, options(seeds=(1, 2)))
    assert (found.protocol.n_train, found.protocol.n_scored) == (36, 12)
    assert found.protocol.scored_on == "2 actors of the test folder" and found.protocol.trained_on == "all actors of DIR"
    assert found.per_class["happy"].n == 4 and found.per_class["calm"].n == 0
    # All of DIR trains for the test whatever the seed; only the temperature rests on how DIR was dealt.
    assert found.spread["accuracy"] == 0


@pytest.mark.usefixtures("quick_ears")
def test_rows_of_a_run_with_a_test_folder_are_not_taken_for_those_of_a_run_without(tmp_path: Path, options):
    data, test = write_actors(tmp_path / "data", range(1, 7)), write_actors(tmp_path / "test", range(20, 22))
    whole = tmp_path / "whole"
    for folder in (data, test):
        shutil.copytree(folder, whole, dirs_exist_ok=True)
    run_benchmark("ravdess", data, test, options())
    after = run_benchmark("ravdess", whole, None, options())
    fresh = run_benchmark("ravdess", whole, None, options(work=tmp_path / "other"))
    assert after.metrics == fresh.metrics


def test_an_actor_on_both_sides_is_refused_and_named(tmp_path: Path, options):
    data, test = write_actors(tmp_path / "data", range(1, 7)), write_actors(tmp_path / "test", range(6, 8))
    with pytest.raises(FeelmError, match=r"leak: actor 6 speaks in the test and in the training data \(1 such actors\)"):
        run_benchmark("ravdess", data, test, options())
    with pytest.raises(FeelmError, match="leak: actor 1 speaks"):
        run_benchmark("ravdess", data, Path(str(data)), options())


def test_files_that_are_no_speech_of_the_set_are_told_and_too_few_actors_refused(tmp_path: Path, options):
    data = write_actors(tmp_path / "data", range(1, 7))
    (data / "Actor_01" / "03-02-01-01-01-01-01.wav").write_bytes(b"sung")
    (data / "interview.wav").write_bytes(b"other")
    notes = ravdess.read_clips(data, None).notes
    assert notes == ("not named by seven pairs of digits, as 03-01-05-02-01-02-07: 1 files", "sung, not spoken: 1 files")
    with pytest.raises(FeelmError, match="speech of 2 actors of RAVDESS: at least 5 are needed"):
        run_benchmark("ravdess", write_actors(tmp_path / "few", range(1, 3)), None, options())
    with pytest.raises(FeelmError, match="RAVDESS is not at"):
        run_benchmark("ravdess", tmp_path / "work", None, options())


def test_a_recording_that_cannot_be_read_is_refused_by_name(tmp_path: Path, options, need_weights):
    need_weights("whisper-tiny-en")
    data = write_actors(tmp_path / "data", range(1, 6))
    (data / "Actor_01" / "03-01-01-01-01-01-01.wav").write_bytes(b"RIFF but no sound")
    with pytest.raises(FeelmError, match=r"03-01-01-01-01-01-01\.wav is no recording that can be read"):
        run_benchmark("ravdess", data, None, options())
