"""Faces in every frame of a film: how fast they are found, followed and read beside the package `fer`, and how right.

`python -m benchmarks.faces` takes the actress's clip and photographs from ../shared/data and made films; two minutes of CPU. Ours and
the peer (see `faces_peer.py`) read the same clip in turn, each on both cores: ours finds, follows and cuts out faces while a second thread
reads those found before, the peer's cascade searches with two threads. CPU seconds and the clock are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import SHARED, table, write_result
from benchmarks.faces_peer import Peer, PeerRun
from benchmarks.material import CACHE
from corpus.films.face_following import FaceFollower
from corpus.films.faces import FAINT_MINIMUM, Detection, FaceDetector, FaceTracker, align_crop, eyes_to_align
from corpus.films.media.decode import VideoPass, fitted
from corpus.maker.films import is_complete, make_film
from corpus.maker.story import plan_stories
from corpus.maker.truth import read_truth
from corpus.terms import EMOTIONS
from corpus.threads import one_torch_thread
from ml.features.face.expressions import QUICK, expression, in_films

ROUNDS = 5
WIDTH = 640
TOGETHER = 16
ACTRESS = SHARED / "pexels_actress" / "WolfgangLanger_Pexels.mp4"
MULTI = SHARED / "pexels_actress" / "multi_face.jpg"
OLD = SHARED / "misc_clips"
COURSE = ("sadness",) * 8 + ("surprise", "") + ("joy",) * 10
"""What the actress shows second by second; the change in second 9 is not scored."""
SEED, N_FILMS, N_LINES = 12, 3, 6
EDGE_MS, EVERY = 420, 6


@dataclass(frozen=True)
class Run:
    """What reading every frame cost and found: CPU and wall seconds, faces per frame, and for each face its frame's time, its track and
    its probabilities (n, 7)."""

    cpu_s: float
    wall_s: float
    faces: tuple[int, ...]
    t_ms: np.ndarray
    track: np.ndarray
    probabilities: np.ndarray


def read_every_frame(video: Path) -> Run:
    """Find, follow and read the faces of every frame."""
    follower = FaceFollower()
    counts: list[int] = []
    # Loaded before the clock starts, as the peer's are.
    _read(np.zeros((1, 64, 64, 3), np.uint8))
    with one_torch_thread(), ThreadPoolExecutor(1) as reader:
        seen = _Seen(reader)
        cpu, wall = time.process_time(), time.perf_counter()
        for t_ms, picture, found in _followed(video, follower):
            counts.append(len(found))
            for number, face in found:
                seen.add(t_ms, number, align_crop(picture, eyes_to_align(face, picture.shape[1], picture.shape[0])))
        said = seen.read()
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    return Run(cpu_s, wall_s, tuple(counts), np.array(seen.times), np.array(seen.tracks), said)


@dataclass
class _Seen:
    """Faces so far; crops wait until there are enough for the `reader` to read them together."""

    reader: Executor
    times: list[int] = field(default_factory=list)
    tracks: list[int] = field(default_factory=list)
    said: list[Future[np.ndarray]] = field(default_factory=list)
    waiting: list[np.ndarray] = field(default_factory=list)

    def add(self, t_ms: int, track: int, crop: np.ndarray) -> None:
        self.times.append(t_ms)
        self.tracks.append(track)
        self.waiting.append(crop)
        if len(self.waiting) == TOGETHER:
            self._hand_over()

    def read(self) -> np.ndarray:
        """What is said of all, when the last is read."""
        if self.waiting:
            self._hand_over()
        return np.concatenate([part.result() for part in self.said])

    def _hand_over(self) -> None:
        self.said.append(self.reader.submit(_read, np.stack(self.waiting)))
        self.waiting.clear()


def _read(crops: np.ndarray) -> np.ndarray:
    return in_films(expression(crops, looks=QUICK, exact=False))


def _followed(video: Path, follower: FaceFollower) -> Iterator[tuple[int, np.ndarray, list[tuple[int, Detection]]]]:
    """Time, picture and the followed faces of every frame, with their tracks."""
    passed = VideoPass(video)
    size = fitted(passed.facts, WIDTH)
    for frame in passed:
        picture = frame.rgb(*size)
        yield frame.t_ms, picture, follower.push(frame.t_ms, picture)


def course_of(t_ms: np.ndarray, probabilities: np.ndarray) -> list[str]:
    """What the mean of each second says."""
    seconds = t_ms // 1000
    return [EMOTIONS[probabilities[seconds == second].mean(0).argmax()] for second in range(int(seconds.max()) + 1)]


def share_right(labels: Sequence[str]) -> float:
    """Share of the scored seconds of COURSE that are labelled right."""
    return float(np.mean([label == wanted for label, wanted in zip(labels, COURSE, strict=True) if wanted]))


@dataclass(frozen=True)
class MadeFaces:
    """Faces that a made film shows and those found in its frames, and tracks within a shot more than faces shown."""

    shown: int
    found: int
    extra_tracks: int

    def __add__(self, other: MadeFaces) -> MadeFaces:
        return MadeFaces(self.shown + other.shown, self.found + other.found, self.extra_tracks + other.extra_tracks)


def made_faces(folder: Path) -> MadeFaces:
    """Every sixth frame of a made film, away from its transitions."""
    truth = read_truth(folder / "truth.json")
    detector, tracker = FaceDetector(score_minimum=FAINT_MINIMUM), FaceTracker()
    total, shot_before, seen = MadeFaces(0, 0, 0), None, set[int]()
    video = VideoPass(next(folder.glob("*.mp4")))
    for frame in video:
        shot = next(shot for shot in truth.shots if shot.start_ms <= frame.t_ms < shot.end_ms or shot is truth.shots[-1])
        if shot is not shot_before:
            tracker.reset()
            shot_before, seen = shot, set()
        if frame.index % EVERY or not shot.seen or min(frame.t_ms - shot.start_ms, shot.end_ms - frame.t_ms) < EDGE_MS:
            continue
        numbers = {n for n in tracker.follow(frame.t_ms, detector.detect(frame.rgb(*fitted(video.facts, WIDTH)))) if n is not None}
        extra = max(len(seen | numbers), len(shot.seen)) - max(len(seen), len(shot.seen))
        total += MadeFaces(len(shot.seen), min(len(numbers), len(shot.seen)), extra)
        seen |= numbers
    return total


def _made() -> MadeFaces:
    folders = []
    for story in plan_stories(N_FILMS, SEED, N_LINES):
        folder = CACHE / "faces-made" / f"{SEED}-{N_LINES}" / story.film_id
        folders.append(folder if is_complete(folder) else make_film(story, folder))
    return sum((made_faces(folder) for folder in folders), MadeFaces(0, 0, 0))


def _old_films() -> str:
    rows = []
    for path in sorted(OLD.glob("*.mp4")):
        faces = [found for _, _, found in _followed(path, FaceFollower())]
        tracks = {number for found in faces for number, _ in found}
        heights = [face.height for found in faces for _, face in found]
        rows.append([path.name, len(faces), sum(bool(found) for found in faces), len(tracks), f"{np.median(heights or [0]):.2f}"])
    return table(["film", "frames", "with a face", "tracks", "median height of a face (share of the picture)"], rows)


LOOKED_AT = """Seen by eye on contact sheets (one viewer, 2026-11-27; fixed text). Chaplin's clip, faces of 30 to 40 pixels on a coarse
print: they are found while they are turned to the camera and sharp, both men's where both are; profiles, blur and backs
are not, and one of the tracks is a shadow above a hat. Steamboat Willie (1928) has no human face: what is found is the
mouse while it faces the viewer."""


def main() -> None:
    """Write the page of results."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    path = write_result("faces", "Faces", _page(), ["numpy", "torch", "ai-edge-litert", "opencv-python-headless", "av"])
    print(path.read_text(encoding="utf-8"))


def _page() -> str:
    cv2.setNumThreads(1)
    peer = Peer.installed(CACHE)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(read_every_frame(ACTRESS))
        theirs.append(peer.read(ACTRESS))
    photograph = cv2.cvtColor(cv2.imread(str(MULTI)), cv2.COLOR_BGR2RGB)
    made = _made()
    parts = [
        f"The actress's clip (472 frames, 640 x 360, 19.7 s), every frame, ours and {peer.versions()} in turn, {ROUNDS} rounds; "
        "median, least and most.",
        _speed_table(ours, theirs),
        _course_text(ours[-1], theirs[-1]),
        f"Faces found in `multi_face.jpg`: {len(FaceDetector().detect(photograph))} (five are there).",
        f"Made films ({N_FILMS} of {N_LINES} lines, seed {SEED}), every {EVERY}th frame away from transitions: "
        f"{made.found} of {made.shown} faces found ({made.found / made.shown:.3f}); "
        f"{made.extra_tracks} tracks more than faces within a shot.",
        "Old films, every frame:",
        _old_films(),
        LOOKED_AT,
    ]
    return "\n\n".join(parts)


def _speed_table(ours: Sequence[Run], theirs: Sequence[PeerRun]) -> str:
    def spread(values: Sequence[float], form: str = ".1f") -> str:
        return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"

    def row(name: str, runs: Sequence[Run | PeerRun]) -> list[str]:
        cpu_ms = [1000 * run.cpu_s / len(run.faces) for run in runs]
        cells = [spread(cpu_ms), spread([1000 / ms for ms in cpu_ms]), spread([len(run.faces) / run.wall_s for run in runs])]
        return [name, *cells, f"{sum(count > 0 for count in runs[-1].faces)} of {len(runs[-1].faces)}"]

    head = ["", "CPU ms a frame", "frames per second of CPU", "frames per second by the clock", "frames with a face"]
    ratios = [peer.cpu_s / run.cpu_s for run, peer in zip(ours, theirs, strict=True)]
    walls = [peer.wall_s / run.wall_s for run, peer in zip(ours, theirs, strict=True)]
    told = f"CPU seconds of fer over ours, round by round: {spread(ratios, '.2f')}; by the clock: {spread(walls, '.2f')}."
    return table(head, [row("Feelm", ours), row("fer", theirs)]) + "\n\n" + told


def _course_text(ours: Run, theirs: PeerRun) -> str:
    names = {
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "joy",
        "sad": "sadness",
        "surprise": "surprise",
        "neutral": "neutral",
    }
    labels = course_of(ours.t_ms, ours.probabilities)
    per_second = len(theirs.labels) / len(COURSE)
    said = [
        [names[label] for label in theirs.labels[round(k * per_second) : round((k + 1) * per_second)] if label] for k in range(len(COURSE))
    ]
    peer = [max(set(second), key=second.count) if second else "" for second in said]
    return (
        f"Course of the actress, second by second: {' '.join(labels)}. Right in {share_right(labels):.2f} of the scored seconds "
        f"(fer by its most frequent label: {share_right(peer):.2f}). Tracks: {len(set(ours.track.tolist()))}."
    )


if __name__ == "__main__":
    main()
