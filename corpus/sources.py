"""A digest of this version's own code: what a kept result rests on besides data and settings."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("corpus", "ml")


@cache
def source_digest(root: Path = PROJECT) -> str:
    """Hex sha256 of every module of the pure rooms that compute, by place and content; `root` is this project or another checkout of it."""
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
