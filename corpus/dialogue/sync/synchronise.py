"""Puts subtitles on the film's clock, or says that they fit, or that they belong to another film.

Whether a place is believed depends on how improbable its agreement with the speech would be by chance among all the places tried,
so that a film of fifteen lines and one of fifteen hundred are judged by the same rule. Subtitles that fit are never touched, those
of another film never bent to fit, and those that agree in pieces (another cut, adverts) are moved piece by piece.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from corpus.dialogue.subtitles.read import Cue
from corpus.dialogue.sync.agreement import ONSET_TOLERANCE_MS, Ear, Floats, Place
from corpus.dialogue.sync.breaks import Piece, find_pieces

Verdict = Literal["fits", "corrected", "refused", "unchecked"]

FITS_WITHIN_MS = 120
EVIDENCE_FOUND = 4.0
EVIDENCE_IN_PLACE = 4.5
"""Decades of chance excluded that a place found by search, or the place as delivered, must have."""
MINIMUM_CUES = 3

_PRIOR_IN_PLACE = 0.06


@dataclass(frozen=True)
class Break:
    """From `from_ms` on (subtitles' clock) the offset is `offset_ms`."""

    from_ms: int
    offset_ms: int


@dataclass(frozen=True)
class SyncResult:
    """What was found about subtitles and film.

    A cue at t belongs at `scale` * t + `offset_ms` (after the last break before it). `score` is the correlation of cues and speech
    in that place, -1..1; `onsets` the share of cues that begin within 160 ms of a beginning of speech; `evidence` the decades by
    which chance is excluded. `cues` are the cues to use: moved when corrected, else as they came. `reason` is the verdict in words.
    `confidence` is the trust, 0..1, that the cues now stand where they belong, from how well they agree with the speech there, in the
    whole and in the worst third; 0 where nothing is claimed (refused, unchecked).
    """

    verdict: Verdict
    offset_ms: int
    scale: float
    breaks: tuple[Break, ...]
    score: float
    onsets: float
    evidence: float
    reason: str
    cues: tuple[Cue, ...]
    confidence: float = 0.0


@dataclass(frozen=True)
class _Judgement:
    verdict: Verdict
    evidence: float
    reason: str


def synchronise(cues: Sequence[Cue], speech: npt.NDArray[np.float32], grid_ms: int, duration_ms: int) -> SyncResult:
    """Find where `cues` belong in a film of `duration_ms` whose probability of speech is `speech`, one value each `grid_ms`.

    Only cues of kind speech are evidence; all are moved. Offsets up to 11 minutes and the seven ratios between 23.976, 24 and 25
    frames a second are tried.
    """
    spoken = sorted((cue for cue in cues if cue.kind == "speech"), key=lambda cue: cue.start_ms)
    if len(spoken) < MINIMUM_CUES:
        return unchecked(cues, f"{len(spoken)} spoken cues are too few to compare with the sound")
    ear = Ear.listen(speech, grid_ms, duration_ms)
    if not len(ear.onsets_ms):
        return _unmoved("refused", cues, f"{len(spoken)} spoken cues, but nobody is heard to speak")
    starts = np.array([cue.start_ms for cue in spoken], np.float64)
    ends = np.array([cue.end_ms for cue in spoken], np.float64)
    best = _best_place(ear, starts, ends)
    pieces = find_pieces(ear, starts, ends, best)
    if len(pieces) > 1:
        found = _in_pieces(cues, ear, starts, ends, [_left_where_it_fits(piece) for piece in pieces])
    else:
        found = _in_one(cues, ear, starts, best)
    return replace(found, confidence=_confidence(ear, found)) if found.verdict in ("fits", "corrected") else found


def unchecked(cues: Sequence[Cue], reason: str) -> SyncResult:
    """The result where there is nothing to compare with: times kept as delivered."""
    return _unmoved("unchecked", cues, reason)


def _best_place(ear: Ear, starts: Floats, ends: Floats) -> Place:
    """The best place, the one as delivered preferred to another that is hardly better."""
    near = ear.refine(starts, ends, ear.judge(starts, ends, 1.0, 0.0))
    best = max((*ear.search(starts, ends), near), key=lambda place: place.worth)
    stays_near = abs(near.offset_ms) <= 2 * ONSET_TOLERANCE_MS
    return near if stays_near and near.worth >= best.worth - _PRIOR_IN_PLACE else best


def _in_one(cues: Sequence[Cue], ear: Ear, starts: Floats, best: Place) -> SyncResult:
    judged = _judge(ear, starts, best)
    moved = judged.verdict == "corrected"
    return SyncResult(
        verdict=judged.verdict,
        offset_ms=round(best.offset_ms) if moved else 0,
        scale=best.scale if moved else 1.0,
        breaks=(),
        score=round(best.score, 4),
        onsets=round(best.hits / len(starts), 4),
        evidence=round(judged.evidence, 2),
        reason=judged.reason,
        cues=tuple(_moved(cue, best.scale, best.offset_ms) for cue in cues) if moved else tuple(cues),
    )


def _judge(ear: Ear, starts: Floats, best: Place) -> _Judgement:
    displacement_ms = float(np.abs(starts * (best.scale - 1) + best.offset_ms).max())
    in_place = displacement_ms <= 2 * ONSET_TOLERANCE_MS
    decades_tried = math.log10(ear.places_tried(starts))
    evidence = ear.evidence(best, len(starts)) - (0.0 if in_place else decades_tried)
    if evidence >= (EVIDENCE_IN_PLACE if in_place else EVIDENCE_FOUND):
        # A shift within the doubt of the measurement is no reason to touch what was delivered.
        if displacement_ms <= max(FITS_WITHIN_MS, 2 * ear.doubt_ms(starts, best)):
            return _Judgement("fits", evidence, "the subtitles fit the speech")
        return _Judgement("corrected", evidence, _told_move(best))
    attainable = ear.evidence(replace(best, hits=len(starts), score=1.0), len(starts)) - decades_tried
    if attainable < EVIDENCE_FOUND + 2:
        return _Judgement(
            "unchecked", evidence, f"{len(starts)} spoken cues are too few to tell where they belong: times kept as delivered"
        )
    told = f"the subtitles agree with the speech nowhere (best score {best.score:.2f}): another film or cut"
    return _Judgement("refused", evidence, told)


def _in_pieces(cues: Sequence[Cue], ear: Ear, starts: Floats, ends: Floats, pieces: Sequence[Piece]) -> SyncResult:
    first, *others = pieces
    breaks = tuple(Break(int(starts[piece.first]), round(piece.place.offset_ms)) for piece in others)
    edges = [piece.first for piece in others]
    bounds = zip([0, *edges], [*edges, len(starts)], pieces, strict=True)
    scores = [ear.judge(starts[a:b], ends[a:b], piece.place.scale, piece.place.offset_ms).score * (b - a) for a, b, piece in bounds]
    return SyncResult(
        verdict="corrected",
        offset_ms=round(first.place.offset_ms),
        scale=first.place.scale,
        breaks=breaks,
        score=round(sum(scores) / len(starts), 4),
        onsets=round(sum(piece.place.hits for piece in pieces) / len(starts), 4),
        evidence=round(min(piece.evidence for piece in pieces), 2),
        reason=f"moved in {len(pieces)} pieces: " + ", ".join(f"{piece.place.offset_ms / 1000:+.2f} s" for piece in pieces),
        cues=tuple(_moved(cue, first.place.scale, _offset_at(cue.start_ms, first, breaks)) for cue in cues),
    )


def _left_where_it_fits(piece: Piece) -> Piece:
    fits = piece.place.scale == 1 and abs(piece.place.offset_ms) <= FITS_WITHIN_MS
    return replace(piece, place=replace(piece.place, offset_ms=0.0)) if fits else piece


def _confidence(ear: Ear, found: SyncResult) -> float:
    """That chance made the whole agree, or a third of it that is elsewhere in truth, is the less believable the more decades speak."""
    spoken = sorted((cue.start_ms, cue.end_ms) for cue in found.cues if cue.kind == "speech")
    thirds = [part for part in np.array_split(np.array(spoken, np.float64), 3) if len(part)]
    places = [ear.judge(part[:, 0], part[:, 1], 1.0, 0.0) for part in thirds]
    worst = min(ear.evidence(place, len(part)) for place, part in zip(places, thirds, strict=True))
    return round((1 - 10 ** (-max(found.evidence, 0.0) / 4)) * (1 - 10 ** -max(worst, 0.0)), 3)


def _offset_at(start_ms: int, first: Piece, breaks: Sequence[Break]) -> float:
    passed = [found.offset_ms for found in breaks if start_ms >= found.from_ms]
    return passed[-1] if passed else first.place.offset_ms


def _told_move(place: Place) -> str:
    drift = "" if place.scale == 1 else f" and stretched by {place.scale:.5f} (frame rate)"
    return f"moved by {place.offset_ms / 1000:+.2f} s{drift}"


def _unmoved(verdict: Verdict, cues: Sequence[Cue], reason: str) -> SyncResult:
    return SyncResult(verdict, 0, 1.0, (), 0.0, 0.0, 0.0, reason, tuple(cues))


def _moved(cue: Cue, scale: float, offset_ms: float) -> Cue:
    start_ms = round(cue.start_ms * scale + offset_ms)
    end_ms = round(cue.end_ms * scale + offset_ms)
    return replace(cue, start_ms=start_ms, end_ms=max(end_ms, start_ms + 1))
