"""Synchronisation against known truth: speech as a detector would hear it, written from known lines."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.dialogue.subtitles.read import Cue
from corpus.dialogue.sync.agreement import RATIOS
from corpus.dialogue.sync.synchronise import SyncResult, synchronise

GRID_MS = 20
Lines = list[tuple[int, int]]


def spoken_film(seed: int, n_lines: int = 15) -> tuple[Lines, np.ndarray, int]:
    """Line times, the probability of speech that goes with them (noisy), and the film's duration."""
    rng = np.random.default_rng(seed)
    lines: Lines = []
    clock = 1500
    for _ in range(n_lines):
        length = int(rng.integers(700, 3500))
        lines.append((clock, clock + length))
        clock += length + int(rng.gamma(2, 700)) + 150
    duration_ms = clock + 1500
    speech = rng.uniform(0, 0.25, duration_ms // GRID_MS + 1)
    for start, end in lines:
        speech[(start + 16) // GRID_MS : end // GRID_MS] = rng.uniform(0.7, 1.0)
    return lines, speech.astype(np.float32), duration_ms


def delivered(lines: Lines, offset_ms: float = 0, scale: float = 1, seed: int = 0) -> list[Cue]:
    """Cues that belong at scale * t + offset, each beginning up to 100 ms early and lingering up to 600 ms."""
    rng = np.random.default_rng(seed)
    cues = []
    for number, (start, end) in enumerate(lines, start=1):
        early, late = rng.integers(0, 100), rng.integers(0, 600)
        begin, stop = (start - early - offset_ms) / scale, (end + late - offset_ms) / scale
        if begin >= 0:
            cues.append(Cue(number, round(begin), round(stop), f"line {number}", f"line {number}"))
    return cues


def errors_ms(result: SyncResult, lines: Lines) -> np.ndarray:
    return np.array([abs(cue.start_ms - lines[cue.number - 1][0]) for cue in result.cues])


@pytest.mark.parametrize("offset_ms", [-2500, -700, 240, 2500, 20_000, -89_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_delay_is_corrected_to_below_a_tenth_of_a_second(offset_ms: int, seed: int):
    lines, speech, duration_ms = spoken_film(seed, n_lines=60 if abs(offset_ms) > 10_000 else 15)
    result = synchronise(delivered(lines, offset_ms), speech, GRID_MS, duration_ms)
    assert result.verdict == "corrected"
    assert errors_ms(result, lines).mean() < 100
    assert result.offset_ms == pytest.approx(offset_ms, abs=120)


@pytest.mark.parametrize("scale", RATIOS[1:])
def test_frame_rate_drift_is_found_with_its_ratio(scale: float):
    lines, speech, duration_ms = spoken_film(3, n_lines=120)
    result = synchronise(delivered(lines, 1300, scale), speech, GRID_MS, duration_ms)
    assert result.verdict == "corrected"
    assert result.scale == pytest.approx(scale, abs=1e-9)
    assert errors_ms(result, lines).mean() < 100


@pytest.mark.parametrize("seed", range(8))
def test_subtitles_that_fit_are_left_untouched(seed: int):
    lines, speech, duration_ms = spoken_film(seed)
    cues = delivered(lines, seed=seed)
    result = synchronise(cues, speech, GRID_MS, duration_ms)
    assert result.verdict == "fits"
    assert result.cues == tuple(cues) and result.offset_ms == 0 and result.scale == 1


def test_another_films_subtitles_are_refused_and_not_moved():
    films = [spoken_film(seed) for seed in range(100, 112)]
    verdicts = []
    for index, (_, speech, duration_ms) in enumerate(films):
        for other in (index + 1, index + 5):
            cues = delivered(films[other % len(films)][0])
            result = synchronise(cues, speech, GRID_MS, duration_ms)
            verdicts.append(result.verdict)
            assert result.verdict != "refused" or result.cues == tuple(cues)
    assert verdicts.count("refused") >= 0.95 * len(verdicts)


def test_a_whole_films_subtitles_do_not_pass_for_its_trailers():
    lines, _, _ = spoken_film(5, n_lines=200)
    _, speech, duration_ms = spoken_film(6, n_lines=10)
    assert synchronise(delivered(lines), speech, GRID_MS, duration_ms).verdict == "refused"


def test_where_nobody_speaks_subtitles_are_refused():
    lines, speech, duration_ms = spoken_film(7)
    result = synchronise(delivered(lines), np.full_like(speech, 0.05), GRID_MS, duration_ms)
    assert result.verdict == "refused" and "nobody is heard" in result.reason


def test_too_few_cues_to_judge_are_unchecked_and_kept():
    lines, speech, duration_ms = spoken_film(8)
    for count in (1, 2, 4):
        cues = delivered(lines, 700)[:count]
        result = synchronise(cues, speech, GRID_MS, duration_ms)
        assert result.verdict == "unchecked" and result.cues == tuple(cues) and "few" in result.reason


@pytest.mark.parametrize("jump_ms", [13_000, -4000, 60_000])
@pytest.mark.parametrize("first_offset_ms", [0, -1500])
def test_a_break_is_found_and_each_piece_moved_by_its_own_offset(jump_ms: int, first_offset_ms: int):
    lines, speech, duration_ms = spoken_film(12, n_lines=120)
    early = delivered(lines[:70], first_offset_ms)
    late = [replace(cue, number=cue.number + 70) for cue in delivered(lines[70:], first_offset_ms + jump_ms)]
    cues = [cue for cue in early if cue.start_ms < late[0].start_ms] + late
    result = synchronise(cues, speech, GRID_MS, duration_ms)
    assert result.verdict == "corrected" and len(result.breaks) == 1
    assert result.breaks[0].offset_ms - result.offset_ms == pytest.approx(jump_ms, abs=150)
    assert np.mean(errors_ms(result, lines) < 250) > 0.97


def test_a_break_in_a_film_of_two_thousand_lines_is_found_though_its_evidence_is_beyond_floating_point():
    lines, speech, duration_ms = spoken_film(14, n_lines=2000)
    cues = delivered(lines[:1100]) + [replace(cue, number=cue.number + 1100) for cue in delivered(lines[1100:], 30_000)]
    result = synchronise([cue for cue in cues if cue.end_ms > 0], speech, GRID_MS, duration_ms)
    assert [part.offset_ms for part in result.breaks] == [pytest.approx(30_000, abs=120)]
    assert np.isfinite(result.evidence) and np.mean(errors_ms(result, lines) < 250) > 0.995


def test_the_piece_that_fits_is_left_as_it_was():
    lines, speech, duration_ms = spoken_film(12, n_lines=120)
    early = delivered(lines[:70])
    late = [replace(cue, number=cue.number + 70) for cue in delivered(lines[70:], -13_000)]
    result = synchronise(early + late, speech, GRID_MS, duration_ms)
    assert result.verdict == "corrected" and result.cues[:70] == tuple(early)


def test_beginnings_that_are_heard_late_do_not_pull_the_others():
    lines, speech, duration_ms = spoken_film(15, n_lines=80)
    for start, end in lines[::3]:
        speech[start // GRID_MS : min(start + 500, end) // GRID_MS + 1] = 0.1
    cues = delivered(lines, seed=3)
    result = synchronise(cues, speech, GRID_MS, duration_ms)
    assert result.verdict == "fits" and result.cues == tuple(cues)


def test_confidence_is_high_where_all_agrees_and_low_where_a_third_does_not():
    lines, speech, duration_ms = spoken_film(16, n_lines=30)
    cues = delivered(lines)
    strays = [replace(cue, start_ms=cue.start_ms + 1100 * (-1) ** n, end_ms=cue.end_ms + 1100 * (-1) ** n) for n, cue in enumerate(cues)]
    whole, partly = (synchronise(each, speech, GRID_MS, duration_ms) for each in (cues, cues[:20] + strays[20:]))
    assert whole.confidence > 0.95
    assert partly.confidence < whole.confidence and partly.confidence < 0.9


def test_a_whole_film_has_no_breaks():
    for seed in (20, 21, 22):
        lines, speech, duration_ms = spoken_film(seed, n_lines=150)
        assert synchronise(delivered(lines, 4000), speech, GRID_MS, duration_ms).breaks == ()


def test_music_and_sound_cues_are_no_evidence_but_move_along():
    lines, speech, duration_ms = spoken_film(9)
    music = Cue(99, 100, 900, "la", "♪ la", kind="music")
    result = synchronise([music, *delivered(lines, 1500)], speech, GRID_MS, duration_ms)
    assert result.verdict == "corrected"
    assert result.cues[0] == replace(music, start_ms=100 + result.offset_ms, end_ms=900 + result.offset_ms)


def test_the_same_input_gives_the_same_result():
    lines, speech, duration_ms = spoken_film(10)
    first, second = (synchronise(delivered(lines, -1800), speech, GRID_MS, duration_ms) for _ in range(2))
    assert first == second


def test_no_cues_or_no_sound_do_not_crash():
    lines, _, _ = spoken_film(11)
    assert synchronise([], np.zeros(100, np.float32), GRID_MS, 2000).verdict == "unchecked"
    assert synchronise(delivered(lines), np.zeros(0, np.float32), GRID_MS, 0).verdict == "refused"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 9_000)), min_size=3, max_size=15),
    st.integers(0, 1000),
    st.integers(1, 4000),
)
def test_any_cues_on_any_sound_keep_order_and_positive_length(spans: Sequence[tuple[int, int]], seed: int, steps: int):
    cues = [Cue(n, start, start + length, "x", "x") for n, (start, length) in enumerate(sorted(spans))]
    speech = np.random.default_rng(seed).uniform(0, 1, steps).astype(np.float32)
    result = synchronise(cues, speech, GRID_MS, steps * GRID_MS)
    assert len(result.cues) == len(cues)
    assert all(cue.end_ms > cue.start_ms for cue in result.cues)
    assert [cue.start_ms for cue in result.cues] == sorted(cue.start_ms for cue in result.cues)
