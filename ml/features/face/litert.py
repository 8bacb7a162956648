"""A network of faces in LiteRT on one CPU thread, picture by picture: for small networks quicker than torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class LiteRt:
    """A TensorFlow Lite file that takes one picture (h, w, channels)."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        """What the network gives of a picture, each flat."""
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index).ravel() for index in self._outputs]
