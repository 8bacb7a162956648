"""CREMA-D as a corpus: each of 7,442 acted clips with what a crowd perceived in voice, face and both, and what the actor intended.

gold.parquet holds the votes on voice and face together (perceived) and the emotion the actor was told to play (intended, voted by nobody);
gold-voice.parquet and gold-face.parquet hold what was perceived in one channel. The votes come as counts: whoever gave them has no name, so
each is a row of its own and all are by the one annotator "unnamed". An actor is a film. Clips themselves are not read: there are no media.

Source: Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE Transactions on Affective Computing 5 (2014).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.annotations.gold import MINIMUM_TOP_SHARE
from corpus.contracts import GOLD_LABELS, UNITS, VOTES
from corpus.datasets import crema_d
from corpus.datasets.gold import BY_DESIGN, declared_gold, gold_of_votes
from corpus.datasets.summary import CorpusSummary, Notes, Terms, told, write_corpus
from corpus.terms import EMOTIONS, MINIMUM_RATERS, DeclaredUse, FeelmError, GoldStatus

FILE = "tabulatedVotes.csv"
CLIPS = 7442
TERMS = Terms(
    licence="ODbL 1.0, DbCL 1.0",
    declared_use=DeclaredUse.COMMERCIAL,
    credit="CREMA-D, Cao et al. 2014; ODbL allows commercial use with this credit, a database made of it stays under ODbL",
)
NO_MEDIA = "the clips themselves are not read: the votes serve agreement and human ceilings, no model trains on them"
UNNAMED = "unnamed"
TOGETHER = "both"
NUMBERS = (*crema_d.LETTERS, "numResponses")

_CLIP = re.compile(r"([0-9]{4})_[A-Z]{3}_([A-Z]{3})_[A-Z]{2}")
_ROW = re.compile(r"[1-3][0-9]{5}")
_COUNT = re.compile(r"[0-9]{1,3}")


@dataclass(frozen=True)
class Judged:
    """The votes on one clip in one channel: `counts` by crema_d.EMOTIONS, mean `intensity` 0..1 or None."""

    clip: str
    channel: str
    counts: tuple[int, ...]
    intensity: float | None

    @property
    def film_id(self) -> str:
        """The actor."""
        return f"crema-d-{self.clip[:4]}"

    @property
    def unit_id(self) -> str:
        """The actor and the clip."""
        return f"{self.film_id}.{self.clip}"

    @property
    def intended(self) -> str:
        """The emotion in the clip's name."""
        return crema_d.EMOTIONS[crema_d.INTENDED[self.clip.split("_")[2]]]


def build_crema_d(source: Path, out: Path) -> CorpusSummary:
    """Read tabulatedVotes.csv from the folder `source` into units, gold and votes, by channel, and summary.json.

    Raises:
        FeelmError: the file is not there or has other columns, or no row can be used.
    """
    notes, judged = Notes(), dict[tuple[str, str], Judged]()
    for number, row in _rows(source):
        notes.rows_read += 1
        read = _judged(row)
        if isinstance(read, Judged) and (read.unit_id, read.channel) in judged:
            read = "the same clip and channel as an earlier row"
        if isinstance(read, str):
            notes.refused[read].append(f"line {number}")
        else:
            judged[read.unit_id, read.channel] = read
    perceived = _write_channels(list(judged.values()), out)
    clips = list({one.unit_id: one for one in judged.values()}.values())
    units = UNITS.frame(_unit(one) for one in clips)
    intended = declared_gold(units, [(one.intended,) for one in clips], "intended", BY_DESIGN)
    together = pd.concat([GOLD_LABELS.to_arrow(table).to_pandas() for table in (perceived, intended)], ignore_index=True)
    lacks = [NO_MEDIA, *([f"{CLIPS - len(units)} of {CLIPS} clips are not there"] if len(units) < CLIPS else [])]
    return write_corpus("crema-d", TERMS, notes, units, together, out, missing=told(lacks))


def _write_channels(judged: list[Judged], out: Path) -> pd.DataFrame:
    """Write votes of every channel and gold of voice and face; returns the gold of both together."""
    gold = {}
    for channel in crema_d.MODALITIES.values():
        own = [one for one in judged if one.channel == channel]
        gold[channel] = _perceived(own)
        suffix = "" if channel == TOGETHER else f"-{channel}"
        VOTES.write_rows(_votes(own), out / f"votes{suffix}.parquet")
        if suffix:
            GOLD_LABELS.write(gold[channel], out / f"gold{suffix}.parquet")
    return gold[TOGETHER]


def _rows(source: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    path = source / FILE
    if not path.is_file():
        raise FeelmError(f"CREMA-D is not at {source}: give the folder that holds {FILE}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not {"", *NUMBERS, "fileName", "meanEmoResp"} <= set(reader.fieldnames or ()):
                raise FeelmError(f"{path} does not have CREMA-D's columns: is it the tabulated votes?")
            for row in reader:
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise FeelmError(f"{path} is not a CSV file in UTF-8 ({error})") from error


def _judged(row: Mapping[str, str | None]) -> Judged | str:
    """The votes of a row, or the reason why it is refused."""
    found = _CLIP.fullmatch(row["fileName"] or "")
    if found is None or found[2] not in crema_d.INTENDED:
        return "not named as 1001_IEO_HAP_LO, with an emotion of CREMA-D"
    number = row[""] or ""
    channel = crema_d.MODALITIES.get(int(number[0])) if _ROW.fullmatch(number) else None
    if channel is None:
        return "a number that tells neither voice nor face nor both"
    cells = [row[name] or "" for name in NUMBERS]
    if not all(_COUNT.fullmatch(cell) for cell in cells):
        return "a count of votes that is not a whole number"
    *counts, n = (int(cell) for cell in cells)
    if n == 0 or sum(counts) != n:
        return "no votes, or votes that do not sum to the number of responses"
    return Judged(found[0], channel, tuple(counts), _intensity(row["meanEmoResp"] or ""))


def _intensity(cell: str) -> float | None:
    """The mean of the responses' 0..100, as a share."""
    try:
        value = float(cell) / 100
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _unit(judged: Judged) -> dict[str, object]:
    return {
        "unit_id": judged.unit_id,
        "film_id": judged.film_id,
        "level": "utterance",
        "character_id": f"actor-{judged.clip[:4]}",
    }


def _perceived(judged: list[Judged]) -> pd.DataFrame:
    """Gold by the platform's own rule: three raters, a majority of votes and no tie."""
    ids = pd.DataFrame({"unit_id": [one.unit_id for one in judged], "film_id": [one.film_id for one in judged]})
    votes = np.zeros((len(judged), len(EMOTIONS)))
    votes[:, [EMOTIONS.index(emotion) for emotion in crema_d.EMOTIONS]] = [one.counts for one in judged] or np.zeros((0, 6))
    status = [_status(row) for row in votes]
    labels = [EMOTIONS[int(row.argmax())] if now is GoldStatus.GOLD else None for row, now in zip(votes, status, strict=True)]
    intensity = np.array([np.nan if one.intensity is None else one.intensity for one in judged])
    return gold_of_votes(ids, votes, "perceived", [now.value for now in status], labels, votes.sum(axis=1).astype(np.int32), intensity)


def _status(votes: np.ndarray) -> GoldStatus:
    ranked = np.sort(votes)
    if votes.sum() < MINIMUM_RATERS:
        return GoldStatus.INSUFFICIENT
    unclear = ranked[-1] / votes.sum() < MINIMUM_TOP_SHARE or ranked[-1] == ranked[-2]
    return GoldStatus.AMBIGUOUS if unclear else GoldStatus.GOLD


def _votes(judged: list[Judged]) -> Iterator[dict[str, object]]:
    for one in judged:
        labels = (emotion for emotion, count in zip(crema_d.EMOTIONS, one.counts, strict=True) for _ in range(count))
        for number, label in enumerate(labels, start=1):
            yield {
                "unit_id": one.unit_id,
                "film_id": one.film_id,
                "perspective": "perceived",
                "annotator_id": UNNAMED,
                "group_id": f"{one.unit_id}.{one.channel}.vote{number:03d}",
                "label": label,
                "intensity": None,
                "weight": 1.0,
            }
