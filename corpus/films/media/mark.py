"""Where a pass over a film was left off, so that another pass goes on there and gives the same frames and tells the same damage.

The second pass seeks a key picture before the mark and decodes from there. Whether that was the right place, and whether the decoder is
again in the state that it was in, is not believed but seen: the frames from the key picture to the mark must come out with the times
and pictures that the first pass recorded. Where they do not, the pass begins at the film's start and gives what comes after the mark.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import av
import numpy as np

from corpus.films.media.damage import Damage
from corpus.films.media.pictures import Pictures

Identity = tuple[int | None, int | None, int]


@dataclass
class PassState:
    """All that the rest of a pass and its summary follow from, as it is known between two frames.

    `steps_ms` is the shortest and the longest step between frames, `packet` the identity of the last packet that was looked at,
    `read_again` whether HEVC pictures are read a second time. The others are as `VideoPass` keeps them.
    """

    n_frames: int = 0
    last_ms: int = -1
    step_ms: float = 0.0
    steps_ms: tuple[int, int] | None = None
    suspect: bool = False
    failures: int = 0
    keys_ms: tuple[int, ...] = ()
    shifts_ms: tuple[int, ...] = ()
    backward_ms: tuple[int, ...] = ()
    waiting_ms: tuple[int, ...] = ()
    holes_passed: int = 0
    before_hole_ms: int = 0
    places: tuple[Damage, ...] = ()
    unlisted: int = 0
    packet: Identity | None = None
    read_again: bool = False

    def to_json(self) -> str:
        """As text for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PassState:
        """The state that `to_json` wrote."""
        read: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()}
        return cls(**read | {"places": tuple(Damage(**place) for place in read["places"])})


@dataclass(frozen=True)
class Mark:
    """A place between two frames: what the pass knew there, and the times and fingerprints (n,) of the n frames before it.

    Fingerprints are those of the pictures in `size`, (width, height).
    """

    state: PassState
    size: tuple[int, int]
    times_ms: np.ndarray
    prints: np.ndarray


class NotTheSame(Exception):
    """The frames before a mark do not come out of the file as they did."""


def identity(packet: av.Packet) -> Identity:
    """Tells a packet from the others of a film: presentation and decoding time in the container's units, and size."""
    return packet.pts, packet.dts, packet.size


def fingerprint(picture: np.ndarray) -> int:
    """Tells a picture from others: CRC-32 of its bytes."""
    return zlib.crc32(np.ascontiguousarray(picture).data)


class KnownFrames:
    """Takes the frames before a mark out of those that are decoded again, and compares them with what was recorded."""

    def __init__(self, mark: Mark, origin_s: float, pictures: Pictures) -> None:
        self._mark = mark
        self._origin_s = origin_s
        self._pictures = pictures
        self._first: int | None = None
        self._next = 0

    def begin(self, key_ms: int) -> None:
        """Decoding begins with the key picture shown at `key_ms`; what is shown before it need not come, nor be right."""
        if self._first is None:
            self._first = self._next = int(np.searchsorted(self._mark.times_ms, key_ms))
            if self._next == len(self._mark.times_ms):
                raise NotTheSame("no frame lies between the key picture and the mark")

    def after(self, raws: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The frames after the mark.

        Raises:
            NotTheSame: a frame before it is not as recorded, or missing.
        """
        for raw in raws:
            if self._next == len(self._mark.times_ms):
                yield raw
            else:
                self._compare(raw)

    def check_complete(self) -> None:
        """Raise NotTheSame if frames before the mark never came."""
        if self._next < len(self._mark.times_ms):
            raise NotTheSame("frames before the mark are missing")

    def _compare(self, raw: av.VideoFrame) -> None:
        if raw.time is None:
            raise NotTheSame("a frame has no time")
        t_ms, due_ms = round((float(raw.time) - self._origin_s) * 1000), int(self._mark.times_ms[self._next])
        if self._next == self._first and t_ms < due_ms:
            return
        if t_ms != due_ms or fingerprint(self._pictures.convert(raw, *self._mark.size)) != self._mark.prints[self._next]:
            raise NotTheSame(f"the frame at {due_ms} ms is another one")
        self._next += 1
