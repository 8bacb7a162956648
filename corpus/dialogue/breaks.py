"""Finds where subtitles jump against the film: another cut, adverts taken out, reels joined differently.

Windows of some two dozen cues propose offsets of their own, and a Viterbi path over the cues chooses among them with a price on every
change (the method of alass and of ffsubsync's split mode, with evidence added). A piece is believed only where its cues agree with
the speech far better in its own place than in its neighbours', beyond what chance offers among all places tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpus.dialogue.agreement import Ear, Floats, Place

FEWEST_CUES = 36
WINDOW_CUES = 24
SWITCH_PRICE = 6.0
LEAST_GAIN = 3.5
"""Decades by which a piece must agree better in its own place than in the place beside it, after the search is paid for."""
SMALLEST_JUMP_MS = 300


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
    path = _cheapest_path(_agreement(ear, starts, ends, whole.scale, offsets))
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist()]
    pieces = [_piece(ear, starts, ends, a, b, whole.scale, offsets[path[a]]) for a, b in _spans(edges, len(starts))]
    return _believed(ear, starts, ends, pieces) or one


def _spans(edges: Sequence[int], n_cues: int) -> list[tuple[int, int]]:
    return list(zip(edges, [*edges[1:], n_cues], strict=True))


def _proposals(ear: Ear, starts: Floats, ends: Floats, whole: Place) -> Floats:
    """Offsets, ms, that some window of cues would choose, and that of the whole."""
    found = [whole.offset_ms]
    for first in range(0, len(starts) - WINDOW_CUES + 1, WINDOW_CUES // 2):
        window = slice(first, first + WINDOW_CUES)
        for offset_ms in ear.peaks(starts[window], ends[window], whole.scale, n_peaks=2):
            if min(abs(offset_ms - other) for other in found) >= SMALLEST_JUMP_MS:
                found.append(offset_ms)
    return np.array(found)


def _agreement(ear: Ear, starts: Floats, ends: Floats, scale: float, offsets: Floats) -> Floats:
    """How well each cue agrees with the speech at each offset (cues, offsets): about 0 by chance, 1 to 2 in the right place."""
    columns = [ear.agreement(starts * scale + offset_ms, ends * scale + offset_ms) for offset_ms in offsets]
    return np.stack(columns, axis=1)


def _cheapest_path(agreement: Floats) -> list[int]:
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
    return path[::-1]


def _piece(ear: Ear, starts: Floats, ends: Floats, first: int, last: int, scale: float, offset_ms: float) -> Piece:
    span = slice(first, last)
    place = ear.refine(starts[span], ends[span], ear.judge(starts[span], ends[span], scale, offset_ms))
    return Piece(first, place, ear.evidence(place, last - first))


def _believed(ear: Ear, starts: Floats, ends: Floats, pieces: list[Piece]) -> list[Piece]:
    """Pieces without those whose own place is not much better than a neighbour's: their cues go to that neighbour."""
    tried = math.log10(ear.places_tried(starts))
    while len(pieces) > 1:
        gains = [_gain(ear, starts, ends, pieces, index) - tried for index in range(len(pieces))]
        weakest = int(np.argmin(gains))
        if gains[weakest] >= LEAST_GAIN:
            break
        pieces = _merged(ear, starts, ends, pieces, weakest)
    return pieces


def _gain(ear: Ear, starts: Floats, ends: Floats, pieces: list[Piece], index: int) -> float:
    (first, last), piece = _spans([p.first for p in pieces], len(starts))[index], pieces[index]
    span = slice(first, last)
    beside = [pieces[other].place for other in (index - 1, index + 1) if 0 <= other < len(pieces)]
    places = [ear.judge(starts[span], ends[span], place.scale, place.offset_ms) for place in beside]
    if any(abs(place.offset_ms - piece.place.offset_ms) < SMALLEST_JUMP_MS for place in beside):
        return -math.inf
    return piece.evidence - max(ear.evidence(place, last - first) for place in places)


def _merged(ear: Ear, starts: Floats, ends: Floats, pieces: list[Piece], index: int) -> list[Piece]:
    """The piece at `index` given to its neighbour with more evidence, and neighbours of one place joined."""
    beside = [other for other in (index - 1, index + 1) if 0 <= other < len(pieces)]
    taker = max(beside, key=lambda other: pieces[other].evidence)
    kept = [piece for position, piece in enumerate(pieces) if position != index]
    firsts = [piece.first for piece in kept]
    if taker > index:
        firsts[index] = pieces[index].first
    firsts[0] = 0
    spans = _spans(firsts, len(starts))
    return [_piece(ear, starts, ends, a, b, piece.place.scale, piece.place.offset_ms) for (a, b), piece in zip(spans, kept, strict=True)]
