"""Voice of a unit and of each moment: pitch, loudness, timbre, the voice's fine structure, rhythm, taken only where somebody speaks.

The sound is read a minute at a time into rows of 10 ms (`VoiceExtractor`, `sound_chunks`): pitch by SwiftF0's network, which holds under
music, speech by Silero's, both in plain torch; spectra, MFCCs, jitter, shimmer, harmonics and formants in batches. A unit's functionals
(`build_voice_features`) are those close to eGeMAPS and our own.
"""

from ml.features.voice.build import VoiceSummary, build_voice_features
from ml.features.voice.extractor import VoiceExtractor
from ml.features.voice.functionals import FUNCTIONALS, VOICE_FEATURES
from ml.features.voice.grid import HOP_MS, RATE_HZ, SoundChunk, chunks_of, sound_chunks

__all__ = [
    "FUNCTIONALS",
    "HOP_MS",
    "RATE_HZ",
    "VOICE_FEATURES",
    "SoundChunk",
    "VoiceExtractor",
    "VoiceSummary",
    "build_voice_features",
    "chunks_of",
    "sound_chunks",
]
