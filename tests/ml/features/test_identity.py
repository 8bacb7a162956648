"""The identity network: the port gives what the original gives, tells real people apart, and asks the store first."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import ml.features.people.identity
from corpus.chunks import ChunkStore
from corpus.films.faces import FaceDetector, align_crop
from corpus.terms import FeelmError
from ml.features.people.identity import DIMENSIONS, SIZE, IdentityExtractor, embed_chosen, embed_faces, network

ORIGINAL = Path(__file__).with_name("identity_tfjs.csv")


@pytest.fixture(autouse=True)
def weights(need_weights) -> None:
    need_weights("face-identity")


def waves(n: int) -> np.ndarray:
    """Pictures uint8 (n, 150, 150, 3) of crossing waves, the same on every machine."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    phases = np.arange(1, n + 1)[:, None, None, None] * np.array([0.7, 1.1, 1.9])
    wave = np.sin(9 * down[..., None] + phases) * np.cos(7 * across[..., None] * phases) + np.sin(31 * (down + across)[..., None] - phases)
    return (127.5 + 63 * wave).round().astype(np.uint8)


def test_the_port_gives_what_the_original_gives() -> None:
    """`ORIGINAL` holds what face-api 1.7.15 itself gave on TensorFlow.js for the same pictures."""
    original = np.loadtxt(ORIGINAL, delimiter=",")
    with torch.inference_mode():
        ours = network("cpu")(torch.from_numpy(waves(2)).permute(0, 3, 1, 2).float()).numpy()
    assert ours.shape == original.shape == (2, DIMENSIONS)
    assert np.abs(ours - original).max() < 1e-4
    assert np.linalg.norm(original[0] - original[1]) > 0.01


def crops_of(picture: np.ndarray) -> np.ndarray:
    """Every face in a BGR picture, from left to right, as the scan cuts it."""
    rgb = np.ascontiguousarray(picture[..., ::-1])
    found = sorted(FaceDetector().detect(rgb), key=lambda face: face.x)
    return np.stack([align_crop(rgb, (face.right_eye, face.left_eye)) for face in found])


def grey(crops: np.ndarray) -> np.ndarray:
    return np.repeat((crops @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("as_shot", [np.asarray, grey], ids=["colour", "grey"])
def test_real_people_lie_apart_and_one_man_lies_together(shared_data: Path, need_weights, as_shot) -> None:
    need_weights("blazeface-full-range")
    folder = shared_data / "pexels_actress"
    video = cv2.VideoCapture(str(folder / "single_face.mp4"))
    moments = [crops_of(video.read()[1])[0] for _ in range(4) for _ in [video.set(cv2.CAP_PROP_POS_FRAMES, 18 * _)]]
    man = np.stack([*moments, crops_of(cv2.imread(str(folder / "single_face.jpg")))[0]])
    five = crops_of(cv2.imread(str(folder / "multi_face.jpg")))
    assert len(five) == 5
    same, others = embed_faces(as_shot(man)), embed_faces(as_shot(five))
    within = np.linalg.norm(same[:, None] - same, axis=2)[np.triu_indices(5, 1)]
    between = np.linalg.norm(others[:, None] - others, axis=2)[np.triu_indices(5, 1)]
    towards = np.linalg.norm(same[:, None] - others, axis=2)
    assert within.max() < 0.5
    assert np.median(between) > 0.6 and np.median(towards) > 0.6 and within.max() < towards.min()


def test_batches_and_the_order_of_faces_change_nothing() -> None:
    crops = np.random.default_rng(2).integers(0, 256, (37, 64, 64, 3), dtype=np.uint8)
    together, alone = embed_faces(crops), np.concatenate([embed_faces(crops[i : i + 1]) for i in (0, 33, 36)])
    assert np.allclose(together[[0, 33, 36]], alone, atol=1e-5)


def test_what_the_store_holds_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crops = np.random.default_rng(4).integers(0, 256, (7, 64, 64, 3), dtype=np.uint8)
    t_ms, store = np.arange(7) * 200, ChunkStore(tmp_path)
    monkeypatch.setattr(ml.features.people.identity, "CHUNK", 3)
    first = embed_chosen(t_ms, crops, [0, 2, 3, 5, 6], store=store)
    assert np.allclose(first, embed_faces(crops[[0, 2, 3, 5, 6]]), atol=1e-6)
    asked: list[int] = []
    monkeypatch.setattr(IdentityExtractor, "extract", lambda _self, chunk: asked.append(len(chunk.t_ms)))
    assert (embed_chosen(t_ms, crops, [0, 2, 3, 5, 6], store=store) == first).all()
    assert asked == []


def test_no_face_gives_no_embedding_and_another_shape_is_refused() -> None:
    assert embed_chosen(np.zeros(0), np.zeros((0, 64, 64, 3), np.uint8), []).shape == (0, DIMENSIONS)
    with pytest.raises(FeelmError, match=r"must be square uint8"):
        embed_faces(np.zeros((1, 64, 48, 3), np.uint8))


@pytest.mark.gpu
def test_cpu_and_gpu_agree() -> None:
    crops = np.random.default_rng(6).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    assert np.allclose(embed_faces(crops), embed_faces(crops, device="cuda"), atol=5e-3)
