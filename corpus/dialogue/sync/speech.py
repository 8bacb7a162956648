"""How likely somebody speaks, on a fixed grid of 20 ms, from Silero VAD's network.

The network hears 32 ms at a time and remembers; run in sequence it is slow, so the sound is cut into streams of twelve seconds that go
through side by side, each after two seconds of the sound before it so that its memory is warm. Everything in and out is numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError
from corpus.threads import one_torch_thread

GRID_MS = 20
RATE_HZ = 16_000

Floats = npt.NDArray[np.float32]

PIECE_MS = 32
"""What the network hears at a time."""

LEAD_MS = 1984
"""Sound before a block that warms the network's memory."""

_CHUNK = 512
_STREAM_CHUNKS = 375  # five to a minute
_WARM_CHUNKS = LEAD_MS // PIECE_MS
_STREAMS_AT_ONCE = 20
_BLOCK_SAMPLES = _STREAMS_AT_ONCE * _STREAM_CHUNKS * _CHUNK


def speech_probability(samples: Floats, rate_hz: int = RATE_HZ) -> Floats:
    """Probability of speech, 0..1, one value for each whole or begun 20 ms of `samples` (mono, -1..1), at the middle of each 20 ms.

    Source: silero-vad 6 (MIT), see `corpus.weights`.

    Raises:
        FeelmError: the rate is not 16 kHz, the sound is not mono, or it holds NaN or infinity.
    """
    if rate_hz != RATE_HZ or samples.ndim != 1:
        raise FeelmError(f"speech is looked for in mono sound at {RATE_HZ} Hz, not shape {samples.shape} at {rate_hz} Hz: resample it")
    starts = range(0, len(samples), _BLOCK_SAMPLES)
    lead = _WARM_CHUNKS * _CHUNK
    blocks = ((samples[max(0, start - lead) : start], samples[start : start + _BLOCK_SAMPLES]) for start in starts)
    return _on_grid(_chunks(blocks), len(samples))


def speech_probability_of_file(path: Path) -> Floats:
    """As speech_probability, for a 16 kHz mono sound file, with memory flat in its length.

    Raises:
        FeelmError: the file is no sound, or is not 16 kHz mono.
    """
    with opened(path) as sound:
        return _on_grid(_chunks(_read_blocks(sound)), sound.frames)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A 16 kHz mono sound file, as `soundfile` reads it.

    Raises:
        FeelmError: the file is no sound, or is not 16 kHz mono.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            if sound.samplerate != RATE_HZ or sound.channels != 1:
                raise FeelmError(f"{path.name} is not {RATE_HZ} Hz mono: make it with the scan stage")
            yield sound
    except soundfile.LibsndfileError as error:
        raise FeelmError(f"{path.name} cannot be read as sound ({error}): make it again") from error


def _read_blocks(sound: Any) -> Iterator[tuple[Floats, Floats]]:
    lead = np.zeros(0, np.float32)
    while len(block := sound.read(_BLOCK_SAMPLES, dtype="float32")):
        yield lead, block
        lead = block[-_WARM_CHUNKS * _CHUNK :]


def _chunks(blocks: Iterator[tuple[Floats, Floats]]) -> Floats:
    parts = [speech_of_pieces(lead, block) for lead, block in blocks]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def speech_of_pieces(lead: Floats, block: Floats, device: str = "cpu") -> Floats:
    """Probability for each whole or begun 32 ms of `block` at 16 kHz, which `lead` (at most LEAD_MS) comes before.

    Raises:
        FeelmError: the sound holds NaN or infinity.
    """
    if not np.isfinite(block).all():
        raise FeelmError("the sound holds NaN or infinity: decode it again")
    if not len(block):
        return np.zeros(0, np.float32)
    n_chunks = -(-len(block) // _CHUNK)
    n_streams = -(-n_chunks // _STREAM_CHUNKS)
    warm = _WARM_CHUNKS * _CHUNK
    padded = np.zeros(warm + n_streams * _STREAM_CHUNKS * _CHUNK, np.float32)
    padded[warm - len(lead) : warm] = lead
    padded[warm : warm + len(block)] = block
    length = (_WARM_CHUNKS + min(n_chunks, _STREAM_CHUNKS)) * _CHUNK
    streams = np.stack([padded[start : start + length] for start in range(0, n_streams * _STREAM_CHUNKS * _CHUNK, _STREAM_CHUNKS * _CHUNK)])
    return _run(streams.reshape(n_streams, -1, _CHUNK), device)[:, _WARM_CHUNKS:].reshape(-1)[:n_chunks]


def _run(streams: Floats, device: str) -> Floats:
    """Network outputs (streams, chunks) for sound (streams, chunks, 512)."""
    import torch

    from corpus.dialogue.sync.speech_net import speech_net

    with one_torch_thread(), torch.inference_mode():
        heard = speech_net(device)(torch.from_numpy(streams).to(device))
    return np.asarray(heard.cpu().numpy(), np.float32)


def _on_grid(chunks: Floats, n_samples: int) -> Floats:
    """Values at the middles of 32 ms chunks, interpolated to the middles of 20 ms steps."""
    n_steps = -(-n_samples * 1000 // (RATE_HZ * GRID_MS))
    if not len(chunks) or not n_steps:
        return np.zeros(n_steps, np.float32)
    chunk_ms = _CHUNK * 1000 / RATE_HZ
    middles_ms = (np.arange(len(chunks)) + 0.5) * chunk_ms
    grid_ms = (np.arange(n_steps) + 0.5) * GRID_MS
    return np.interp(grid_ms, middles_ms, chunks).astype(np.float32)
