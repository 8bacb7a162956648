"""The film's own sound, a minute at a time: how loud it is, how strongly new sounds begin, how much of it is deep."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from corpus.chunks import content_digest
from corpus.threads import one_torch_thread
from ml.features.extractor import Block, Dimension
from ml.features.voice.grid import SoundChunk

CODE_VERSION = 1
"""To be raised whenever the same sound gives other numbers."""

SOUND_DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("level_db", "dBFS", "RMS level", -90.0),
    Dimension("onset", "dB", "mean rise of 40 mel bands since the row before", 0.0),
    Dimension("low_share", "", "share of the energy below 250 Hz", 0.0, 1.0),
)


class SceneSoundExtractor:
    """Rows of SOUND_DIMENSIONS, one each 32 ms, for chunks of sound; there are no weights, and nothing can be chosen."""

    name = "scene_sound"
    version = str(CODE_VERSION)
    settings: Mapping[str, object] = {}

    def digest(self, chunk: SoundChunk) -> str:
        """Digest of the samples and of where they lie."""
        return content_digest(chunk.samples, f"{chunk.start_ms} {chunk.before} {chunk.after}")

    def extract(self, chunk: SoundChunk) -> Block:
        """One row for each whole or begun 32 ms; confidence is 1, as nothing is guessed."""
        import torch

        from ml.features.scene.beat import HOP, HOP_MS, hear

        n_rows = -(-len(chunk.own) // HOP)
        with one_torch_thread(), torch.inference_mode():
            heard = hear(torch.from_numpy(chunk.samples), chunk.before, n_rows)
            values = torch.stack([heard.level_db, heard.onset, heard.low_share], dim=1).numpy()
        start_ms = chunk.start_ms + np.arange(n_rows, dtype=np.int64) * HOP_MS
        return Block(start_ms, start_ms + HOP_MS, values, np.ones(n_rows, np.float32))
