"""The scenes of studyforrest's Forrest Gump, by which its observers' episodes are compared.

The observers mark episodes wherever they see one and never choose the same spans; what they share is the film's time and its scenes. Their
episodes are read by corpus.annotations.importers.studyforrest.

Source: Labs et al., Portrayed emotions in the movie "Forrest Gump", F1000Research 4:92 (2015).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

from corpus.contracts import FeelmError


@dataclass(frozen=True)
class Scene:
    """One scene, [start_ms, end_ms), with its place, DAY or NIGHT, and INT or EXT, as the set writes them."""

    start_ms: int
    end_ms: int
    place: str
    daytime: str
    setting: str


def read_scenes(text: str, film_end_ms: int) -> list[Scene]:
    """The scenes of movie_scenes.csv (start in s, place, time of day, setting; no header): each ends where the next starts.

    Raises:
        FeelmError: a line has other cells, or scenes do not follow one another within the film.
    """
    rows = [cells for cells in csv.reader(text.splitlines()) if cells]
    try:
        starts = [round(1000 * float(start)) for start, _, _, _ in rows]
    except (ValueError, OverflowError) as error:
        raise FeelmError(f"this is not studyforrest's movie_scenes.csv, whose lines have a start and three words ({error})") from error
    ends = [*starts[1:], film_end_ms]
    if any(start >= end for start, end in zip(starts, ends, strict=False)):
        raise FeelmError(f"scenes do not follow one another within the film, which ends at {film_end_ms} ms")
    return [Scene(start, end, *cells[1:]) for start, end, cells in zip(starts, ends, rows, strict=False)]
