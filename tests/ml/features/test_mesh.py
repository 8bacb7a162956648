"""The face mesh: the same on either runtime, sure of faces and not of noise."""

import numpy as np
import pytest

from ml.features.face.mesh import POINTS, read_mesh


def test_faces_are_surely_faces_and_noise_is_none(need_weights, actress):
    need_weights("face-mesh")
    noise = np.random.default_rng(5).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    assert read_mesh(actress).confidence.min() > 0.9
    assert np.median(read_mesh(noise).confidence) < 0.5


def test_a_face_does_not_depend_on_the_others(need_weights, actress):
    need_weights("face-mesh")
    together = read_mesh(actress)
    assert together.points.shape == (len(actress), POINTS, 3)
    assert np.array_equal(read_mesh(actress[5:6]).points[0], together.points[5])


def test_no_face_gives_no_points():
    assert read_mesh(np.zeros((0, 64, 64, 3), np.uint8)).points.shape == (0, POINTS, 3)


@pytest.mark.gpu
def test_a_gpu_finds_the_points_that_the_cpu_finds(need_weights, actress):
    need_weights("face-mesh")
    cpu, gpu = read_mesh(actress), read_mesh(actress, device="cuda")
    # Pixels of 192: the enlarged crop differs by a grey level.
    assert np.abs(cpu.points[..., :2] - gpu.points[..., :2]).max() < 1
    assert np.abs(cpu.confidence - gpu.confidence).max() < 0.02
