"""Finds where subtitles jump against the film: another cut, adverts taken out, reels joined differently.

Windows of at most two dozen cues propose offsets of their own, and a Viterbi path over the cues chooses among them with a price on every
change (the method of alass and of ffsubsync's split mode, with evidence added). A piece is believed only where its cues agree with
the speech far better in its own place than in its neighbours', beyond what chance offers among all places tried; places that are not
believed are closed to their cues and the path is drawn again until every piece is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.dialogue.sync.agreement import Ear, Floats, Place

FEWEST_CUES = 14
WINDOW_CUES = (6, 24)
"""A window is a sixth of the cues, within these bounds."""
SWITCH_PRICE = 6.0
LEAST_GAIN = 2.0
"""Decades by which a piece must agree better in its own place than in the place beside it, after the search is paid for."""
RETURN_PRICE = 2.0
"""Decades that a piece must gain on top where the cues after it stand again like those before it: no cut of a film does that."""
SMALLEST_JUMP_MS = 300
MOST_ROUNDS = 25
CLOSED = -10.0
"""Agreement of a cue with a place that was not believed for it."""


@dataclass(frozen=True)
class Piece:
    """Cues from index `first` on that belong to one place, and the evidence for it, in decades."""

    first: int
    place: Place
    evidence: float


def find_pieces(ear: Ear, starts: Floats, ends: Floats, whole: Place) -> list[Piece]:
    """Pieces with different offsets at the ratio of `whole`; a single piece where there is no break to be believed."""
    one = [Piece(0, whole, ear.evidence(whole, len(starts)))]
    if len(starts) < FEWEST_CUES:
        return one
    offsets = _proposals(ear, starts, ends, whole)
    agreement = _agreement(ear, starts, ends, whole.scale, offsets)
    used = np.unique(_cheapest_path(agreement))
    offsets, agreement = offsets[used], agreement[:, used]
    for _ in range(MOST_ROUNDS):
        path = _cheapest_path(agreement)
        spans = _spans([0, *(np.flatnonzero(np.diff(path)) + 1).tolist()], len(starts))
        pieces = [_piece(ear, starts, ends, a, b, whole.scale, offsets[path[a]]) for a, b in spans]
        gains = _gains(ear, starts, ends, pieces)
        if min(gains) >= LEAST_GAIN:
            return pieces if len(pieces) > 1 else one
        for (first, last), gain in zip(spans, gains, strict=True):
            if gain <= max(0.0, min(gains)):
                agreement[first:last, path[first]] = CLOSED
    return one


def _spans(edges: Sequence[int], n_cues: int) -> list[tuple[int, int]]:
    return list(zip(edges, [*edges[1:], n_cues], strict=True))


def _proposals(ear: Ear, starts: Floats, ends: Floats, whole: Place) -> Floats:
    """Offsets, ms, that some window of cues would choose, and that of the whole."""
    found = [whole.offset_ms]
    size = _window(len(starts))
    for first in range(0, len(starts) - size + 1, size // 2):
        window = slice(first, first + size)
        for offset_ms in ear.peaks(starts[window], ends[window], whole.scale, n_peaks=3):
            if min(abs(offset_ms - other) for other in found) >= SMALLEST_JUMP_MS:
                found.append(offset_ms)
    return np.array(found)


def _window(n_cues: int) -> int:
    return min(max(n_cues // 6, WINDOW_CUES[0]), WINDOW_CUES[1])


def _agreement(ear: Ear, starts: Floats, ends: Floats, scale: float, offsets: Floats) -> Floats:
    """How well each cue agrees with the speech at each offset (cues, offsets): about 0 by chance, 1 to 2 in the right place."""
    columns = [ear.agreement(starts * scale + offset_ms, ends * scale + offset_ms) for offset_ms in offsets]
    return np.stack(columns, axis=1)


def _cheapest_path(agreement: Floats) -> npt.NDArray[np.intp]:
    """Viterbi over cues: the offset of each, every change priced."""
    best = agreement[0].copy()
    came_from = np.zeros(agreement.shape, int)
    for index in range(1, len(agreement)):
        jump = int(np.argmax(best))
        stays = best >= best[jump] - SWITCH_PRICE
        came_from[index] = np.where(stays, np.arange(len(best)), jump)
        best = np.where(stays, best, best[jump] - SWITCH_PRICE) + agreement[index]
    path = [int(np.argmax(best))]
    for index in range(len(agreement) - 1, 0, -1):
        path.append(int(came_from[index, path[-1]]))
    return np.array(path[::-1])


def _piece(ear: Ear, starts: Floats, ends: Floats, first: int, last: int, scale: float, offset_ms: float) -> Piece:
    span = slice(first, last)
    place = ear.refine(starts[span], ends[span], ear.judge(starts[span], ends[span], scale, offset_ms))
    return Piece(first, place, ear.evidence(place, last - first))


def _gains(ear: Ear, starts: Floats, ends: Floats, pieces: list[Piece]) -> list[float]:
    """Decades by which each piece agrees better in its place than in its neighbours', the search paid for; infinite for one alone."""
    if len(pieces) == 1:
        return [math.inf]
    tried = math.log10(ear.offsets_tried(starts) * 2 * len(starts) / _window(len(starts)))
    return [_gain(ear, starts, ends, pieces, index) - tried for index in range(len(pieces))]


def _gain(ear: Ear, starts: Floats, ends: Floats, pieces: list[Piece], index: int) -> float:
    (first, last), piece = _spans([p.first for p in pieces], len(starts))[index], pieces[index]
    span = slice(first, last)
    beside = [pieces[other] for other in (index - 1, index + 1) if 0 <= other < len(pieces)]
    if any(abs(other.place.offset_ms - piece.place.offset_ms) < SMALLEST_JUMP_MS and other.evidence >= piece.evidence for other in beside):
        return -math.inf
    places = [ear.judge(starts[span], ends[span], other.place.scale, other.place.offset_ms) for other in beside]
    returns = len(beside) == 2 and abs(beside[0].place.offset_ms - beside[1].place.offset_ms) < SMALLEST_JUMP_MS
    return piece.evidence - max(ear.evidence(place, last - first) for place in places) - RETURN_PRICE * returns
