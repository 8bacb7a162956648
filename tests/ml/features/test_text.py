"""Text features: embeddings that mean something whatever the batch, cues that are counted, languages that are told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

import ml.features.text
from corpus.weights import WeightError
from ml.features.text import TEXT_FEATURES, build_text_features, language_is_english, text_cues
from tests.ml.features.conftest import features


@pytest.fixture
def encoder(need_weights):
    need_weights("minilm")
    from ml.features.encoder import sentence_encoder

    return sentence_encoder()


def test_paraphrases_are_nearest(encoder):
    pairs = ["I am so happy today!", "What a wonderful day.", "Get out of my house!", "Leave this place now!", "He died.", "He is dead."]
    vectors = encoder.encode(pairs)
    likeness = vectors @ vectors.T - 2 * np.eye(6)
    assert likeness.argmax(1).tolist() == [1, 0, 3, 2, 5, 4]


def test_embedding_is_of_length_one_and_the_same_alone_as_in_a_batch(encoder):
    lines = [f"{'very ' * (i % 40)}long line {i}" for i in range(70)] + [""]
    together = encoder.encode(lines)
    assert together.dtype == np.float32 and np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode([line]) for line in lines[::10]])
    assert (alone * together[::10]).sum(1).min() > 0.99999
    assert encoder.encode(["word " * 2000]).shape == (1, 384)


def test_cues_are_counted_as_written():
    columns = text_cues(["NO! I don't— I... won't go, go! Nooo", "Is he gone?", ""])
    row = {name: values[0] for name, values in columns.items()}
    expected = {"exclamation": 2, "ellipsis": 1, "dash": 1, "negation": 3, "first_person": 2, "repeated_words": 1, "stretched": 1}
    assert {name: row[name] for name in expected} == expected
    assert row["shouted_words"] == 1 and row["n_words"] == 8
    assert columns["question"].tolist() == [0, 1, 0] and columns["n_words"][2] == 0


@given(st.text(max_size=80))
def test_any_text_gives_finite_cues(text):
    columns = text_cues([text])
    assert tuple(columns) == TEXT_FEATURES
    assert all(np.isfinite(values[0]) and values[0] >= 0 for values in columns.values())
    assert columns["capitals_share"][0] <= 1


def test_wordless_units_are_absent_and_rows_stay_aligned(encoder, scenes, out):
    folder = scenes(*[(0, 1000, None)] * 4, texts=["Run!", None, "...", "I love you."])
    summary = build_text_features(folder / "units.parquet", "en", out)
    embedding = load_file(out / "embedding.safetensors")["embedding"]
    assert features(out)["present"].tolist() == [True, False, False, True]
    assert (np.linalg.norm(embedding, axis=1) > 0.5).tolist() == [True, False, False, True]
    assert np.allclose(embedding[3], encoder.encode(["I love you."])[0], atol=1e-5)
    assert (summary.missing, summary.n_words) == ("no words in 2 of 4 units", 4)


def test_another_language_is_told_and_not_embedded(scenes, out):
    folder = scenes((0, 1000, None), texts=["Was willst du hier?"])
    summary = build_text_features(folder / "units.parquet", "de", out)
    assert summary.missing == "the language is de: the packaged sentence encoder reads English only"
    assert not features(out)["present"].any() and not load_file(out / "embedding.safetensors")["embedding"].any()


def test_film_without_words_and_missing_weights_say_so(scenes, out, monkeypatch):
    folder = scenes((0, 1000, None), texts=[None])
    assert build_text_features(folder / "units.parquet", None, out).missing == "no subtitles"

    def missing(texts):
        raise WeightError("weight minilm is not in /x: run `feelm weights fetch minilm`")

    monkeypatch.setattr(ml.features.text, "_embed", missing)
    summary = build_text_features(scenes((0, 1000, None), texts=["Hello."]) / "units.parquet", None, out)
    assert summary.n_present == 0 and "feelm weights fetch minilm" in summary.missing


def test_language_codes_in_every_spelling():
    assert all(map(language_is_english, (None, "en", "EN", "en-GB", "en_US", "eng")))
    assert not any(map(language_is_english, ("de", "fr-CA", "eo", "")))
