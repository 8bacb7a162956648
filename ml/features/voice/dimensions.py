"""The columns of the voice's rows: what is measured every 10 ms, in which unit, and what it means."""

from __future__ import annotations

from ml.features.extractor import Dimension
from ml.features.voice.spectrum import N_MFCC

_SOUND = (
    Dimension(
        "pitch_hz",
        "Hz",
        "fundamental frequency; missing where the network is not surer than 0.5 (0.4 beside a surer row) that there is one",
        55,
        1000,
    ),
    Dimension("speech", "", "probability of speech (Silero)", 0, 1),
    Dimension("voice", "", "share of voice: speech that swells at the pace of syllables and has some pitch in its second", 0, 1),
    Dimension("music", "", "share of music", 0, 1),
    Dimension("noise", "", "share of noise", 0, 1),
    Dimension("loudness", "", "auditory loudness of 20 ms: 26 mel bands, equal-loudness weighted, compressed (as eGeMAPS)", 0),
    Dimension("level_db", "dBFS", "RMS level", -90),
    Dimension("alpha_ratio", "dB", "energy at 50-1000 Hz over that at 1-5 kHz"),
    Dimension("hammarberg", "dB", "strongest peak below 2 kHz over the strongest at 2-5 kHz"),
    Dimension("slope_500", "dB/kHz", "slope of the log power spectrum at 0-500 Hz"),
    Dimension("slope_1500", "dB/kHz", "slope of the log power spectrum at 500-1500 Hz"),
    Dimension("flux", "", "root mean square change of the magnitude spectrum below 5 kHz since the row before", 0),
    Dimension("centroid", "kHz", "spectral centroid", 0, 8),
    Dimension("flatness", "dB", "geometric over arithmetic mean of the power spectrum", None, 0),
    Dimension("rolloff", "kHz", "frequency below which 85 % of the energy lies", 0, 8),
    *(Dimension(f"mfcc{n}", "", f"mel-frequency cepstral coefficient {n} (librosa's, of decibels)") for n in range(1, N_MFCC + 1)),
)

_FINE = (
    Dimension("jitter", "", "mean difference of neighbouring periods' lengths over their mean, within 30 ms", 0),
    Dimension("shimmer_db", "dB", "mean difference of neighbouring periods' peaks, within 30 ms", 0),
    Dimension("harmonicity", "dB", "harmonics-to-noise ratio by autocorrelation", -20, 30),
    Dimension("h1_h2", "dB", "first over second harmonic"),
    Dimension("h1_a3", "dB", "first harmonic over the strongest one at the third formant"),
    *(
        dimension
        for n in (1, 2, 3)
        for dimension in (
            Dimension(f"formant{n}_hz", "Hz", f"frequency of formant {n}", 90, 5400),
            Dimension(f"formant{n}_bandwidth_hz", "Hz", f"bandwidth of formant {n}", 0, 800),
            Dimension(f"formant{n}_db", "dB", f"strongest harmonic at formant {n} over the first harmonic"),
        )
    ),
)

DIMENSIONS: tuple[Dimension, ...] = (*_SOUND, *_FINE)
"""The columns of a row; those from jitter on are measured only where a voice has a pitch."""

COLUMN: dict[str, int] = {dimension.name: number for number, dimension in enumerate(DIMENSIONS)}
"""Number of each column by its name."""

SOUND_COLUMNS = len(_SOUND)

VOICE = 0.5
"""Rows with a greater share of voice are somebody's voice."""
