"""Face geometry: shares of face height that neither size, place nor a turned head changes, and the turn itself in degrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features.face.geometry import (
    BROWS,
    CHIN,
    EARS,
    EYES,
    FOREHEAD,
    GEOMETRY,
    HEAD,
    LIP_CORNERS,
    LOWER_LIP,
    SOCKETS,
    SYMMETRIC,
    UPPER_LIP,
    head_pose,
    measure,
)
from ml.features.face.mesh import read_mesh


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
    measured = dict(zip(GEOMETRY, measure(face()[None])[0].tolist(), strict=True))
    expected = {"mouth_open": 0.1, "mouth_width": 0.3, "mouth_curve": 0.02, "brow_height": 0.15, "brow_gap": 0.16}
    assert measured == pytest.approx(expected | {"brow_tilt": 0.0, "eye_open": 0.05}, abs=1e-6)


@given(st.floats(-0.8, 0.8), st.floats(0.3, 3), st.floats(-100, 100))
def test_turning_scaling_and_moving_a_face_changes_nothing(angle, scale, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert measure((face() @ turn.T * scale + shift)[None])[0] == pytest.approx(measure(face()[None])[0], abs=1e-5)


def head() -> np.ndarray:
    """A head that looks straight ahead: symmetric pairs to either side, the line from ear to socket level."""
    points = np.random.default_rng(1).normal(size=(468, 3)) * 30
    for number, (left, right) in enumerate(SYMMETRIC):
        points[left] = (-20 - 5 * number, 3 * number, 10 * number)
        points[right] = points[left] * (-1, 1, 1)
    for ear, socket in zip(EARS, SOCKETS, strict=True):
        points[socket] = points[ear] + (0, 0, -60)
    return points


def turned(points: np.ndarray, yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Nodded upwards, then turned to the right, then leant to the right (x right, y down, z away), in degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return points @ (lean @ turn @ nod).T


@given(st.floats(-75, 75), st.floats(-60, 60), st.floats(-80, 80), st.floats(0.2, 4))
def test_a_turned_head_is_measured_in_degrees(yaw, pitch, roll, scale):
    # Turned to the right edge, the face's forward axis, -z, gains x; turned upwards it loses y.
    forward = turned(np.array([[0.0, 0, -1]]), 30, 0, 0)[0]
    assert forward[0] > 0.4
    assert turned(np.array([[0.0, 0, -1]]), 0, 30, 0)[0][1] < -0.4
    found = head_pose((turned(head(), yaw, pitch, roll) * scale + 90)[None])[0]
    assert dict(zip(HEAD, found.tolist(), strict=True)) == pytest.approx(
        {"head_yaw": yaw, "head_pitch": pitch, "head_roll": roll}, abs=0.02
    )


def test_a_mirrored_real_face_looks_the_other_way_and_leans_the_other_way(need_weights, actress):
    need_weights("face-mesh")
    pose, mirrored = (head_pose(read_mesh(crops).points) for crops in (actress, np.ascontiguousarray(actress[:, :, ::-1])))
    assert np.abs(pose[:, 0]).max() > 10
    assert np.median(np.abs(pose[:, 0] + mirrored[:, 0])) < 3 and np.median(np.abs(pose[:, 2] + mirrored[:, 2])) < 2
    assert np.median(np.abs(pose[:, 1] - mirrored[:, 1])) < 2


def test_a_real_face_is_measured_as_faces_are_made(need_weights, actress):
    need_weights("face-mesh")
    measured = measure(read_mesh(actress).points)
    assert measured.shape == (len(actress), len(GEOMETRY))
    # Anatomy: a mouth is 0.25-0.55 of a face's height wide, brows stand 0.1-0.3 above the eyes.
    assert ((measured[:, 1] > 0.25) & (measured[:, 1] < 0.55)).all() and ((measured[:, 3] > 0.1) & (measured[:, 3] < 0.3)).all()
    # She weeps with her mouth closed, then laughs with it open and wide.
    assert measured[-8:, 0].mean() > measured[:4, 0].mean() + 0.03 and measured[-8:, 1].mean() > measured[:4, 1].mean()
