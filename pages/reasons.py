"""Why the model reads a line as it does, made ready to be shown: shares of the modalities, the lines near it, the pictures of the face.

The figures come from the table EXPLANATIONS; the pictures are the crops that the network itself saw, as many as a budget of bytes allows,
those of lines on which model and raters part before others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import UNIT_FEATURES
from corpus.terms import MODALITIES
from ml.models.reasons import Effect, Why
from pages.people import jpeg

FRAME_BUDGET = 400_000
"""Bytes of base64 that the pictures of deciding frames may take together on a page."""


@dataclass(frozen=True)
class ShareBar:
    """A modality's signed share in whole percent, None where it did nothing."""

    name: str
    percent: int | None

    @property
    def told(self) -> str:
        """The share in words."""
        return "nothing" if self.percent is None else f"{self.percent}\N{NO-BREAK SPACE}%".replace("-", "−")


@dataclass(frozen=True)
class Moved:
    """A line or a moment of the face that moved the reading: `factor` is by what the odds of the emotion are multiplied with it."""

    t_ms: int
    factor: float
    anchor: str | None = None
    text: str | None = None
    picture: str | None = None

    @property
    def told(self) -> str:
        """The factor in words."""
        return f"{'for' if self.factor >= 1 else 'against'} it, odds ×{self.factor:.3g}"


@dataclass(frozen=True)
class Reasons:
    """What the reading of a line rests on; `missing` tells of the modalities that are not there, `undecided` is whether the face is and no
    single picture of it weighs.
    """

    emotion: str
    bars: tuple[ShareBar, ...]
    missing: str
    lines: tuple[Moved, ...]
    frames: tuple[Moved, ...]
    undecided: bool


@dataclass(frozen=True)
class Place:
    """Where a unit stands on the page."""

    anchor: str
    start_ms: int
    text: str | None


def line_reasons(why: Why, places: Mapping[str, Place], pictures: Mapping[int, str]) -> Reasons:
    """A unit's reasons; `places` are the page's lines by unit_id, `pictures` the unit's frames by their number."""
    return Reasons(
        emotion=why.emotion,
        bars=tuple(ShareBar(one.name, None if one.share is None else round(100 * one.share)) for one in why.modalities),
        missing=absence([one.name for one in why.modalities]),
        lines=tuple(_line(one, places[one.name]) for one in why.lines if one.name in places),
        frames=tuple(Moved(one.t_ms or 0, math.exp(one.log_odds), picture=pictures.get(int(one.name))) for one in why.frames),
        undecided=not why.frames and any(one.name == MODALITIES[0] for one in why.modalities),
    )


def _line(effect: Effect, place: Place) -> Moved:
    return Moved(place.start_ms, math.exp(effect.log_odds), place.anchor, place.text)


def absence(there: list[str]) -> str:
    """What a unit with some modalities lacks, in a sentence; empty where it has all."""
    gone = [f"no {name}" for name in MODALITIES if name not in there]
    if not gone:
        return ""
    told = " and ".join(gone).capitalize()
    return f"{told} here: {there[0]} alone decides." if len(there) == 1 else f"{told} here; the shares are of what is there."


def frame_pictures(folder: Path, whys: Iterable[tuple[str, Why]]) -> dict[str, dict[int, str]]:
    """By unit_id and frame number the deciding frames as JPEG data URIs, as the network saw them, until FRAME_BUDGET is spent.

    `folder` is the film's `face_features`; empty where it holds no crops.
    """
    from safetensors.numpy import load_file

    if not (folder / "crops.safetensors").is_file() or not (folder / "features.parquet").is_file():
        return {}
    crops = load_file(folder / "crops.safetensors")["crops"]
    row = {unit_id: at for at, unit_id in enumerate(UNIT_FEATURES.read(folder / "features.parquet")["unit_id"])}
    found: dict[str, dict[int, str]] = {}
    size = 0
    for unit_id, why in whys:
        for frame in why.frames if unit_id in row else ():
            data = jpeg(np.repeat(crops[row[unit_id], int(frame.name)][..., None], 3, axis=2))
            size += len(data)
            if size > FRAME_BUDGET:
                return found
            found.setdefault(unit_id, {})[int(frame.name)] = data
    return found


def places_of(units: pd.DataFrame, anchors: Iterable[str]) -> dict[str, Place]:
    """The page's lines by unit_id; `units` in their order there."""
    return {
        str(unit_id): Place(anchor, int(start_ms), str(text) if isinstance(text, str) and text.strip() else None)
        for unit_id, start_ms, text, anchor in zip(units["unit_id"], units["start_ms"], units["text"], anchors, strict=True)
    }
