"""Holes in a file that its own structure betrays, found without decoding: lengths that do not fit, checksums that fail, missing ends.

Entropy-coded pictures and sound carry no checksum, and a decoder turns many a flipped bit into another valid picture without a word.
What the container says is therefore checked too: Matroska clusters (RFC 9559; their CRC-32, RFC 8794, which libavformat writes), the
chunks of AVI (RIFF), the boxes of MP4 (ISO/IEC 14496-12) and the packet grid of MPEG-TS (ISO/IEC 13818-1).
"""

from __future__ import annotations

import mmap
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

SEGMENT, CLUSTER, INFO, TRACKS = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"
LEVEL_ONE = {CLUSTER, INFO, TRACKS, b"\x11\x4d\x9b\x74", b"\x1c\x53\xbb\x6b", b"\x19\x41\xa4\x69", b"\x10\x43\xa7\x70", b"\x12\x54\xc3\x67"}
FILLING, CRC = b"\xec", b"\xbf"
IN_CLUSTER = {b"\xe7", b"\xa3", b"\xa0", b"\xa7", b"\xab", b"\xaf", b"\x58\x54", FILLING, CRC}
CHUNK = re.compile(rb"\d\d(?:dc|db|wb|pc|tx|sb|ix)|ix\d\d|JUNK|junk|LIST|RIFF|idx1|indx|PAD |rec ")
STREAM_CHUNK = re.compile(rb"\d\d(?:dc|db|wb)")
TS_PACKET = 188
MOST_HOLES = 1000
RELEASE_BYTES = 1 << 24


@dataclass(frozen=True)
class Hole:
    """Bytes `start` to `end` of the file that are damaged; from the file's end where it is cut off."""

    start: int
    end: int
    what: str


@dataclass(frozen=True)
class Structure:
    """What the structure tells: holes in the order of the file, whether its end is missing, whether checksums cover pictures and sound."""

    holes: tuple[Hole, ...] = ()
    cut_off: bool = False
    checksums: bool = False


class _Misfit(ValueError):
    """The bytes here are not what the format has here."""


def examine(path: Path, container: str) -> Structure:
    """Walk through a file, `container` as libavformat names it; nothing is told of formats without such a structure."""
    walk = next((walk for name, walk in WALKS.items() if name in container.split(",")), None)
    if walk is None or path.stat().st_size == 0:
        return Structure()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return walk(content)


def _number(content: mmap.mmap, at: int, *, marker: bool) -> tuple[int, int]:
    """An EBML variable-length number at `at`: its value (with its length marker where asked for) and its length in bytes."""
    if at >= len(content) or content[at] == 0:
        raise _Misfit
    size = 9 - content[at].bit_length()
    value = int.from_bytes(content[at : at + size], "big")
    return (value if marker else value & ((1 << 7 * size) - 1)), size


def _element(content: mmap.mmap, at: int) -> tuple[bytes, int, int | None]:
    """Identifier, first byte and end of the element at `at`; the end is None where its size is unknown."""
    _, id_size = _number(content, at, marker=True)
    size, length = _number(content, at + id_size, marker=False)
    begin = at + id_size + length
    unknown = size == (1 << 7 * length) - 1
    return content[at : at + id_size], begin, None if unknown else begin + size


def _matroska(content: mmap.mmap) -> Structure:
    try:
        _, _, at = _element(content, 0)
        name, at, end = _element(content, at or 0)
    except _Misfit:
        return Structure((Hole(0, 0, "the file's head is damaged"),))
    if name != SEGMENT:
        return Structure((Hole(0, at, "the file's head is damaged"),))
    holes = _cluster_holes(content, at, min(end or len(content), len(content)))
    return Structure(tuple(islice(holes, MOST_HOLES)), (end or 0) > len(content), _first_cluster_has_checksum(content, at))


def _cluster_holes(content: mmap.mmap, at: int, end: int) -> Iterator[Hole]:
    while at < end:
        try:
            following = _after_part(content, at, end)
        except _Misfit:
            following = content.find(CLUSTER, at + 1, end)
            following = end if following < 0 else following
            yield Hole(at, following, "the container is damaged")
        else:
            if not _checksum_holds(content, at, following):
                yield Hole(at, following, "the container's checksum fails")
        _release(content, at, following)
        at = following


def _after_part(content: mmap.mmap, at: int, end: int) -> int:
    name, begin, stop = _element(content, at)
    if name not in LEVEL_ONE and name not in (FILLING, CRC):
        raise _Misfit
    if stop is not None and stop > end:
        raise _Misfit
    return _after_blocks(content, begin, stop, end) if name == CLUSTER else stop or end


def _after_blocks(content: mmap.mmap, at: int, stop: int | None, end: int) -> int:
    while at < (stop or end):
        name, _, following = _element(content, at)
        if stop is None and name in LEVEL_ONE:
            return at
        if name not in IN_CLUSTER or following is None or following > (stop or end):
            raise _Misfit
        at = following
    return at


def _first_cluster_has_checksum(content: mmap.mmap, at: int) -> bool:
    """Whoever writes them writes them for every cluster."""
    cluster = content.find(CLUSTER, at)
    try:
        return cluster >= 0 and _has_checksum(content, _element(content, cluster)[1])
    except _Misfit:
        return False


def _has_checksum(content: mmap.mmap, begin: int) -> bool:
    return content[begin : begin + 2] == CRC + b"\x84"


def _checksum_holds(content: mmap.mmap, at: int, end: int) -> bool:
    name, begin, _ = _element(content, at)
    if name not in (CLUSTER, INFO, TRACKS) or not _has_checksum(content, begin):
        return True
    return zlib.crc32(content[begin + 6 : end]) == int.from_bytes(content[begin + 2 : begin + 6], "little")


def _avi(content: mmap.mmap) -> Structure:
    size = int.from_bytes(content[4:8], "little") + 8
    movie = content.find(b"movi")
    cut_off = size > len(content)
    if movie < 0:
        return Structure((Hole(0, 0, "the file's head is damaged"),), cut_off)
    return Structure(tuple(islice(_chunk_holes(content, movie + 4), MOST_HOLES)), cut_off)


def _chunk_holes(content: mmap.mmap, at: int) -> Iterator[Hole]:
    while at + 8 <= len(content):
        following = _after_chunk(content, at)
        if following is None:
            broken, at = at, _next_chunk(content, at + 1)
            yield Hole(broken, at, "the container is damaged")
        else:
            _release(content, at, following)
            at = following


def _after_chunk(content: mmap.mmap, at: int) -> int | None:
    name = content[at : at + 4]
    if not CHUNK.fullmatch(name):
        return None
    if name in (b"LIST", b"RIFF"):
        return at + 12
    following = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
    following += following % 2
    return following if following <= len(content) else None


def _next_chunk(content: mmap.mmap, at: int) -> int:
    """The next place from which three chunks follow each other."""
    for match in STREAM_CHUNK.finditer(content, at):
        place: int | None = match.start()
        for _ in range(3):
            place = _after_chunk(content, place) if place is not None and place + 8 <= len(content) else place
        if place is not None:
            return match.start()
    return len(content)


def _release(content: mmap.mmap, passed: int, following: int) -> None:
    """Give the pages of what is behind back: a mapped file would otherwise count as memory in use."""
    if passed // RELEASE_BYTES < following // RELEASE_BYTES:
        content.madvise(mmap.MADV_DONTNEED, 0, following // RELEASE_BYTES * RELEASE_BYTES)


def _mp4(content: mmap.mmap) -> Structure:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(content[at + 8 : at + 16], "big")
        if size < 8:
            return Structure()
        at += size
    return Structure(cut_off=at > len(content))


def _mpegts(content: mmap.mmap) -> Structure:
    whole = content[0] != 0x47 or content[TS_PACKET : TS_PACKET + 1] != b"\x47" or len(content) % TS_PACKET == 0
    return Structure(cut_off=not whole)


WALKS = {"matroska": _matroska, "avi": _avi, "mp4": _mp4, "mpegts": _mpegts}
