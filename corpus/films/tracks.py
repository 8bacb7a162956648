"""Faces of a film joined to tracks, each one face followed through one shot."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from corpus.films.faces import Detection, FaceTracker

# Real faces reach 0.75 somewhere in their track and stay for two samples of the five a second; letters, trees and paws, which score up to
# 0.7, do not. Where samples are denser two of them are not enough.
MINIMUM_TRACK_MS = 120
MINIMUM_TRACK_SCORE = 0.75
NOBODY = -1


@dataclass(frozen=True)
class Tracks:
    """The faces that belong to lasting tracks, in the order of time: their rows in what was given, shots, and tracks in the shot."""

    rows: np.ndarray
    shots: np.ndarray
    tracks: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def count(self) -> int:
        """Number of tracks."""
        return len(np.unique(np.stack([self.shots, self.tracks]), axis=1).T)


def find_tracks(times_ms: np.ndarray, faces: np.ndarray, starts_ms: list[int]) -> Tracks:
    """Join faces within shots; tracks too short or too faint are taken for mistakes of the detector and left out.

    Args:
        times_ms: when each face was seen, (n,), in order.
        faces: (n, 9): x, y, width and height of its box, score, both eyes.
        starts_ms: first frame of each shot.
    """
    shots = np.searchsorted(starts_ms, times_ms, side="right") - 1
    tracks = np.full(len(times_ms), NOBODY, np.int64)
    tracker, current = FaceTracker(), -1
    for begin, end in pairwise([*np.flatnonzero(np.diff(times_ms, prepend=-1)).tolist(), len(times_ms)]):
        if shots[begin] != current:
            tracker.reset()
            current = shots[begin]
        numbers = tracker.follow(int(times_ms[begin]), [_detection(row) for row in faces[begin:end].tolist()])
        tracks[begin:end] = [NOBODY if number is None else number for number in numbers]
    return _lasting(times_ms, faces[:, 4], shots, tracks)


def _detection(row: list[float]) -> Detection:
    x, y, width, height, score, right_x, right_y, left_x, left_y = row
    return Detection(x, y, width, height, score, (right_x, right_y), (left_x, left_y))


def _lasting(times_ms: np.ndarray, scores: np.ndarray, shots: np.ndarray, tracks: np.ndarray) -> Tracks:
    """The tracks that last, numbered anew within their shots by when they begin."""
    rows = np.flatnonzero(tracks != NOBODY)
    times_ms, scores, shots, tracks = times_ms[rows], scores[rows], shots[rows], tracks[rows]
    _, first, of = np.unique(np.stack([shots, tracks]), axis=1, return_index=True, return_inverse=True)
    of = of.reshape(-1)
    last_ms, best = np.zeros(len(first), np.int64), np.zeros(len(first))
    np.maximum.at(last_ms, of, times_ms)
    np.maximum.at(best, of, scores)
    lasting = (last_ms - times_ms[first] >= MINIMUM_TRACK_MS) & (best >= MINIMUM_TRACK_SCORE)
    numbers = np.zeros(len(first), np.int64)
    seen: dict[int, int] = {}
    for track in np.argsort(first, kind="stable"):
        if lasting[track]:
            shot = int(shots[first[track]])
            numbers[track] = seen.get(shot, 0)
            seen[shot] = int(numbers[track]) + 1
    kept = np.flatnonzero(lasting[of])
    return Tracks(rows[kept], shots[kept], numbers[of[kept]])
