"""The fast shot detector: PySceneDetect's adaptive detector finds cuts, its threshold detectors fades through black and white.

They are fed pictures of the one decode pass by frame number, so that frames of any length keep their own times. A cut must stand out
from the two frames on either side by more than one other change among them allows: a flash of one or two frames is two changes, and no
cut. Dissolves are not found; the best setting is for them.
"""

from __future__ import annotations

from array import array
from fractions import Fraction

import cv2
import numpy as np
from scenedetect.common import FrameTimecode
from scenedetect.detector import SceneDetector
from scenedetect.detectors import AdaptiveDetector, ThresholdDetector

from corpus.films.shots.measures import difference, is_flat, runs
from corpus.films.shots.shots import ShotBoundary

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


class FastShotDetector:
    """Detectors of the package scenedetect on pictures that others decoded."""

    def __init__(self) -> None:
        self._cuts = AdaptiveDetector(RATIO_MINIMUM, MINIMUM_SHOT_FRAMES, WINDOW_FRAMES, CONTENT_MINIMUM)
        black = ThresholdDetector(DARK_LEVEL, MINIMUM_SHOT_FRAMES)
        white = ThresholdDetector(BRIGHT_LEVEL, MINIMUM_SHOT_FRAMES, method=ThresholdDetector.Method.CEILING, min_out_length=BRIGHT_FRAMES)
        self._fades: tuple[SceneDetector, ...] = (black, white)
        self._times, self._steps, self._flat = array("q"), array("f"), array("b")
        self._before: np.ndarray | None = None
        self._cut_at: set[int] = set()
        self._fade_at: set[int] = set()

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Take one frame."""
        number = FrameTimecode(len(self._times), NOMINAL_RATE)
        picture = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        self._cut_at.update(found.frame_num for found in self._cuts.process_frame(number, picture))
        for detector in self._fades:
            self._fade_at.update(found.frame_num for found in detector.process_frame(number, picture))
        self._times.append(t_ms)
        self._steps.append(0.0 if self._before is None else difference(self._before, small))
        self._flat.append(is_flat(small))
        self._before = small

    def finish(self) -> list[ShotBoundary]:
        """All boundaries, in order of time; the score is the picture difference into it, 1 for what goes through black or white."""
        flat = runs(np.array(self._flat, dtype=bool))
        inner = [(first, last) for first, last in flat if first > 0 and last + 1 < len(self._flat)]
        # A dark scene that is not flat fades nowhere.
        dips = [(first, last) for first, last in inner if any(first <= frame <= last for frame in self._fade_at)]
        cuts = [frame for frame in self._cut_at if not any(first - 1 <= frame <= last + 2 for first, last in flat)]
        return sorted([*map(self._dip, dips), *map(self._cut, cuts)], key=lambda boundary: boundary.t_ms)

    def _dip(self, run: tuple[int, int]) -> ShotBoundary:
        """A dip into black is a fade when the picture goes or comes gradually; when both sides jump, it is a cut to black."""
        first, last = run
        jumps = min(self._steps[first], self._steps[last + 1])
        return ShotBoundary(self._times[(first + last) // 2], "cut" if jumps >= JUMP_MINIMUM else "fade", 1.0)

    def _cut(self, frame: int) -> ShotBoundary:
        return ShotBoundary(self._times[frame], "cut", round(min(self._steps[frame], 1.0), 4))
