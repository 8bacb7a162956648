"""What is heard against what is written."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from corpus.dialogue.sync.heard import Heard, Span, hold_against_sound

GRID_MS = 20
DURATION_MS = 60_000
USUAL_LEAD_MS = 70
"""People show a line a little before it is heard; the distance is taken from there."""


def speech(*spans: Span) -> np.ndarray:
    """Probability of speech: high within the spans."""
    heard = np.full(DURATION_MS // GRID_MS, 0.02, np.float32)
    for start_ms, end_ms in spans:
        heard[start_ms // GRID_MS : end_ms // GRID_MS] = 0.98
    return heard


def held(spoken: list[Span], said: list[Span], extra: list[Span] | None = None) -> Heard:
    named = {f"u{number}": span for number, span in enumerate(spoken)}
    return hold_against_sound(named, [*spoken, *(extra or [])], speech(*said), GRID_MS, DURATION_MS)


def test_lines_on_their_speech_cover_all_of_it():
    found = held([(10_000, 12_000), (20_000, 23_000)], [(10_000, 12_000), (20_000, 23_000)])
    assert found.coverage == 1.0
    assert found.speech_ms == 5000
    assert found.lines["speech_share"].tolist() == [1.0, 1.0]
    assert found.residual_ms is not None and found.residual_ms <= USUAL_LEAD_MS + GRID_MS
    assert found.unwritten.empty


def test_a_late_line_is_told_with_its_distance_and_sign():
    found = held([(10_600, 12_000)], [(10_000, 12_000)])
    assert 600 - GRID_MS <= found.lines["onset_distance_ms"].iloc[0] <= 600 + USUAL_LEAD_MS + GRID_MS
    assert found.residual_ms == found.lines["onset_distance_ms"].abs().round(1).iloc[0]


def test_speech_without_a_line_is_told_by_its_stretch():
    found = held([(10_000, 12_000)], [(10_000, 12_000), (30_000, 34_000), (34_300, 36_000)])
    assert found.unwritten.to_dict("records") == [{"start_ms": 30_000, "end_ms": 36_000}]
    assert found.coverage == round(2000 / 7700, 4)


def test_a_song_on_screen_accounts_for_its_singing():
    assert held([], [(30_000, 34_000)], extra=[(30_000, 34_000)]).unwritten.empty


def test_a_line_in_silence_has_no_speech_and_no_onset_near():
    found = held([(50_000, 52_000)], [(10_000, 12_000)])
    assert found.lines["speech_share"].tolist() == [0.0]
    assert found.lines["onset_distance_ms"].isna().all()
    assert found.residual_ms is None


def test_a_film_in_which_nobody_speaks_has_no_coverage():
    found = held([(10_000, 12_000)], [])
    assert found.coverage is None
    assert found.speech_ms == 0


spans = st.lists(st.tuples(st.integers(0, 59_000), st.integers(100, 5000)).map(lambda s: (s[0], s[0] + s[1])), max_size=12)


@given(spans, spans)
def test_shares_stay_within_bounds_and_stretches_within_the_film(written: list[Span], said: list[Span]):
    found = held(written, [(a, min(b, DURATION_MS)) for a, b in said])
    assert found.coverage is None or 0 <= found.coverage <= 1
    assert found.lines["speech_share"].between(0, 1).all()
    assert (found.unwritten["end_ms"] - found.unwritten["start_ms"] >= 1000).all()
    assert (found.unwritten["end_ms"] <= DURATION_MS).all()
