"""Faces: what is measured of each crop and each body, and what follows for a line.

Three packaged networks read the expression (`expression`), a mesh its shape and the head's pose, another the body; `build_face_features`
chooses the speaker's face and takes statistics over the line. Who is who is told in `ml.features.people`.
"""

from ml.features.face.build import build_face_features
from ml.features.face.expressions import expression

__all__ = ["build_face_features", "expression"]
