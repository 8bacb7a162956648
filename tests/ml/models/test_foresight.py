"""What is felt next, foreseen from readings: it finds a rule that dialogues follow, and names what stands out."""

import numpy as np
import pytest

from corpus.terms import EMOTIONS
from ml.models.cast import present_characters
from ml.models.dataset import Columns, UnitArrays
from ml.models.dialogue import Turn, dialogue_arrays
from ml.models.foresight import FEATURES, foreseen, history, learn, named
from tests.emotions import N_EMOTIONS, shares

COLUMNS = Columns((), (), (), "minilm", 4, 0)
JOY, ANGER = EMOTIONS.index("joy"), EMOTIONS.index("anger")
OTHER = 0.12 / (N_EMOTIONS - 1)
"""What a reading that is sure leaves each of the others."""


def talks(labels: list[list[int]], speakers: str = "ab") -> UnitArrays:
    """Dialogues whose turns have these gold emotions, the speakers in turn."""
    dialogues = [[Turn("", speakers[i % len(speakers)]) for i in range(len(own))] for own in labels]
    n = sum(map(len, labels))
    data = dialogue_arrays(dialogues, np.zeros((n, 4), np.float32), np.ones(n, bool), COLUMNS, 0)
    data.label[:] = np.concatenate(labels)
    return data


def sure(labels: np.ndarray) -> np.ndarray:
    return np.where(np.eye(N_EMOTIONS, dtype=bool)[labels], 0.88, OTHER).astype(np.float32)


def test_it_learns_what_follows_what_from_readings_that_are_right() -> None:
    rng = np.random.default_rng(0)
    labels = [[int(rng.integers(N_EMOTIONS))] for _ in range(200)]
    for own in labels:
        own.extend((own[0] + step) % N_EMOTIONS for step in range(1, 6))
    data = talks(labels)
    weights = learn(sure(data.label), data).weights
    said = foreseen(weights, sure(data.label), data)
    there = data.next_row >= 0
    assert (said[there].argmax(axis=1) == data.label[data.next_row[there]]).mean() > 0.99
    assert said.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_it_hears_the_other_speaker_where_the_answer_lies_two_turns_back() -> None:
    rng = np.random.default_rng(1)
    labels = []
    for _ in range(300):
        own = rng.integers(N_EMOTIONS, size=6).tolist()
        for i in range(2, 6):
            own[i] = own[i - 2]  # each speaker stays as they are
        labels.append(own)
    data = talks(labels)
    said = foreseen(learn(sure(data.label), data).weights, sure(data.label), data)
    there = (data.next_row >= 0) & (data.last_of[:, 1] >= 0)
    assert (said[there].argmax(axis=1) == data.label[data.next_row[there]]).mean() > 0.99


def test_the_history_of_a_turn_holds_itself_the_one_before_the_others_last_and_the_mood() -> None:
    data = talks([[JOY, ANGER, ANGER]], speakers="aab")
    rows = history(sure(data.label), data)
    told = {name: rows[2, i] for i, name in enumerate(FEATURES)}
    assert (told["now is anger"], told["before is anger"], told["other is anger"]) == (1, 1, 1)
    assert told["own joy"] == 0 and told["another spoke"] == 1  # b speaks for the first time
    assert np.exp(told["mood joy"]) == pytest.approx((0.88 + OTHER + OTHER) / 3, abs=1e-3)
    assert present_characters(data.sequence, data.place, data.scene, data.speaker).last[2, 1] == 1


def test_what_stands_out_against_the_usual_is_named() -> None:
    usual = np.array(shares(neutral=0.7), np.float32)
    assert named(np.array([shares(neutral=0.5, joy=0.3)]), usual).tolist() == [JOY]
    assert named(usual[None], usual).tolist() == [0]
