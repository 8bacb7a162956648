"""Sense: lines are nearest to the feeling they say, on sentences that the examples do not hold and on lines that people judged."""

import csv

import numpy as np
import pytest

from benchmarks.common import SHARED
from corpus.terms import EMOTIONS
from corpus.threads import one_torch_thread
from ml.features.text.sense import EXAMPLES, SENSE, directions, examples, sense_of
from tests.emotions import WRITTEN

SAID = {
    "joy": "This is the best birthday of my life!",
    "anger": "I'll make you pay for this, you rotten liar!",
    "fear": "There's someone in the house, I'm terrified.",
    "sadness": "She left me and I cry every night.",
    "surprise": "What? You got married? I don't believe it!",
    "disgust": "This food is rotten, it makes me want to vomit.",
}
COLUMN = {dimension.name: number for number, dimension in enumerate(SENSE)}


@pytest.fixture(autouse=True)
def one_thread():
    with one_torch_thread():
        yield


@pytest.fixture
def encoder(need_weights):
    need_weights("minilm")
    from ml.features.text.encoder import sentence_encoder

    return sentence_encoder()


def test_new_sentences_lie_nearest_to_their_own_emotion(encoder):
    assert not set(SAID.values()) & {sentence for name in EXAMPLES for sentence in examples(name)}
    found = sense_of(encoder.encode(list(SAID.values())), encoder)
    assert [EMOTIONS[row.argmax()] for row in found[:, : len(EMOTIONS)]] == list(SAID)


def test_pleasant_and_stirring_lines_are_told(encoder):
    found = sense_of(
        encoder.encode(["What a lovely surprise!", "That was cruel and awful.", "Hurry, run!", "Let's sit here a while."]), encoder
    )
    valence, arousal = found[:, COLUMN["sense_valence"]], found[:, COLUMN["sense_arousal"]]
    assert valence[0] > 0 > valence[1] and arousal[2] > 0 > arousal[3]


def test_directions_are_of_length_one_and_emotions_balance(encoder):
    found = directions(encoder)
    assert found.shape == (len(SENSE), 384) and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found[: len(EMOTIONS)] @ found[: len(EMOTIONS)].T - np.eye(len(EMOTIONS))).max() < 0.5


def test_judged_lines_of_television_are_told_apart_without_a_label(encoder):
    path = SHARED / "meld" / "dev_sent_emo.csv"
    if not path.is_file():
        pytest.skip("MELD is not at ../shared/data")
    with path.open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["Emotion"] in EMOTIONS]
    found = sense_of(encoder.encode([row["Utterance"] for row in rows]), encoder)
    given = np.array([row["Emotion"] for row in rows])
    assert set(given) == set(WRITTEN)
    for name in WRITTEN:
        assert _area(found[given == name, EMOTIONS.index(name)], found[given != name, EMOTIONS.index(name)]) > 0.6, name
    pleasant, other = found[given == "joy", COLUMN["sense_valence"]], np.isin(given, ["anger", "fear", "sadness", "disgust"])
    assert _area(pleasant, found[other, COLUMN["sense_valence"]]) > 0.75


def _area(higher: np.ndarray, lower: np.ndarray) -> float:
    """Area under the curve: how often one of `higher` is above one of `lower`."""
    return float((higher[:, None] > lower[None]).mean())
