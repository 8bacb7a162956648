"""A backbone of four tiny layers in the place of EfficientNet-Lite0, and units whose faces tell the emotion in one crop alone."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from corpus.terms import EMOTIONS, MODALITIES, FaceNetwork
from ml.models.dataset import CROP_PX, CROPS, UnitArrays
from ml.models.face import backbone, seen
from ml.models.face.backbone import Stage, layers
from ml.models.networks import NetworkConfig

TINY = (Stage(1, 3, 1, 1, 4), Stage(1, 3, 2, 2, 6), Stage(1, 5, 2, 2, 8))


@pytest.fixture
def tiny_backbone(monkeypatch: pytest.MonkeyPatch) -> Iterator[nn.Sequential]:
    """The stem and two blocks frozen, one block that learns; weights drawn, pictures of 24 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = layers(TINY, stem=4).eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter *= 2.0  # torch draws weights so small that eight layers leave nothing of a picture
    monkeypatch.setattr(backbone, "pretrained", lambda: network)
    monkeypatch.setattr(backbone, "FROZEN", 3)
    monkeypatch.setattr(seen, "SIDE_PX", 24)
    return network


@pytest.fixture
def config() -> NetworkConfig:
    return NetworkConfig(face_network=FaceNetwork.LITE0, face_width=8, dropout=0.0)


def planted(n: int, emotions: int = 2) -> UnitArrays:
    """n units with three crops each, grey noise but for one, in which a bright bar lies where the emotion says; features say nothing."""
    drawn = np.random.default_rng(3)
    label = np.arange(n) % emotions
    crops = drawn.integers(90, 110, (n, CROPS, CROP_PX, CROP_PX), dtype=np.uint8)
    for unit, emotion in enumerate(label):
        bar = slice(6 + 20 * emotion, 18 + 20 * emotion)
        crops[unit, drawn.integers(3), bar] = 250
    soft = np.eye(len(EMOTIONS), dtype=np.float32)[label]
    nothing, number = np.zeros((n, 1), np.float32), np.full(n, -1, np.int64)
    return UnitArrays(
        crops=crops,
        crop_mask=np.tile(np.arange(CROPS) < 3, (n, 1)),
        crop_t_ms=np.zeros((n, CROPS), np.int64),
        crop_row=np.arange(n),
        listener_crop_row=number,
        face=nothing,
        listener_face=nothing,
        voice=nothing,
        speech=nothing[:, :0],
        text=nothing,
        present=np.ones((n, len(MODALITIES)), bool),
        listened=np.zeros(n, bool),
        sequence=np.arange(n),
        place=np.zeros(n, np.int64),
        when=np.full((n, 3), np.nan, np.float32),
        scene=number,
        speaker=number,
        listener=number,
        source=np.zeros(n, np.int64),
        soft=soft,
        label=label,
        levels=np.full((n, 3), np.nan, np.float32),
        next_row=number,
        last_of=np.full((n, 4), -1, np.int64),
        next_of=np.full((n, 4), -1, np.int64),
    )
