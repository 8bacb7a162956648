"""Run by the peers' own Python: openSMILE and Praat on sounds in .npy files; knows nothing of the project.

`python voice_peer_run.py seconds|rows|perturbation|functionals RATE OUT SOUND ...`
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import opensmile
import parselmouth
from parselmouth.praat import call

STEP_S = 0.01
LONG_WINDOWS = ("F0", "jitter", "shimmer", "HNR", "logRel", "F1amp", "F2amp", "F3amp")
"""Descriptors of openSMILE's from windows of 60 ms; the others' are 20 ms long."""


def main() -> None:
    """Do what the first argument says."""
    what, rate, out, *arguments = sys.argv[1:]
    {"seconds": seconds, "rows": rows, "perturbation": perturbation, "functionals": functionals}[what](int(rate), Path(out), *arguments)


def smile(level: str) -> opensmile.Smile:
    """openSMILE's eGeMAPSv02."""
    return opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel[level])


def seconds(rate: int, out: Path, sound: str, level: str) -> None:
    """CPU seconds of the second run, the first one having warmed up."""
    samples, extractor = np.load(sound), smile(level)
    extractor.process_signal(samples[: 2 * rate], rate)
    before = time.process_time()
    extractor.process_signal(samples, rate)
    out.write_text(json.dumps(time.process_time() - before))


def functionals(rate: int, out: Path, listed: str, feature_set: str) -> None:
    """Functionals of whole recordings, NaN as 0."""
    extractor = opensmile.Smile(getattr(opensmile.FeatureSet, feature_set), opensmile.FeatureLevel.Functionals)
    found = [extractor.process_file(path).to_numpy(np.float32)[0] for path in json.loads(Path(listed).read_text(encoding="utf-8"))]
    np.save(out, np.nan_to_num(np.stack(found)))


def rows(rate: int, out: Path, sound: str) -> None:
    """Descriptors brought onto rows whose middles are at 5, 15, 25 ms and so on."""
    samples = np.load(sound).astype(np.float64)
    middles = (np.arange(int(len(samples) / rate / STEP_S)) + 0.5) * STEP_S
    table = smile("LowLevelDescriptors").process_signal(samples, rate)
    values = table.to_numpy(np.float32)
    # Windows begin at multiples of 10 ms.
    centres = np.where([name.startswith(LONG_WINDOWS) for name in table.columns], 0.03, 0.01)
    places = np.clip(np.round((middles[:, None] - centres) / STEP_S).astype(int), 0, len(values) - 1)
    on_rows = np.take_along_axis(values, places, axis=0)
    np.savez(out, names=np.array(list(table.columns)), smile=on_rows, praat=praat_rows(parselmouth.Sound(samples, rate), middles))


def praat_rows(sound: parselmouth.Sound, middles: np.ndarray) -> np.ndarray:
    """Pitch (autocorrelation, 65 to 500 Hz), F1 to F3 (Burg, 5 up to 5.5 kHz), harmonicity."""
    pitch = sound.to_pitch_ac(time_step=STEP_S, pitch_floor=65, pitch_ceiling=500)
    hz = pitch.selected_array["frequency"]
    nearest = np.clip(np.round((middles - pitch.xs()[0]) / STEP_S).astype(int), 0, len(hz) - 1)
    formants = sound.to_formant_burg(time_step=STEP_S, max_number_of_formants=5, maximum_formant=5500, window_length=0.025)
    harmonicity = sound.to_harmonicity_cc(time_step=STEP_S, minimum_pitch=75)
    columns = [np.where(hz[nearest] > 0, hz[nearest], np.nan)]
    columns += [np.array([formants.get_value_at_time(number, at) for at in middles]) for number in (1, 2, 3)]
    columns.append(np.array([harmonicity.get_value(at) for at in middles]))
    return np.stack(columns, axis=1)


def perturbation(rate: int, out: Path, *sounds: str) -> None:
    """Local jitter and shimmer in dB of each sound."""
    extractor = smile("LowLevelDescriptors")
    found = []
    for path in sounds:
        samples = np.load(path).astype(np.float64)
        sound = parselmouth.Sound(samples, rate)
        marks = call(sound, "To PointProcess (periodic, cc)", 75, 500)
        jitter = call(marks, "Get jitter (local)", 0, 0, 0.0001, 0.02, 1.3)
        shimmer = call([sound, marks], "Get shimmer (local_dB)", 0, 0, 0.0001, 0.02, 1.3, 1.6)
        table = extractor.process_signal(samples, rate)
        voiced = table[table["F0semitoneFrom27.5Hz_sma3nz"] > 0]
        found.append([jitter, shimmer, voiced["jitterLocal_sma3nz"].mean(), voiced["shimmerLocaldB_sma3nz"].mean()])
    out.write_text(json.dumps(np.array(found, float).tolist()))


if __name__ == "__main__":
    main()
