"""Pitch every 10 ms: what the network hears, followed from frame to frame.

The network scores candidates frame by frame, and under music the best one is sometimes the music's for a moment. The path of the best
scores that glides rather than leaps (Viterbi's) stays with the voice; it is sought in short stretches that overlap, all at once. Where
the network is sure of a pitch a leap costs more than where the voice pauses.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ml.features.voice.grid import HOP
from ml.features.voice.pitch_net import NET_HOP, Heard, PitchNet

LOWEST_HZ, HIGHEST_HZ = 55.0, 1000.0
"""Where eGeMAPS looks for a voice."""

CONFIDENT = 0.5
"""A row is voiced where the network is surer than this: what SwiftF0's confidence is calibrated for."""

STILL_CONFIDENT, _REACH = 0.4, 10
"""A voice goes on for up to so many rows, before and after, where the network is at least so sure: it does not stop and begin again within
100 ms, and music covers it for moments."""

_GLIDE, _WIDEST = 0.75, 3
_LEAP, _SURE_LEAP = 2.0, 12.0
_OWN, _EDGE = 48, 16
_WORST = -30.0
_APART = 0.25


@dataclass(frozen=True)
class Pitch:
    """By row of 10 ms (n,): pitch in Hz, NaN where there is none, and how sure the network is that there is one, 0..1."""

    hz: Tensor
    confidence: Tensor


def pitch_of(heard: Heard, net: PitchNet, before: int, n_rows: int) -> Pitch:
    """Pitch of `n_rows` rows that begin `before` samples after the first frame of what was heard."""
    hz = net.pitch_hz(heard.scores, best_path(heard.scores, heard.confidence))
    # With the rows beside the chunk, so that a voice goes on over its edges.
    rows = torch.arange(-_REACH, n_rows + _REACH, device=hz.device)
    left, share, right = _neighbours(((rows + 0.5) * HOP + before) / NET_HOP, len(hz))
    confidence = torch.lerp(heard.confidence[left], heard.confidence[right], share)
    octaves = torch.log2(hz)
    low, high = octaves[left], octaves[right]
    first_sure, second_sure = heard.confidence[left] > CONFIDENT, heard.confidence[right] > CONFIDENT
    # Between two sure frames of one glide the pitch is in between; else it is that of the surer or nearer frame.
    glides = (first_sure == second_sure) & ((low - high).abs() < _APART)
    nearer = torch.where(first_sure == second_sure, share < 0.5, first_sure)
    between = torch.where(glides, torch.lerp(low, high, share), torch.where(nearer, low, high))
    own = slice(_REACH, _REACH + n_rows)
    return Pitch(torch.where(is_voiced(confidence), 2**between, torch.nan)[own], confidence[own])


def is_voiced(confidence: Tensor) -> Tensor:
    """Rows where the network is sure, and those beside them, without a break, where it still nearly is."""
    voiced, still = confidence > CONFIDENT, confidence > STILL_CONFIDENT
    for _ in range(_REACH):
        beside = voiced.clone()
        beside[1:] |= voiced[:-1]
        beside[:-1] |= voiced[1:]
        voiced = voiced | beside & still
    return voiced


def _neighbours(places: Tensor, n_frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Frames before and after each place, and how far it is from the one to the other, 0..1."""
    places = places.clamp(0, n_frames - 1)
    left = places.floor().long()
    return left, places - left, (left + 1).clamp(max=n_frames - 1)


def best_path(scores: Tensor, confidence: Tensor) -> Tensor:
    """The candidate of each frame (frames,) on the best path through scores (frames, candidates)."""
    n_frames, n_candidates = scores.shape
    likely = scores.log_softmax(1).clamp(min=_WORST)
    steps, sure = _stretches(likely), _stretches(confidence[:, None])[:, :, 0]
    leap = _LEAP + _SURE_LEAP * torch.minimum(sure[1:], sure[:-1])
    moves = torch.arange(-_WIDEST, _WIDEST + 1, device=scores.device)
    candidates = torch.arange(n_candidates, device=scores.device)
    best, came = steps[0], []
    for step, cost in zip(steps[1:], leap, strict=True):
        glided, move = _glided(best, moves)
        top, at = best.max(1, keepdim=True)
        leaped = top - cost[:, None]
        came.append(torch.where(leaped > glided, at, candidates + moves[move]))
        best = step + torch.maximum(leaped, glided)
    path = [best.argmax(1)]
    for origin in reversed(came):
        path.append(origin.gather(1, path[-1][:, None])[:, 0])
    return torch.stack(path[::-1])[_EDGE : _EDGE + _OWN].T.reshape(-1)[:n_frames]


def _glided(best: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """The best score that reaches each candidate by a glide, and by which of `moves`."""
    reached = functional.pad(best, (_WIDEST, _WIDEST), value=-torch.inf).unfold(1, len(moves), 1) - _GLIDE * moves.abs()
    return reached.max(2)


def _stretches(frames: Tensor) -> Tensor:
    """Frames (n, k) as stretches side by side (frames of a stretch, stretches, k); each overlaps its neighbours."""
    n_stretches = -(-len(frames) // _OWN)
    padded = functional.pad(frames, (0, 0, _EDGE, n_stretches * _OWN - len(frames) + _EDGE))
    return padded.unfold(0, _OWN + 2 * _EDGE, _OWN).permute(2, 0, 1).contiguous()
