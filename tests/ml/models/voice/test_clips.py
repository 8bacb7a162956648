"""A clip of speech as numbers, and the linear model that reads them."""

import numpy as np
import pytest

from ml.models.voice.clips import Clips, LinearVoice, relative_to_speaker


def test_a_clip_is_taken_relative_to_its_speakers_own_mean_and_deviation():
    columns = np.array([[1, 10], [3, np.nan], [100, 5], [104, 9], [108, 1]], np.float32)
    found = relative_to_speaker(columns, ["a", "a", "b", "b", "b"])
    deviation = np.std([100, 104, 108])
    assert found[:, 0] == pytest.approx([-1, 1, -4 / deviation, 0, 4 / deviation], abs=1e-5)
    assert found[0, 1] == 0 and np.isnan(found[1, 1])
    assert columns[0, 0] == 1


def test_one_speakers_clips_do_not_move_anothers():
    columns = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    changed = columns.copy()
    changed[4:] *= 50
    speakers = ["a"] * 4 + ["b"] * 4
    assert np.array_equal(relative_to_speaker(columns, speakers)[:4], relative_to_speaker(changed, speakers)[:4])


def test_both_descriptions_stand_side_by_side():
    clips = Clips(np.zeros((2, 3), np.float32), np.ones((2, 2), np.float32))
    assert clips.both.tolist() == [[0, 0, 0, 1, 1]] * 2


def test_it_learns_a_shift_whatever_the_columns_scale_and_what_was_not_measured_stands_in_the_middle():
    drawn = np.random.default_rng(1)
    label = np.arange(90) % 3
    columns = drawn.normal(size=(90, 4)).astype(np.float32)
    columns[:, 2] = 1000 * (label + 0.1 * drawn.normal(size=90)) + 5000
    columns[drawn.random((90, 4)) < 0.05] = np.nan
    model = LinearVoice.fit(columns, label, 3, strength=1.0)
    clear = ~np.isnan(columns[:, 2])
    assert (model.logits(columns).argmax(1) == label)[clear].mean() >= 0.95
    nothing = np.full((1, 4), np.nan, np.float32)
    assert np.array_equal(model.logits(nothing), model.logits(model.middle[None]))
    assert model.middle == pytest.approx(np.nanmean(columns, axis=0), rel=1e-5)


def test_a_class_that_was_not_there_to_learn_from_is_never_said():
    columns = np.random.default_rng(2).normal(size=(40, 3)).astype(np.float32)
    label = np.where(columns[:, 0] > 0, 3, 1)
    found = LinearVoice.fit(columns, label, 5, strength=1.0).logits(columns)
    assert set(found.argmax(1)) == {1, 3} and found[:, [0, 2, 4]] == pytest.approx(np.full((40, 3), np.log(1e-6)))
    assert np.exp(found[:, [1, 3]]).sum(1) == pytest.approx(np.ones(40), rel=1e-5)
