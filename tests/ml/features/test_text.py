"""Text features: rows that stay with their lines, languages and sounds that are told, nothing computed twice."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import ml.features.text.build
from corpus.chunks import ChunkStore
from corpus.contracts import TEXT_LINES, UNITS, UTTERANCES
from corpus.threads import one_torch_thread
from corpus.weights import WeightError
from ml.features.extractor import extract_all, joined
from ml.features.text.build import (
    NO_TIME,
    TEXT_DIMENSIONS,
    TEXT_FEATURES,
    Lines,
    TextExtractor,
    build_text_features,
    line_languages,
)
from ml.features.text.sounds import Described
from tests.ml.features.conftest import features

GERMAN = ("Was willst du denn hier, du hast mir doch alles genommen!", "Ich habe dich noch nie so traurig gesehen wie heute Abend.")


@pytest.fixture(autouse=True)
def one_thread():
    with one_torch_thread():
        yield


@pytest.fixture
def encoder(need_weights):
    need_weights("minilm", "vader")
    from ml.features.text.encoder import sentence_encoder

    return sentence_encoder()


@pytest.fixture
def dialogue(tmp_path):
    """Write a dialogue artifact: delivered cues by the line that they hold, and cues that were left out."""

    def write(raw: list[str], said: list[str], left_out: list[dict[str, object]]):
        folder = tmp_path / "dialogue"
        folder.mkdir(exist_ok=True)
        rows = [
            {"utterance_id": f"film.u{i:05d}", "film_id": "film", "index": i, "start_ms": 1000 * i, "end_ms": 1000 * i + 1, "text": text}
            | {"raw_text": given, "source": "subtitles"}
            for i, (given, text) in enumerate(zip(raw, said, strict=True))
        ]
        UTTERANCES.write(UTTERANCES.frame(rows), folder / "utterances.parquet")
        (folder / "dropped.json").write_text(json.dumps({"dropped": left_out, "repaired": []}), encoding="utf-8")
        return folder

    return write


def lines(*texts: str) -> Lines:
    times = np.arange(len(texts), dtype=np.int64) * 1000
    return Lines(times, times + 900, texts, np.array([bool(text) for text in texts]), (Described(),) * len(texts))


def test_wordless_units_are_absent_and_rows_stay_aligned(encoder, scenes, out):
    folder = scenes(*[(0, 1000, None)] * 4, texts=["Run!", None, "...", "I love you."])
    summary = build_text_features(folder / "units.parquet", "en", out)
    embedding = load_file(out / "embedding.safetensors")["embedding"]
    table = features(out)
    assert table["present"].tolist() == [True, False, False, True]
    assert (np.linalg.norm(embedding, axis=1) > 0.5).tolist() == [True, False, False, True]
    assert np.allclose(embedding[3], encoder.encode(["I love you."])[0], atol=1e-5)
    assert (summary.missing, summary.n_words, summary.languages) == ("no words in 2 of 4 units", 4, {"en": 2})
    assert table["exclamation"].tolist()[0] == 1 and table["exclamation"].isna().tolist() == [False, True, True, False]
    assert table["valence"][3] > 0.5 and table["sense_joy"][3] > table["sense_fear"][3]


def test_every_dimension_is_a_column_within_its_bounds(encoder, scenes, out):
    folder = scenes(*[(0, 1000, None)] * 3, texts=["NO! Get out, you filthy liar...", "[sobbing] He's gone.", "I am so glad!"])
    build_text_features(folder / "units.parquet", "en", out)
    table = features(out)
    assert [name for name in table.columns if name not in ("unit_id", "present")] == list(TEXT_FEATURES)
    for dimension in TEXT_DIMENSIONS:
        values = table[dimension.name]
        assert dimension.meaning and (dimension.lowest is None or values.min() >= dimension.lowest)
        assert dimension.highest is None or values.max() <= dimension.highest


def test_film_in_another_language_is_told_and_not_embedded(scenes, out):
    folder = scenes(*[(0, 1000, None)] * 2, texts=list(GERMAN))
    summary = build_text_features(folder / "units.parquet", "de", out)
    assert summary.missing == "the language is de: the encoder minilm reads en only"
    assert not features(out)["present"].any() and not load_file(out / "embedding.safetensors")["embedding"].any()
    assert TEXT_LINES.read(out / "lines.parquet")["language"].tolist() == ["de", "de"]


def test_foreign_lines_of_an_english_film_are_told_one_by_one(encoder, scenes, out):
    texts = [
        "I don't know what you want from me, I really don't.",
        GERMAN[0],
        "Nein!",
        GERMAN[1],
        "We should leave before they come back here.",
    ]
    folder = scenes(*[(1000 * i, 1000 * i + 900, None) for i in range(5)], texts=texts)
    summary = build_text_features(folder / "units.parquet", "en", out)
    told = TEXT_LINES.read(out / "lines.parquet")
    assert told["language"].tolist() == ["en", "de", "de", "de", "en"]
    assert told["read"].tolist() == features(out)["present"].tolist() == [True, False, False, False, True]
    assert summary.missing == "3 of 5 lines are in de: the encoder minilm reads en only"
    assert summary.languages == {"de": 3, "en": 2}


def test_a_short_line_takes_the_language_of_its_neighbours_only_where_lines_are_in_order():
    rows = [
        {"unit_id": f"u{i}", "film_id": "f", "level": "utterance", "text": text} for i, text in enumerate((GERMAN[0], "Ja.", GERMAN[1]))
    ]
    ordered = UNITS.frame([row | {"position": i} for i, row in enumerate(rows)])
    assert line_languages(ordered, "en") == ["de", "de", "de"]
    assert line_languages(UNITS.frame(rows), "en") == ["de", "en", "de"]
    assert line_languages(UNITS.frame([rows[0] | {"text": None}]), "en") == [None]


@pytest.mark.parametrize("spelling", ["en-GB", "eng", "EN", None])
def test_languages_in_every_spelling(spelling):
    rows = [{"unit_id": "u", "film_id": "f", "level": "utterance", "text": "Yes."}]
    assert line_languages(UNITS.frame(rows), spelling) == ["en" if spelling else None]


def test_sounds_come_from_the_delivered_cue_and_from_cues_nearby(encoder, scenes, dialogue, out):
    folder = scenes((0, 900, None), (1000, 1900, None), (9000, 9900, None), texts=["Go away.", "I can't.", "Fine."])
    left_out = [
        {"number": 9, "start_ms": 2500, "end_ms": 3000, "text": "[SCREAMS]", "reason": "sound description"},
        {"number": 10, "start_ms": 9500, "end_ms": 9999, "text": "♪ la la ♪", "reason": "song or music"},
        {"number": 11, "start_ms": 9500, "end_ms": 9999, "text": "(EXIT)", "reason": "written, not said"},
    ]
    said = ["Go away.", "I can't.", "Fine."]
    artifact = dialogue(["Go away.", "<i>[sobbing]</i> I can't.", "(laughs) Fine."], said, left_out)
    summary = build_text_features(folder / "units.parquet", "en", out, dialogue=artifact)
    table = features(out)
    assert table["sound_sadness"].tolist() == [0, 1, 0]
    assert table["sound_fear"].tolist() == [0, 1, 0]
    assert table["sound_joy"].tolist() == [0, 0, 1]
    assert table["described_sounds"].tolist() == [0, 2, 1] and table["described_music"].tolist() == [0, 0, 1]
    assert TEXT_LINES.read(out / "lines.parquet")["described"].fillna("").tolist() == ["", "sobbing; SCREAMS", "laughs; ♪"]
    assert summary.n_described == 4


def test_film_without_words_and_missing_weights_say_so(scenes, out, monkeypatch):
    folder = scenes((0, 1000, None), texts=[None])
    assert build_text_features(folder / "units.parquet", None, out).missing == "no subtitles"

    def missing(name, device):
        raise WeightError("weight minilm is not in /x: run `feelm weights fetch minilm`")

    monkeypatch.setattr(ml.features.text.build, "sentence_encoder", missing)
    summary = build_text_features(scenes((0, 1000, None), texts=["Hello."]) / "units.parquet", None, out)
    assert summary.n_present == 0 and "feelm weights fetch minilm" in summary.missing
    assert not features(out)["present"].any() and load_file(out / "embedding.safetensors")["embedding"].shape == (1, 384)


def test_a_film_that_is_in_the_store_needs_no_encoder(encoder, scenes, out, tmp_path, monkeypatch):
    folder = scenes((0, 1000, None), (1000, 2000, None), texts=["Hello there.", "Run!"])
    store = ChunkStore(tmp_path / "store")
    build_text_features(folder / "units.parquet", "en", out, store=store)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(ml.features.text.build, "sentence_encoder", lambda *_: pytest.fail("the encoder was loaded"))
    build_text_features(folder / "units.parquet", "en", out, store=store)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_chunks_give_what_the_whole_gives_and_hold_their_place(encoder):
    whole = lines(*[f"This is line {i}, {'very ' * (i % 7)}plain." for i in range(23)], "")
    extractor = TextExtractor()
    parts = joined(extract_all(extractor, whole.chunks(5)), len(TEXT_DIMENSIONS))
    alone = extractor.extract(whole)
    assert parts.start_ms.tolist() == whole.start_ms.tolist() and parts.confidence.tolist() == [1.0] * 23 + [0.0]
    assert np.isnan(parts.values[-1]).all()
    assert (parts.more["embedding"][:-1] * alone.more["embedding"][:-1]).sum(1).min() > 0.9999
    moved = Lines(whole.start_ms + 40, whole.end_ms + 40, whole.texts, whole.read, whole.described)
    assert extractor.digest(whole) != extractor.digest(moved)
    assert extractor.digest(whole) == extractor.digest(lines(*whole.texts))


def test_another_encoder_is_another_version(tmp_path):
    made = TextExtractor("multilingual-e5")
    assert made.version != TextExtractor().version and made.settings["encoder"] == "multilingual-e5"


def test_corpus_lines_without_times_are_features_too(encoder, tmp_path, out):
    rows = [{"unit_id": f"xed.{i}", "film_id": "xed", "level": "utterance", "text": text} for i, text in enumerate(("No !", "I see ."))]
    UNITS.write(UNITS.frame(rows), tmp_path / "units.parquet")
    assert build_text_features(tmp_path / "units.parquet", "en", out).n_present == 2
    embedding = load_file(out / "embedding.safetensors")["embedding"]
    assert np.allclose(embedding, encoder.encode(["No!", "I see."]), atol=1e-6)
    assert NO_TIME == -1


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu(encoder):
    chunk = lines(*[f"Line {i}: {'why ' * (i % 9)}now?" for i in range(200)])
    there, here = TextExtractor(device="cuda").extract(chunk), TextExtractor().extract(chunk)
    assert (there.more["embedding"] * here.more["embedding"]).sum(1).min() > 0.9998
    assert np.allclose(there.values, here.values, atol=0.02)
