"""The quick text model: a linear reading of frozen embeddings, words, cues, neighbours and speakers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.models.text.frozen import NEAR, FrozenText, _mean_beside
from ml.models.text.turns import Lines
from tests.ml.tiny_encoder import write_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_encoder(tmp_path_factory.mktemp("encoder") / "tiny"))


def naive(embedding: np.ndarray, dialogue: np.ndarray, sign: int) -> np.ndarray:
    found = np.zeros_like(embedding)
    for row in range(len(embedding)):
        for distance in range(1, NEAR + 1):
            other = row + sign * distance
            if 0 <= other < len(embedding) and dialogue[other] == dialogue[row]:
                found[row] += embedding[other] / NEAR
    return found


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.sampled_from([-1, 1]))
def test_neighbours_are_averaged_within_their_dialogue(parted, sign):
    dialogue = np.cumsum(parted)
    embedding = np.random.default_rng(len(parted)).normal(size=(len(parted), 3)).astype(np.float32)
    assert np.allclose(_mean_beside(embedding, dialogue, sign), naive(embedding, dialogue, sign), atol=1e-6)


def talk(seed: int, n: int, kinds: tuple[str, ...] = ("good", "bad", "odd")) -> tuple[Lines, np.ndarray]:
    drawn = np.random.default_rng(seed)
    label = drawn.integers(0, len(kinds), n)
    texts = [f"{drawn.choice(['the', 'a'])} {kinds[kind]} {drawn.choice(['dog', 'cat'])} ran home" for kind in label]
    return Lines(texts, ["ross", "anna"] * (n // 2), np.arange(n) // 4), label


def test_it_learns_which_word_tells_the_class(encoder: str):
    lines, label = talk(1, 120)
    model = FrozenText.fit(lines, label, np.arange(80), 3, encoder)
    found = model.logits(lines, np.arange(80, 120))
    assert (found.argmax(1) == label[80:]).mean() >= 0.95
    assert np.allclose(np.exp(found).sum(1), 1, atol=1e-4)


def test_a_class_that_the_training_lines_did_not_have_is_never_said(encoder: str):
    lines, label = talk(2, 120)
    train = np.flatnonzero(label[:80] != 1)
    found = FrozenText.fit(lines, label, train, 4, encoder).logits(lines, np.arange(120))
    assert set(found.argmax(1)) == {0, 2}
    assert found[:, [1, 3]] == pytest.approx(np.full((120, 2), np.log(1e-6)))


def test_who_speaks_counts_where_they_speak_often_enough(encoder: str):
    n = 200
    drawn = np.random.default_rng(3)
    speakers = drawn.choice(["ross", "anna"], n).tolist()
    speakers[:3] = ["joey"] * 3
    lines = Lines(["the dog ran home"] * n, speakers, np.arange(n))
    label = np.array([int(who == "anna") for who in speakers])
    model = FrozenText.fit(lines, label, np.arange(n), 2, encoder, strength=1000.0)
    assert model.speakers == ("anna", "ross")
    assert (model.logits(lines, np.arange(3, n)).argmax(1) == label[3:]).all()


def test_a_row_is_answered_with_its_neighbours_whichever_rows_are_asked_for(encoder: str):
    lines, label = talk(4, 60)
    model = FrozenText.fit(lines, label, np.arange(40), 3, encoder)
    asked = np.array([50, 3, 41])
    assert np.allclose(model.logits(lines, asked), model.logits(lines, np.arange(60))[asked], atol=1e-6)
