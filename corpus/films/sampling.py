"""What the scan measures on some of the frames: colours, motion and a thumbnail five times a second, faces as often as they ask for it.

Faces are looked for five times a second while there are any or the picture is new, up to every second frame while one moves fast, and
once a second where a picture shows none; when one is found then, the pictures that were passed over are looked at after all. So nothing
of a face is missed but what comes and goes between two looks at an empty picture.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from corpus.chunks import Arrays
from corpus.films.faces import SCORE_MINIMUM, Detection, FaceDetector, align_crop, body_crop, eyes_to_align
from corpus.films.media.decode import Frame, fitted
from corpus.films.media.probe import MediaFacts
from corpus.films.unfinished import Saved, Spool

SAMPLE_MS = 200
FAST_MS, RARE_MS = 80, 1000
BODY_MS = 500
PICTURE_WIDTH = 640
THUMBNAIL_WIDTH = 320
MOTION_MS = 80
JPEG_QUALITY = 85
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

FAST_FACES_PER_S = 1.5
"""A face is fast that moves this many times its own size in a second."""
NEW_PICTURE = 0.06
"""Difference to the frame before (0..1) from which on a picture may be that of a new shot."""
PATIENCE = 3
"""Looks in a row without a face after which they become rare."""

THUMBNAILS, CROPS, BODIES = SPOOLS = ("thumbnails", "crops", "bodies")


@dataclass(frozen=True, slots=True)
class Motion:
    """How far the picture moved since `since_ms`, shares of its width per second."""

    since_ms: int
    speed: float


class MotionMeter:
    """Optical flow over the last 80 ms: long enough to pass over doubled frames, short enough for fast pans."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, np.ndarray]] = deque()

    def push(self, t_ms: int, small: np.ndarray) -> None:
        """Take every frame, uint8 RGB of some 96 pixels width."""
        self._recent.append((t_ms, small))
        while len(self._recent) > 1 and self._recent[1][0] <= t_ms - MOTION_MS:
            self._recent.popleft()

    def measure(self) -> Motion | None:
        """Mean length of Farnebäck's flow (SCIA 2003) up to the last frame; None where there is no frame before it."""
        (since_ms, before), (t_ms, after) = self._recent[0], self._recent[-1]
        if since_ms == t_ms or before.shape != after.shape:
            return None
        grey, grey_now = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after))
        flow = cv2.calcOpticalFlowFarneback(grey, grey_now, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        length = float(np.hypot(flow[..., 0], flow[..., 1]).mean())
        return Motion(since_ms, length / after.shape[1] * 1000 / (t_ms - since_ms))

    def step(self) -> float:
        """Mean difference of the last two frames, 0..1; 0 for the first frame."""
        if len(self._recent) < 2:
            return 0.0
        before, after = self._recent[-2][1], self._recent[-1][1]
        return float(cv2.norm(before, after, cv2.NORM_L1)) / before.size / 255

    def now(self) -> dict[str, np.ndarray]:
        """The frames that are held."""
        times, pictures = zip(*self._recent, strict=True)
        return {"recent_ms": np.array(times, np.int64), "recent": np.stack(pictures)}

    def restore(self, now: Arrays) -> None:
        """Hold those frames."""
        self._recent = deque(zip(now["recent_ms"].tolist(), now["recent"], strict=True))


class FaceWatch:
    """Says at which frames faces are to be looked for, by what was found so far."""

    def __init__(self) -> None:
        self._looked_ms, self._every_ms, self._idle = -1, SAMPLE_MS, 0
        self._faces = np.zeros((0, 4))

    @property
    def rare(self) -> bool:
        """Whether looks are rare: the picture shows no face."""
        return self._every_ms == RARE_MS

    def due(self, t_ms: int, on_grid: bool, step: float) -> bool:
        """Whether to look now; `on_grid`: this frame is one of the five a second, `step`: how different it is from the frame before."""
        if self.rare and step > NEW_PICTURE:
            self._every_ms, self._idle = SAMPLE_MS, 0
        next_ms = (self._looked_ms // self._every_ms + 1) * self._every_ms
        return t_ms >= next_ms and (on_grid or self._every_ms == FAST_MS)

    def looked(self, t_ms: int, faces: list[Detection]) -> np.ndarray:
        """Take what a look found; each face's distance from the nearest one of the look before, in faces (infinite: there was none)."""
        boxes = np.array([(face.x, face.y, face.width, face.height) for face in faces]).reshape(-1, 4)
        moved = _distances(self._faces, boxes)
        clear = np.array([face.score >= SCORE_MINIMUM for face in faces], bool)
        fast = clear & (moved < 1) & (moved > FAST_FACES_PER_S * (t_ms - self._looked_ms) / 1000)
        self._idle = 0 if faces else self._idle + 1
        self._every_ms = FAST_MS if fast.any() else RARE_MS if self._idle >= PATIENCE else SAMPLE_MS
        self._looked_ms, self._faces = t_ms, boxes
        return moved

    def now(self) -> dict[str, np.ndarray]:
        """What it goes by."""
        return {"watch": np.array([self._looked_ms, self._every_ms, self._idle], np.int64), "watched": self._faces}

    def restore(self, now: Arrays) -> None:
        """Go by that."""
        self._looked_ms, self._every_ms, self._idle = now["watch"].tolist()
        self._faces = now["watched"]


def _distances(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Distance of the centre of each box (x, y, width, height) of `after` from the nearest of `before`, in its width and height: (n,)."""
    if not len(before) or not len(after):
        return np.full(len(after), np.inf)
    centres, earlier = (boxes[:, :2] + boxes[:, 2:] / 2 for boxes in (after, before))
    return np.hypot(*np.moveaxis((centres[:, None] - earlier[None]) / np.maximum(after[:, None, 2:], 1e-6), -1, 0)).min(axis=1)


class Sampler:
    """Takes every frame and measures some; what it found is in its log, the pictures are in the spools.

    The log's arrays: for each of n pictures `t_ms`, `looks` (n, 4: brightness, contrast, saturation, warmth), `since_ms` and `speed` (its
    motion, -1 for none); `looked_ms` (m,), when faces were looked for; for each of k faces `face_ms` and `face` (k, 9: x, y, width, height,
    score, both eyes); for each of b bodies `body_face`, the row of its face, and `body` (b, 4), its place.
    """

    def __init__(self, facts: MediaFacts, detector: FaceDetector, spools: dict[str, Spool]) -> None:
        self._picture_size = fitted(facts, PICTURE_WIDTH)
        self._thumbnail_size = fitted(facts, THUMBNAIL_WIDTH)
        self._detector = detector
        self._spools = spools
        self._meter, self._watch = MotionMeter(), FaceWatch()
        self._due_ms = self._body_due_ms = 0
        self._passed_over: list[tuple[int, np.ndarray]] = []
        self._rows = _Rows()

    def push(self, frame: Frame, small: np.ndarray) -> None:
        """Take one frame and its picture of some 96 pixels width."""
        self._meter.push(frame.t_ms, small)
        on_grid = frame.t_ms >= self._due_ms
        look = self._watch.due(frame.t_ms, on_grid, self._meter.step())
        if not (on_grid or look):
            return
        picture = frame.rgb(*self._picture_size)
        if on_grid:
            self._measure(frame.t_ms, picture)
            # The grid does not drift with the frame rate: the next sample is due on the next multiple.
            self._due_ms = (frame.t_ms // SAMPLE_MS + 1) * SAMPLE_MS
        if look:
            self._look(frame.t_ms, picture)
        elif self._watch.rare:
            self._passed_over.append((frame.t_ms, picture))

    def save(self) -> Saved:
        """The log since the last `save`, and what goes on; only after a frame at which faces were looked for."""
        rows, self._rows = self._rows, _Rows()
        due = {"due_ms": np.array([self._due_ms, self._body_due_ms], np.int64)}
        return Saved(rows.arrays(), due | self._meter.now() | self._watch.now())

    def restore(self, now: Arrays) -> None:
        """Go on where another sampler was; its pictures are in the spools already."""
        self._due_ms, self._body_due_ms = now["due_ms"].tolist()
        self._meter.restore(now)
        self._watch.restore(now)

    def _measure(self, t_ms: int, picture: np.ndarray) -> None:
        small = cv2.resize(picture, self._thumbnail_size, interpolation=cv2.INTER_AREA)
        self._spools[THUMBNAILS].add(as_jpeg(small))
        motion = self._meter.measure()
        self._rows.pictures.append((t_ms, measured(small), motion.since_ms if motion else -1, motion.speed if motion else -1.0))

    def _look(self, t_ms: int, picture: np.ndarray) -> None:
        faces = self._detector.detect(picture)
        for earlier in self._faces_before() if faces else ():
            self._take(*earlier)
        self._passed_over.clear()
        self._take(t_ms, picture, faces)

    def _faces_before(self) -> list[tuple[int, np.ndarray, list[Detection]]]:
        """What the pictures hold that were passed over, from the last one back to the first without a face, in the order of time."""
        found: list[tuple[int, np.ndarray, list[Detection]]] = []
        for t_ms, picture in reversed(self._passed_over):
            found.insert(0, (t_ms, picture, self._detector.detect(picture)))
            if not found[0][2]:
                break
        return found

    def _take(self, t_ms: int, picture: np.ndarray, faces: list[Detection]) -> None:
        moved = self._watch.looked(t_ms, faces)
        self._rows.looked_ms.append(t_ms)
        every = t_ms >= self._body_due_ms
        if every:
            self._body_due_ms = (t_ms // BODY_MS + 1) * BODY_MS
        for face, distance in zip(faces, moved, strict=True):
            eyes = eyes_to_align(face, picture.shape[1], picture.shape[0])
            row = self._spools[CROPS].add(align_crop(picture, eyes).tobytes())
            self._rows.faces.append((t_ms, (face.x, face.y, face.width, face.height, face.score, *face.right_eye, *face.left_eye)))
            # The body of a face that was not there before is taken at once: it may be gone before the next turn.
            if every or (distance >= 1 and face.score >= SCORE_MINIMUM):
                body, region = body_crop(picture, face)
                self._spools[BODIES].add(as_jpeg(body))
                self._rows.bodies.append((row, region))


class _Rows:
    """The log of one chunk as it comes."""

    def __init__(self) -> None:
        self.pictures: list[tuple[int, tuple[float, ...], int, float]] = []
        self.looked_ms: list[int] = []
        self.faces: list[tuple[int, tuple[float, ...]]] = []
        self.bodies: list[tuple[int, tuple[float, ...]]] = []

    def arrays(self) -> dict[str, np.ndarray]:
        """As `Sampler` describes them."""
        return {
            "t_ms": np.array([row[0] for row in self.pictures], np.int64),
            "looks": np.array([row[1] for row in self.pictures], np.float64).reshape(-1, 4),
            "since_ms": np.array([row[2] for row in self.pictures], np.int64),
            "speed": np.array([row[3] for row in self.pictures], np.float64),
            "looked_ms": np.array(self.looked_ms, np.int64),
            "face_ms": np.array([row[0] for row in self.faces], np.int64),
            "face": np.array([row[1] for row in self.faces], np.float64).reshape(-1, 9),
            "body_face": np.array([row[0] for row in self.bodies], np.int64),
            "body": np.array([row[1] for row in self.bodies], np.float64).reshape(-1, 4),
        }


def measured(rgb: np.ndarray) -> tuple[float, float, float, float]:
    """Brightness, contrast, saturation and warmth of a uint8 RGB picture, each as PICTURES declares it."""
    scaled = cv2.resize(rgb, (80, 45), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    luma = scaled @ LUMA
    highest, lowest = scaled.max(axis=2), scaled.min(axis=2)
    saturation = np.where(highest > 0, (highest - lowest) / np.maximum(highest, 1e-6), 0)
    warmth = float((scaled[..., 0] - scaled[..., 2]).mean())
    return float(luma.mean()), min(float(2 * luma.std()), 1.0), float(saturation.mean()), warmth


def as_jpeg(rgb: np.ndarray) -> bytes:
    """A uint8 RGB picture as the JPEG file that a scan keeps."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()
