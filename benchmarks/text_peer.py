"""sentence-transformers in an environment of its own (it brings transformers), run in its own Python on the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.terms import FeelmError

VERSION = "6.2.0"
TORCH = "2.13.0"
"""The project's own version, so that only the code around it differs."""

_SCRIPT = Path(__file__).with_name("text_peer_run.py")


@dataclass(frozen=True)
class Answer:
    """Embeddings (n, width) and the CPU seconds that they took."""

    embedding: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Peer:
    """The peer's Python in its environment under `home`."""

    home: Path

    @classmethod
    def installed(cls, cache: Path) -> Peer:
        """Make the environment where it is not there yet.

        Raises:
            FeelmError: the package cannot be installed.
        """
        peer = cls(cache / "sentence-transformers")
        if not (peer.home / "installed").is_file():
            subprocess.run([sys.executable, "-m", "venv", str(peer.home)], check=True)
            # torch first and pinned: asked for by a range, the registry's newest build brings several GB of CUDA packages.
            for wanted in (f"torch=={TORCH}", f"sentence-transformers=={VERSION}"):
                done = subprocess.run([str(peer.home / "bin" / "pip"), "install", "-q", wanted, f"torch=={TORCH}"], check=False)
                if done.returncode:
                    raise FeelmError(f"{wanted} cannot be installed: look at pip's message above")
            (peer.home / "installed").touch()
        return peer

    def versions(self) -> str:
        """The versions in its environment that matter."""
        code = "import torch, transformers as t; print(f'transformers {t.__version__}, torch {torch.__version__}')"
        done = subprocess.run([str(self.home / "bin" / "python"), "-c", code], check=True, capture_output=True, text=True)
        return f"sentence-transformers {VERSION} ({done.stdout.strip()})"

    def encode(self, folder: Path, texts: Sequence[str], number: str, batch: int) -> Answer:
        """Embed `texts` with the network in `folder`, in float32 or bfloat16.

        Raises:
            FeelmError: the peer ends with a fault.
        """
        with tempfile.TemporaryDirectory() as work:
            lines, out = Path(work) / "lines.json", Path(work) / "out.npz"
            lines.write_text(json.dumps(list(texts)), encoding="utf-8")
            command = [str(self.home / "bin" / "python"), str(_SCRIPT), str(folder), str(lines), str(out), number, str(batch)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise FeelmError(f"sentence-transformers ends with {done.returncode}: {done.stderr[-500:]}")
            with np.load(out) as stored:
                return Answer(stored["embedding"], float(stored["seconds"]))
