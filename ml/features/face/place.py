"""Where a face is in a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """The box's left upper corner and size as shares of the picture's width and height."""

    x: float
    y: float
    width: float
    height: float
