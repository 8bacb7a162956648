"""Who is present when a unit is spoken, and when each of them speaks next.

Present is whoever has spoken in the scene so far: the speaker, then the others, the most recent first. Whoever spoke last beside the
speaker is taken for the addressee, as in a dialogue of two they are; who only listens is not known of before their first line.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from corpus.terms import ROLES

IntArray = npt.NDArray[np.int64]

PRESENT = 4
"""Characters present that are looked at: the speaker and the three who spoke last beside them."""


@dataclass(frozen=True)
class Cast:
    """For each of n units and each character present (n, PRESENT), the speaker first: the row of the `last` unit that they spoke, this one
    included, and of the one that they speak `next` in the scene; -1 for nobody and for never.
    """

    last: IntArray
    next: IntArray


def role_of(place: int) -> str:
    """The role of the character at that place of the PRESENT."""
    return ROLES[min(place, len(ROLES) - 1)]


def present_characters(sequence: IntArray, place: IntArray, scene: IntArray, speaker: IntArray) -> Cast:
    """From each unit's run of neighbours, its place there, its scene and its speaker (-1: unknown), each (n,)."""
    cast = Cast(*(np.full((len(speaker), PRESENT), -1, np.int64) for _ in range(2)))
    order = np.lexsort((place, sequence))
    edges = np.flatnonzero((np.diff(sequence[order]) != 0) | (np.diff(scene[order]) != 0)) + 1
    for rows in np.split(order, edges):
        _look_back(rows.tolist(), speaker, cast)
        _look_ahead(rows.tolist(), speaker, cast)
    return cast


def _look_back(rows: list[int], speaker: IntArray, cast: Cast) -> None:
    spoke: dict[int, int] = {}
    for row in rows:
        who = int(speaker[row])
        first = 0 if who >= 0 else 1
        if who >= 0:
            spoke.pop(who, None)
            spoke[who] = row
        recent = list(islice(reversed(spoke.values()), PRESENT - first))
        cast.last[row, first : first + len(recent)] = recent


def _look_ahead(rows: list[int], speaker: IntArray, cast: Cast) -> None:
    speaks: dict[int, int] = {}
    for row in reversed(rows):
        cast.next[row] = [speaks.get(int(speaker[last]), -1) if last >= 0 else -1 for last in cast.last[row]]
        if speaker[row] >= 0:
            speaks[int(speaker[row])] = row
