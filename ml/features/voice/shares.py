"""How much of each moment is voice, music or noise, so that a score is not taken for somebody's voice.

Voice is what Silero takes for speech, as far as the second around it swells at the pace of syllables (4 Hz, Scheirer and Slaney 1997)
and has any pitch. The rest is music as far as its spectrum stands in lines that last a quarter of a second, and noise otherwise; what
is too quiet to be heard is neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ml.features.voice.grid import HOP, SECOND_HOPS
from ml.features.voice.pitch_net import NET_HOP

MARGIN_ROWS = SECOND_HOPS // 2
"""Rows of loudness that are needed on both sides."""

_PACE_HZ = (3.0, 3.5, 4.0, 4.5, 5.0)
_SWELLING = 0.03
"""Depth of the swelling of a spoken second: nine of ten in old film dialogue have more, music mostly less than twice this."""

_PITCHED = 0.1
_LINES_DB = 1.5, 2.5
"""How far lasting lines stand out of noise (1.1 to 1.4 whatever its colour) and of music (mostly above 2.5)."""

LINE_STEP = 8
_LINE_FRAMES, _LINE_BANDS = 17, 9
_DB_PER_LOG = 8.686
_QUIET_DB = -60.0


@dataclass(frozen=True)
class Shares:
    """By row of 10 ms (n,), 0..1: `voice`, `music` and `noise`; together 1, or only `voice` where it is quiet."""

    voice: Tensor
    music: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Evidence:
    """What shares follow from, by row (n,): Silero's probability, pitch confidence above 0.5, level in dBFS.

    `loudness` has MARGIN_ROWS more on both sides; `lines_db` is that of `lasting_lines`, brought onto rows.
    """

    speech: Tensor
    pitched: Tensor
    level_db: Tensor
    loudness: Tensor
    lines_db: Tensor


def shares_of(evidence: Evidence) -> Shares:
    """Shares by row; swelling, pitch, lines and quiet are those of whole seconds from the first row on."""
    n_rows = len(evidence.speech)
    spoken = (swelling(evidence.loudness, n_rows) / _SWELLING).clamp(max=1)
    pitched = 0.5 + 0.5 * (_mean_by_second(evidence.pitched.float()) / _PITCHED).clamp(max=1)
    voice = evidence.speech * _by_row(spoken * pitched, n_rows)
    low, high = _LINES_DB
    tonal = _by_row(((_mean_by_second(evidence.lines_db) - low) / (high - low)).clamp(0, 1), n_rows)
    heard = _by_row(_by_second(evidence.level_db, -torch.inf).amax(1) > _QUIET_DB, n_rows)
    rest = (1 - voice) * heard
    return Shares(voice, rest * tonal, rest * (1 - tonal))


def swelling(loudness: Tensor, n_rows: int) -> Tensor:
    """Depth 0..1 of the swelling of loudness at 3 to 5 Hz around each second, (seconds,), from two seconds through a Hann window."""
    n_seconds = -(-n_rows // SECOND_HOPS)
    missing = n_seconds * SECOND_HOPS + 2 * MARGIN_ROWS - len(loudness)
    windows = functional.pad(loudness, (0, missing)).unfold(0, 2 * SECOND_HOPS, SECOND_HOPS)
    windows = windows * torch.hann_window(2 * SECOND_HOPS, device=loudness.device)
    turns = torch.arange(2 * SECOND_HOPS, device=loudness.device)[:, None] / SECOND_HOPS * torch.tensor(_PACE_HZ, device=loudness.device)
    strength = (windows @ torch.cos(2 * torch.pi * turns)).square() + (windows @ torch.sin(2 * torch.pi * turns)).square()
    return strength.mean(1).sqrt() / windows.sum(1).clamp(min=1e-9)


def lasting_lines(bands: Tensor) -> Tensor:
    """How far lines that last a quarter of a second stand out, in dB every LINE_STEP frames, from the pitch network's log magnitudes.

    `bands` are (frames, 128); the result is (steps,), each centred on its first frame.
    """
    lasting = functional.avg_pool1d(bands.T[None], _LINE_FRAMES, LINE_STEP, _LINE_FRAMES // 2, count_include_pad=False)[0].T
    around = functional.avg_pool1d(lasting[:, None], _LINE_BANDS, 1, _LINE_BANDS // 2, count_include_pad=False)[:, 0]
    return (lasting - around).std(1) * _DB_PER_LOG


def on_rows(steps: Tensor, before: int, n_rows: int) -> Tensor:
    """The value of the step that is nearest to each row, which begin `before` samples after the first frame."""
    middles = (torch.arange(n_rows, device=steps.device) + 0.5) * HOP + before
    return steps[(middles / (NET_HOP * LINE_STEP)).round().long().clamp(0, len(steps) - 1)]


def _by_second(rows: Tensor, fill: float) -> Tensor:
    """Rows (n,) as (seconds, 100); a second that is not full is filled up."""
    return functional.pad(rows, (0, -len(rows) % SECOND_HOPS), value=fill).view(-1, SECOND_HOPS)


def _mean_by_second(rows: Tensor) -> Tensor:
    return _by_second(rows, torch.nan).nanmean(1)


def _by_row(seconds: Tensor, n_rows: int) -> Tensor:
    return seconds.repeat_interleave(SECOND_HOPS)[:n_rows]
