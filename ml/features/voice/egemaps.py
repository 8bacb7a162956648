"""Functionals close to eGeMAPS, the extended Geneva minimalistic acoustic parameter set (Eyben et al., IEEE TAC 7(2), 2016).

There are its 88, by its definitions as published, over a unit's rows in which somebody speaks. They are close to openSMILE's, not the
same: pitch and voicing are a network's, periods are matched by correlation, formants are emphasised, what is no voice is left out. So
each column is named after its parameter with `egemaps_` before it, and `SMILE_NAMES` says which of openSMILE's it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.features.voice.contours import TURN, Booleans, peaks, runs, slopes, smoothed, variation
from ml.features.voice.dimensions import COLUMN
from ml.features.voice.grid import HOP_MS, Floats

SEMITONES_FROM_HZ = 27.5

PREFIX = "egemaps_"


@dataclass(frozen=True)
class Parameter:
    """A low-level descriptor and the columns made of it: our name, the rows' column, openSMILE's name, and what it is."""

    name: str
    column: str
    smile: str
    meaning: str


_CEPSTRAL = tuple((f"mfcc{n}", f"mfcc{n}") for n in range(1, 5))

EVERYWHERE: tuple[Parameter, ...] = (
    Parameter("flux", "flux", "spectralFlux_sma3", "change of the magnitude spectrum from row to row"),
    *(Parameter(name, column, f"{name}_sma3", "mel-frequency cepstral coefficient") for name, column in _CEPSTRAL),
)
"""Mean and variation over all spoken rows."""

VOICED: tuple[Parameter, ...] = (
    Parameter("jitter", "jitter", "jitterLocal_sma3nz", "differences of consecutive period lengths over their mean"),
    Parameter("shimmer", "shimmer_db", "shimmerLocaldB_sma3nz", "differences of consecutive period peaks, dB"),
    Parameter("hnr", "harmonicity", "HNRdBACF_sma3nz", "energy in harmonics over energy in noise, dB"),
    Parameter("h1_h2", "h1_h2", "logRelF0-H1-H2_sma3nz", "first over second harmonic, dB"),
    Parameter("h1_a3", "h1_a3", "logRelF0-H1-A3_sma3nz", "first harmonic over the highest one at the third formant, dB"),
    *(
        parameter
        for n in (1, 2, 3)
        for parameter in (
            Parameter(f"f{n}", f"formant{n}_hz", f"F{n}frequency_sma3nz", f"frequency of formant {n}, Hz"),
            Parameter(f"f{n}_bandwidth", f"formant{n}_bandwidth_hz", f"F{n}bandwidth_sma3nz", f"bandwidth of formant {n}, Hz"),
            Parameter(f"f{n}_amplitude", f"formant{n}_db", f"F{n}amplitudeLogRelF0_sma3nz", "highest harmonic near it over the first, dB"),
        )
    ),
    Parameter("alpha_voiced", "alpha_ratio", "alphaRatioV_sma3nz", "energy at 50-1000 Hz over 1-5 kHz, dB (openSMILE: its negative)"),
    Parameter("hammarberg_voiced", "hammarberg", "hammarbergIndexV_sma3nz", "strongest peak at 0-2 kHz over 2-5 kHz, dB"),
    Parameter("slope_500_voiced", "slope_500", "slopeV0-500_sma3nz", "slope of the log power spectrum at 0-500 Hz, dB/kHz"),
    Parameter("slope_1500_voiced", "slope_1500", "slopeV500-1500_sma3nz", "slope of the log power spectrum at 500-1500 Hz, dB/kHz"),
    Parameter("flux_voiced", "flux", "spectralFluxV_sma3nz", "change of the magnitude spectrum"),
    *(Parameter(f"{name}_voiced", column, f"{name}V_sma3nz", "mel-frequency cepstral coefficient") for name, column in _CEPSTRAL),
)
"""Mean and variation over the voiced rows."""

UNVOICED: tuple[Parameter, ...] = (
    Parameter("alpha_unvoiced", "alpha_ratio", "alphaRatioUV_sma3nz", "energy at 50-1000 Hz over 1-5 kHz, dB (openSMILE: its negative)"),
    Parameter("hammarberg_unvoiced", "hammarberg", "hammarbergIndexUV_sma3nz", "strongest peak at 0-2 kHz over 2-5 kHz, dB"),
    Parameter("slope_500_unvoiced", "slope_500", "slopeUV0-500_sma3nz", "slope of the log power spectrum at 0-500 Hz, dB/kHz"),
    Parameter("slope_1500_unvoiced", "slope_1500", "slopeUV500-1500_sma3nz", "slope of the log power spectrum at 500-1500 Hz, dB/kHz"),
    Parameter("flux_unvoiced", "flux", "spectralFluxUV_sma3nz", "change of the magnitude spectrum"),
)
"""Mean over the spoken rows without a pitch."""

_CONTOUR = {
    "mean": "amean",
    "variation": "stddevNorm",
    "p20": "percentile20.0",
    "p50": "percentile50.0",
    "p80": "percentile80.0",
    "range": "pctlrange0-2",
    "rise_mean": "meanRisingSlope",
    "rise_std": "stddevRisingSlope",
    "fall_mean": "meanFallingSlope",
    "fall_std": "stddevFallingSlope",
}
"""Functionals of pitch and loudness: moments, percentiles, the range between the outer two, slopes of rising and falling parts a second."""

_TEMPORAL = {
    "loudness_peaks_per_s": "loudnessPeaksPerSec",
    "voiced_segments_per_s": "VoicedSegmentsPerSec",
    "voiced_segment_mean_s": "MeanVoicedSegmentLengthSec",
    "voiced_segment_std_s": "StddevVoicedSegmentLengthSec",
    "unvoiced_segment_mean_s": "MeanUnvoicedSegmentLength",
    "unvoiced_segment_std_s": "StddevUnvoicedSegmentLength",
    "level_db": "equivalentSoundLevel_dBp",
}
"""Rate of loudness peaks and of stretches with a pitch, the lengths of those and of the gaps between, the level of the mean energy."""

SMILE_NAMES: dict[str, str] = {
    **{f"{PREFIX}f0_{ours}": f"F0semitoneFrom27.5Hz_sma3nz_{theirs}" for ours, theirs in _CONTOUR.items()},
    **{f"{PREFIX}loudness_{ours}": f"loudness_sma3_{theirs}" for ours, theirs in _CONTOUR.items()},
    **{
        f"{PREFIX}{parameter.name}_{ours}": f"{parameter.smile}_{theirs}"
        for parameter in (*EVERYWHERE, *VOICED)
        for ours, theirs in (("mean", "amean"), ("variation", "stddevNorm"))
    },
    **{f"{PREFIX}{parameter.name}_mean": f"{parameter.smile}_amean" for parameter in UNVOICED},
    **{f"{PREFIX}{ours}": theirs for ours, theirs in _TEMPORAL.items()},
}
"""Our columns, and the ones of openSMILE's eGeMAPSv02 that they are close to."""

EGEMAPS: tuple[str, ...] = tuple(SMILE_NAMES)


def egemaps(rows: Floats, spoken: Booleans, voiced: Booleans) -> dict[str, float]:
    """The 88 functionals of rows (n, DIMENSIONS); `spoken` (n,) are those with a voice, `voiced` those of them with a pitch.

    At least one row must be voiced. What has too few rows is left out; contours are smoothed over three rows first, as published.
    """
    semitones = 12 * np.log2(rows[:, COLUMN["pitch_hz"]] / SEMITONES_FROM_HZ)
    found = _contour("f0", semitones, voiced) | _contour("loudness", rows[:, COLUMN["loudness"]], spoken)
    for parameters, mask in ((EVERYWHERE, spoken), (VOICED, voiced), (UNVOICED, spoken & ~voiced)):
        found |= _moments(parameters, rows, mask, with_variation=parameters is not UNVOICED)
    return found | _temporal(rows, spoken, voiced)


def _contour(name: str, values: Floats, mask: Booleans) -> dict[str, float]:
    smooth = smoothed(np.where(mask, values, np.nan))
    measured = smooth[mask]
    low, middle, high = np.percentile(measured, [20, 50, 80])
    rising, falling = slopes(smooth, mask)
    named = {"mean": measured.mean(), "variation": variation(measured), "p20": low, "p50": middle, "p80": high, "range": high - low}
    for way, change in (("rise", rising), ("fall", falling)):
        named |= {f"{way}_mean": change.mean(), f"{way}_std": change.std()} if len(change) else {f"{way}_mean": 0.0, f"{way}_std": 0.0}
    return {f"{PREFIX}{name}_{functional}": float(value) for functional, value in named.items()}


def _moments(parameters: tuple[Parameter, ...], rows: Floats, mask: Booleans, with_variation: bool) -> dict[str, float]:
    columns = rows[:, [COLUMN[parameter.column] for parameter in parameters]]
    smooth = smoothed(np.where(mask[:, None], columns, np.nan))
    found: dict[str, float] = {}
    for parameter, column in zip(parameters, smooth.T, strict=True):
        values = column[np.isfinite(column)]
        if len(values):
            found[f"{PREFIX}{parameter.name}_mean"] = float(values.mean())
            if with_variation:
                found[f"{PREFIX}{parameter.name}_variation"] = variation(values)
    return found


def _temporal(rows: Floats, spoken: Booleans, voiced: Booleans) -> dict[str, float]:
    loudness = smoothed(np.where(spoken, rows[:, COLUMN["loudness"]], np.nan))
    second = HOP_MS / 1000
    inside = np.zeros_like(voiced)
    inside[np.flatnonzero(spoken)[0] : np.flatnonzero(spoken)[-1] + 1] = True
    lengths = {"voiced": np.diff(runs(voiced)) * second, "unvoiced": np.diff(runs(inside & ~voiced)) * second}
    energy = 10 ** (rows[spoken, COLUMN["level_db"]].astype(np.float64) / 10)
    found = {
        "loudness_peaks_per_s": len(peaks(loudness, spoken, TURN * float(np.ptp(loudness[spoken])))) / (spoken.sum() * second),
        "voiced_segments_per_s": len(lengths["voiced"]) / (inside.sum() * second),
        "level_db": 10 * np.log10(energy.mean()),
    }
    for name, seconds in lengths.items():
        known = seconds if len(seconds) else np.zeros(1)
        found |= {f"{name}_segment_mean_s": known.mean(), f"{name}_segment_std_s": known.std()}
    return {f"{PREFIX}{name}": float(value) for name, value in found.items()}
