"""The film opened once: its pictures feed shots, colours, motion, thumbnails, faces and bodies, its sound becomes the sound track.

The pass keeps little of each frame (times, a few numbers, face boxes); candidate thumbnails and crops go to files and come back only
where they are used, so memory stays flat whatever the film's length. Every minute of film all of it is saved, and a scan that was killed
goes on there. Shots are known at the end of the pass, and only then are faces joined to tracks within them. The same film gives the same
bytes, however often the scan was interrupted.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import Progress, Tell, Work, content_digest
from corpus.contracts import BODIES, FACES, PICTURES, SHOTS
from corpus.films import sampling
from corpus.films.catalogue.store import read_film
from corpus.films.faces import CROP_SIZE, FAINT_MINIMUM, FaceDetector
from corpus.films.media.decode import Frame, StreamSummary, VideoPass, fitted
from corpus.films.media.decoders import Decoding
from corpus.films.media.mark import Mark, NotTheSame, PassState, fingerprint
from corpus.films.media.probe import MediaFacts, probe
from corpus.films.media.sound import SoundFacts, extract_sound
from corpus.films.media.text_tracks import write_text_tracks
from corpus.films.sampling import Sampler
from corpus.films.shots.measures import small_picture
from corpus.films.shots.shots import SOURCE_WIDTH, Shot, ShotDetector, ShotSetting, shot_detector, shots_between
from corpus.films.tensors import Tensor, write_tensors
from corpus.films.tracks import Tracks, find_tracks
from corpus.films.unfinished import Saved, Unfinished
from corpus.memory import give_large_blocks_back
from corpus.paths import file_digest, write_json

if TYPE_CHECKING:
    import pandas as pd

CHUNK_MS = 60_000

MADE_BY = ("av", "numpy", "opencv-python", "opencv-python-headless", "torch", "ai-edge-litert", "scenedetect")
VIDEO, SHOT, SAMPLES = "video", "shots", "samples"


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
    """Figures of the faces artifact: `n_samples` frames were looked at, `face_share` is the share of the film's time with a face.

    Looks are not equally far apart, so each one stands for the time until the next.
    """

    n_samples: int
    n_faces: int
    n_tracks: int
    n_bodies: int
    face_share: float
    mean_score: float | None
    missing: str | None


def build_scan(
    film_dir: Path,
    shots_out: Path,
    faces_out: Path,
    soundtrack_out: Path,
    *,
    shots: ShotSetting = ShotSetting.BEST,
    decoding: Decoding = Decoding.SOFTWARE,
    work: Path | None = None,
    chunk_ms: int = CHUNK_MS,
    tell: Tell | None = None,
) -> ScanSummary:
    """Scan one film: shots, thumbnails, colours, motion, faces, bodies and sound, each video frame decoded once.

    Args:
        film_dir: the `film` artifact.
        shots_out, faces_out, soundtrack_out: existing empty folders for the three artifacts.
        shots: how shot boundaries are found.
        decoding: who decodes.
        work: a folder for this film's scans alone, in which a scan that is killed leaves what it has, and goes on when it is called again;
            whoever gives it removes it once the artifacts are whole. Without it nothing is left and a killed scan begins anew.
        chunk_ms: what a killed scan loses at most, in film; whole seconds, because at those faces are looked for in any case.
        tell: called after every chunk.

    Raises:
        MediaError: the film cannot be used.
        WeightError: a network is not there; the message says how to fetch it.
    """
    if chunk_ms <= 0 or chunk_ms % sampling.RARE_MS:
        raise ValueError(f"a chunk of {chunk_ms} ms: it must be whole seconds")
    give_large_blocks_back()
    film = read_film(film_dir)
    media = Path(film.video)
    facts = probe(media)
    settings = {"shots": shots.value, "decoding": decoding.value, "chunk_ms": chunk_ms}
    asked = Work("scan", _version(), settings)
    with _folder(work, shots_out.parent) as folder, Unfinished(folder, asked, str(film.sha256), sampling.SPOOLS) as unfinished:
        found, stream = _run_pass(VideoPass(media, facts, decoding=decoding), shots, unfinished, _Chunks(chunk_ms, tell))
        shots_summary = _write_shots(shots_out, film.film_id, found, unfinished, facts, stream)
        faces_summary = _write_faces(faces_out, film.film_id, found, unfinished, stream)
        n_pictures = len(unfinished.log(SAMPLES, "t_ms"))
    write_text_tracks(media, facts, shots_out)
    flac = soundtrack_out / "sound.flac"
    sound = extract_sound(media, facts, stream.duration_ms, flac, language=film.language, shifts_ms=stream.shifts_ms)
    write_json(soundtrack_out / "summary.json", asdict(sound))
    return _summary(film.film_id, stream, n_pictures, shots_summary, faces_summary, sound)


@contextmanager
def _folder(work: Path | None, beside: Path) -> Iterator[Path]:
    if work is not None:
        yield work
        return
    with tempfile.TemporaryDirectory(dir=beside, prefix=".scan.") as folder:
        yield Path(folder)


@lru_cache(maxsize=1)
def _version() -> str:
    """Digest of all that makes a scan: the code beside this module, the list of weights, the packages."""
    here = Path(__file__)
    sources = sorted(here.parent.rglob("*.py"))
    packages = [f"{name} {_installed(name)}" for name in MADE_BY]
    return content_digest(*(file_digest(path) for path in (*sources, here.parents[1] / "weights.py")), *packages)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@dataclass(frozen=True)
class _Chunks:
    """How long a chunk is, and who is told when one is finished."""

    length_ms: int
    tell: Tell | None

    def end_ms(self, t_ms: int) -> int:
        """End of the chunk that the time lies in."""
        return (t_ms // self.length_ms + 1) * self.length_ms


def _run_pass(video: VideoPass, setting: ShotSetting, unfinished: Unfinished, chunks: _Chunks) -> tuple[list[Shot], StreamSummary]:
    """The pass from where it was left off, at its end if it is over; once more from the start if the film does not decode as it did."""
    try:
        return _Pass(video, setting, unfinished, chunks).run()
    except NotTheSame:
        unfinished.forget()
        return _Pass(video, setting, unfinished, chunks).run()


class _Pass:
    """One pass with everyone who works on its frames."""

    def __init__(self, video: VideoPass, setting: ShotSetting, unfinished: Unfinished, chunks: _Chunks) -> None:
        self._video = video
        self._unfinished = unfinished
        self._chunks = chunks
        self._size = fitted(video.facts, SOURCE_WIDTH)
        self._detector: ShotDetector = shot_detector(setting)
        self._times: list[int] = []
        self._prints: list[int] = []
        self._begun_ms = 0
        self._stored = unfinished.n_chunks
        self._started_s = time.perf_counter()

    def run(self) -> tuple[list[Shot], StreamSummary]:
        """Shots and stream; the samples are in what is unfinished."""
        mark = self._taken_up() if self._stored else None
        if mark is None or not self._unfinished.now(VIDEO)["ended"].all():
            self._go_on(mark)
        stream = self._video.summary()
        return shots_between(self._detector.finish(), stream.duration_ms), stream

    def _taken_up(self) -> Mark:
        now = self._unfinished.now(VIDEO)
        state = PassState.from_json(now["state"].tobytes().decode())
        self._detector.restore(self._unfinished.logs(SHOT), self._unfinished.now(SHOT))
        if now["ended"].all():
            self._video.end_as(state)
        return Mark(state, self._size, now["times_ms"], now["prints"])

    def _go_on(self, mark: Mark | None) -> None:
        sampler = Sampler(self._video.facts, FaceDetector(score_minimum=FAINT_MINIMUM), self._unfinished.spools)
        if mark is not None:
            sampler.restore(self._unfinished.now(SAMPLES))
            self._begun_ms = mark.state.last_ms
        due_ms = self._chunks.end_ms(self._begun_ms)
        for frame in self._video.frames(mark):
            self._take(frame, sampler)
            if frame.t_ms >= due_ms:
                self._keep(sampler, ended=False)
                due_ms = self._chunks.end_ms(frame.t_ms)
        self._keep(sampler, ended=True)

    def _take(self, frame: Frame, sampler: Sampler) -> None:
        small = frame.rgb(*self._size)
        self._times.append(frame.t_ms)
        self._prints.append(fingerprint(small))
        self._detector.push(frame.t_ms, small_picture(small))
        sampler.push(frame, small)

    def _keep(self, sampler: Sampler, *, ended: bool) -> None:
        """The chunk is over: save what everyone knows."""
        state = self._video.state()
        now = {
            "state": np.frombuffer(state.to_json().encode(), np.uint8),
            "ended": np.array([ended]),
            "times_ms": np.array(self._times, np.int64),
            "prints": np.array(self._prints, np.uint32),
        }
        self._unfinished.keep({VIDEO: Saved({}, now), SHOT: self._detector.save(), SAMPLES: sampler.save()})
        self._times, self._prints = [], []
        if self._chunks.tell:
            total_ms = state.last_ms if ended else max(self._video.facts.declared_duration_ms or 0, state.last_ms)
            seconds = time.perf_counter() - self._started_s
            self._chunks.tell(Progress(state.last_ms, total_ms, seconds, self._unfinished.n_chunks, self._stored, self._begun_ms))


def _shot_id(film_id: str, shot: Shot) -> str:
    return f"{film_id}.shot{shot.index:04d}"


def _shot_row(film_id: str, shot: Shot) -> dict[str, object]:
    row = {"shot_id": _shot_id(film_id, shot), "film_id": film_id, "thumbnail": _thumbnail_name(shot)}
    return {**row, **{column: getattr(shot, column) for column in ("index", "start_ms", "end_ms", "transition")}}


def _thumbnail_name(shot: Shot) -> str:
    return f"thumbs/{shot.index:04d}.jpg"


def _write_shots(
    out: Path, film_id: str, shots: list[Shot], unfinished: Unfinished, facts: MediaFacts, stream: StreamSummary
) -> ShotsSummary:
    SHOTS.write_rows((_shot_row(film_id, shot) for shot in shots), out / "shots.parquet")
    PICTURES.write(_pictures(unfinished, [shot.start_ms for shot in shots]), out / "pictures.parquet")
    times = unfinished.log(SAMPLES, "t_ms")
    (out / "thumbs").mkdir()
    for shot in shots:
        middle = (shot.start_ms + shot.end_ms) // 2
        thumbnail = unfinished.spools[sampling.THUMBNAILS].piece(int(np.abs(times - middle).argmin()))
        (out / _thumbnail_name(shot)).write_bytes(thumbnail)
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


def _pictures(unfinished: Unfinished, starts_ms: list[int]) -> pd.DataFrame:
    """Table PICTURES; motion that reaches back into another shot is none."""
    import pandas as pd

    times, since, speed = (unfinished.log(SAMPLES, name) for name in ("t_ms", "since_ms", "speed"))
    shot_ms = np.array(starts_ms)[np.searchsorted(starts_ms, times, side="right") - 1]
    columns = dict(zip(("brightness", "contrast", "saturation", "warmth"), unfinished.log(SAMPLES, "looks").T, strict=True))
    return pd.DataFrame({"t_ms": times, **columns, "motion": np.where(since >= shot_ms, speed, np.nan)})


def _write_faces(out: Path, film_id: str, shots: list[Shot], unfinished: Unfinished, stream: StreamSummary) -> FacesSummary:
    times, faces = unfinished.log(SAMPLES, "face_ms"), unfinished.log(SAMPLES, "face")
    tracks = find_tracks(times, faces, [shot.start_ms for shot in shots])
    names = [f"{_shot_id(film_id, shots[shot])}.face{track:02d}" for shot, track in zip(tracks.shots, tracks.tracks, strict=True)]
    _write_face_table(out, film_id, tracks, names, times, faces)
    crops = unfinished.spools[sampling.CROPS]
    shape = (len(tracks), CROP_SIZE, CROP_SIZE, 3)
    write_tensors(out / "crops.safetensors", [Tensor("crops", "U8", shape, (crops.piece(int(row)) for row in tracks.rows))])
    n_bodies = _write_bodies(out, film_id, dict(zip(tracks.rows.tolist(), names, strict=True)), unfinished)
    looked = unfinished.log(SAMPLES, "looked_ms")
    lasts = np.diff(looked, append=max(stream.duration_ms, int(looked[-1]) + 1))
    summary = FacesSummary(
        n_samples=len(looked),
        n_faces=len(tracks),
        n_tracks=tracks.count,
        n_bodies=n_bodies,
        face_share=round(float(lasts[np.isin(looked, times[tracks.rows])].sum() / lasts.sum()), 4),
        mean_score=round(float(faces[tracks.rows, 4].mean()), 4) if len(tracks) else None,
        missing=None if len(tracks) else "no face found",
    )
    write_json(out / "summary.json", asdict(summary))
    return summary


def _write_face_table(out: Path, film_id: str, tracks: Tracks, names: list[str], times: np.ndarray, faces: np.ndarray) -> None:
    import pandas as pd

    boxes = dict(zip(("x", "y", "width", "height", "score"), faces[tracks.rows, :5].T, strict=True))
    known = {"film_id": film_id, "shot_id": [name.rpartition(".")[0] for name in names], "track_id": names, "t_ms": times[tracks.rows]}
    table = pd.DataFrame({**known, **boxes, "crop_row": np.arange(len(tracks))})
    FACES.write(table, out / "faces.parquet")


def _write_bodies(out: Path, film_id: str, names: dict[int, str], unfinished: Unfinished) -> int:
    """Table and JPEGs of the upper bodies of the faces whose rows have names; their number."""
    import pandas as pd

    of, regions, times = (unfinished.log(SAMPLES, name) for name in ("body_face", "body", "face_ms"))
    kept = [row for row, face in enumerate(of.tolist()) if face in names]
    spool = unfinished.spools[sampling.BODIES]
    places = dict(zip(("x", "y", "width", "height"), regions[kept].T, strict=True))
    known = {
        "film_id": film_id,
        "track_id": [names[face] for face in of[kept].tolist()],
        "t_ms": times[of[kept]],
        "row": np.arange(len(kept)),
    }
    BODIES.write(pd.DataFrame({**known, **places}), out / "bodies.parquet")
    ends = np.concatenate([[0], np.cumsum([spool.size(row) for row in kept])]).astype("<i8")
    tensors = [
        Tensor("offsets", "I64", (len(ends),), [ends.tobytes()]),
        Tensor("jpeg", "U8", (int(ends[-1]),), (spool.piece(row) for row in kept)),
    ]
    write_tensors(out / "bodies.safetensors", tensors)
    return len(kept)


def _summary(
    film_id: str, stream: StreamSummary, n_pictures: int, shots: ShotsSummary, faces: FacesSummary, sound: SoundFacts
) -> ScanSummary:
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
        n_pictures=n_pictures,
        n_faces=faces.n_faces,
        n_face_tracks=faces.n_tracks,
        face_share=faces.face_share,
        has_audio=sound.has_audio,
        silent=sound.silent,
        damage=shots.damage + sound.damage,
        missing="; ".join(filter(None, (faces.missing, sound.missing))) or None,
    )
