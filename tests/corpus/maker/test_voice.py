"""The voices: the same samples for the same seed, and the prosody of emotions in what is heard."""

import numpy as np
import pytest

from corpus.maker.cast import Voice
from corpus.maker.voice import SAMPLE_RATE, Espeak, envelope_at, speak
from corpus.terms import FeelmError
from tests.emotions import WRITTEN

SENTENCE = "I found the letter in the kitchen."
SPEAKER = Voice("en-us+f2", 50, 1.0, 0.0)


@pytest.fixture(scope="module")
def spoken() -> dict[str, np.ndarray]:
    with Espeak(5) as espeak:
        return {emotion: speak(espeak, SENTENCE, SPEAKER, emotion, 1.0, np.random.default_rng(5)) for emotion in WRITTEN}


def _level(sound: np.ndarray) -> float:
    return float(np.sqrt((sound**2).mean()))


def test_the_same_seed_says_the_same_samples_twice():
    takes = []
    for _ in range(2):
        with Espeak(5) as espeak:
            takes.append([espeak.say(SENTENCE, variant, 180, 50, 50, 0) for variant in ("en-us+m1", "en-us+f3")])
    assert all(np.array_equal(a, b) for a, b in zip(*takes, strict=True))


def test_sadness_is_slow_and_soft_and_anger_loud(spoken):
    length = {emotion: len(sound) for emotion, sound in spoken.items()}
    assert max(length, key=length.get) in ("sadness", "disgust")
    assert length["sadness"] > 1.2 * length["neutral"] > 1.2 * length["fear"] * 0.9
    assert _level(spoken["anger"]) > 1.6 * _level(spoken["neutral"]) > 2.4 * _level(spoken["sadness"])


def test_fear_is_higher_than_neutral_and_sadness_lower(spoken):
    from scipy.signal import resample_poly
    from swift_f0 import SwiftF0

    pitch = {}
    for emotion in ("fear", "neutral", "sadness", "surprise"):
        heard = SwiftF0().detect(resample_poly(spoken[emotion], 160, 441).astype(np.float32), 16_000)
        voiced = np.asarray(heard.confidence) > 0.5
        pitch[emotion] = float(np.median(np.asarray(heard.pitch_hz)[voiced]))
    assert pitch["sadness"] * 1.08 < pitch["neutral"] < pitch["fear"] / 1.08
    assert pitch["neutral"] < pitch["surprise"]


def test_the_mouth_is_open_where_the_voice_is_loud():
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    sound = np.where(seconds < 1, np.sin(2 * np.pi * 200 * seconds), 0)
    opening = envelope_at(sound, 24)
    assert len(opening) == 48 and opening[:23].min() > 0.9 and opening[25:].max() == 0


def test_an_unknown_voice_is_told():
    with Espeak(5) as espeak, pytest.raises(FeelmError, match="no voice"):
        espeak.say("Hello", "xx-none", 180, 50, 50, 0)
