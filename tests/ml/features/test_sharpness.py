"""Sharpness: falls with blur, whatever the light and the contrast."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from ml.features.face.sharpness import sharpness


@pytest.fixture
def pictures():
    noise = np.random.default_rng(2).normal(size=(3, 64, 64))
    soft = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in noise])
    return np.clip(128 + soft / soft.std() * 40, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=3)


def test_more_blur_is_less_sharp(pictures):
    levels = [sharpness(np.stack([cv2.GaussianBlur(p, (0, 0), s) for p in pictures])) for s in (0.5, 1, 2, 4)]
    assert all((sharper > softer).all() for sharper, softer in pairwise(levels))


def test_it_is_the_variance_of_the_laplacian_over_the_variance(pictures):
    grey = pictures[0, ..., 0].astype(np.float64)
    laplacian = cv2.Laplacian(grey, cv2.CV_64F)[1:-1, 1:-1]
    assert sharpness(pictures)[0] == pytest.approx(laplacian.var() / grey.var(), rel=0.01)


def test_light_and_contrast_drop_out_and_a_flat_picture_is_not_sharp(pictures):
    assert sharpness((pictures // 4 + 20).astype(np.uint8)) == pytest.approx(sharpness(pictures), rel=0.15)
    assert sharpness(np.full((1, 64, 64, 3), 90, np.uint8))[0] == 0


def test_no_picture_gives_nothing():
    assert sharpness(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0,)
