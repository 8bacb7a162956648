"""The film's own means in a unit: light, colour, motion, size of faces, pace of cutting, loudness, music and beat.

Pictures and shots come from the scan, sound from the voice's rows and from `sound`, the beat from `beat`.
"""

from ml.features.scene.build import SCENE_DIMENSIONS, build_scene_features

__all__ = ["SCENE_DIMENSIONS", "build_scene_features"]
