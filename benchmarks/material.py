"""Films with known transitions, cut together for benchmarks: cuts, dissolves, fades, and what must not be taken for them.

The pictures are stretches of real films from `shared/data`, each seen by eye to be one shot, cropped, mirrored, zoomed and panned anew
and grained; where that folder is absent they are drawn. Flashes, fast pans and zooms lie inside shots and are no transitions. The same
seed gives the same film; films are kept in the temporary folder, because one of two minutes in full size takes some minutes to make.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.common import SHARED

FPS = 24
FULL_SIZE = (1920, 800)
FULL_RATE = 7_000_000
CACHE = Path(tempfile.gettempdir()) / "feelm-benchmarks"
VERSION = 1

CUT, DISSOLVE, FADE = "cut", "dissolve", "fade"
SHARES = {CUT: 0.74, DISSOLVE: 0.14, FADE: 0.12}
FLASH_SHARE, PAN_SHARE, ZOOM_SHARE = 0.25, 0.2, 0.3
SHOT_FRAMES = (28, 96)
GRAIN_DEVIATION = 4.0

_BUNNY = "big_buck_bunny/bbb.mp4"
_SINTEL = "sintel/sintel_trailer-720p.mp4"
_STEAM = "misc_clips/steamboat.mp4"
_POPEYE = "popeye_1936/Title T03-4.mkv"
_ACTRESS = "pexels_actress/WolfgangLanger_Pexels.mp4"

STRETCHES: tuple[tuple[str, float, float], ...] = (
    (_BUNNY, 16.0, 20.6),
    (_BUNNY, 38.0, 47.0),
    (_BUNNY, 48.0, 55.5),
    (_BUNNY, 56.4, 60.3),
    (_BUNNY, 64.0, 69.1),
    (_BUNNY, 75.7, 79.7),
    (_BUNNY, 80.3, 89.3),
    (_BUNNY, 113.0, 117.5),
    (_BUNNY, 128.0, 145.0),
    (_BUNNY, 149.0, 155.5),
    (_BUNNY, 200.0, 203.9),
    (_BUNNY, 214.0, 220.2),
    (_BUNNY, 233.0, 241.0),
    (_BUNNY, 244.0, 250.5),
    (_BUNNY, 270.6, 275.6),
    (_BUNNY, 285.0, 291.5),
    (_BUNNY, 324.0, 331.0),
    (_BUNNY, 340.2, 346.0),
    (_BUNNY, 353.0, 371.0),
    (_BUNNY, 381.5, 390.4),
    (_BUNNY, 400.0, 403.9),
    (_BUNNY, 436.5, 440.2),
    (_BUNNY, 445.2, 451.5),
    (_BUNNY, 453.5, 458.0),
    (_BUNNY, 473.2, 480.0),
    (_SINTEL, 36.3, 39.1),
    (_SINTEL, 5.4, 7.9),
    (_STEAM, 0.1, 4.5),
    (_STEAM, 5.0, 18.0),
    (_POPEYE, 13.0, 27.0),
    (_POPEYE, 40.4, 45.0),
    (_POPEYE, 28.0, 39.5),
    (_ACTRESS, 0.1, 9.0),
    (_ACTRESS, 9.5, 19.0),
)
"""Source, first and last second of what is one shot."""


@dataclass(frozen=True)
class Change:
    """A transition: frames `first`..`last` are mixed or darkened; of a cut both are the new shot's first frame."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True)
class CutFilm:
    """A film with its truth; `flashes` and `pans` count what must not be found."""

    path: Path
    changes: tuple[Change, ...]
    n_frames: int
    flashes: int
    pans: int
    real: bool


@dataclass(frozen=True)
class _Shot:
    """What one shot shows and how the camera moves: crops are (centre x, centre y, width) as shares of the picture's width."""

    stretch: int
    offset: float
    frames: int
    mirrored: bool
    first_crop: tuple[float, float, float]
    last_crop: tuple[float, float, float]
    flash: int | None
    pans: bool


def cut_film(seed: int, seconds: float, size: tuple[int, int] = FULL_SIZE, *, half: int | None = None) -> CutFilm:
    """The film of that seed, made if it is not in the cache; `half` 0 or 1 takes every other stretch, so that films share no picture."""
    CACHE.mkdir(exist_ok=True)
    real = SHARED.is_dir()
    name = f"cut-v{VERSION}-{seed}-{seconds:.0f}s-{size[0]}x{size[1]}-{'all' if half is None else half}-{'real' if real else 'drawn'}"
    path, truth = CACHE / f"{name}.mp4", CACHE / f"{name}.json"
    if not truth.is_file():
        shots, kinds = _plan(np.random.default_rng([seed, VERSION]), round(seconds * FPS), _usable(half))
        changes = _write(path, shots, kinds, size, np.random.default_rng([seed, VERSION, 1]), real)
        flashes, pans = sum(shot.flash is not None for shot in shots), sum(shot.pans for shot in shots)
        truth.write_text(json.dumps({"changes": [asdict(change) for change in changes], "flashes": flashes, "pans": pans}))
    told = json.loads(truth.read_text())
    changes = [Change(**change) for change in told["changes"]]
    with av.open(str(path)) as container:
        n_frames = container.streams.video[0].frames
    return CutFilm(path, tuple(changes), n_frames, told["flashes"], told["pans"], real)


def _usable(half: int | None) -> list[int]:
    return [n for n in range(len(STRETCHES)) if half is None or n % 2 == half]


def _plan(rng: np.random.Generator, n_frames: int, stretches: list[int]) -> tuple[list[_Shot], list[str]]:
    """Shots one after another and the kind of transition into each but the first."""
    shots: list[_Shot] = []
    while sum(shot.frames for shot in shots) < n_frames:
        waiting = [n for n in stretches if n not in {shot.stretch for shot in shots[-6:]}]
        shots.append(_plan_shot(rng, int(rng.choice(waiting))))
    kinds = [str(kind) for kind in rng.choice(list(SHARES), len(shots) - 1, p=list(SHARES.values()))]
    return shots, kinds


def _plan_shot(rng: np.random.Generator, stretch: int) -> _Shot:
    _, start_s, end_s = STRETCHES[stretch]
    frames = min(int(rng.integers(*SHOT_FRAMES)), int((end_s - start_s) * FPS) - 2)
    move = rng.random()
    width = float(rng.uniform(0.62, 0.98))
    first = (float(rng.uniform(0, 1)), float(rng.uniform(0, 1)), width)
    last = first
    if move < PAN_SHARE:
        width = 0.55
        first, last = (0.0, first[1], width), (1.0, first[1], width)
    elif move < PAN_SHARE + ZOOM_SHARE:
        last = (first[0], first[1], width * 0.78)
    # Clear of both ends, where the shot may be mixed with its neighbours.
    flash = int(rng.integers(24, frames - 24)) if frames > 56 and rng.random() < FLASH_SHARE else None
    offset = float(rng.uniform(0, end_s - start_s - frames / FPS))
    return _Shot(stretch, offset, frames, bool(rng.random() < 0.5), first, last, flash, move < PAN_SHARE)


def _write(path: Path, shots: list[_Shot], kinds: list[str], size: tuple[int, int], rng: np.random.Generator, real: bool) -> list[Change]:
    changes: list[Change] = []
    temporary = path.with_suffix(".part.mp4")
    with av.open(str(temporary), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, width=size[0], height=size[1], pix_fmt="yuv420p")
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.bit_rate = round(FULL_RATE * size[0] * size[1] / (FULL_SIZE[0] * FULL_SIZE[1]))
        stream.codec_context.options = {"preset": "medium"}
        for number, picture in enumerate(_grained(_joined(shots, kinds, size, rng, changes, real), size, rng)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    temporary.replace(path)
    return changes


def _joined(
    shots: list[_Shot], kinds: list[str], size: tuple[int, int], rng: np.random.Generator, changes: list[Change], real: bool
) -> Iterator[np.ndarray]:
    """The film's pictures, float32; `changes` is filled on the way."""
    count = 0
    held: list[np.ndarray] = []  # the last pictures of the shot before, to be mixed into this one
    rise = 0
    for n, shot in enumerate(shots):
        kind = kinds[n] if n < len(kinds) else ""
        length = int(rng.integers(8, 22)) if kind == DISSOLVE else int(rng.integers(6, 13)) if kind == FADE else 0
        mix, held = held, []
        for k, picture in enumerate(_views(shot, size, real)):
            if k < len(mix):
                share = (k + 1) / (len(mix) + 1)
                picture = mix[k] * (1 - share) + picture * share
            elif k < rise:
                picture = picture * ((k + 1) / (rise + 1))
            left = shot.frames - k
            if left <= length and kind == DISSOLVE:
                held.append(picture)
                continue
            if left <= length and kind == FADE:
                picture = picture * ((left - 1) / length)
            yield picture
            count += 1
        if kind == CUT:
            changes.append(Change(CUT, count, count))
        elif kind == DISSOLVE:
            changes.append(Change(DISSOLVE, count, count + length - 1))
        elif kind == FADE:
            black = int(rng.integers(0, 8))
            changes.append(Change(FADE, count - length, count + black + length - 1))
            for _ in range(black):
                yield np.zeros((size[1], size[0], 3), dtype=np.float32)
            count += black
        rise = length if kind == FADE else 0


def _views(shot: _Shot, size: tuple[int, int], real: bool) -> Iterator[np.ndarray]:
    """One shot's pictures with the camera's move and the flash."""
    source, start_s, _ = STRETCHES[shot.stretch]
    pictures = _real(SHARED / source, start_s + shot.offset) if real else _drawn(shot.stretch)
    for k, picture in zip(range(shot.frames), pictures, strict=False):
        share = k / max(shot.frames - 1, 1)
        crop = [a + (b - a) * share for a, b in zip(shot.first_crop, shot.last_crop, strict=True)]
        view = _cropped(picture[:, ::-1] if shot.mirrored else picture, crop, size)
        if shot.flash is not None and shot.flash <= k < shot.flash + 2:
            view = 255 - (255 - view) * 0.2
        yield view


def _cropped(picture: np.ndarray, crop: list[float], size: tuple[int, int]) -> np.ndarray:
    """The crop at the film's size; moving crops are cut by fractions of a pixel."""
    height, width = picture.shape[:2]
    scale = size[0] / (crop[2] * min(width, height * size[0] / size[1]))
    spare_x, spare_y = width - size[0] / scale, height - size[1] / scale
    camera = np.array([[scale, 0, -spare_x * crop[0] * scale], [0, scale, -spare_y * crop[1] * scale]])
    interpolation = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
    return cv2.warpAffine(np.ascontiguousarray(picture), camera, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )


def _real(path: Path, start_s: float) -> Iterator[np.ndarray]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        origin = stream.start_time or 0
        container.seek(round(start_s / stream.time_base) + origin, stream=stream)
        for frame in container.decode(stream):
            if frame.pts is not None and float((frame.pts - origin) * stream.time_base) >= start_s:
                yield _without_bars(frame.to_ndarray(format="rgb24"), path)


def _without_bars(picture: np.ndarray, path: Path) -> np.ndarray:
    """Sintel's and Steamboat Willie's black bars cut off."""
    height, width = picture.shape[:2]
    if path.name.startswith("sintel"):
        return picture[round(0.14 * height) : round(0.86 * height)]
    return picture[:, round(0.17 * width) : round(0.83 * width)] if path.name.startswith("steam") else picture


def _drawn(seed: int) -> Iterator[np.ndarray]:
    """A coloured ground with discs that wander over it, 960 x 540, without end."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(20, 236, (9, 16, 3), dtype=np.uint8), (960, 540), interpolation=cv2.INTER_CUBIC)
    places, speeds = rng.uniform((0, 0), (960, 540), (6, 2)), rng.uniform(-6, 6, (6, 2))
    colours = rng.integers(20, 236, (6, 3))
    while True:
        picture = ground.copy()
        for place, colour in zip(places, colours, strict=True):
            cv2.circle(picture, (int(place[0]), int(place[1])), 60, colour.tolist(), -1, cv2.LINE_AA)
        yield picture
        places = (places + speeds) % (960, 540)


def _grained(pictures: Iterator[np.ndarray], size: tuple[int, int], rng: np.random.Generator) -> Iterator[np.ndarray]:
    sheet = rng.normal(0, GRAIN_DEVIATION, (size[1] * 2, size[0] * 2, 1)).astype(np.float32)
    for picture in pictures:
        top, left = int(rng.integers(size[1])), int(rng.integers(size[0]))
        yield np.clip(picture + sheet[top : top + size[1], left : left + size[0]], 0, 255).astype(np.uint8)
