"""Recognised speech: where to listen, words into lines, what is left out, and real recognition where the extra is installed."""

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from benchmarks.word_errors import bare_words, word_errors
from corpus.dialogue import recognise as asr
from corpus.dialogue.recognise import LONGEST_LINE_MS, LONGEST_WINDOW_MS, SpokenLine, Word
from corpus.dialogue.sync.speech import GRID_MS, RATE_HZ, speech_probability_of_file
from corpus.maker.cast import Voice
from corpus.maker.voice import Espeak, speak
from corpus.terms import FeelmError

installed = pytest.mark.skipif(asr.recogniser() is None, reason="speech recognition is an extra: `make asr`")


def heard(length_ms: int, *spans: tuple[int, int]) -> np.ndarray:
    probability = np.full(length_ms // GRID_MS, 0.02, np.float32)
    for start, end in spans:
        probability[start // GRID_MS : end // GRID_MS] = 0.9
    return probability


def words(*told: tuple[str, int, int]) -> list[Word]:
    return [Word(text, start, end, 0.9) for text, start, end in told]


def test_nobody_speaking_is_nothing_to_listen_to():
    assert asr.windows(heard(60_000)) == []
    assert asr.windows(np.zeros(0, np.float32)) == []


def test_a_click_is_no_speech_and_breaths_do_not_part_it():
    found = asr.stretches(heard(20_000, (1000, 1200), (5000, 6000), (6200, 7000)))
    assert found == [(4600, 7400)]


def test_windows_end_at_long_gaps_and_margins_never_overlap():
    found = asr.windows(heard(60_000, (0, 5000), (5400, 9000), (20_000, 24_000)))
    assert found == [(0, 9400), (19_600, 24_400)]
    assert asr.stretches(heard(10_000, (1000, 3000), (3340, 5000))) == [(600, 3170), (3170, 5400)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3000)), max_size=12))
def test_windows_are_in_order_short_enough_and_hold_all_speech(pieces):
    probability = np.concatenate([np.r_[np.full(gap * 10, 0.0), np.full(length, 1.0)] for gap, length in pieces] or [np.zeros(0)])
    found = asr.windows(probability.astype(np.float32))
    assert all(0 < end - start <= LONGEST_WINDOW_MS for start, end in found)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(found))
    assert not found or (found[0][0] >= 0 and found[-1][1] <= len(probability) * GRID_MS)
    covered = np.zeros(len(probability), bool)
    for start, end in asr.stretches(probability.astype(np.float32)):
        covered[start // GRID_MS : -(-end // GRID_MS)] = True
    in_windows = np.zeros(len(probability), bool)
    for start, end in found:
        in_windows[start // GRID_MS : -(-end // GRID_MS)] = True
    assert not (covered & ~in_windows).any()


def test_lines_end_with_sentences_and_at_pauses():
    told = words(("Who", 0, 200), ("goes?", 220, 500), ("Me.", 520, 700), ("I", 800, 900), ("think", 1700, 1900))
    assert [line.text for line in asr.lines_of(told)] == ["Who goes?", "Me.", "I", "think"]
    assert [(line.start_ms, line.end_ms) for line in asr.lines_of(told)] == [(0, 500), (520, 700), (800, 900), (1700, 1900)]


def test_a_quoted_sentence_ends_too():
    told = words(('"Run!"', 0, 200), ("Now", 220, 500))
    assert [line.text for line in asr.lines_of(told)] == ['"Run!"', "Now"]


def test_a_long_sentence_is_cut_at_its_comma():
    told = words(*((f"w{n}{',' if n == 8 else ''}", 600 * n, 600 * n + 580) for n in range(16)))
    assert [len(line.words) for line in asr.lines_of(told)] == [9, 7]


@given(st.lists(st.tuples(st.sampled_from(["a", "b.", "c,", "d"]), st.integers(-200, 3000), st.integers(0, 9000)), max_size=40))
def test_lines_keep_every_word_in_order_within_the_film(told):
    at, given_words = 0, []
    for text, gap, length in told:
        start = max(0, at + gap)
        given_words.append(Word(text, start, start + length, 0.5))
        at = start + length
    placed = asr.in_order(given_words, 20_000)
    lines = asr.lines_of(placed)
    assert [word for line in lines for word in line.words] == placed
    assert all(word.start_ms < word.end_ms <= 20_000 for word in placed)
    assert all(before.end_ms <= after.start_ms for before, after in itertools.pairwise(lines))
    assert all(len(line.words) == 1 or line.end_ms - line.start_ms <= LONGEST_LINE_MS for line in lines)
    assert {word.text for word in given_words[len(placed) :]} <= {"a", "b.", "c,", "d"} and len(placed) <= len(given_words)


def test_words_are_trimmed_to_the_speech_in_them_and_left_alone_where_there_is_none():
    probability = heard(5000, (1000, 2000))
    told = words(("early", 400, 1500), ("late", 1600, 2600), ("nowhere", 3000, 3400))
    assert [(word.start_ms, word.end_ms) for word in asr.trimmed(told, probability)] == [(1000, 1500), (1600, 2000), (3000, 3400)]


@pytest.mark.parametrize(
    ("mean_log", "no_speech", "compression", "kept"),
    [
        (-0.2, 0.02, 1.4, True),  # "They're supposed to be another broadcast"
        (-0.84, 0.04, 1.02, True),  # unsure of the words, sure of the speech
        (-0.59, 0.35, 1.14, True),
        (-0.65, 0.58, 0.56, False),  # "Thank you." on a breath
        (-1.2, 0.1, 1.0, False),
        (-0.3, 0.1, 2.6, False),  # one phrase again and again
    ],
)
def test_what_is_made_up_or_repeated_is_not_believed(mean_log, no_speech, compression, kept):
    segment = SimpleNamespace(avg_logprob=mean_log, no_speech_prob=no_speech, compression_ratio=compression)
    assert asr.believed(segment) is kept


def test_confidence_of_a_line_is_the_mean_of_its_words():
    line = SpokenLine((Word("a", 0, 1, 0.5), Word("b", 1, 2, 1.0)))
    assert line.confidence == 0.75


@pytest.mark.parametrize("language", ["de", "fr-FR", "ita"])
def test_other_languages_are_refused_by_name(language):
    assert asr.unusable(language) == f"the packaged speech recognition knows English only and the film is in {language}"


def test_missing_weights_say_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("FEELM_WEIGHTS", str(tmp_path))
    for language in (None, "und", "en", "en-GB", "eng"):
        assert asr.unusable(language) == ("speech recognition is not installed (`make asr`)")
    assert asr.recogniser() is None


def test_a_sound_of_another_kind_is_refused(tmp_path):
    soundfile.write(tmp_path / "stereo.flac", np.zeros((1600, 2)), RATE_HZ)
    with pytest.raises(FeelmError, match=r"stereo\.flac is not 16000 Hz mono"):
        asr.recognise(tmp_path / "stereo.flac", heard(100), 100)
    (tmp_path / "text.flac").write_text("no sound")
    with pytest.raises(FeelmError, match=r"text\.flac cannot be read as sound"):
        asr.recognise(tmp_path / "text.flac", heard(100), 100)


SAID = ("Where is your sister?", "The doctor said that everything would be fine.")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> tuple[Path, list[tuple[int, int]]]:
    """Two sentences from espeak at known times, with silence around them."""
    rng, rate = np.random.default_rng(4), 44_100
    parts, spans, at = [], [], 0
    with Espeak(4) as espeak:
        for text in SAID:
            line = speak(espeak, text, Voice("en-us+m3", 45, 0.85, 0.0), "neutral", 0.5, rng)
            parts += [np.zeros(2 * rate), line]
            spans.append((at + 2000, at + 2000 + len(line) * 1000 // rate))
            at = spans[-1][1]
    sound = np.concatenate([*parts, np.zeros(2 * rate)])
    resampled = resample_poly(sound, 160, 441)
    path = tmp_path_factory.mktemp("spoken") / "sound.flac"
    soundfile.write(path, resampled, RATE_HZ)
    return path, spans


def errors(lines: list[SpokenLine], said: tuple[str, ...]) -> int:
    return word_errors(bare_words(" ".join(said)), bare_words(" ".join(line.text for line in lines))).errors


@installed
def test_two_spoken_sentences_are_two_lines_at_their_times_the_same_each_time(spoken):
    path, spans = spoken
    probability = speech_probability_of_file(path)
    lines = asr.recognise(path, probability, 20_000)
    assert errors(lines, SAID) <= 3  # of 12 words: which ones depends on the kind of processor
    for line, (start, end) in zip(lines, spans, strict=True):
        assert abs(line.start_ms - start) < 250 and abs(line.end_ms - end) < 250
        assert 0.5 < line.confidence <= 1
    assert asr.recognise(path, probability, 20_000) == lines


@installed
def test_words_after_the_films_end_are_left_out(spoken):
    path, spans = spoken
    lines = asr.recognise(path, speech_probability_of_file(path), spans[0][1])
    assert len(lines) == 1 and errors(lines, SAID[:1]) <= 2 and lines[0].end_ms <= spans[0][1]


@installed
def test_silence_and_noise_have_no_words(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.05, 10 * RATE_HZ)
    soundfile.write(tmp_path / "sound.flac", np.concatenate([np.zeros(10 * RATE_HZ), noise]), RATE_HZ)
    assert asr.recognise(tmp_path / "sound.flac", speech_probability_of_file(tmp_path / "sound.flac"), 20_000) == []


@installed
def test_the_digest_of_the_weights_is_part_of_the_version():
    told = asr.recogniser()
    assert told is not None and told.startswith("faster-whisper ") and "whisper-tiny-en 1a5afae06a4d" in told
    assert asr.unusable("en") is None


def test_a_word_keeps_its_text_and_confidence_when_moved():
    word = Word("Hello,", 10, 30, 0.4)
    assert asr.in_order([word], 1000) == [replace(word, start_ms=10, end_ms=30)]
