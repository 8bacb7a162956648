"""A store of finished pieces of work, by what went into them.

A key is the digest of everything that a piece follows from: the content, who computes it in which version, the settings. So nothing is
computed twice, a run that was killed goes on at the last finished piece, and nobody has to say what is out of date. Each file begins with
the digest of the rest; one that is damaged is as good as none. How far such work is, is told in one form by whoever does it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.paths import write_bytes

Arrays = Mapping[str, np.ndarray]

_DIGEST_BYTES = 32


def content_digest(*parts: bytes | str | np.ndarray) -> str:
    """Hex sha256 over `parts`, each with its kind, length and (arrays) type and shape, so that no two lists of parts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            array = np.ascontiguousarray(part)
            kind, content = f"array {array.dtype.str} {array.shape}", array.data.cast("B") if array.size else b""
        else:
            kind, content = type(part).__name__, part.encode() if isinstance(part, str) else part
        digest.update(f"{kind} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


@dataclass(frozen=True)
class Work:
    """What a piece of work is computed by: its name, version and settings (anything JSON can hold)."""

    name: str
    version: str
    settings: Mapping[str, object]

    def key(self, content: str) -> str:
        """Key of the piece that comes of the content with that digest."""
        return content_digest(self.name, self.version, json.dumps(dict(self.settings), sort_keys=True), content)


class ChunkStore:
    """Arrays by key in a folder: writes are atomic, several processes may share it, and it can be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def made(self) -> Path:
        """The folder, which is there from then on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    def path(self, key: str) -> Path:
        """Where the piece lies, or would."""
        return self.folder / key[:2] / f"{key}.chunk"

    def read(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays, None where there are none or the file is damaged."""
        from safetensors.numpy import load

        try:
            content = self.path(key).read_bytes()
        except FileNotFoundError:
            return None
        digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        return load(payload) if hashlib.sha256(payload).digest() == digest else None

    def write(self, key: str, arrays: Arrays) -> None:
        """Keep the arrays; whoever reads sees all of them or none."""
        from safetensors.numpy import save

        payload = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        write_bytes(self.path(key), hashlib.sha256(payload).digest() + payload)


@dataclass(frozen=True)
class Progress:
    """How far work on a film is: up to which time of it, after how many seconds, chunks done and those that were stored.

    `begun_ms` is where this run took it up: what lies before was done by an earlier one.
    """

    until_ms: int
    total_ms: int
    seconds: float
    chunks: int
    stored: int
    begun_ms: int = 0

    @property
    def rate(self) -> float:
        """Seconds of film a second, 0 before anything was done."""
        return (self.until_ms - self.begun_ms) / 1000 / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds that are left at this rate, None while none is known."""
        return max(self.total_ms - self.until_ms, 0) / 1000 / self.rate if self.rate > 0 else None


Tell = Callable[[Progress], None]
