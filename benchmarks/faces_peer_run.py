"""Run by the peer's own Python: `faces_peer_run.py VIDEO OUT` reads every frame with fer as its documentation does."""

from __future__ import annotations

import json
import sys
import time
import types
from pathlib import Path


def with_litert() -> None:
    """fer asks TensorFlow for the TensorFlow Lite interpreter alone; LiteRT's package is that interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    def unused(*_: object) -> None:
        raise RuntimeError("fer was to run its TensorFlow Lite network")

    names = ("tensorflow", "tensorflow.lite", "tensorflow.keras", "tensorflow.keras.models")
    modules = {name: types.ModuleType(name) for name in names}
    modules["tensorflow.lite"].Interpreter = Interpreter  # type: ignore[attr-defined]
    modules["tensorflow"].lite = modules["tensorflow.lite"]  # type: ignore[attr-defined]
    modules["tensorflow.keras.models"].load_model = unused  # type: ignore[attr-defined]
    sys.modules.update(modules)


def main(video: str, out: str) -> None:
    """Faces and labels of every frame, with the CPU and wall seconds that decoding and reading took."""
    with_litert()
    import cv2
    from fer.fer import FER

    detector = FER()
    faces: list[int] = []
    labels: list[str] = []
    opened = cv2.VideoCapture(video)
    cpu, wall = time.process_time(), time.perf_counter()
    while True:
        there, frame = opened.read()
        if not there:
            break
        found = detector.detect_emotions(frame)
        largest = max(found, key=lambda face: face["box"][2], default=None)
        faces.append(len(found))
        labels.append(max(largest["emotions"], key=largest["emotions"].get) if largest else "")
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    told = {"cpu_s": cpu_s, "wall_s": wall_s, "faces": faces, "labels": labels}
    Path(out).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
