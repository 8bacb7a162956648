"""How fast each network of the features is on a device, how busy that keeps it, and how far its numbers are from the CPU's.

What goes in is made: blurred noise as pictures and faces, a gliding tone as sound, lines of common words. That says nothing of how well
a network sees, and all of how fast it is. `python -m ml.features.rates --device cuda` needs torch, numpy, safetensors and the weights.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from corpus.terms import FeelmError
from corpus.threads import one_torch_thread
from ml.features.face.expressions import QUICK, expression
from ml.features.face.mesh import read_mesh
from ml.features.face.pose import read_bodies
from ml.features.people.identity import embed_faces
from ml.features.text.encoder import sentence_encoder
from ml.features.voice import RATE_HZ, VoiceExtractor, chunks_of

WORDS = ("never", "leave", "the", "house", "tonight", "please", "I", "love", "you", "what", "is", "that", "run", "why", "stay", "home")
POLL_S = 0.02


@dataclass(frozen=True)
class Size:
    """How much each network gets: pictures of 640x360, faces, seconds of sound, lines of dialogue."""

    pictures: int = 64
    faces: int = 256
    seconds: int = 60
    lines: int = 512


@dataclass(frozen=True)
class Rate:
    """What one network did: `rate` is items a second of wall time, `utilisation` the GPU's busy share (None: unknown or no GPU),
    `difference` the greatest distance of a number from the CPU's (None on the CPU itself)."""

    part: str
    items: str
    device: str
    rate: float
    utilisation: float | None
    difference: float | None


def measure(device: str, size: Size | None = None, seed: int = 0) -> list[Rate]:
    """Rates of all networks on `device`, as the stages run them: on a CPU with one thread. Each runs once before it is timed.

    Raises:
        WeightError: a network's weights are missing or damaged.
    """
    work = _work(size or Size(), np.random.default_rng(seed))
    with one_torch_thread():
        return [_measured(part, items, count, run, device) for part, items, count, run in work]


_Run = Callable[[str], np.ndarray]


def _work(size: Size, rng: np.random.Generator) -> list[tuple[str, str, int, _Run]]:
    pictures = [_blurred(rng, 360, 640) for _ in range(size.pictures)]
    faces = np.stack([_blurred(rng, 64, 64) for _ in range(size.faces)])
    bodies = np.stack([_blurred(rng, 224, 224) for _ in range(size.pictures)])
    whole = np.tile([0.0, 0.0, 1.0, 1.0], (len(bodies), 1))
    sound = _tone(size.seconds)
    lines = [" ".join(rng.choice(WORDS, int(rng.integers(2, 16)))) for _ in range(size.lines)]
    return [
        ("faces found", "pictures", len(pictures), lambda device: _found(pictures, device)),
        ("expression", "faces", len(faces), lambda device: expression(faces, device=device, looks=QUICK, exact=False)),
        ("mesh", "faces", len(faces), lambda device: read_mesh(faces, device=device).points),
        ("identity", "faces", len(faces), lambda device: embed_faces(faces, device=device)),
        ("posture", "bodies", len(bodies), lambda device: read_bodies(bodies, whole, device=device).points),
        ("voice", "seconds of sound", size.seconds, lambda device: _voice(sound, device)),
        ("words", "lines", len(lines), lambda device: sentence_encoder(device=device).encode(lines)),
    ]


def _found(pictures: list[np.ndarray], device: str) -> np.ndarray:
    from corpus.films.faces import FaceDetector

    detector = FaceDetector(device=device)
    return np.array([len(found) for found in detector.detect_all(pictures)], np.float32)


def _voice(sound: np.ndarray, device: str) -> np.ndarray:
    extractor = VoiceExtractor(device=device)
    return np.concatenate([extractor.extract(chunk).values for chunk in chunks_of(sound)])


def _measured(part: str, items: str, count: int, run: _Run, device: str) -> Rate:
    run(device)
    with _Watch(device) as watch:
        started = time.perf_counter()
        answer = run(device)
        seconds = time.perf_counter() - started
    difference = None if torch.device(device).type == "cpu" else _difference(answer, run("cpu"))
    return Rate(part, items, device, round(count / seconds, 1), watch.utilisation, difference)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Greatest distance of two numbers that both are there."""
    both = np.isfinite(one) & np.isfinite(other)
    return float(np.abs(one[both] - other[both]).max(initial=0.0))


def _blurred(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A uint8 RGB picture of soft patches."""
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


def _tone(seconds: int) -> np.ndarray:
    """A voice-like tone that glides between 120 and 240 Hz, float32 at 16 kHz."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(180 + 60 * np.sin(2 * np.pi * 0.5 * t)) / RATE_HZ
    harmonics = np.stack([np.sin(k * phase) / k for k in range(1, 12)])
    return (0.1 * harmonics.sum(axis=0)).astype(np.float32)


class _Watch:
    """Looks how busy a GPU is while the block runs; `utilisation` stays None where nobody can tell."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._seen: list[float] = []
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def utilisation(self) -> float | None:
        return round(float(np.mean(self._seen)), 3) if self._seen else None

    def __enter__(self) -> _Watch:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            self._thread = threading.Thread(target=self._look, daemon=True)
            self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(POLL_S):
            try:
                self._seen.append(torch.cuda.utilization(self._device) / 100)
            except (ModuleNotFoundError, RuntimeError):  # no pynvml, or a driver that does not tell
                return

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()


def check_device(device: str) -> str:
    """`device` where torch can compute on it.

    Raises:
        FeelmError: it cannot.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        here = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise FeelmError(f"torch cannot compute on {device!r} ({str(error).splitlines()[0]}): here is {here}") from error
    return device


def told(rate: Rate) -> list[str]:
    """A row for people: part, rate, how busy, how far from the CPU."""
    busy = "" if rate.utilisation is None else f"{rate.utilisation:.0%}"
    far = "" if rate.difference is None else f"{rate.difference:.2g}"
    return [rate.part, f"{rate.rate:,.0f} {rate.items}", busy, far]


def main() -> None:
    """Print a row for each network, for machines that have nothing but torch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    for rate in measure(check_device(parser.parse_args().device)):
        sys.stdout.write("\t".join(told(rate)) + "\n")


if __name__ == "__main__":
    main()
