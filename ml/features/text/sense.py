"""What a line means to a feeling, without a single label: how near it lies to sentences that say the feeling plainly.

Ten plain sentences stand for each emotion, for what is pleasant or not and for what is stirring or calm; a direction leads from all of them
together (or from their opposites) to them, and a line is measured along it. The sentences are Feelm's own and were written once, before
anything was measured on them; nobody's judgements are in these numbers, so they cannot carry a film's gold into its features.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from corpus import emotions
from ml.features.extractor import Dimension
from ml.features.text.encoder import SentenceEncoder

HEARD = tuple(emotion.name for emotion in emotions.ALL if emotion.examples)
"""The emotions of which there are example sentences."""

SENSE: tuple[Dimension, ...] = (
    *(Dimension(f"sense_{name}", "", f"cosine with the direction of sentences of {name}", -1.0, 1.0) for name in HEARD),
    Dimension("sense_valence", "", "cosine with the direction from unpleasant to pleasant sentences", -1.0, 1.0),
    Dimension("sense_arousal", "", "cosine with the direction from calm to stirring sentences", -1.0, 1.0),
)

EXAMPLES: dict[str, str] = {
    **{emotion.name: emotion.examples for emotion in emotions.ALL if emotion.examples},
    "pleasant": """I'm so happy!|This is wonderful!|I love you.|That's great news!|Thank you so much!|What a beautiful day!|Everything is
        going to be fine.|You're so kind.|We won!|I'm proud of you.""",
    "unpleasant": """I'm so sad.|This is terrible.|I hate you.|That's awful news.|You ruined everything!|What a horrible day!|We're going to
        die.|You're so cruel.|We lost.|I'm ashamed of you.""",
    "stirring": """I'm furious!|Run! Hurry up!|Oh my God, I can't believe it!|We won! We won!|Help! Somebody help me!|Get out of here
        now!|I'm so excited!|Look out!|What the hell are you doing?|I'm terrified!""",
    "calm": """I'm a bit tired.|Take your time, there's no hurry.|It's a quiet evening.|He fell asleep.|I feel calm.|Let's just rest for a
        while.|I'm bored.|It was a long, slow afternoon.|I suppose so.|Fine, whatever you say.""",
}  # fmt: skip


def examples(name: str) -> list[str]:
    """The sentences of one of EXAMPLES."""
    return [" ".join(sentence.split()) for sentence in EXAMPLES[name].split("|")]


@lru_cache(maxsize=2)
def directions(encoder: SentenceEncoder) -> np.ndarray:
    """Directions float32 (9, width) of length one, in the order of SENSE."""
    emotions = _unit(np.stack([_mean(encoder, name) for name in HEARD]))
    poles = [_mean(encoder, high) - _mean(encoder, low) for high, low in (("pleasant", "unpleasant"), ("stirring", "calm"))]
    return _unit(np.concatenate([emotions - emotions.mean(axis=0), np.stack(poles)]))


def sense_of(embedding: np.ndarray, encoder: SentenceEncoder) -> np.ndarray:
    """SENSE float32 (n, 9) of embeddings (n, width) that the encoder gave."""
    return embedding @ directions(encoder).T


def _mean(encoder: SentenceEncoder, name: str) -> np.ndarray:
    return encoder.encode(examples(name)).mean(axis=0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
