"""Crops of bodies beside the faces: each is read where it lies, posture is written row by row, what is missing or torn is told."""

import cv2
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

import ml.features.face.bodies
from corpus.chunks import ChunkStore
from corpus.terms import FeelmError
from corpus.weights import WeightError
from ml.features.face.bodies import BODIES_FILE, BODIES_TABLE, POSTURE_FILE, mapped, read_posture
from ml.features.face.pose import GESTURE, POSTURE, Bodies
from tests.ml.features.conftest import read_blocks


@pytest.fixture
def scan(tmp_path):
    """A faces artifact with `n` bodies of two tracks, each crop of one level of grey, in no order."""

    def write(n: int = 5):
        folder = tmp_path / "faces"
        folder.mkdir(exist_ok=True)
        order = np.random.default_rng(1).permutation(n)
        pictures = [cv2.imencode(".png", np.full((16, 16, 3), 10 * row, np.uint8))[1].ravel() for row in range(n)]
        rows = [
            {
                "track_id": f"film.shot0000.face{row % 2:02d}",
                "t_ms": 500 * row,
                "row": row,
                "x": 0.1 * row,
                "y": 0,
                "width": 0.5,
                "height": 1,
            }
            for row in order
        ]
        pd.DataFrame(rows).to_parquet(folder / BODIES_TABLE)
        offsets = np.cumsum([0, *map(len, pictures)]).astype(np.int64)
        save_file({"jpeg": np.concatenate(pictures), "offsets": offsets}, folder / BODIES_FILE)
        return folder

    return write


@pytest.fixture
def network(monkeypatch):
    """Stands for the pose network: a body with the left wrist at the crop's level of grey; the pictures that it read."""
    read: list[int] = []

    def stand_in(pictures, boxes, *, device):
        read.extend(pictures[:, 0, 0, 0].tolist())
        points = np.zeros((len(pictures), 33, 2), np.float32)
        points[:, 11], points[:, 12] = (1.0, 0.5), (0.5, 0.5)
        points[:, 15, 1] = pictures[:, 0, 0, 0] / 100
        ones = np.ones(len(pictures), np.float32)
        return Bodies(points, np.zeros((len(pictures), 33), np.float32), np.ones((len(pictures), 33), bool), ones)

    monkeypatch.setattr("ml.features.face.pose.read_bodies", stand_in)
    return read


def test_rows_come_in_the_order_of_time_with_speeds_within_each_track(scan, network, out):
    found = read_posture(scan(), out)
    assert found.missing is None and found.table["t_ms"].tolist() == [0, 500, 1000, 1500, 2000]
    assert found.held[:, POSTURE.index("hand_height")] == pytest.approx([1] * 5)
    speed = found.held[:, len(POSTURE) + GESTURE.index("hand_speed")]
    # The wrist goes 0.2 down in the second between two crops of a track, shoulders are 0.5 apart.
    assert np.isnan(speed[:2]).all() and speed[2:] == pytest.approx([0.4] * 3, abs=1e-4)
    written = read_blocks(out / POSTURE_FILE)
    assert written.start_ms.tolist() == [0, 500, 1000, 1500, 2000]
    assert np.array_equal(written.values, found.held[:, : len(POSTURE)], equal_nan=True)


def test_a_second_reading_computes_nothing_and_a_grown_film_only_its_last_chunk(scan, network, out, tmp_path, monkeypatch):
    monkeypatch.setattr(ml.features.face.bodies, "CHUNK", 4)
    store, folder = ChunkStore(tmp_path / "store"), scan(8)
    first = read_posture(folder, out, store=store)
    assert len(network) == 8
    again = read_posture(folder, out, store=store)
    assert len(network) == 8 and np.array_equal(first.held, again.held, equal_nan=True)
    read_posture(scan(9), out, store=store)
    assert network[8:] == [80]


def test_what_is_missing_is_told(scan, network, out, tmp_path, monkeypatch):
    assert "scan the film again" in read_posture(tmp_path, out).missing
    assert read_posture(_empty(scan()), out).missing == "no body found"

    def missing(*_, **__):
        raise WeightError("weight pose-landmarks is not in /x: run `feelm weights fetch pose-landmarks`")

    monkeypatch.setattr("ml.features.face.pose.read_bodies", missing)
    found = read_posture(scan(), out)
    assert "feelm weights fetch pose-landmarks" in found.missing and found.held.shape == (0, len(POSTURE) + len(GESTURE))


def _empty(folder):
    table = pd.read_parquet(folder / BODIES_TABLE)
    table.iloc[:0].to_parquet(folder / BODIES_TABLE)
    return folder


def test_a_torn_file_of_pictures_is_told(scan, network, out):
    folder = scan()
    files = mapped(folder / BODIES_FILE)
    save_file({"jpeg": np.array(files["jpeg"]), "offsets": np.array(files["offsets"][:-1])}, folder / BODIES_FILE)
    with pytest.raises(FeelmError, match="holds fewer pictures than"):
        read_posture(folder, out)


def test_mapped_tensors_are_those_that_were_saved(tmp_path):
    saved = {"a": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "b": np.array([7, -1]), "none": np.zeros((0, 4), np.uint8)}
    save_file(saved, tmp_path / "x.safetensors", metadata={"made": "here"})
    found = mapped(tmp_path / "x.safetensors")
    assert {name: array.tolist() for name, array in found.items()} == {name: array.tolist() for name, array in saved.items()}
    assert found["none"].shape == (0, 4) and isinstance(found["a"], np.memmap)
