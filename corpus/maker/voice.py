"""Speaks lines with emotion: espeak-ng through ctypes, then what a synthesiser lacks - tremor, breath, roughness, glides, loudness.

Each emotion is a prosody (rate, pitch, range, loudness, timbre) after Scherer's review of vocal expression (2003). Espeak-ng keeps
hidden state between calls, so each film loads its own private copy of the library: the same lines then give the same samples.
"""

from __future__ import annotations

import _ctypes
import ctypes
import shutil
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType

import espeakng_loader
import numpy as np
import numpy.typing as npt
from scipy.signal import butter, lfilter, resample_poly

from corpus.maker.cast import Voice
from corpus.terms import FeelmError

SAMPLE_RATE = 44_100
Sound = npt.NDArray[np.float64]

_ESPEAK_RATE = 22_050
_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_SPOKEN_RMS = 0.075
_WORDS_PER_MINUTE = 208


@dataclass(frozen=True)
class Prosody:
    """How an emotion sounds, as changes against the speaker's ordinary voice.

    `rate` factor; `pitch` and `spread` in espeak's steps of pitch and pitch range (0..99); `gap` pause between words in 10 ms;
    `gain_db` loudness; `tilt` -1 dull..1 bright; `tremor` depth of 6.5 Hz pitch wobble; `breath`, `rough` and `creak` 0..1;
    `glide` final rise (above 0) or fall in octaves; `attack` emphasis on the first syllable in dB.
    """

    rate: float = 1.0
    pitch: float = 0.0
    spread: float = 0.0
    gap: float = 0.0
    gain_db: float = 0.0
    tilt: float = 0.0
    tremor: float = 0.0
    breath: float = 0.0
    rough: float = 0.0
    creak: float = 0.0
    glide: float = 0.0
    attack: float = 0.0

    def scaled(self, strength: float) -> Prosody:
        """This prosody at `strength` (0 is the ordinary voice)."""
        rate, *rest = astuple(self)
        return Prosody(1 + (rate - 1) * strength, *(value * strength for value in rest))


PROSODIES: dict[str, Prosody] = {
    "neutral": Prosody(spread=-12),
    "joy": Prosody(1.1, 14, 50, 0, 2.5, 0.35, 0.0, 0.0, 0.0, 0.0, 0.12, 1.0),
    "anger": Prosody(1.16, 6, 22, 0, 6.5, 0.95, 0.0, 0.0, 0.75, 0.0, -0.18, 3.0),
    "fear": Prosody(1.3, 30, -24, 0, -1.5, 0.1, 1.0, 0.8, 0.0, 0.0, 0.06, 0.0),
    "sadness": Prosody(0.79, -18, -34, 3, -6.0, -0.9, 0.15, 0.35, 0.0, 0.0, -0.2, -1.0),
    "surprise": Prosody(0.93, 26, 45, 0, 3.0, 0.25, 0.0, 0.1, 0.0, 0.0, 0.55, 2.5),
    "disgust": Prosody(0.83, -12, 18, 1, 0.5, -0.1, 0.0, 0.0, 0.25, 0.9, -0.35, 1.0),
}


class Espeak:
    """A private copy of espeak-ng's library; use as a context manager, one at a time per thread.

    Raises:
        FeelmError: the library of the package espeakng-loader cannot start.
    """

    def __init__(self, seed: int) -> None:
        self._chunks: list[npt.NDArray[np.int16]] = []
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copy(espeakng_loader.get_library_path(), folder))
            self._library = ctypes.CDLL(str(copy))
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0)
        if rate != _ESPEAK_RATE:
            raise FeelmError(f"espeak-ng did not start (answer {rate}): reinstall the package espeakng-loader")
        ctypes.CDLL(None).srand(seed % 2**31)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed % 2**31))
        receiver = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._receiver = receiver(self._receive)
        self._library.espeak_SetSynthCallback(self._receiver)

    def __enter__(self) -> Espeak:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._library.espeak_Terminate()
        _ctypes.dlclose(self._library._handle)

    def _receive(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, variant: str, rate_wpm: int, pitch: int, spread: int, word_gap: int) -> Sound:
        """Samples in -1..1 at 22,050 Hz, silence at both ends cut off."""
        self._chunks.clear()
        if self._library.espeak_SetVoiceByName(variant.encode()) != 0:
            raise FeelmError(f"espeak-ng has no voice {variant!r}: reinstall the package espeakng-loader")
        for parameter, value in ((_RATE, rate_wpm), (_VOLUME, 90), (_PITCH, pitch), (_RANGE, spread), (_WORD_GAP, word_gap)):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return _trim(np.concatenate(self._chunks) / 32768.0)


def _trim(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > 0.006)
    return sound[max(0, loud[0] - 200) : loud[-1] + 400] if len(loud) else sound


def speak(espeak: Espeak, text: str, voice: Voice, emotion: str, strength: float, rng: np.random.Generator) -> Sound:
    """One line at 44,100 Hz mono, true to `emotion` by `strength` (about 0.4..1.1), with noise of its own."""
    prosody = PROSODIES[emotion].scaled(strength)
    noise = rng.normal(0, (0.045, 3.5, 6.0))
    sound = espeak.say(
        _punctuated(text, emotion),
        voice.variant,
        round(_WORDS_PER_MINUTE * voice.rate * prosody.rate * (1 + noise[0])),
        round(float(np.clip(voice.pitch + prosody.pitch + noise[1], 0, 99))),
        round(float(np.clip(48 + prosody.spread + noise[2], 0, 99))),
        round(max(prosody.gap, 0)),
    )
    sound = _glide(sound, prosody, rng)
    sound = _timbre(sound, prosody, rng)
    level = _SPOKEN_RMS * 10 ** ((prosody.gain_db + voice.gain_db + rng.normal(0, 1.0)) / 20)
    sound = resample_poly(sound, 2, 1)
    return np.tanh(_emphasis(sound, prosody) * level / _rms(sound) * 1.2) / 1.2


def _punctuated(text: str, emotion: str) -> str:
    """espeak's intonation follows the last sign; feigned calm or surprise changes the tune, not the words."""
    ending = {"surprise": "?!", "joy": "!", "anger": "!", "fear": "!"}.get(emotion, ".")
    return text.rstrip("!?. ") + ending


def _rms(sound: Sound) -> float:
    voiced = np.abs(sound) > 0.02 * np.abs(sound).max()
    return float(np.sqrt(np.mean(sound[voiced] ** 2))) + 1e-9


def _glide(sound: Sound, prosody: Prosody, rng: np.random.Generator) -> Sound:
    """Warp time, and with it pitch: tremor all along, a rise or fall over the last 0.45 s."""
    seconds = np.arange(len(sound)) / _ESPEAK_RATE
    wobble = 0.055 * prosody.tremor * np.sin(2 * np.pi * (6.5 * seconds + rng.random()))
    ending = np.clip((seconds - seconds[-1] + 0.45) / 0.45, 0, 1) ** 1.5
    speed = 2.0 ** (prosody.glide * ending + wobble)
    position = np.cumsum(speed)
    at = np.arange(position[0], position[-1])
    return np.interp(np.interp(at, position, np.arange(len(sound))), np.arange(len(sound)), sound)


def _timbre(sound: Sound, prosody: Prosody, rng: np.random.Generator) -> Sound:
    sound = _tilted(sound, prosody.tilt)
    seconds = np.arange(len(sound)) / _ESPEAK_RATE
    envelope = lfilter(*butter(1, 12, fs=_ESPEAK_RATE), np.abs(sound))
    if prosody.rough > 0.02:
        sound = np.tanh(sound / _rms(sound) * (0.4 + 1.6 * prosody.rough)) * _rms(sound)
        sound = sound * (1 + 0.35 * prosody.rough * np.sin(2 * np.pi * 72 * seconds))
    if prosody.creak > 0.02:
        late = np.clip(seconds / seconds[-1] * 1.4 - 0.2, 0, 1)
        sound = sound * (1 - 0.62 * prosody.creak * late * (0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 34 * seconds))))
    if prosody.breath > 0.02:
        air = lfilter(*butter(2, (1500, 6500), "band", fs=_ESPEAK_RATE), rng.normal(0, 1, len(sound)))
        sound = sound + 0.55 * prosody.breath * air * (envelope + 0.02 * envelope.max())
    return sound


def _tilted(sound: Sound, tilt: float) -> Sound:
    if abs(tilt) < 0.02:
        return sound
    dull = lfilter(*butter(1, 900, fs=_ESPEAK_RATE), sound)
    return sound + (sound - dull) * 1.6 * tilt if tilt > 0 else sound + (dull - sound) * 0.9 * -tilt


def _emphasis(sound: Sound, prosody: Prosody) -> Sound:
    seconds = np.arange(len(sound)) / SAMPLE_RATE
    return sound * 10 ** (prosody.attack * np.exp(-((seconds / 0.35) ** 2)) / 20)


def envelope_at(sound: Sound, rate_hz: float) -> npt.NDArray[np.float64]:
    """How wide the mouth is open, 0..1, `rate_hz` times a second: the smoothed level against its own high quantile."""
    size = round(SAMPLE_RATE / rate_hz)
    padded = np.pad(sound, (0, -len(sound) % size)).reshape(-1, size)
    level = np.sqrt((padded**2).mean(1))
    return np.clip(level / (np.quantile(level, 0.9) + 1e-9), 0, 1) ** 0.8
