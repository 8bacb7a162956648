"""The shape of a face from MediaPipe's mesh of 468 points: mouth, eyes and brows as shares of the face's height.

The mesh reads an aligned crop enlarged to 192x192; distances are divided by the height from forehead to chin, so that size and
distance drop out. Measures follow the action units they stand for (Ekman and Friesen's FACS): jaw drop, lip corner, brow, lid.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from corpus.weights import weight_path

GEOMETRY: tuple[str, ...] = ("mouth_open", "mouth_width", "mouth_curve", "brow_height", "brow_gap", "brow_tilt", "eye_open")
"""Lip gap; distance of the lip corners; corners above the lips' middle (smile positive); brow above eye; distance of the inner brow
ends; inner brow end above the outer (worry positive); lid gap. All as shares of face height."""

MESH_SIZE = 192
FOREHEAD, CHIN = 10, 152
UPPER_LIP, LOWER_LIP, LIP_CORNERS = 13, 14, (61, 291)
EYES = ((159, 145, 33, 133), (386, 374, 263, 362))
BROWS = ((105, 107, 70), (334, 336, 300))


def face_geometry(crops: np.ndarray) -> np.ndarray:
    """Measures of GEOMETRY for each face.

    Args:
        crops: uint8 (n, h, w, 3) RGB, upright faces.

    Returns:
        float32 (n, 7).

    Raises:
        WeightError: the mesh's weights are missing or damaged.
    """
    return np.array([_measure(mesh_points(crop)) for crop in crops], np.float32).reshape(len(crops), len(GEOMETRY))


def mesh_points(crop: np.ndarray) -> np.ndarray:
    """Points (468, 2) of one face in pixels of a 192x192 picture, x to the right, y downwards."""
    import cv2

    interpreter, inlet, outlet = _mesh()
    picture = cv2.resize(crop, (MESH_SIZE, MESH_SIZE), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    interpreter.set_tensor(inlet, picture[None])
    interpreter.invoke()
    return interpreter.get_tensor(outlet).reshape(468, 3)[:, :2].copy()


@lru_cache(maxsize=1)
def _mesh() -> tuple[Any, int, int]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(weight_path("face-mesh")), num_threads=1)
    interpreter.allocate_tensors()
    outlet = next(d["index"] for d in interpreter.get_output_details() if d["shape"][-1] == 468 * 3)
    return interpreter, interpreter.get_input_details()[0]["index"], outlet


def _measure(points: np.ndarray) -> list[float]:
    down = points[CHIN] - points[FOREHEAD]
    height = max(float(np.hypot(*down)), 1.0)
    down = down / height
    right = np.array([down[1], -down[0]])

    def gap(upper: int, lower: int) -> float:
        return float((points[lower] - points[upper]) @ down)

    def width(left: int, other: int) -> float:
        return abs(float((points[other] - points[left]) @ right))

    lips = (points[UPPER_LIP] + points[LOWER_LIP]) / 2
    corners = points[list(LIP_CORNERS)].mean(0)
    measures = [
        max(gap(UPPER_LIP, LOWER_LIP), 0.0),
        width(*LIP_CORNERS),
        float((lips - corners) @ down),
        _mean(float(((points[outer] + points[inner]) / 2 - points[brow]) @ down) for (_, _, outer, inner), (brow, _, _) in _sides()),
        width(BROWS[0][1], BROWS[1][1]),
        _mean(gap(inner, outer) for _, (_, inner, outer) in _sides()),
        _mean(max(gap(upper, lower), 0.0) for (upper, lower, _, _), _ in _sides()),
    ]
    return [measure / height for measure in measures]


def _sides() -> list[tuple[tuple[int, int, int, int], tuple[int, int, int]]]:
    return list(zip(EYES, BROWS, strict=True))


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
