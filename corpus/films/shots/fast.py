"""The fast shot detector: PySceneDetect's adaptive detector finds cuts, its threshold detectors fades through black and white.

They are fed pictures of the one decode pass by frame number, so that frames of any length keep their own times. A cut must stand out
from the two frames on either side by more than one other change among them allows: a flash of one or two frames is two changes, and no
cut. Dissolves are not found; the best setting is for them. What the detectors measure of each frame is kept, and they judge at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
from scenedetect.common import FrameTimecode
from scenedetect.detector import SceneDetector
from scenedetect.detectors import AdaptiveDetector, ThresholdDetector

from corpus.chunks import Arrays
from corpus.films.shots.log import FrameLog
from corpus.films.shots.measures import difference, is_flat, runs
from corpus.films.shots.shots import ShotBoundary
from corpus.films.unfinished import Saved

NOMINAL_RATE = Fraction(25)
"""PySceneDetect wants a rate to speak of frames; only frame numbers are used of what it answers."""

MINIMUM_SHOT_FRAMES = 8
WINDOW_FRAMES = 2
# Beside a second change of the same size the ratio to the mean of the four neighbours is 4 at most; a light rarely returns exactly.
RATIO_MINIMUM = 5.0
CONTENT_MINIMUM = 8.0
DARK_LEVEL, BRIGHT_LEVEL = 12, 243
BRIGHT_FRAMES = 4
JUMP_MINIMUM = 0.05
MEASURED = {"t_ms": np.int64, "content": np.float64, "level": np.float64, "step": np.float32, "flat": np.bool_}


class FastShotDetector:
    """Detectors of the package scenedetect, fed what they measure on pictures that others decoded."""

    def __init__(self) -> None:
        self._log = FrameLog(MEASURED)
        self._before: np.ndarray | None = None
        self._hsv: np.ndarray | None = None

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Take one frame."""
        hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
        content = 0.0 if self._hsv is None else _content(self._hsv, hsv)
        step = 0.0 if self._before is None else difference(self._before, small)
        self._log.add(t_ms, content, float(small.mean()), step, is_flat(small))
        self._before, self._hsv = small, hsv

    def save(self) -> Saved:
        """See ShotDetector."""
        return Saved(self._log.new(), {} if self._before is None else {"before": self._before})

    def restore(self, logs: Sequence[Arrays], now: Arrays) -> None:
        """See ShotDetector."""
        self._log.restore(logs)
        self._before = now["before"]
        self._hsv = cv2.cvtColor(self._before, cv2.COLOR_RGB2HSV)

    def finish(self) -> list[ShotBoundary]:
        """All boundaries, in order of time; the score is the picture difference into it, 1 for what goes through black or white."""
        seen = self._log.all()
        cut_at, fade_at = _cuts(seen["content"]), _fades(seen["level"])
        flat = runs(seen["flat"])
        inner = [(first, last) for first, last in flat if first > 0 and last + 1 < len(seen["flat"])]
        # A dark scene that is not flat fades nowhere.
        dips = [(first, last) for first, last in inner if any(first <= frame <= last for frame in fade_at)]
        cuts = [frame for frame in cut_at if not any(first - 1 <= frame <= last + 2 for first, last in flat)]
        found = [_dip(seen, run) for run in dips] + [_cut(seen, frame) for frame in cuts]
        return sorted(found, key=lambda boundary: boundary.t_ms)


class _Measured(AdaptiveDetector):
    """The adaptive detector on scores that were measured as it measures them, instead of on pictures."""

    def _calculate_frame_score(self, timecode: FrameTimecode, frame_img: np.ndarray) -> float:
        return float(frame_img[0])


def _content(before: np.ndarray, after: np.ndarray) -> float:
    """The content detector's score: mean difference of hue, saturation and value, 0..255."""
    return float(cv2.norm(before, after, cv2.NORM_L1)) / before.size


def _cuts(content: np.ndarray) -> set[int]:
    return _found(_Measured(RATIO_MINIMUM, MINIMUM_SHOT_FRAMES, WINDOW_FRAMES, CONTENT_MINIMUM), content)


def _fades(level: np.ndarray) -> set[int]:
    """Frames in the middle of what goes through black or white, by each frame's mean, 0..255."""
    black = ThresholdDetector(DARK_LEVEL, MINIMUM_SHOT_FRAMES)
    white = ThresholdDetector(BRIGHT_LEVEL, MINIMUM_SHOT_FRAMES, method=ThresholdDetector.Method.CEILING, min_out_length=BRIGHT_FRAMES)
    return _found(black, level) | _found(white, level)


def _found(detector: SceneDetector, values: np.ndarray) -> set[int]:
    numbered = ((FrameTimecode(number, NOMINAL_RATE), values[number : number + 1]) for number in range(len(values)))
    return {found.frame_num for number, value in numbered for found in detector.process_frame(number, value)}


def _dip(seen: Arrays, run: tuple[int, int]) -> ShotBoundary:
    """A dip into black is a fade when the picture goes or comes gradually; when both sides jump, it is a cut to black."""
    first, last = run
    jumps = min(seen["step"][first], seen["step"][last + 1])
    return ShotBoundary(int(seen["t_ms"][(first + last) // 2]), "cut" if jumps >= JUMP_MINIMUM else "fade", 1.0)


def _cut(seen: Arrays, frame: int) -> ShotBoundary:
    return ShotBoundary(int(seen["t_ms"][frame]), "cut", round(min(float(seen["step"][frame]), 1.0), 4))
