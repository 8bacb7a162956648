"""The film opened once: its pictures feed shots, colours, motion, thumbnails and faces, its sound becomes the sound track.

The pass keeps little of each frame (times, a few numbers, face boxes); candidate thumbnails and face crops go to temporary files
and come back only where they are used, so memory stays flat whatever the film's length. Shots are known at the end of the pass, and
only then are faces joined to tracks within them. The same film gives the same bytes.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from corpus.contracts import FACES, PICTURES, SHOTS, FeelmError
from corpus.films.catalogue.store import read_film
from corpus.films.faces import CROP_SIZE, Detection, FaceDetector, FaceTracker, align_crop
from corpus.films.media.decode import Frame, StreamSummary, VideoPass, fitted
from corpus.films.media.probe import MediaFacts, probe
from corpus.films.media.sound import SoundFacts, extract_sound
from corpus.films.media.text_tracks import extract_text_tracks
from corpus.films.shots.measures import small_picture
from corpus.films.shots.shots import SOURCE_WIDTH, Shot, ShotDetector, ShotSetting, shot_detector, shots_between
from corpus.memory import give_large_blocks_back
from corpus.paths import write_json

SAMPLE_MS = 200
PICTURE_WIDTH = 640
THUMBNAIL_WIDTH = 320
MOTION_MS = 80
THUMBNAIL_QUALITY = 85
# Real faces reach 0.75 somewhere in their track and stay for two samples; letters, trees and paws, which score up to 0.7, do not.
MINIMUM_TRACK_SAMPLES = 2
MINIMUM_TRACK_SCORE = 0.75
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class ScanSummary:
    """What the scan found; `missing` names what the film does not have, in words."""

    film_id: str
    duration_ms: int
    fps: float
    variable_rate: bool
    n_frames: int
    n_shots: int
    n_cuts: int
    n_fades: int
    n_dissolves: int
    n_pictures: int
    n_faces: int
    n_face_tracks: int
    face_share: float
    has_audio: bool
    silent: bool
    damage: tuple[str, ...]
    missing: str | None


@dataclass(frozen=True)
class ShotsSummary:
    """Figures of the shots artifact."""

    duration_ms: int
    n_shots: int
    n_cuts: int
    n_fades: int
    n_dissolves: int
    median_shot_ms: int
    damage: tuple[str, ...]
    missing: str | None


@dataclass(frozen=True)
class FacesSummary:
    """Figures of the faces artifact: `face_share` is the share of sampled pictures with a face."""

    n_samples: int
    n_faces: int
    n_tracks: int
    face_share: float
    mean_score: float | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class Motion:
    """How far the picture moved since `since_ms`, shares of its width per second."""

    since_ms: int
    speed: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One sampled picture, as a row of PICTURES."""

    t_ms: int
    brightness: float
    contrast: float
    saturation: float
    warmth: float
    motion: Motion | None


@dataclass(frozen=True, slots=True)
class SampledFace:
    """One detection of the pass; `spool_row` is its crop's row in the temporary file."""

    t_ms: int
    face: Detection
    spool_row: int


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A detection with its shot and its track within the shot."""

    sampled: SampledFace
    shot: int
    track: int


class Sampler:
    """Measures pictures at 5 per second: colours, motion, a thumbnail candidate, faces with crops."""

    def __init__(self, facts: MediaFacts, spool: Path, detector: FaceDetector) -> None:
        self._picture_size = fitted(facts, PICTURE_WIDTH)
        self._thumbnail_size = fitted(facts, THUMBNAIL_WIDTH)
        self._detector = detector
        self._thumbnails: IO[bytes] = (spool / "thumbnails").open("wb+")
        self._crops: IO[bytes] = (spool / "crops").open("wb+")
        self._offsets = [0]
        self.pictures: list[Picture] = []
        self.faces: list[SampledFace] = []

    def push(self, frame: Frame, motion: Motion | None) -> None:
        """Measure one sampled frame."""
        picture = frame.rgb(*self._picture_size)
        self.pictures.append(_measured(frame.t_ms, picture, motion))
        self._keep_thumbnail(picture)
        for face in self._detector.detect(picture):
            self.faces.append(SampledFace(frame.t_ms, face, len(self.faces)))
            self._crops.write(align_crop(picture, (face.right_eye, face.left_eye)).tobytes())

    def _keep_thumbnail(self, picture: np.ndarray) -> None:
        small = cv2.resize(picture, self._thumbnail_size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])
        self._thumbnails.write(encoded.tobytes())
        self._offsets.append(self._offsets[-1] + len(encoded))

    def thumbnail(self, row: int) -> bytes:
        """The JPEG of sample `row`."""
        self._thumbnails.seek(self._offsets[row])
        return self._thumbnails.read(self._offsets[row + 1] - self._offsets[row])

    def crop(self, row: int) -> bytes:
        """The raw crop of detection `row`, uint8 (64, 64, 3)."""
        size = CROP_SIZE * CROP_SIZE * 3
        self._crops.seek(row * size)
        return self._crops.read(size)

    def close(self) -> None:
        """Give the temporary files back."""
        self._thumbnails.close()
        self._crops.close()


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


def _measured(t_ms: int, rgb: np.ndarray, motion: Motion | None) -> Picture:
    """Brightness, contrast, saturation and warmth of a uint8 RGB picture, each as PICTURES declares it."""
    scaled = cv2.resize(rgb, (80, 45), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    luma = scaled @ LUMA
    highest, lowest = scaled.max(axis=2), scaled.min(axis=2)
    saturation = np.where(highest > 0, (highest - lowest) / np.maximum(highest, 1e-6), 0)
    return Picture(
        t_ms=t_ms,
        brightness=float(luma.mean()),
        contrast=min(float(2 * luma.std()), 1.0),
        saturation=float(saturation.mean()),
        warmth=float((scaled[..., 0] - scaled[..., 2]).mean()),
        motion=motion,
    )


def build_scan(
    film_dir: Path, shots_out: Path, faces_out: Path, soundtrack_out: Path, *, shots: ShotSetting = ShotSetting.BEST
) -> ScanSummary:
    """Scan one film: shots, thumbnails, colours, motion, faces and sound, each video frame decoded once.

    Args:
        film_dir: the `film` artifact.
        shots_out, faces_out, soundtrack_out: existing empty folders for the three artifacts.
        shots: how shot boundaries are found.

    Raises:
        MediaError: the film cannot be used.
        WeightError: a network is not there; the message says how to fetch it.
    """
    give_large_blocks_back()
    film = read_film(film_dir)
    media = Path(film.video)
    facts = probe(media)
    detector = shot_detector(shots)
    with tempfile.TemporaryDirectory(dir=shots_out.parent, prefix=".scan.") as spool:
        sampler = Sampler(facts, Path(spool), FaceDetector())
        stream = _run_pass(VideoPass(media, facts), detector, sampler)
        found = shots_between(detector.finish(), stream.duration_ms)
        del detector  # its network's memory is wanted for the tables
        shots_summary = _write_shots(shots_out, film.film_id, found, sampler, facts, stream)
        faces_summary = _write_faces(faces_out, film.film_id, found, sampler)
        sampler.close()
    write_json(shots_out / "text_tracks.json", [asdict(found) for found in extract_text_tracks(media, facts, shots_out)])
    flac = soundtrack_out / "sound.flac"
    sound = extract_sound(media, facts, stream.duration_ms, flac, language=film.language, shifts_ms=stream.shifts_ms)
    write_json(soundtrack_out / "summary.json", asdict(sound))
    return _summary(film.film_id, stream, shots_summary, faces_summary, sound)


def _run_pass(video: VideoPass, detector: ShotDetector, sampler: Sampler) -> StreamSummary:
    due_ms = 0
    size = fitted(video.facts, SOURCE_WIDTH)
    meter = MotionMeter()
    for frame in video:
        small = frame.rgb(*size)
        meter.push(frame.t_ms, small)
        detector.push(frame.t_ms, small_picture(small))
        if frame.t_ms >= due_ms:
            sampler.push(frame, meter.measure())
            # The grid does not drift with the frame rate: the next sample is due on the next multiple.
            due_ms = (frame.t_ms // SAMPLE_MS + 1) * SAMPLE_MS
    return video.summary()


def _shot_id(film_id: str, shot: Shot) -> str:
    return f"{film_id}.shot{shot.index:04d}"


def _shot_row(film_id: str, shot: Shot) -> dict[str, object]:
    row = {"shot_id": _shot_id(film_id, shot), "film_id": film_id, "thumbnail": _thumbnail_name(shot)}
    return {**row, **{column: getattr(shot, column) for column in ("index", "start_ms", "end_ms", "transition")}}


def _thumbnail_name(shot: Shot) -> str:
    return f"thumbs/{shot.index:04d}.jpg"


def _write_shots(out: Path, film_id: str, shots: list[Shot], sampler: Sampler, facts: MediaFacts, stream: StreamSummary) -> ShotsSummary:
    SHOTS.write(SHOTS.frame(_shot_row(film_id, shot) for shot in shots), out / "shots.parquet")
    pictures = _picture_rows(sampler.pictures, [shot.start_ms for shot in shots])
    PICTURES.write(PICTURES.frame(pictures), out / "pictures.parquet")
    times = np.array([picture.t_ms for picture in sampler.pictures], dtype=np.int64)
    (out / "thumbs").mkdir()
    for shot in shots:
        middle = (shot.start_ms + shot.end_ms) // 2
        (out / _thumbnail_name(shot)).write_bytes(sampler.thumbnail(int(np.abs(times - middle).argmin())))
    write_json(out / "stream.json", {**asdict(facts), **asdict(stream)})
    summary = _shots_summary(shots, stream)
    write_json(out / "summary.json", asdict(summary))
    return summary


def _shots_summary(shots: list[Shot], stream: StreamSummary) -> ShotsSummary:
    kinds = Counter(shot.transition for shot in shots)
    return ShotsSummary(
        duration_ms=stream.duration_ms,
        n_shots=len(shots),
        n_cuts=kinds["cut"],
        n_fades=kinds["fade"],
        n_dissolves=kinds["dissolve"],
        median_shot_ms=round(float(np.median([shot.end_ms - shot.start_ms for shot in shots]))),
        damage=tuple(str(damage) for damage in stream.damage),
        missing=None,
    )


def _picture_rows(pictures: list[Picture], starts: list[int]) -> Iterator[dict[str, object]]:
    """Rows of PICTURES; motion that reaches back into another shot is none."""
    for picture in pictures:
        start_ms = starts[int(np.searchsorted(starts, picture.t_ms, side="right")) - 1]
        known = picture.motion is not None and picture.motion.since_ms >= start_ms
        yield {**asdict(picture), "motion": picture.motion.speed if picture.motion is not None and known else None}


def _track(faces: list[SampledFace], starts: list[int]) -> list[TrackedFace]:
    """Faces joined within shots; tracks too short or too faint are taken for mistakes of the detector and left out."""
    tracker = FaceTracker()
    samples: dict[int, list[SampledFace]] = defaultdict(list)
    for face in faces:
        samples[face.t_ms].append(face)
    tracked: list[TrackedFace] = []
    current = -1
    for t_ms, group in samples.items():
        shot = int(np.searchsorted(starts, t_ms, side="right")) - 1
        if shot != current:
            tracker.reset()
            current = shot
        numbers = tracker.push(t_ms, [face.face for face in group])
        tracked += [TrackedFace(face, shot, number) for face, number in zip(group, numbers, strict=True)]
    return _lasting(tracked)


def _lasting(tracked: list[TrackedFace]) -> list[TrackedFace]:
    scores: dict[tuple[int, int], list[float]] = defaultdict(list)
    for face in tracked:
        scores[face.shot, face.track].append(face.sampled.face.score)
    kept = {key for key, values in scores.items() if len(values) >= MINIMUM_TRACK_SAMPLES and max(values) >= MINIMUM_TRACK_SCORE}
    return _renumbered([face for face in tracked if (face.shot, face.track) in kept])


def _renumbered(tracked: list[TrackedFace]) -> list[TrackedFace]:
    numbers: dict[int, dict[int, int]] = defaultdict(dict)
    return [TrackedFace(f.sampled, f.shot, numbers[f.shot].setdefault(f.track, len(numbers[f.shot]))) for f in tracked]


def _write_faces(out: Path, film_id: str, shots: list[Shot], sampler: Sampler) -> FacesSummary:
    tracked = _track(sampler.faces, [shot.start_ms for shot in shots])
    rows = [_face_row(film_id, _shot_id(film_id, shots[f.shot]), f, row) for row, f in enumerate(tracked)]
    FACES.write(FACES.frame(rows), out / "faces.parquet")
    _write_crops(out / "crops.safetensors", len(tracked), (sampler.crop(f.sampled.spool_row) for f in tracked))
    seen = {face.sampled.t_ms for face in tracked}
    summary = FacesSummary(
        n_samples=len(sampler.pictures),
        n_faces=len(tracked),
        n_tracks=len({(face.shot, face.track) for face in tracked}),
        face_share=round(len(seen) / max(len(sampler.pictures), 1), 4),
        mean_score=round(float(np.mean([face.sampled.face.score for face in tracked])), 4) if tracked else None,
        missing=None if tracked else "no face found",
    )
    write_json(out / "summary.json", asdict(summary))
    return summary


def _face_row(film_id: str, shot_id: str, tracked: TrackedFace, row: int) -> dict[str, object]:
    face = tracked.sampled.face
    return {
        "film_id": film_id,
        "shot_id": shot_id,
        "track_id": f"{shot_id}.face{tracked.track:02d}",
        "t_ms": tracked.sampled.t_ms,
        "x": face.x,
        "y": face.y,
        "width": face.width,
        "height": face.height,
        "score": face.score,
        "crop_row": row,
    }


def _write_crops(path: Path, count: int, crops: Iterator[bytes]) -> None:
    """One safetensors file {"crops": uint8 (n, 64, 64, 3)}, written crop by crop (format: huggingface.co/docs/safetensors)."""
    size = CROP_SIZE * CROP_SIZE * 3
    entry = {"dtype": "U8", "shape": [count, CROP_SIZE, CROP_SIZE, 3], "data_offsets": [0, count * size]}
    header = json.dumps({"crops": entry}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        for crop in crops:
            if len(crop) != size:
                raise FeelmError(f"{path.parent}: a face crop was lost while scanning (is the disk full?): free some space and run again")
            stream.write(crop)


def _summary(film_id: str, stream: StreamSummary, shots: ShotsSummary, faces: FacesSummary, sound: SoundFacts) -> ScanSummary:
    return ScanSummary(
        film_id=film_id,
        duration_ms=stream.duration_ms,
        fps=stream.fps,
        variable_rate=stream.variable_rate,
        n_frames=stream.n_frames,
        n_shots=shots.n_shots,
        n_cuts=shots.n_cuts,
        n_fades=shots.n_fades,
        n_dissolves=shots.n_dissolves,
        n_pictures=faces.n_samples,
        n_faces=faces.n_faces,
        n_face_tracks=faces.n_tracks,
        face_share=faces.face_share,
        has_audio=sound.has_audio,
        silent=sound.silent,
        damage=shots.damage + sound.damage,
        missing="; ".join(filter(None, (faces.missing, sound.missing))) or None,
    )
