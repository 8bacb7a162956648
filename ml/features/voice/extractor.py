"""The voice of a film, one minute of sound after another: rows of 10 ms with pitch, loudness, timbre and the voice's fine structure.

Everything is computed in batches by torch, on a CPU or a GPU: pitch and speech by small networks, spectra by Fourier transforms, the
fine structure (jitter, shimmer, harmonics, formants) only where somebody's voice has a pitch. What a row follows from lies within its
chunk and the sound that the chunk brings along, so a film that is cut elsewhere by whole minutes gives the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from corpus.chunks import content_digest
from corpus.devices import native_bfloat16
from corpus.dialogue.sync.speech import LEAD_MS, PIECE_MS, speech_of_pieces
from ml.features.extractor import Block, computing, version_of
from ml.features.voice.dimensions import DIMENSIONS, SOUND_COLUMNS, VOICE
from ml.features.voice.formants import formants
from ml.features.voice.grid import HOP, HOP_MS, RATE_HZ, SoundChunk
from ml.features.voice.harmonics import describe_harmonics
from ml.features.voice.periods import perturbation
from ml.features.voice.pitch import CONFIDENT, HIGHEST_HZ, LOWEST_HZ, Pitch, pitch_of
from ml.features.voice.pitch_net import NET_HOP, Heard, pitch_net
from ml.features.voice.shares import MARGIN_ROWS, Evidence, Shares, lasting_lines, on_rows, shares_of
from ml.features.voice.spectrum import Spectral, describe_spectrum

CODE_VERSION = 3
"""To be raised whenever the same sound gives other numbers."""

_NET_ROOM = 32 * NET_HOP
_PERIOD_ROWS = 10


@dataclass(frozen=True)
class VoiceExtractor:
    """Rows of DIMENSIONS for chunks of sound.

    `exact` has the pitch network compute in float32, else in bfloat16, some cents apart and twice as fast; by default the latter where
    the device is built for it. Without `fine` the columns from jitter on stay empty.
    """

    device: str = "cpu"
    exact: bool | None = None
    fine: bool = True
    name: ClassVar[str] = "voice"

    @property
    def version(self) -> str:
        """Version of the code and of the two networks' weights."""
        return version_of(CODE_VERSION, "swift-f0", "silero-vad")

    @property
    def settings(self) -> Mapping[str, object]:
        """Whether the pitch network computes exactly, and whether the fine structure is measured."""
        return {"exact": self._exact, "fine": self.fine}

    @cached_property
    def _exact(self) -> bool:
        return not native_bfloat16(self.device) if self.exact is None else self.exact

    def digest(self, chunk: SoundChunk) -> str:
        """Digest of the samples and of where they lie."""
        return content_digest(chunk.samples, f"{chunk.start_ms} {chunk.before} {chunk.after}")

    def extract(self, chunk: SoundChunk) -> Block:
        """One row for each whole or begun 10 ms; confidence is the pitch network's, that there is a pitch.

        Raises:
            FeelmError: the sound holds NaN or infinity.
            WeightError: a network's weights are missing or damaged.
        """
        with computing(self.device), torch.inference_mode():
            values, confidence = self._rows(chunk)
            start_ms = chunk.start_ms + np.arange(chunk.n_rows, dtype=np.int64) * HOP_MS
            return Block(start_ms, start_ms + HOP_MS, values.cpu().numpy(), confidence.clamp(0, 1).cpu().numpy())

    def _rows(self, chunk: SoundChunk) -> tuple[Tensor, Tensor]:
        samples = torch.from_numpy(chunk.samples).to(self.device)
        speech = self._speech(chunk)
        heard, pitch = self._pitch(chunk, samples)
        spectral = describe_spectrum(samples, chunk.before, chunk.n_rows)
        shares = _shares(chunk, samples, speech, pitch, heard, spectral)
        values = torch.full((chunk.n_rows, len(DIMENSIONS)), torch.nan, device=samples.device)
        columns = [pitch.hz, speech, shares.voice, shares.music, shares.noise, spectral.loudness, spectral.level_db]
        values[:, :SOUND_COLUMNS] = torch.cat([torch.stack(columns, dim=1), spectral.shape, spectral.mfcc], dim=1)
        if self.fine:
            voiced = pitch.hz.where(shares.voice > VOICE, torch.nan)
            values[:, SOUND_COLUMNS:] = _fine_structure(chunk, samples, voiced, spectral)
        return values, pitch.confidence

    def _speech(self, chunk: SoundChunk) -> Tensor:
        """Probability of speech by row (n,)."""
        lead = chunk.samples[max(chunk.before - LEAD_MS * RATE_HZ // 1000, 0) : chunk.before]
        pieces = speech_of_pieces(lead, chunk.own, self.device)
        middles_ms = (np.arange(chunk.n_rows) + 0.5) * HOP_MS
        by_row = np.interp(middles_ms, (np.arange(len(pieces)) + 0.5) * PIECE_MS, pieces)
        return torch.from_numpy(by_row.astype(np.float32)).to(self.device)

    def _pitch(self, chunk: SoundChunk, samples: Tensor) -> tuple[Heard, Pitch]:
        """What the network hears in the chunk and half a second on either side, and the pitch by row."""
        net = pitch_net(self.device, self._exact, LOWEST_HZ, HIGHEST_HZ)
        before = min(chunk.before, _NET_ROOM)
        heard = net(samples[chunk.before - before : len(samples) - max(chunk.after - _NET_ROOM, 0)])
        return heard, pitch_of(heard, net, before, chunk.n_rows)


def _shares(chunk: SoundChunk, samples: Tensor, speech: Tensor, pitch: Pitch, heard: Heard, spectral: Spectral) -> Shares:
    before = min(chunk.before, _NET_ROOM)
    room = MARGIN_ROWS * HOP
    first = describe_spectrum(samples, chunk.before - room, MARGIN_ROWS).loudness
    last = describe_spectrum(samples, chunk.before + chunk.n_rows * HOP, MARGIN_ROWS).loudness
    loudness = torch.cat([first, spectral.loudness, last])
    lines = on_rows(lasting_lines(heard.bands), before, chunk.n_rows)
    return shares_of(Evidence(speech, pitch.confidence > CONFIDENT, spectral.level_db, loudness, lines))


def _fine_structure(chunk: SoundChunk, samples: Tensor, voiced_hz: Tensor, spectral: Spectral) -> Tensor:
    """The columns from jitter on, (n, 14); NaN outside the rows whose `voiced_hz` (n,) is a number."""
    fine = torch.full((len(voiced_hz), len(DIMENSIONS) - SOUND_COLUMNS), torch.nan, device=samples.device)
    rows = voiced_hz.isfinite().nonzero()[:, 0]
    if not len(rows):
        return fine
    fine[:, 0], fine[:, 1] = _perturbation(chunk, samples, voiced_hz)
    hz, widths = formants(spectral.power[rows])
    middles = chunk.before + rows * HOP + HOP // 2
    found = describe_harmonics(samples, middles, voiced_hz[rows], hz)
    fine[rows, 2:5] = torch.stack([found.to_noise_db, found.h1_h2_db, found.h1_a3_db], dim=1)
    fine[rows, 5:] = torch.stack([hz, widths, found.formants_db], dim=2).flatten(1)
    return fine


def _perturbation(chunk: SoundChunk, samples: Tensor, voiced_hz: Tensor) -> tuple[Tensor, Tensor]:
    """Jitter and shimmer by row; a voice that sounds at the chunk's edge is taken to have sounded 100 ms beyond, where there is sound."""
    earlier = min(_PERIOD_ROWS, chunk.before // HOP)
    later = min(_PERIOD_ROWS, chunk.after // HOP)
    around = functional.pad(voiced_hz[None, None], (earlier, later), mode="replicate")[0, 0]
    measured = perturbation(samples, chunk.before - earlier * HOP, around)
    jitter, shimmer = (column[earlier : earlier + len(voiced_hz)] for column in measured)
    silent = voiced_hz.isnan()
    return jitter.masked_fill(silent, torch.nan), shimmer.masked_fill(silent, torch.nan)
