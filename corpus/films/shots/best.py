"""The best shot detector: TransNetV2 sees the transitions, the pictures themselves tell cuts, fades, dissolves and flashes apart.

The network reads windows of 100 frames as they come and its answers for the inner 50 are kept, so that memory does not grow with the
film but by some twenty bytes a frame. One of its two answers says where a transition has its middle, the other how far it reaches; a
transition of one large step is a cut, one through flat pictures a fade, and what returns to the picture before was a flash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from corpus.chunks import Arrays
from corpus.devices import native_bfloat16
from corpus.films.shots.log import FrameLog
from corpus.films.shots.measures import difference, is_flat, runs
from corpus.films.shots.network import load_network
from corpus.films.shots.shots import ShotBoundary
from corpus.films.unfinished import Saved
from corpus.threads import one_torch_thread
from corpus.weights import weight_path

WEIGHT = "transnetv2"

WINDOW, KEPT = 100, 50  # the authors' own; 150 and 100 cost a fifth less and some 25 MB more
MARGIN = (WINDOW - KEPT) // 2
WINDOWS_AT_ONCE = {"cpu": 1, "cuda": 8}  # on a CPU a batch costs more than its windows one by one

MIDDLE_MINIMUM = 0.2
WITHIN_MINIMUM = 0.3
FLASH_FRAMES = 6
LASTING_MINIMUM = 0.5
SHARP_RATIO = 2.5
SHARP_SHARE = 0.25
SHARP_SIDE_FRAMES = 5
FLAT_REACH_FRAMES = 2
CUT_TO_BLACK_FRAMES = 4
EDGE_FRAMES = 3

MEASURED = {"t_ms": np.int64, "step": np.float32, "flat": np.bool_}
ANSWERED = {"middle": np.float32, "within": np.float32, "lasting": np.float32}


@dataclass(frozen=True)
class Trace:
    """What is known of each frame, arrays of one length.

    `middle` and `within` are the network's probabilities, `step` the picture difference to the frame before (0..1), `lasting` the share
    of that step that no frame nearby takes back, `flat` whether the picture is plainly black or white.
    """

    t_ms: np.ndarray
    middle: np.ndarray
    within: np.ndarray
    step: np.ndarray
    lasting: np.ndarray
    flat: np.ndarray


class TrainedShotDetector:
    """TransNetV2 on the GPU where there is one, else on the CPU; bfloat16 where the machine computes it natively.

    Raises:
        WeightError: the network's weights are not there or damaged.
    """

    def __init__(self) -> None:
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        precision = torch.bfloat16 if native_bfloat16(self._device) else torch.float32
        self._network = load_network(weight_path(WEIGHT), self._device, precision)
        self._waiting: list[np.ndarray] = []
        self._log = FrameLog(MEASURED)
        self._answers = FrameLog(ANSWERED)

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Take one frame; whenever enough are waiting the network reads them."""
        before = self._waiting[-1] if self._waiting else small
        self._waiting += [small] * (1 if len(self._log) else MARGIN + 1)
        self._log.add(t_ms, difference(before, small), is_flat(small))
        at_once = WINDOWS_AT_ONCE[self._device]
        if len(self._waiting) == at_once * KEPT + 2 * MARGIN:
            pictures = np.stack(self._waiting)
            self._read(np.stack([pictures[k * KEPT : k * KEPT + WINDOW] for k in range(at_once)]))
            del self._waiting[: at_once * KEPT]

    def save(self) -> Saved:
        """See ShotDetector."""
        return Saved(self._log.new() | self._answers.new(), {"waiting": np.stack(self._waiting)} if self._waiting else {})

    def restore(self, logs: Sequence[Arrays], now: Arrays) -> None:
        """See ShotDetector."""
        self._log.restore(logs)
        self._answers.restore(logs)
        self._waiting = list(now["waiting"])

    def trace(self) -> Trace:
        """What was seen of all frames so far; no frame can follow."""
        if len(self._log):
            self._waiting += self._waiting[-1:] * MARGIN
            self._read_rest()
        seen, read = self._log.all(), {name: column[: len(self._log)] for name, column in self._answers.all().items()}
        return Trace(seen["t_ms"], read["middle"], read["within"], seen["step"], read["lasting"], seen["flat"])

    def finish(self) -> list[ShotBoundary]:
        """All boundaries, in order of time; the score is the network's probability."""
        return boundaries(self.trace())

    def _read(self, windows: np.ndarray) -> None:
        """Answers for the inner frames of windows uint8 (windows, frames, 27, 48, 3)."""
        with one_torch_thread(), torch.inference_mode():
            logits = self._network(torch.from_numpy(windows).to(self._device))
            answers = torch.sigmoid(logits).float().cpu().numpy()
        for window, answer in zip(windows, answers, strict=True):
            inner = slice(MARGIN, len(window) - MARGIN)
            for row in np.column_stack([answer[inner], _lasting(window)]).astype(np.float32):
                self._answers.add(*row)

    def _read_rest(self) -> None:
        pictures = np.stack(self._waiting)
        for first in range(0, len(pictures) - 2 * MARGIN, KEPT):
            self._read(pictures[None, first : first + WINDOW])
        self._waiting.clear()


def _lasting(window: np.ndarray) -> np.ndarray:
    """Of each inner frame, the least difference between a frame before and one after it, over the step into it.

    Near 1 where the picture stays new; near 0 at both ends of a flash of at most FLASH_FRAMES frames.
    """
    n = len(window) - 2 * MARGIN

    def apart(back: int, on: int) -> np.ndarray:
        before, after = window[MARGIN - back :][:n], window[MARGIN + on :][:n]
        return cv2.absdiff(before, after).reshape(n, -1).mean(axis=1)

    step = apart(1, 0)
    across = [apart(1, on) for on in range(1, FLASH_FRAMES + 1)] + [apart(back, 0) for back in range(2, FLASH_FRAMES + 2)]
    return np.min(across, axis=0) / np.maximum(step, 1e-6)


def boundaries(trace: Trace) -> list[ShotBoundary]:
    """The boundaries that a trace tells, in order of time; fades from black at the film's start and into black at its end are none."""
    found: list[ShotBoundary] = []
    # Where a picture is nearly black the network sees little: what lies on both sides of it is one transition.
    flat = _spread(trace.flat, FLAT_REACH_FRAMES)
    for first, last in runs((trace.middle > MIDDLE_MINIMUM) | (trace.within > WITHIN_MINIMUM) | flat):
        peak = first + int(trace.middle[first : last + 1].argmax())
        if trace.middle[peak] > MIDDLE_MINIMUM:
            found += _change(trace, first, last)
    return found


def _spread(flags: np.ndarray, reach: int) -> np.ndarray:
    """True wherever a flag is true at most `reach` frames away."""
    spread = flags.copy()
    for k in range(1, reach + 1):
        spread[k:] |= flags[:-k]
        spread[:-k] |= flags[k:]
    return spread


def _change(trace: Trace, first: int, last: int) -> list[ShotBoundary]:
    """What the stretch of frames `first`..`last`, where the network sees a transition, is: none, one, or several cuts."""
    at_edge = first < EDGE_FRAMES or last >= len(trace.t_ms) - EDGE_FRAMES
    dark = runs(trace.flat[first : last + 1])
    if dark:
        return [] if at_edge or all(_is_flash(trace, first + a, first + b) for a, b in dark) else [_dip(trace, first, last, dark)]
    sharp = _sharp(trace, first, last)
    if sharp:
        lasting = [frame for frame in sharp if trace.lasting[frame] >= LASTING_MINIMUM]
        return [_boundary(trace, frame, "cut", frame - 1, frame) for frame in lasting]
    if at_edge:
        return []
    weight = trace.middle[first : last + 1]
    return [_boundary(trace, first + round(float((weight * np.arange(len(weight))).sum() / weight.sum())), "dissolve", first, last)]


def _is_flash(trace: Trace, first: int, last: int) -> bool:
    """Whether a plain white or black stretch comes at once and gives the picture before it back."""
    usual = np.median(trace.step[max(first - SHARP_SIDE_FRAMES, 0) : first]) if first else 0.0
    at_once = trace.step[first] >= SHARP_RATIO * usual
    return bool(last - first < FLASH_FRAMES and at_once and trace.lasting[first] < LASTING_MINIMUM)


def _dip(trace: Trace, first: int, last: int, dark: list[tuple[int, int]]) -> ShotBoundary:
    """A boundary in the middle of the longest flat stretch: a fade where the picture goes or comes gradually, else a cut."""
    start, end = max(dark, key=lambda run: run[1] - run[0])
    gradual = last - first + 1 - sum(b - a + 1 for a, b in dark)
    return _boundary(trace, first + (start + end) // 2, "fade" if gradual > CUT_TO_BLACK_FRAMES else "cut", first, last)


def _sharp(trace: Trace, first: int, last: int) -> list[int]:
    """Frames near a peak of the network's into which the picture changes far more than into those around: cuts and flashes."""
    peaks = first + np.flatnonzero(trace.middle[first : last + 1] > MIDDLE_MINIMUM)
    frames = np.unique(peaks[:, None] + np.arange(-1, 3))
    return [int(frame) for frame in frames if 0 < frame < len(trace.step) and _stands_out(trace.step, int(frame))]


def _stands_out(step: np.ndarray, frame: int) -> bool:
    sides = np.concatenate([step[max(frame - SHARP_SIDE_FRAMES, 0) : frame], step[frame + 1 : frame + 1 + SHARP_SIDE_FRAMES]])
    least = max(SHARP_RATIO * np.median(sides), SHARP_SHARE * sides.max())
    # A change spread over two frames is one.
    return bool(step[frame] >= max(least, step[frame - 1 : frame + 2].max()))


def _boundary(trace: Trace, frame: int, kind: str, first: int, last: int) -> ShotBoundary:
    return ShotBoundary(int(trace.t_ms[frame]), kind, round(float(trace.middle[first : last + 1].max()), 4))
