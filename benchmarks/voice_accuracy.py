"""What `benchmarks.voice` compares: pitch, descriptors and perturbation of made and real voices, here and by the peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import librosa
import numpy as np

from benchmarks.common import SHARED, table
from benchmarks.voice_made import VOWELS, MadeVoice, Sound, drawn_music, film_music, made_voice, mixed, steady_vowel, white_noise
from benchmarks.voice_peer import Peer, PeerRows
from ml.features.voice import VoiceExtractor, chunks_of
from ml.features.voice.dimensions import COLUMN
from ml.features.voice.functionals import spoken_rows

RIGHT_CENTS = 50
PYIN_SEEDS = 1
CONFIDENT = (0.5, 0.7, 0.8, 0.9)
SMILE = {
    "loudness": "Loudness_sma3",
    "alpha_ratio": "alphaRatio_sma3",
    "hammarberg": "hammarbergIndex_sma3",
    "slope_500": "slope0-500_sma3",
    "slope_1500": "slope500-1500_sma3",
    "flux": "spectralFlux_sma3",
    "mfcc1": "mfcc1_sma3",
    "harmonicity": "HNRdBACF_sma3nz",
    "shimmer_db": "shimmerLocaldB_sma3nz",
    "jitter": "jitterLocal_sma3nz",
    "h1_h2": "logRelF0-H1-H2_sma3nz",
    "h1_a3": "logRelF0-H1-A3_sma3nz",
    "formant1_hz": "F1frequency_sma3nz",
    "formant2_hz": "F2frequency_sma3nz",
    "formant3_hz": "F3frequency_sma3nz",
}
"""Our columns that openSMILE has too; its alpha ratio is the negative."""

Floats = np.ndarray


@dataclass(frozen=True)
class Described:
    """Rows of one sound and the pitch network's confidence."""

    values: Floats
    confidence: Floats

    def column(self, name: str) -> Floats:
        return self.values[:, COLUMN[name]]


def described(samples: Sound, extractor: VoiceExtractor) -> Described:
    """The rows of a sound in memory."""
    blocks = [extractor.extract(chunk) for chunk in chunks_of(samples.astype(np.float32))]
    return Described(np.concatenate([b.values for b in blocks]), np.concatenate([b.confidence for b in blocks]))


def conditions(seed: int, seconds: float) -> tuple[MadeVoice, dict[str, Sound]]:
    """A made voice, clean and mixed."""
    voice = made_voice(seed, seconds)
    n = len(voice.samples)
    made = {
        "clean": voice.samples,
        "noise 10 dB": mixed(voice, white_noise(seed, n), 10),
        "music 5 dB, made": mixed(voice, drawn_music(seed, n), 5),
    }
    orchestra = film_music(n)
    return voice, made if orchestra is None else made | {"music 5 dB, film": mixed(voice, orchestra, 5)}


@dataclass(frozen=True)
class PitchScore:
    """Shares: right of all voiced rows (missed is wrong), right of those found voiced, rows whose voicing is wrong."""

    right: float
    right_of_found: float
    voicing_error: float


def pitch_score(found_hz: Floats, true_hz: Floats) -> PitchScore:
    """Score a pitch track on the same rows as the truth."""
    n = min(len(found_hz), len(true_hz))
    found_hz, true_hz = found_hz[:n], true_hz[:n]
    voiced, found = np.isfinite(true_hz), np.isfinite(found_hz)
    right = np.zeros(n, bool)
    both = voiced & found
    right[both] = np.abs(1200 * np.log2(found_hz[both] / true_hz[both])) < RIGHT_CENTS
    return PitchScore(float(right[voiced].mean()), float(right[both].mean()), float((voiced != found).mean()))


def pyin_hz(samples: Sound, n_rows: int) -> Floats:
    """librosa's pYIN on the rows, 65 to 500 Hz."""
    hz, _, _ = librosa.pyin(samples, fmin=65, fmax=500, sr=16_000, hop_length=160)
    # Its frames are centred on multiples of 10 ms, the rows between them.
    return np.where(np.isfinite(hz[1 : n_rows + 1]), hz[1 : n_rows + 1], hz[:n_rows])


def pitch_told(peer: Peer, seeds: range, seconds: float) -> str:
    """Pitch of made voices by all, each figure the mean over the seeds and the least."""
    scores: dict[str, dict[str, list[PitchScore]]] = {}
    for seed in seeds:
        voice, made = conditions(seed, seconds)
        for condition, samples in made.items():
            rows = peer.rows(samples)
            tracks: dict[str, Callable[[], Floats]] = {
                "here": lambda s=samples: described(s, VoiceExtractor(fine=False)).column("pitch_hz"),
                "here, exact (float32)": lambda s=samples: described(s, VoiceExtractor(fine=False, exact=True)).column("pitch_hz"),
                "openSMILE eGeMAPSv02": lambda r=rows: r.smile_hz,
                "Praat, autocorrelation": lambda r=rows: r.praat[:, 0],
            }
            if seed - seeds.start < PYIN_SEEDS:
                tracks["librosa pYIN"] = lambda s=samples, v=voice: pyin_hz(s, len(v.pitch_hz))
            for name, track in tracks.items():
                scores.setdefault(name, {}).setdefault(condition, []).append(pitch_score(track(), voice.pitch_hz))
    head = ["", *next(iter(scores.values()))]
    rows_told = [[name, *(_scores_told(found) for found in by_condition.values())] for name, by_condition in scores.items()]
    return "\n\n".join(
        [
            "## Pitch of voices with known pitch",
            f"Source-filter voices of {seconds:.0f} s (85 to 480 Hz, glides, vibrato, five vowels, hisses, pauses), seeds {seeds.start} to"
            f" {seeds.stop - 1}; ratios are of powers where there is voice. Share of voiced rows within {RIGHT_CENTS} cents, missed ones"
            " counted as wrong (least of the seeds in brackets); of the rows that are found voiced; rows with a wrong voicing decision."
            f" pYIN: the first seed{'s' if PYIN_SEEDS > 1 else ''} only.",
            table(head, rows_told),
        ]
    )


def _scores_told(found: list[PitchScore]) -> str:
    right = [score.right for score in found]
    of_found = np.mean([score.right_of_found for score in found])
    return f"**{np.mean(right):.3f}** ({min(right):.3f}) · {of_found:.3f} · {np.mean([score.voicing_error for score in found]):.3f}"


def film_clips() -> dict[str, Sound]:
    """Old film dialogue by name."""
    import soundfile

    return {path.name: soundfile.read(path)[0] for path in sorted((SHARED / "notld_audio").glob("*.wav"))}


def film_told(peer: Peer, clips: dict[str, Sound]) -> str:
    """Correlations with openSMILE on old film dialogue, and who is right where pitch differs."""
    ours = [described(samples, VoiceExtractor()) for samples in clips.values()]
    theirs = [peer.rows(samples) for samples in clips.values()]
    lengths = [min(len(o.values), len(t.smile)) for o, t in zip(ours, theirs, strict=True)]
    found = Described(
        np.concatenate([o.values[:n] for o, n in zip(ours, lengths, strict=True)]),
        np.concatenate([o.confidence[:n] for o, n in zip(ours, lengths, strict=True)]),
    )
    rows = PeerRows(
        theirs[0].names,
        np.concatenate([t.smile[:n] for t, n in zip(theirs, lengths, strict=True)]),
        np.concatenate([t.praat[:n] for t, n in zip(theirs, lengths, strict=True)]),
    )
    minutes = sum(lengths) / 6000
    return "\n\n".join(
        [
            f"## Old film dialogue ({len(clips)} clips of *Night of the Living Dead*, {minutes:.1f} min)",
            _pitch_and_loudness(found, rows),
            _descriptors(found, rows),
        ]
    )


def _pitch_and_loudness(found: Described, rows: PeerRows) -> str:
    pitch, smile, praat = found.column("pitch_hz"), rows.smile_hz, rows.praat[:, 0]
    told = []
    for least in CONFIDENT:
        both = (found.confidence > least) & np.isfinite(pitch) & np.isfinite(smile)
        cents = np.abs(1200 * np.log2(pitch[both] / smile[both]))
        told.append(
            [
                f"> {least}",
                int(both.sum()),
                f"{_r(pitch[both], smile[both]):.3f}",
                f"{_r(np.log(pitch[both]), np.log(smile[both])):.3f}",
                f"{(cents < RIGHT_CENTS).mean():.3f}",
                f"{_r(_smoothed(found.column('loudness'))[both], rows.column('Loudness_sma3')[both]):.3f}",
            ]
        )
    differ = np.isfinite(pitch) & np.isfinite(smile) & np.isfinite(praat)
    differ[differ] = np.abs(1200 * np.log2(pitch[differ] / smile[differ])) > 100
    with_us = (np.abs(1200 * np.log2(pitch[differ] / praat[differ])) < RIGHT_CENTS).mean()
    with_them = (np.abs(1200 * np.log2(smile[differ] / praat[differ])) < RIGHT_CENTS).mean()
    head = ["our confidence", "rows voiced by both", "r of F0 in Hz", "r of F0 in semitones", "within 50 cents", "r of loudness"]
    return "\n\n".join(
        [
            "F0 and loudness against openSMILE's, by how sure our network is:",
            table(head, told),
            f"Where the two differ by more than a semitone ({int(differ.sum())} rows), Praat's pitch is ours in {with_us:.0%} and"
            f" openSMILE's in {with_them:.0%}.",
        ]
    )


def _descriptors(found: Described, rows: PeerRows) -> str:
    spoken = spoken_rows(found.values) & np.isfinite(rows.smile_hz) & np.isfinite(found.column("pitch_hz"))
    praat = {f"formant{n}_hz": rows.praat[:, n] for n in (1, 2, 3)} | {"harmonicity": np.maximum(rows.praat[:, 4], -20)}
    told = []
    for ours, theirs in SMILE.items():
        own, smile = found.column(ours), rows.column(theirs) * (-1 if ours == "alpha_ratio" else 1)
        if not theirs.endswith("nz"):
            own = _smoothed(own)
        use = spoken & np.isfinite(own) & (smile > -200)
        third = praat.get(ours)
        both = ["", "", ""]
        if third is not None:
            use &= np.isfinite(third)
            both = [f"{np.median(third[use]):.3g}", f"{_r(own[use], third[use]):.2f}", f"{_r(smile[use], third[use]):.2f}"]
        told.append(
            [ours, f"{np.median(own[use]):.3g}", f"{np.median(smile[use]):.3g}", both[0], f"{_r(own[use], smile[use]):.2f}", *both[1:]]
        )
    head = ["voiced rows with a voice", "median here", "openSMILE", "Praat", "r here, openSMILE", "r here, Praat", "r openSMILE, Praat"]
    return "\n\n".join(["Other descriptors (units differ where openSMILE's are others):", table(head, told)])


def _smoothed(values: Floats) -> Floats:
    return np.convolve(values, np.full(3, 1 / 3), mode="same")


def _r(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if len(one) > 2 else float("nan")


def mfcc_told(clips: dict[str, Sound]) -> str:
    """How far our MFCCs are from librosa's of the same windows."""
    worst = 0.0
    for samples in clips.values():
        padded = np.pad(samples.astype(np.float32), (512 - 160) // 2)
        power = np.abs(librosa.stft(padded, n_fft=512, hop_length=160, win_length=320, window="hamming", center=False)) ** 2
        bands = librosa.feature.melspectrogram(S=power, sr=16_000, n_mels=40)
        expected = librosa.feature.mfcc(S=librosa.power_to_db(bands, top_db=None), n_mfcc=14)[1:].T
        found = described(samples, VoiceExtractor(fine=False)).values[: len(expected), COLUMN["mfcc1"] : COLUMN["mfcc13"] + 1]
        # The last rows' windows hang over the end, where librosa's padding is ours.
        worst = max(worst, float(np.abs(found - expected[: len(found)]).max()))
    return f"MFCC 1 to 13 of these clips differ from librosa's by at most {worst:.5f} (their deviation is some 5 to 20)."


def fine_told(peer: Peer) -> str:
    """Jitter, shimmer and formants of held vowels against truth."""
    cases = [
        (steady_vowel(5, pitch, jitter, shimmer, vowel), snr_db)
        for vowel in ("a", "e", "i", "u")
        for pitch in (110, 220, 330)
        for jitter, shimmer in ((0.003, 0.02), (0.012, 0.06))
        for snr_db in (None, 25)
    ]
    sounds = [_noisy(voice.samples[1600:], snr_db) for voice, snr_db in cases]
    theirs = peer.perturbation(sounds)
    told = []
    errors: dict[tuple[str, int | None], list[list[float]]] = {}
    for (voice, snr_db), samples, (praat_jitter, praat_shimmer, smile_jitter, smile_shimmer) in zip(cases, sounds, theirs, strict=True):
        jitter, shimmer = _held(samples, voice.pitch_hz)
        for name, values in {
            "here": (jitter, shimmer),
            "Praat": (praat_jitter, praat_shimmer),
            "openSMILE": (smile_jitter, smile_shimmer),
        }.items():
            errors.setdefault((name, snr_db), []).append([abs(values[0] - voice.jitter), abs(values[1] - voice.shimmer_db)])
    for name in ("here", "Praat", "openSMILE"):
        told.append([name, *(f"{x:.4f} · {y:.3f}" for x, y in (np.mean(errors[name, snr], axis=0) for snr in (None, 25)))])
    return "\n\n".join(
        [
            "## Jitter, shimmer, formants of held vowels with known truth",
            "Four vowels at 110, 220 and 330 Hz with local jitter 0.3 and 1.2 %, shimmer 0.18 and 0.54 dB: mean distance from the truth,"
            " jitter as a share · shimmer in dB. Periods ring into each other, so that the wave's perturbation is not quite the source's,"
            " for anybody.",
            table(["", "clean", "noise 25 dB below"], told),
            _formants_told(peer),
        ]
    )


def _held(samples: Sound, pitch_hz: float) -> tuple[float, float]:
    """Mean jitter and shimmer where the pitch is known: a held vowel is no speech, and is not measured as such."""
    import torch

    from ml.features.voice.periods import perturbation

    pitch = torch.full((len(samples) // 160,), float(pitch_hz))
    pitch[:5] = pitch[-5:] = torch.nan
    jitter, shimmer = perturbation(torch.from_numpy(samples.astype(np.float32)), 0, pitch)
    return float(np.nanmean(jitter)), float(np.nanmean(shimmer))


def _noisy(samples: Sound, snr_db: float | None) -> Sound:
    if snr_db is None:
        return samples
    noise = np.random.default_rng(1).normal(0, 1, len(samples))
    return samples + noise * np.sqrt((samples**2).mean() / 10 ** (snr_db / 10))


def _formants_told(peer: Peer) -> str:
    import torch

    from ml.features.voice.formants import formants
    from ml.features.voice.spectrum import describe_spectrum

    errors: dict[str, list[Floats]] = {"here": [], "Praat": [], "openSMILE": []}
    for vowel in VOWELS:
        for pitch_hz, size in ((90, 1.0), (120, 1.0), (180, 1.0), (180, 1.2), (240, 1.2)):
            voice = steady_vowel(7, pitch_hz, 0.004, 0.03, vowel, size=size)
            samples = torch.from_numpy(voice.samples.astype(np.float32))
            hz, _ = formants(describe_spectrum(samples, 0, len(samples) // 160).power[20:-20])
            rows = peer.rows(voice.samples)
            smile = np.stack([rows.column(f"F{n}frequency_sma3nz") for n in (1, 2, 3)], axis=1)
            for name, found in {"here": hz.numpy(), "Praat": rows.praat[20:-20, 1:4], "openSMILE": smile[20:-20]}.items():
                errors[name].append(np.abs(np.nanmedian(found, axis=0) - voice.formants_hz))
    told = [
        [name, *(f"{hz:.0f}" for hz in np.median(found, axis=0)), *(f"{hz:.0f}" for hz in np.max(found, axis=0))]
        for name, found in errors.items()
    ]
    head = ["Hz from the truth", *(f"F{n}, median" for n in (1, 2, 3)), *(f"F{n}, worst" for n in (1, 2, 3))]
    return "\n\n".join([f"Formants of {len(errors['here'])} vowels at 90 to 240 Hz:", table(head, told)])


def shares_told(clips: dict[str, Sound]) -> str:
    """Shares of voice, music and noise of sounds that are one of them."""
    rng = np.random.default_rng(0)
    sounds = {
        "made music": 0.05 * drawn_music(3, 60 * 16_000),
        "white noise": 0.05 * rng.normal(size=20 * 16_000),
        "old film dialogue": np.concatenate(list(clips.values())),
    }
    orchestra = film_music(500 * 16_000)
    if orchestra is not None:
        sounds["Big Buck Bunny from second 20 (orchestra and sounds, no speech)"] = orchestra
    told = []
    for name, samples in sounds.items():
        found = described(samples, VoiceExtractor(fine=False))
        shares = [f"{found.column(kind).mean():.3f}" for kind in ("voice", "music", "noise")]
        told.append([name, *shares, f"{spoken_rows(found.values).mean():.4f}", f"{np.isfinite(found.column('pitch_hz')).mean():.3f}"])
    return "\n\n".join(
        [
            "## Voice, music, noise",
            "Mean shares; rows that count as somebody's voice; rows with a confident pitch, which music has too.",
            table(["", "voice", "music", "noise", "counted as voice", "pitched"], told),
        ]
    )
