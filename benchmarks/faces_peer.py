"""The package `fer` in an environment of its own: it wants OpenCV 4 and its cascades, and TensorFlow for the interpreter alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from corpus.terms import FeelmError

VERSION = "25.10.3"
NEEDS = ("numpy", "opencv-python-headless<5", "ai-edge-litert==2.3.0", "requests", "pillow", "setuptools<81")
"""What it imports; LiteRT's interpreter stands in for TensorFlow's, which is the same one."""

_SCRIPT = Path(__file__).with_name("faces_peer_run.py")


@dataclass(frozen=True)
class PeerRun:
    """CPU and wall seconds of reading every frame; for each how many faces were found and what the largest shows ("" for none)."""

    cpu_s: float
    wall_s: float
    faces: tuple[int, ...]
    labels: tuple[str, ...]


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
        peer = cls(cache / "fer")
        if not (peer.home / "installed").is_file():
            subprocess.run([sys.executable, "-m", "venv", str(peer.home)], check=True)
            pip = [str(peer.home / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
            for arguments in (["--no-deps", f"fer=={VERSION}"], [*NEEDS]):
                if subprocess.run([*pip, *arguments], check=False).returncode:
                    raise FeelmError(f"fer {VERSION} cannot be installed: look at pip's message above")
            (peer.home / "installed").touch()
        return peer

    def versions(self) -> str:
        """The versions in its environment that matter."""
        code = "import cv2, numpy; print(f'OpenCV {cv2.__version__}, numpy {numpy.__version__}')"
        done = subprocess.run([str(self.home / "bin" / "python"), "-c", code], check=True, capture_output=True, text=True)
        return f"fer {VERSION} ({done.stdout.strip()})"

    def read(self, video: Path) -> PeerRun:
        """Every frame of a video, in a process of its own.

        Raises:
            FeelmError: the peer ends with a fault.
        """
        with tempfile.TemporaryDirectory() as work:
            out = Path(work) / "out.json"
            command = [str(self.home / "bin" / "python"), str(_SCRIPT), str(video), str(out)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise FeelmError(f"fer ends with {done.returncode}: {done.stderr[-300:]}")
            told = json.loads(out.read_text(encoding="utf-8"))
        return PeerRun(told["cpu_s"], told["wall_s"], tuple(told["faces"]), tuple(told["labels"]))
