"""Face geometry: shares of face height that neither size, place nor a turned head changes."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features.geometry import BROWS, CHIN, EYES, FOREHEAD, GEOMETRY, LIP_CORNERS, LOWER_LIP, UPPER_LIP, _measure, face_geometry


def face(mouth=0.1, smile=0.02, brow=0.15, eye=0.05) -> np.ndarray:
    """A mesh of a face 100 high of which only the measured points matter."""
    points = np.zeros((468, 2))
    points[FOREHEAD], points[CHIN] = (50, 0), (50, 100)
    points[UPPER_LIP], points[LOWER_LIP] = (50, 75 - 50 * mouth), (50, 75 + 50 * mouth)
    points[list(LIP_CORNERS)] = [(35, 75 - 100 * smile), (65, 75 - 100 * smile)]
    for (upper, lower, outer, inner), (middle, inner_brow, outer_brow), side in zip(EYES, BROWS, (-1, 1), strict=True):
        points[upper], points[lower] = (50 + side * 20, 40 - 50 * eye), (50 + side * 20, 40 + 50 * eye)
        points[outer], points[inner] = (50 + side * 30, 40), (50 + side * 10, 40)
        points[[middle, inner_brow, outer_brow]] = [(50 + side * x, 40 - 100 * brow) for x in (20, 8, 32)]
    return points


def test_measures_are_the_known_shares():
    measured = dict(zip(GEOMETRY, _measure(face()), strict=True))
    expected = {"mouth_open": 0.1, "mouth_width": 0.3, "mouth_curve": 0.02, "brow_height": 0.15, "brow_gap": 0.16}
    assert measured == pytest.approx(expected | {"brow_tilt": 0.0, "eye_open": 0.05})


@given(st.floats(-0.8, 0.8), st.floats(0.3, 3), st.floats(-100, 100))
def test_turning_scaling_and_moving_a_face_changes_nothing(angle, scale, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert _measure(face() @ turn.T * scale + shift) == pytest.approx(_measure(face()), abs=1e-6)


def test_a_real_mouth_is_seen_to_open(shared_data, need_weights):
    need_weights("face-mesh", "blazeface-full-range")
    from corpus.films.faces import FaceDetector, align_crop

    picture = cv2.cvtColor(cv2.imread(str(shared_data / "pexels_actress" / "single_face.jpg")), cv2.COLOR_BGR2RGB)
    found = FaceDetector().detect(picture)[0]
    crop = align_crop(picture, (found.right_eye, found.left_eye))
    measured = face_geometry(crop[None])[0]
    assert measured.shape == (len(GEOMETRY),)
    # Anatomy: a mouth is 0.25-0.5 of a face's height wide, brows stand 0.1-0.3 above the eyes.
    assert 0.25 < measured[1] < 0.5 and 0.1 < measured[3] < 0.3 and 0 < measured[6] < 0.12
