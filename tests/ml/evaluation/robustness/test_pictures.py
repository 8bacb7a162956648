"""Worse crops of faces."""

import numpy as np
import pytest

from ml.evaluation.robustness.pictures import GAMMA, blurred, darkened, reduced


@pytest.fixture
def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)


def detail(crops: np.ndarray) -> float:
    """How much neighbouring pixels differ."""
    return float(np.abs(np.diff(crops.astype(float), axis=2)).mean())


def test_the_dose_that_does_nothing_leaves_every_pixel(crops: np.ndarray) -> None:
    for same in (blurred(crops, 0), darkened(crops, 1, [0]), reduced(crops, 64)):
        np.testing.assert_array_equal(same, crops)


def test_a_stronger_dose_leaves_less_detail(crops: np.ndarray) -> None:
    for worse in ([blurred(crops, dose) for dose in (0, 1, 2, 4)], [reduced(crops, dose) for dose in (64, 24, 12)]):
        left = [detail(one) for one in worse]
        assert left == sorted(left, reverse=True)
        assert left[-1] < 0.3 * left[0]


def test_so_much_of_the_light_is_left() -> None:
    grey = np.full((2, 64, 64, 3), 200, np.uint8)
    light = ((darkened(grey, 0.25, [0]) / 255) ** GAMMA).mean() / (200 / 255) ** GAMMA
    assert light == pytest.approx(0.25, rel=0.02)


def test_the_dark_is_noisier_than_the_light() -> None:
    grey = np.full((2, 64, 64, 3), 200, np.uint8)
    noise = [one.std() / one.mean() for one in (darkened(grey, dose, [0]).astype(float) for dose in (0.5, 0.25, 0.05))]
    assert noise == sorted(noise)


def test_the_same_seed_gives_the_same_picture(crops: np.ndarray) -> None:
    np.testing.assert_array_equal(darkened(crops, 0.2, [7]), darkened(crops, 0.2, [7]))
    assert (darkened(crops, 0.2, [7]) != darkened(crops, 0.2, [8])).any()


def test_no_face_is_no_picture() -> None:
    none = np.zeros((0, 64, 64, 3), np.uint8)
    assert len(blurred(none, 2)) == len(darkened(none, 0.5, [0])) == len(reduced(none, 12)) == 0
