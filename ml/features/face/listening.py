"""Whose face shows how a line is taken, and when: the one spoken to, from the middle of the line until the next one begins.

Who listens tells nothing of what is being said but of what they will say: people speak out of what they felt while they listened. The
addressee is looked for by name, else whoever is seen there and is not the speaker; in the pause after a line films often cut to that face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from corpus.terms import UnitLevel

if TYPE_CHECKING:
    import pandas as pd

REACTION_MS = 2000
"""How long after a line, at most, a face is taken for an answer to it."""


@dataclass(frozen=True)
class Listener:
    """Rows of the faces in which somebody listens, by time, and the character they are taken for; None where that is not known."""

    rows: np.ndarray
    character: str | None


def listening_times(units: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """From when until when, ms, faces tell how each of UNITS is taken (n,) and (n,); NaN for what is no utterance or has no time.

    It begins in the middle, since before it one cannot know what is said, and ends where the next line of the scene begins.
    """
    start, end = (units[name].to_numpy(np.float64, na_value=np.nan) for name in ("start_ms", "end_ms"))
    from_ms, until_ms = (start + end) / 2, end + 0.0
    spoken = np.flatnonzero((units["level"] == UnitLevel.UTTERANCE.value).to_numpy() & np.isfinite(start))
    order = spoken[np.argsort(start[spoken], kind="stable")]
    scene = units["scene_id"].to_numpy(object)
    for here, following in pairwise(order):
        if scene[here] == scene[following] and isinstance(scene[here], str):
            until_ms[here] = max(min(start[following], end[here] + REACTION_MS), from_ms[here])
    silent = np.ones(len(units), bool)
    silent[spoken] = False
    from_ms[silent], until_ms[silent] = np.nan, np.nan
    return from_ms, until_ms


def choose_listener(
    tracks: Mapping[str, np.ndarray], named: Mapping[str, str], speaking: str | None, speaker: str | None, addressee: str | None
) -> Listener | None:
    """Of the tracks seen while one listens (rows by track id), that of the addressee, else the longest that is not the speaker's.

    `named` says by track for whom it is taken, `speaking` is the track that says the line. A track named as a third person answers nothing
    where it is known who is spoken to.
    """
    others = {name: rows for name, rows in tracks.items() if name != speaking and (speaker is None or named.get(name) != speaker)}
    own = [rows for name, rows in others.items() if addressee is not None and named.get(name) == addressee]
    if own:
        return Listener(np.sort(np.concatenate(own)), addressee)
    left = {name: rows for name, rows in others.items() if addressee is None or named.get(name) is None}
    if not left:
        return None
    longest = min(left, key=lambda name: (-len(left[name]), name))
    return Listener(left[longest], named.get(longest))
