"""Faces: pictures of faces in a folder for each expression, read by the packaged networks as they are; nothing is trained.

The folders are named angry, disgust, fear, happy, neutral, sad and surprise, as FER2013's are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from corpus.terms import EMOTIONS, FeelmError
from ml.evaluation import baselines
from ml.evaluation.benchmarks import scores
from ml.evaluation.benchmarks.options import Options
from ml.evaluation.benchmarks.result import BenchmarkResult, Protocol
from ml.features.face import expression

FOLDERS = {
    "neutral": "neutral",
    "happy": "joy",
    "angry": "anger",
    "fear": "fear",
    "sad": "sadness",
    "surprise": "surprise",
    "disgust": "disgust",
}
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})
AT_ONCE = 256
SYSTEM = "expression"
TINY = 1e-6


def run_faces(data: Path, test: Path | None, options: Options) -> BenchmarkResult:
    """Score `ml.features.face.expression` on pictures of faces; a test folder's pictures where one is given.

    Raises:
        FeelmError: there is no picture in a folder of that name, or one cannot be read.
    """
    folder = test or data
    paths, label = _paths(folder)
    images = [_read(path) for path in paths]
    logits = np.log(_expressions(images, options) + TINY)
    counts = Counter(label.tolist())
    protocol = Protocol(
        trained_on="nothing of DIR: packaged networks as they are",
        chosen_on="nothing",
        scored_on=f"pictures under {', '.join(FOLDERS)}",
        classes=EMOTIONS,
        seeds=(0,),
        n_train=0,
        n_scored=len(paths),
        system=SYSTEM,
        notes=tuple(f"no picture of {name}" for i, name in enumerate(EMOTIONS) if not counts[i]),
    )
    majority = {"majority": scores.figures(np.log(baselines.majority(label, len(label))), label)}
    return scores.result_of("faces", {SYSTEM: [logits]}, label, protocol, majority, {})


def _paths(folder: Path) -> tuple[list[Path], np.ndarray]:
    found = [
        (path, EMOTIONS.index(emotion))
        for name, emotion in FOLDERS.items()
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise FeelmError(f"no picture of a face under {folder}: give a folder with the folders {', '.join(FOLDERS)}")
    return [path for path, _ in found], np.array([label for _, label in found], np.int64)


def _read(path: Path) -> np.ndarray:
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_ANYCOLOR)
    if image is None:
        raise FeelmError(f"{path} is no picture that can be read")
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _expressions(images: Sequence[np.ndarray], options: Options) -> np.ndarray:
    """Probabilities (n, 7), pictures of one shape together."""
    found = np.zeros((len(images), len(EMOTIONS)), np.float32)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for row, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(row)
    done = 0
    for rows in by_shape.values():
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            found[part] = expression(np.stack([images[row] for row in part]))
            done += len(part)
            options.tell(SYSTEM, done / len(images))
    return found
