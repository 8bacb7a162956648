"""Records that are only ever added: one JSON object a line, each with the digest of the line before it.

A line is on the disk when `append` returns. What a killed process left half-written was never acknowledged and is cut off by the next
writer; a line that was changed or taken out later breaks the chain, and reading says where.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from corpus.terms import FeelmError

BEFORE = "before"
"""The field that holds the digest of the line before, empty for the first."""


def append(path: Path, record: Mapping[str, object]) -> None:
    """Add a record.

    Raises:
        OSError: it could not be written; nothing of it counts then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path) as stream:
        last = _cut_to_whole_lines(stream)
        line = json.dumps({**record, BEFORE: _digest(last)}, ensure_ascii=False, sort_keys=True, allow_nan=False)
        stream.write(line.encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """All records in order, without their digests; empty where there is no file.

    Raises:
        FeelmError: a line was changed, or one is lacking.
    """
    if not path.is_file():
        return []
    found, before = [], b""
    lines = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            told = record.pop(BEFORE)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise FeelmError(f"{path}, line {number} is no record: the file was changed by hand; restore it from a backup") from error
        if told != _digest(before):
            raise FeelmError(
                f"{path}, line {number} does not follow on the line before: a record was changed or removed; restore it from a backup"
            )
        found.append(record)
        before = line
    return found


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else ""


def _cut_to_whole_lines(stream: BinaryIO) -> bytes:
    """Cut off what is no whole line; the last whole line."""
    stream.seek(0)
    content = stream.read()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        stream.truncate(len(whole))
    stream.seek(0, os.SEEK_END)
    return whole[:-1].rpartition(b"\n")[2]


@contextmanager
def _alone(path: Path) -> Iterator[BinaryIO]:
    with path.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream
