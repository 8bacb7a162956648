"""A champion that hears and sees, without having learned to: real features of voice and face, networks of chance; and what to show it."""

import dataclasses
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from corpus.maker.cast import Voice
from corpus.maker.face import HEIGHT, POSES, WIDTH, FacePainter, shade_head
from corpus.maker.voice import SAMPLE_RATE, Espeak, speak
from corpus.terms import MODALITIES
from ml.features.face.build import FACE_FEATURES
from ml.features.voice import VOICE_FEATURES
from ml.features.voice.speech import WIDTH as SPEECH_WIDTH
from ml.models.dataset import FACE, VOICE, Standardiser
from ml.models.experts import make_expert, state_of
from ml.models.predict import TrainedExpert, load_model, save_model
from tests.ml.features.drawn import LIGHTS, PERSONS

SIDES = 600, 640
SENTENCE, SPEAKER = "I found the letter in the kitchen, and nobody told me.", Voice("en-us+f2", 50, 1.0, 0.0)


def sensing(champion: Path) -> None:
    """Give the model in a folder experts for voices and faces that nobody trained, beside its own."""
    model = load_model(champion)
    columns = dataclasses.replace(model.facts.columns, face=tuple(sorted(FACE_FEATURES)), voice=tuple(sorted(VOICE_FEATURES)))
    facts = dataclasses.replace(model.facts, columns=dataclasses.replace(columns, speech_width=SPEECH_WIDTH))
    widths = {FACE: 2 * len(FACE_FEATURES), VOICE: 2 * len(VOICE_FEATURES) + SPEECH_WIDTH}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        fresh = [
            TrainedExpert(
                modality,
                state_of(make_expert(modality, width, len(facts.sources), facts.config, SPEECH_WIDTH)),
                Standardiser(np.zeros(width, np.float32), np.full(width, 0.05, np.float32)),
            )
            for modality, width in widths.items()
        ]
    temperatures = {name: facts.expert_temperatures.get(name, {}) for name in MODALITIES}
    save_model(dataclasses.replace(facts, expert_temperatures=temperatures), [*model.experts, *fresh], model.contexts, champion)


@lru_cache(maxsize=4)
def spoken(emotion: str = "anger", rate_hz: int = 16_000) -> np.ndarray:
    """Some two seconds of speech, int16 (n,)."""
    from scipy.signal import resample_poly

    with Espeak(5) as espeak:
        said = speak(
            espeak,
            "I found the letter in the kitchen, and nobody told me.",
            Voice("en-us+f2", 50, 1.0, 0.0),
            emotion,
            1.0,
            np.random.default_rng(5),
        )
    there = resample_poly(said, rate_hz // 100, SAMPLE_RATE // 100)
    return (there.clip(-1, 1) * 32767).astype(np.int16)


def picture(emotion: str = "joy", *people: tuple[str, int, int]) -> np.ndarray:
    """Drawn heads before a grey wall, uint8 (600, 640, 3) RGB: each of PERSONS from a column and row on, one in the middle by default."""
    wall = np.full((*SIDES, 3), 120, np.uint8)
    for who, left, top in people or (("ann", (SIDES[1] - WIDTH) // 2, SIDES[0] - HEIGHT),):
        head = shade_head(PERSONS[who], *LIGHTS[0])
        seen = wall[top : top + HEIGHT, left : left + WIDTH]
        share = (head.alpha[..., None] / 255)[: len(seen)]
        painted = FacePainter(head).paint(POSES[emotion])[: len(seen), :, ::-1]
        seen[:] = (painted * share + seen * (1 - share)).round().astype(np.uint8)
    return wall


def encoded(rgb: np.ndarray, kind: str = "JPEG", **options: object) -> bytes:
    """The picture as a file."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, kind, **options)
    return stream.getvalue()
