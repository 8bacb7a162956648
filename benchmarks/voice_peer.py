"""openSMILE and Praat in an environment of their own (their licences keep them out of the product), run in its own Python."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.voice_made import RATE_HZ
from corpus.terms import FeelmError

PACKAGES = ("opensmile==2.6.0", "praat-parselmouth==0.4.7", "soundfile>=0.13")

_SCRIPT = Path(__file__).with_name("voice_peer_run.py")


@dataclass(frozen=True)
class PeerRows:
    """Rows of 10 ms of one sound, each peer's value whose window is centred nearest.

    `smile` (n, 25) are eGeMAPSv02's descriptors in the order of `names`; `praat` (n, 5) are pitch (Hz, NaN unvoiced), F1 to F3 in Hz and
    harmonicity in dB.
    """

    names: tuple[str, ...]
    smile: np.ndarray
    praat: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """One of openSMILE's descriptors."""
        return self.smile[:, self.names.index(name)]

    @property
    def smile_hz(self) -> np.ndarray:
        """openSMILE's pitch in Hz, NaN where unvoiced."""
        semitones = self.column("F0semitoneFrom27.5Hz_sma3nz")
        return np.where(semitones > 0, 27.5 * 2 ** (semitones / 12), np.nan)


@dataclass(frozen=True)
class Peer:
    """The peers' Python in their environment under `home`."""

    home: Path

    @classmethod
    def installed(cls, cache: Path) -> Peer:
        """Make the environment where it is not there yet.

        Raises:
            FeelmError: the packages cannot be installed.
        """
        peer = cls(cache / "opensmile-praat")
        if not (peer.home / "installed").is_file():
            subprocess.run([sys.executable, "-m", "venv", str(peer.home)], check=True)
            installed = subprocess.run([str(peer.home / "bin" / "pip"), "install", "-q", *PACKAGES], check=False)
            if installed.returncode:
                raise FeelmError(f"{', '.join(PACKAGES)} cannot be installed: look at pip's message above")
            (peer.home / "installed").touch()
        return peer

    def seconds(self, samples: np.ndarray, level: str) -> float:
        """CPU seconds of openSMILE's eGeMAPSv02 at a feature level (LowLevelDescriptors or Functionals), start and reading left out."""
        with tempfile.TemporaryDirectory() as work:
            sound, out = Path(work) / "sound.npy", Path(work) / "out.json"
            np.save(sound, samples.astype(np.float32))
            self._run("seconds", out, sound, level)
            return float(json.loads(out.read_text(encoding="utf-8")))

    def rows(self, samples: np.ndarray) -> PeerRows:
        """What both find every 10 ms."""
        with tempfile.TemporaryDirectory() as work:
            sound, out = Path(work) / "sound.npy", Path(work) / "out.npz"
            np.save(sound, samples.astype(np.float32))
            self._run("rows", out, sound)
            with np.load(out) as found:
                return PeerRows(tuple(map(str, found["names"])), found["smile"], found["praat"])

    def perturbation(self, sounds: Sequence[np.ndarray]) -> np.ndarray:
        """Of each held vowel (n, 4): Praat's local jitter and shimmer (dB), openSMILE's means of both."""
        with tempfile.TemporaryDirectory() as work:
            paths = [Path(work) / f"{number:03d}.npy" for number in range(len(sounds))]
            for path, samples in zip(paths, sounds, strict=True):
                np.save(path, samples.astype(np.float32))
            out = Path(work) / "out.json"
            self._run("perturbation", out, *paths)
            return np.array(json.loads(out.read_text(encoding="utf-8")))

    def functionals(self, paths: Sequence[Path], feature_set: str) -> np.ndarray:
        """openSMILE's functionals (n, d) of recordings, by the name of the feature set: eGeMAPSv02 or ComParE_2016."""
        with tempfile.TemporaryDirectory() as work:
            listed, out = Path(work) / "paths.json", Path(work) / "out.npy"
            listed.write_text(json.dumps([str(path) for path in paths]), encoding="utf-8")
            self._run("functionals", out, listed, feature_set)
            return np.load(out)

    def _run(self, what: str, out: Path, *arguments: Path | str) -> None:
        command = [str(self.home / "bin" / "python"), str(_SCRIPT), what, str(RATE_HZ), str(out), *map(str, arguments)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise FeelmError(f"the peers end with {done.returncode}: {done.stderr[-500:]}")
