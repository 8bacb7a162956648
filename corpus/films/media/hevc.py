"""A second reading of HEVC pictures that keeps account of their bits, because libavcodec's does not.

Arithmetic coding turns a flipped bit into other symbols until the slice ends; then the bit that must close a row or slice is almost never
there (ITU-T H.265, 7.3.8.1), or it comes too early and blocks are missing. libde265 looks for the first; for the second its pictures get
a pattern to begin with that every block overwrites. What it decodes is thrown away.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import weakref
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = "pi-heif"
"""The package whose wheels carry libde265 (LGPL-3.0); its own module is not used."""

BLOCK = 8
ALIGNMENT = 64
HVCC_HEAD = 22
_LOOP_FILTERS_OFF = (7, 8)
_MONO = 1
_SUBSAMPLING = {2: (2, 2), 3: (2, 1)}
# de265.h: what can only be where the bits are not those that were written; a missing reference and the like is none of them.
_FAULTS = {
    4: "coefficients outside of a block",
    6: "blocks outside of the picture",
    17: "a slice ends early",
    1002: "a slice ends early",
    1003: "a slice's parts do not fit",
    1004: "a slice does not end where it must",
    1007: "a slice's header is damaged",
    1017: "a row does not end where it must",
    1020: "a slice's place is impossible",
    1021: "a slice's place is impossible",
}
_UNABLE = frozenset({7, 19, 502})


@dataclass(frozen=True)
class Fault:
    """What is wrong with the picture that is shown at `at_ms`."""

    at_ms: int
    what: str


class _Spec(ctypes.Structure):
    _fields_ = [
        (name, c_int) for name in ("format", "width", "height", "alignment", "left", "right", "top", "bottom", "shown_w", "shown_h")
    ]


_GetBuffer = CFUNCTYPE(c_int, c_void_p, POINTER(_Spec), c_void_p, c_void_p)
_ReleaseBuffer = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)


class _Allocation(ctypes.Structure):
    _fields_ = [("get_buffer", _GetBuffer), ("release_buffer", _ReleaseBuffer)]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """libde265 out of the package's wheel, None where it is not to be had."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = next((Path(str(file.locate())) for file in files if file.name.startswith("libde265")), None)
    return None if found is None or not found.is_file() else _declared(ctypes.CDLL(str(found)))


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    signatures: dict[str, tuple[object, list[object]]] = {
        "new_decoder": (c_void_p, []),
        "free_decoder": (c_int, [c_void_p]),
        "set_parameter_bool": (None, [c_void_p, c_int, c_int]),
        "set_image_allocation_functions": (None, [c_void_p, POINTER(_Allocation), c_void_p]),
        "set_image_plane": (None, [c_void_p, c_int, c_void_p, c_int, c_void_p]),
        "get_bits_per_pixel": (c_int, [c_void_p, c_int]),
        "push_NAL": (c_int, [c_void_p, c_char_p, c_int, c_int64, c_void_p]),
        "push_end_of_frame": (None, [c_void_p]),
        "flush_data": (c_int, [c_void_p]),
        "decode": (c_int, [c_void_p, POINTER(c_int)]),
        "get_warning": (c_int, [c_void_p]),
        "get_next_picture": (c_void_p, [c_void_p]),
        "get_image_PTS": (c_int64, [c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"de265_{name}")
        function.restype, function.argtypes = result, arguments
    return library


class HevcReading:
    """Takes packets one by one and tells the faults of their pictures; `able` is false where libde265 cannot read the film.

    Some ten pictures are held, those that others refer to; memory does not grow with the film.
    """

    def __init__(self, extradata: bytes | None) -> None:
        """`extradata` is the container's configuration record (ISO/IEC 14496-15), else None or units parted by start codes."""
        record = extradata if extradata and extradata[0] == 1 else None
        self._length_size = record[HVCC_HEAD - 1] % 4 + 1 if record and len(record) > HVCC_HEAD else 0
        self._open = _Open.new()
        self.able = self._open is not None
        for unit in _configured(record) if record else _annex_b(extradata or b""):
            self._push(unit, 0)

    def read(self, packet: bytes, at_ms: int) -> list[Fault]:
        """Faults that come to light with this packet, whose picture is shown at `at_ms`."""
        for unit in _prefixed(packet, self._length_size) if self._length_size else _annex_b(packet):
            self._push(unit, at_ms)
        if self._open is not None and self.able:
            # Else a picture would be decoded when the next one comes, and dated by it.
            self._open.library.de265_push_end_of_frame(self._open.decoder)
        return self._decoded(at_ms)

    def finish(self, at_ms: int) -> list[Fault]:
        """Faults of the pictures that are still inside at the film's end."""
        if self._open is not None and self.able:
            self._open.library.de265_flush_data(self._open.decoder)
        return self._decoded(at_ms)

    def _push(self, unit: bytes, at_ms: int) -> None:
        if self._open is not None and self.able:
            self._open.library.de265_push_NAL(self._open.decoder, unit, len(unit), at_ms, None)

    def _decoded(self, at_ms: int) -> list[Fault]:
        faults: list[Fault] = []
        while self._open is not None and self.able:
            codes, more = self._open.decode()
            faults += [Fault(at_ms, _FAULTS[code]) for code in codes if code in _FAULTS]
            faults += [Fault(shown_ms, "blocks are missing") for shown_ms in self._open.incomplete()]
            self.able = not _UNABLE.intersection(codes)
            if not more or codes[0] != 0:
                break
        return faults


@dataclass(frozen=True)
class _Open:
    """One decoder of libde265; it is freed together with this object."""

    library: ctypes.CDLL
    decoder: c_void_p
    pictures: _Pictures

    @classmethod
    def new(cls) -> _Open | None:
        library = _library()
        if library is None:
            return None
        opened = cls(library, c_void_p(library.de265_new_decoder()), _Pictures(library))
        for parameter in _LOOP_FILTERS_OFF:  # they would smear the pattern
            library.de265_set_parameter_bool(opened.decoder, parameter, 1)
        library.de265_set_image_allocation_functions(opened.decoder, byref(opened.pictures.allocation), None)
        # The pictures must outlive the decoder, which gives them back when it is freed.
        weakref.finalize(opened, _freed, library, opened.decoder, opened.pictures)
        return opened

    def decode(self) -> tuple[list[int], bool]:
        """One step: its result and warnings as de265.h numbers them, and whether there is more to do."""
        more = c_int(0)
        codes = [self.library.de265_decode(self.decoder, byref(more))]
        while code := self.library.de265_get_warning(self.decoder):
            codes.append(code)
        return codes, bool(more.value)

    def incomplete(self) -> Iterator[int]:
        """Takes the pictures that are ready; the times of those of which blocks are missing."""
        while image := self.library.de265_get_next_picture(self.decoder):
            if self.pictures.incomplete(image):
                yield self.library.de265_get_image_PTS(image)


def _freed(library: ctypes.CDLL, decoder: c_void_p, _: _Pictures) -> None:
    library.de265_free_decoder(decoder)


class _Pictures:
    """The decoder's memory: planes whose luma begins with a pattern in one row of every line of blocks."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._used: dict[int, tuple[list[np.ndarray], np.ndarray]] = {}
        self._free: list[list[np.ndarray]] = []
        self.allocation = _Allocation(_GetBuffer(self._take), _ReleaseBuffer(self._give_back))

    def incomplete(self, image: int) -> bool:
        """Whether the pattern still stands in any block of the picture."""
        planes, pattern = self._used[image]
        rows = planes[0][BLOCK // 2 :: BLOCK, : len(pattern)]
        untouched = (rows == pattern).reshape(len(rows), -1, BLOCK).all(axis=2)
        return bool(untouched.any())

    def _take(self, _: int, spec: Any, image: int, __: int) -> int:
        wanted: _Spec = spec.contents
        luma, chroma = (-(-self._library.de265_get_bits_per_pixel(image, channel) // 8) for channel in (0, 1))
        pattern = _pattern(wanted.width * luma)
        planes = self._planes([(wanted.height, len(pattern)), *_chroma(wanted, chroma)])
        planes[0][BLOCK // 2 :: BLOCK, : len(pattern)] = pattern
        for number, plane in enumerate(planes):
            self._library.de265_set_image_plane(image, number, plane.ctypes.data, plane.strides[0], None)
        self._used[image] = planes, pattern
        return 1

    def _planes(self, shapes: list[tuple[int, int]]) -> list[np.ndarray]:
        aligned = [(height, -(-width // ALIGNMENT) * ALIGNMENT) for height, width in shapes]
        while self._free:
            planes = self._free.pop()
            if [plane.shape for plane in planes] == aligned:
                return planes
        return [_aligned(height, width) for height, width in aligned]

    def _give_back(self, _: int, image: int, __: int) -> None:
        if image in self._used:
            self._free.append(self._used.pop(image)[0])


@lru_cache(maxsize=8)
def _pattern(width_bytes: int) -> np.ndarray:
    """What no picture holds eight times in a row but by one chance in 256 to the eighth."""
    return np.random.default_rng(width_bytes).integers(0, 256, width_bytes, dtype=np.uint8)


def _chroma(wanted: _Spec, sample_bytes: int) -> list[tuple[int, int]]:
    """Height and width in bytes of the two chroma planes, none for pictures without colour."""
    if wanted.format == _MONO:
        return []
    across, down = _SUBSAMPLING.get(wanted.format, (1, 1))
    return [(wanted.height // down, wanted.width // across * sample_bytes)] * 2


def _aligned(height: int, stride: int) -> np.ndarray:
    """An uint8 plane at an address that vector instructions like, with some room behind it that they may read."""
    memory = np.zeros(height * stride + 2 * ALIGNMENT, np.uint8)
    offset = -memory.ctypes.data % ALIGNMENT
    return memory[offset : offset + height * stride].reshape(height, stride)


def _configured(record: bytes) -> Iterator[bytes]:
    """Parameter sets out of a configuration record; a damaged record gives fewer."""
    at = HVCC_HEAD + 1
    for _ in range(record[HVCC_HEAD] if len(record) > HVCC_HEAD else 0):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(record[at : at + 2], "big")
            yield record[at + 2 : at + 2 + size]
            at += 2 + size


def _prefixed(packet: bytes, length_size: int) -> Iterator[bytes]:
    at = 0
    while at + length_size <= len(packet):
        size = int.from_bytes(packet[at : at + length_size], "big")
        if size:
            yield packet[at + length_size : at + length_size + size]
        at += length_size + size


def _annex_b(packet: bytes) -> Iterator[bytes]:
    for unit in packet.split(b"\x00\x00\x01")[1:]:
        if unit := unit.rstrip(b"\x00"):
            yield unit
