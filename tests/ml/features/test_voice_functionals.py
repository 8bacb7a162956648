"""Functionals against known rows, and those close to eGeMAPS against its published definitions."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features.voice.contours import peaks, runs, slopes, smoothed, turning_points, variation
from ml.features.voice.dimensions import COLUMN, DIMENSIONS
from ml.features.voice.egemaps import EGEMAPS, EVERYWHERE, SMILE_NAMES, UNVOICED, VOICED, egemaps
from ml.features.voice.functionals import FUNCTIONALS, RELATIVE, VOICE_FEATURES, columns_of, functionals


def rows(n: int, **columns) -> np.ndarray:
    """Rows of a voice: everything 1 but what is given."""
    made = np.ones((n, len(DIMENSIONS)), np.float32)
    made[:, COLUMN["pitch_hz"]] = 200
    made[:, COLUMN["level_db"]] = -20
    for name, values in columns.items():
        made[:, COLUMN[name]] = values
    return made


def measured(made: np.ndarray) -> dict[str, float]:
    return functionals(made, np.full(len(made), 0.9, np.float32))


def test_functionals_of_a_rising_voice_with_a_pause():
    n = 160
    pitch = 100 * 2 ** (np.arange(n) / 100 / 2)
    level = np.tile([-20.0] * 8 + [-30.0] * 8, 10)
    voice = np.ones(n)
    voice[64:96] = 0
    row = measured(rows(n, pitch_hz=pitch, level_db=level, voice=voice))
    assert row["pitch_slope"] == pytest.approx(6, abs=0.01)
    assert row["pitch_mean"] == pytest.approx(12 * np.log2(np.median(pitch[voice > 0]) / 100), abs=0.05)
    assert row["pitch_variation"] == pytest.approx(0.06, abs=1e-3)
    assert row["pause_share"] == pytest.approx(0.2) and row["pause_longest_s"] == pytest.approx(0.32)
    assert row["loudness_mean"] == pytest.approx(-25) and row["loudness_range"] == pytest.approx(10)
    # Eight of the ten swells lie in speech; the one that begins with the first row never rises.
    assert row["speech_rate"] == pytest.approx(7.5 / 1.28, rel=0.08)
    assert row["duration_s"] == pytest.approx(1.6) and row["speech_share"] == pytest.approx(0.8)


def test_less_than_a_twentieth_of_a_second_of_pitched_voice_is_nothing():
    made = rows(100, pitch_hz=np.nan)
    made[:7, COLUMN["pitch_hz"]] = 200
    assert measured(made) == {}
    made[7, COLUMN["pitch_hz"]] = 200
    assert measured(made)


def test_music_between_words_does_not_count():
    made = rows(100, loudness=1.0)
    made[50:, COLUMN["voice"]] = 0
    made[50:, [COLUMN[name] for name in ("loudness", "jitter", "mfcc1", "flux")]] = 99
    made[50:, COLUMN["music"]] = 1
    made[:50, COLUMN["music"]] = 0
    row = measured(made)
    assert row["egemaps_loudness_mean"] == row["egemaps_jitter_mean"] == row["egemaps_mfcc1_mean"] == row["egemaps_flux_mean"] == 1
    assert row["music_share"] == 0.5


def test_there_are_the_88_of_egemaps_each_standing_for_one_of_opensmiles():
    assert len(EGEMAPS) == 88 == len(set(SMILE_NAMES.values()))
    assert SMILE_NAMES["egemaps_f0_p20"] == "F0semitoneFrom27.5Hz_sma3nz_percentile20.0"
    assert SMILE_NAMES["egemaps_h1_a3_variation"] == "logRelF0-H1-A3_sma3nz_stddevNorm"
    assert SMILE_NAMES["egemaps_mfcc4_voiced_mean"] == "mfcc4V_sma3nz_amean"
    assert SMILE_NAMES["egemaps_f3_bandwidth_mean"] == "F3bandwidth_sma3nz_amean"
    assert SMILE_NAMES["egemaps_slope_1500_unvoiced_mean"] == "slopeUV500-1500_sma3nz_amean"
    assert SMILE_NAMES["egemaps_level_db"] == "equivalentSoundLevel_dBp"


def test_all_are_measured_on_an_ordinary_voice_and_nothing_else_is():
    drawn = np.random.default_rng(0).uniform(0.5, 1.5, (300, len(DIMENSIONS))).astype(np.float32)
    drawn[:, COLUMN["pitch_hz"]] *= 200
    drawn[::3, COLUMN["pitch_hz"]] = np.nan
    drawn[:, COLUMN["voice"]] = 0.9
    found = measured(drawn)
    assert set(found) == set(FUNCTIONALS) and np.isfinite(list(found.values())).all()
    assert len(VOICE_FEATURES) == len(set(VOICE_FEATURES)) and {f"{name}_rel" for name in RELATIVE} <= set(VOICE_FEATURES)


def test_moments_and_percentiles_are_those_of_the_smoothed_contour():
    rng = np.random.default_rng(1)
    made = rows(200, pitch_hz=rng.uniform(100, 300, 200), loudness=rng.uniform(0.1, 2, 200), mfcc2=rng.normal(5, 1, 200))
    found = egemaps(made, np.ones(200, bool), np.ones(200, bool))
    smooth = lambda x: pd.Series(x.astype(np.float64)).rolling(3, center=True, min_periods=1).mean().to_numpy()  # noqa: E731
    semitones = smooth(12 * np.log2(made[:, COLUMN["pitch_hz"]] / 27.5))
    assert found["egemaps_f0_mean"] == pytest.approx(semitones.mean(), rel=1e-5)
    assert found["egemaps_f0_variation"] == pytest.approx(semitones.std() / semitones.mean(), rel=1e-4)
    assert [found[f"egemaps_f0_p{p}"] for p in (20, 50, 80)] == pytest.approx(np.percentile(semitones, [20, 50, 80]).tolist(), rel=1e-5)
    assert found["egemaps_f0_range"] == pytest.approx(np.ptp(np.percentile(semitones, [20, 80])), rel=1e-4)
    mfcc = smooth(made[:, COLUMN["mfcc2"]])
    assert found["egemaps_mfcc2_variation"] == pytest.approx(mfcc.std() / mfcc.mean(), rel=1e-4)


def test_voiced_and_unvoiced_rows_are_measured_apart():
    voiced = np.arange(100) < 60
    made = rows(
        100, hammarberg=np.where(voiced, 10.0, 30.0), pitch_hz=np.where(voiced, 150.0, np.nan), jitter=np.where(voiced, 0.02, np.nan)
    )
    found = egemaps(made, np.ones(100, bool), voiced)
    assert found["egemaps_hammarberg_voiced_mean"] == pytest.approx(10)
    assert found["egemaps_hammarberg_unvoiced_mean"] == pytest.approx(30)
    assert found["egemaps_jitter_mean"] == pytest.approx(0.02, rel=1e-5)
    assert {p.column for p in (*EVERYWHERE, *VOICED, *UNVOICED)} <= set(COLUMN)


def test_rising_and_falling_parts_have_their_slopes():
    up, down = np.linspace(0, 3, 31)[:-1], np.linspace(3, 0, 11)[:-1]
    contour = np.concatenate([up, down, up, down, [0.0]])
    rising, falling = slopes(contour, np.ones(len(contour), bool))
    assert rising == pytest.approx([10, 10]) and falling == pytest.approx([-30, -30])
    assert peaks(contour, np.ones(len(contour), bool), 0.3).tolist() == [30, 70]


def test_segments_and_peaks_are_counted_a_second_of_speech():
    voiced = np.zeros(200, bool)
    voiced[10:40] = voiced[60:110] = voiced[150:170] = True
    wave = 1 + np.sin(2 * np.pi * np.arange(200) / 20)
    made = rows(200, loudness=wave, pitch_hz=np.where(voiced, 150.0, np.nan))
    found = egemaps(made, np.ones(200, bool), voiced)
    assert found["egemaps_voiced_segments_per_s"] == pytest.approx(1.5)
    assert found["egemaps_voiced_segment_mean_s"] == pytest.approx(np.mean([0.3, 0.5, 0.2]))
    assert found["egemaps_voiced_segment_std_s"] == pytest.approx(np.std([0.3, 0.5, 0.2]))
    assert found["egemaps_unvoiced_segment_mean_s"] == pytest.approx(np.mean([0.1, 0.2, 0.4, 0.3]))
    assert found["egemaps_loudness_peaks_per_s"] == pytest.approx(5.0)


def test_equivalent_level_is_that_of_the_mean_energy():
    made = rows(100, level_db=np.where(np.arange(100) < 50, -10.0, -40.0))
    expected = 10 * np.log10((0.1 + 0.0001) / 2)
    assert egemaps(made, np.ones(100, bool), np.ones(100, bool))["egemaps_level_db"] == pytest.approx(expected, rel=1e-5)


def test_variation_of_a_mean_near_zero_ends_at_twenty():
    assert variation(np.array([-1.0, 1.0])) == 20 and variation(np.array([0.0, 0.0])) == 0
    assert variation(np.array([1.0, 3.0])) == pytest.approx(0.5)


contours = st.lists(st.integers(-50, 50), min_size=1, max_size=60).map(lambda values: np.array(values, np.float64))


@given(contours, st.floats(0.5, 20))
def test_turning_points_rise_and_fall_in_turns_by_more_than_the_reach(contour, reach):
    points = turning_points(contour, reach)
    change = np.diff(contour[points])
    assert (np.diff(points) > 0).all() and points[0] == 0
    assert (np.abs(change) > reach).all()
    assert (change[1:] * change[:-1] < 0).all()
    # What lies between two of them never goes beyond both by more than the reach: no turn was passed over.
    for first, last in pairwise(points):
        low, high = sorted(contour[[first, last]])
        assert contour[first : last + 1].min() >= low - reach and contour[first : last + 1].max() <= high + reach


@given(st.lists(st.one_of(st.none(), st.floats(-100, 100, width=32)), min_size=1, max_size=40))
def test_smoothing_uses_known_neighbours_only_and_fills_nothing(values):
    contour = np.array([np.nan if value is None else value for value in values])
    found = smoothed(contour)
    for index, value in enumerate(contour):
        near = contour[max(index - 1, 0) : index + 2]
        expected = np.nan if np.isnan(value) else np.nanmean(near)
        assert found[index] == pytest.approx(expected, abs=1e-4, nan_ok=True)


@given(st.lists(st.booleans(), max_size=40))
def test_runs_are_the_stretches_of_true(mask):
    found = runs(np.array(mask, bool))
    rebuilt = np.zeros(len(mask), bool)
    for first, last in found:
        assert first < last and not rebuilt[first - 1 : last].any()
        rebuilt[first:last] = True
    assert rebuilt.tolist() == mask


def test_relative_columns_take_each_speakers_own_median_away():
    found = np.full((6, len(FUNCTIONALS)), np.nan, np.float32)
    found[:, FUNCTIONALS.index("pitch_mean")] = [0, 12, 1, 13, 2, 14]
    columns = columns_of(found, pd.DataFrame({"character_id": ["low", "high"] * 3}))
    assert columns["pitch_mean_rel"].tolist() == [-1, -1, 0, 0, 1, 1]
    assert columns["pitch_mean_film"].tolist() == pytest.approx([-7, 5, -6, 6, -5, 7])
    assert np.isnan(columns["speech_rate_rel"]).all()
