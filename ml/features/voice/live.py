"""The voice of a piece of sound in memory, as `build` would write it for a file that holds that piece as its only unit.

The same chunks, rows, functionals and speech network, without files: what a microphone gives is described with the numbers that a
recording of it would get.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.features.voice.build import Listener
from ml.features.voice.extractor import VoiceExtractor
from ml.features.voice.functionals import VOICE_FEATURES, columns_of
from ml.features.voice.grid import RATE_HZ, Floats, chunks_of
from ml.features.voice.speech import LONGEST_UNIT_S, WIDTH, SpeechExtractor, UnitSounds


@dataclass(frozen=True)
class HeardVoice:
    """VOICE_FEATURES float32 (n,) and what the speech network hears (WIDTH,), NaN where not measured; `present`: somebody is heard."""

    features: Floats
    speech: Floats
    present: bool

    @classmethod
    def nobody(cls) -> HeardVoice:
        """Where nobody is heard."""
        return cls(np.full(len(VOICE_FEATURES), np.nan, np.float32), np.full(WIDTH, np.nan, np.float32), False)


class VoiceReader:
    """Describes pieces of sound; its networks are loaded with the first one. For one thread at a time."""

    def __init__(self) -> None:
        self._voice, self._speech = VoiceExtractor(), SpeechExtractor()

    def warm(self) -> None:
        """Load the networks, so that the first who speaks does not wait.

        Raises:
            WeightError: a network's weights are missing or damaged.
        """
        sound = np.sin(np.arange(RATE_HZ, dtype=np.float32) * np.float32(0.05))
        self._voice.extract(next(chunks_of(sound)))
        self._speech.extract(UnitSounds(np.array([0]), np.array([1000]), (sound,)))

    def describe(self, samples: Floats) -> HeardVoice:
        """The voice in float32 samples (n,) at 16 kHz, -1..1, of which there are a minute at most.

        Raises:
            FeelmError: the sound holds NaN or infinity.
            WeightError: a network's weights are missing or damaged.
        """
        import pandas as pd

        if not samples.any():
            return HeardVoice.nobody()
        end_ms = len(samples) * 1000 / RATE_HZ
        unit = pd.DataFrame({"start_ms": [0.0], "end_ms": [end_ms], "character_id": pd.Series([None], dtype=object)})
        heard = Listener.for_units(unit)
        heard.listen(self._voice.extract(chunk) for chunk in chunks_of(samples))
        if not heard.present[0]:
            return HeardVoice.nobody()
        columns = columns_of(heard.found, unit)
        features = np.array([columns[name][0] for name in VOICE_FEATURES], np.float32)
        block = self._speech.extract(UnitSounds(np.array([0]), np.array([round(end_ms)]), (samples[: LONGEST_UNIT_S * RATE_HZ],)))
        # The file that features are written to keeps them in half precision.
        speech = block.more["speech"][0].astype(np.float16).astype(np.float32)
        return HeardVoice(np.where(np.isfinite(features), features, np.nan).astype(np.float32), speech, True)
