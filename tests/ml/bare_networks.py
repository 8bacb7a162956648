"""What the networks of ml/ answer on made-up input: the same numbers wherever torch, numpy and safetensors are.

Run as a program (`python bare_networks.py PROJECT OUT`) it refuses every other package first and writes the answers to OUT (.npz), leaving
out networks whose packaged weights are not installed; as a module it is asked for them by the test that compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from ml.models.dataset import UnitArrays

UNITS = 24
FACE, VOICE, CUES = 5, 4, 3
RATE_HZ = 16_000


def experts_and_context() -> np.ndarray:
    """Logits of the context network, which learned from what three experts said that learned on drawn units."""
    from corpus.terms import EMOTIONS, MODALITIES
    from ml.models.calibration import log_softmax
    from ml.models.context import ContextParams, Ensemble, Opinions, join, train_context
    from ml.models.experts import ExpertJob, ExpertParams, train_expert
    from ml.models.networks import NetworkConfig

    data, rows, config = _units(), np.arange(UNITS), NetworkConfig.debug()
    params = ExpertParams(epochs=2, checkpoints=1)
    runs = [train_expert(data, ExpertJob(modality, rows, rows, seed=modality), params, config) for modality in range(len(MODALITIES))]
    log_p = np.stack([log_softmax(run.logits[-1]) for run in runs], axis=1)
    prior = np.full((UNITS, len(EMOTIONS)), np.log(1 / len(EMOTIONS)), np.float32)
    levels, listening = np.stack([run.levels[-1] for run in runs], axis=1), log_softmax(runs[0].listening[-1])
    opinions = Opinions(log_p, levels, data.present, prior, listening, data.listened)
    learnt = train_context(data, opinions, rows, rows, ContextParams(steps=4, every=2), config, seed=0)
    return join(Ensemble.of([learnt.state], config), data, opinions, rows).logits


def encoder() -> np.ndarray:
    """Embeddings of three sentences by a small BERT with drawn weights."""
    import torch

    from ml.features.text.bert import Bert, BertShape, WordTable

    width, words, longest = 16, 50, 8
    torch.manual_seed(2)
    weights = {"embeddings.position_embeddings.weight": torch.randn(longest, width)}
    norms, matrices = ["embeddings.LayerNorm"], []
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        matrices += [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        matrices += [f"{layer}.attention.output.dense", f"{layer}.intermediate.dense", f"{layer}.output.dense"]
    weights |= {f"{name}.weight": torch.randn(width) for name in norms} | {f"{name}.weight": torch.randn(width, width) for name in matrices}
    weights |= {f"{name}.bias": torch.randn(width) for name in norms + matrices}
    network = Bert(BertShape(2, 2, 1e-12, longest), weights, WordTable(torch.randn(words, width)), torch.float32)
    return network.embed([[1, 2], [3, 4], [5, 6, 7]]).numpy()


def pitch() -> np.ndarray:
    """Confidence per frame of a drawn pitch network over a gliding tone."""
    import torch

    from ml.features.voice.pitch_net import PitchNet

    with torch.inference_mode():
        return _drawn(PitchNet())(torch.from_numpy(_tone())).confidence.numpy()


def speech() -> np.ndarray:
    """Probability of speech per piece by a drawn speech network over a gliding tone."""
    import torch

    from corpus.dialogue.sync.speech_net import PIECE, SpeechNet

    sound = torch.from_numpy(_tone()[: RATE_HZ // PIECE * PIECE]).view(1, -1, PIECE)
    with torch.inference_mode():
        return _drawn(SpeechNet())(sound).numpy()


def expression() -> np.ndarray:
    """Emotion probabilities of drawn pictures by the packaged networks, whose own file formats are read too."""
    from ml.features.face.expressions import expression as read

    return read(_pictures(48))


def identity() -> np.ndarray:
    """Embeddings of drawn pictures by the packaged network that tells faces apart."""
    from ml.features.people.identity import embed_faces

    return embed_faces(_pictures(112))


def mesh() -> np.ndarray:
    """Points of drawn pictures by the packaged mesh, in torch as on a GPU."""
    import torch

    from corpus.tflite import load_network
    from corpus.weights import weight_path
    from ml.features.face.mesh import MESH_SIZE, WEIGHT

    pictures = torch.from_numpy(_pictures(MESH_SIZE)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        return load_network(weight_path(WEIGHT))(pictures)[0].numpy()


def body() -> np.ndarray:
    """Points of drawn pictures by the packaged network of bodies."""
    from ml.features.face.pose import read_bodies

    return read_bodies(_pictures(96), np.tile([0.2, 0.1, 0.4, 0.8], (3, 1))).points


NETWORKS: dict[str, Callable[[], np.ndarray]] = {
    "experts and context": experts_and_context,
    "sentence encoder": encoder,
    "pitch": pitch,
    "speech": speech,
    "expression": expression,
    "identity": identity,
    "face mesh": mesh,
    "body": body,
}


def _drawn(network: torch.nn.Module) -> torch.nn.Module:
    """All its numbers drawn anew, small enough that nothing saturates; windows and filters stay above 0."""
    import torch

    torch.manual_seed(3)
    for numbers in network.parameters():
        numbers.data = 0.1 * torch.randn_like(numbers)
    for name, numbers in network.named_buffers():
        if name.startswith(("window", "filters")):
            numbers.data = 0.1 * torch.rand_like(numbers)
    return network.eval()


def _pictures(side: int) -> np.ndarray:
    """Three pictures of noise, uint8 (3, side, side, 3)."""
    return np.random.default_rng(5).integers(0, 256, (3, side, side, 3), dtype=np.uint8)


def _tone() -> np.ndarray:
    """A second that glides from 100 to 300 Hz, float32 (16000,)."""
    t = np.arange(RATE_HZ) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * (100 * t + 100 * t**2))).astype(np.float32)


def _units() -> UnitArrays:
    """Units of one run in two scenes, all modalities there, gold drawn at random."""
    from corpus.terms import EMOTIONS, MODALITIES
    from ml.models.cast import PRESENT
    from ml.models.dataset import CROP_PX, CROPS, UnitArrays

    drawn = np.random.default_rng(7)
    place = np.arange(UNITS)
    soft = drawn.dirichlet(np.ones(len(EMOTIONS)), UNITS).astype(np.float32)
    return UnitArrays(
        crops=drawn.integers(0, 256, (UNITS, CROPS, CROP_PX, CROP_PX), dtype=np.uint8),
        crop_mask=np.ones((UNITS, CROPS), bool),
        crop_t_ms=1000 * place[:, None] + 100 * np.arange(CROPS),
        crop_row=place,
        listener_crop_row=place[::-1].copy(),
        listener_face=np.random.default_rng(10).normal(size=(UNITS, 2 * FACE)).astype(np.float32),
        face=drawn.normal(size=(UNITS, 2 * FACE)).astype(np.float32),
        voice=drawn.normal(size=(UNITS, 2 * VOICE)).astype(np.float32),
        speech=np.random.default_rng(8).normal(size=(UNITS, 24)).astype(np.float32),
        text=drawn.normal(size=(UNITS, 384 + CUES)).astype(np.float32),
        present=np.ones((UNITS, len(MODALITIES)), bool),
        listened=place % 3 > 0,
        sequence=np.zeros(UNITS, np.int64),
        place=place,
        when=np.random.default_rng(9).random((UNITS, 3)).astype(np.float32),
        scene=place // (UNITS // 2),
        speaker=place % 2,
        listener=np.where(place % 4, 1 - place % 2, -1),
        source=np.zeros(UNITS, np.int64),
        soft=soft,
        label=soft.argmax(1),
        levels=np.stack([drawn.random(UNITS, np.float32), *(2 * drawn.random((2, UNITS), np.float32) - 1)], axis=1),
        next_row=np.where((place + 1) % (UNITS // 2), place + 1, -1),
        last_of=np.full((UNITS, PRESENT), -1),
        next_of=np.full((UNITS, PRESENT), -1),
    )


def main(project: str, out: str) -> None:
    """Write the answers that a bare machine gives."""
    from bare_machine import refuse_the_rest

    refuse_the_rest(project)
    from corpus.weights import WeightError

    answers = {}
    for name, network in NETWORKS.items():
        try:
            answers[name] = network()
        except WeightError as error:
            sys.stderr.write(f"{name}: {error}\n")
    np.savez(out, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
