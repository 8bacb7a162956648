"""The worst errors of the fused system, to look at one by one.

A figure says how often a model errs, only the lines themselves say why: whether the raters were split, one modality misled, or the gold
is wrong. The units with the greatest loss are those on which it was surest of something else.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from corpus.statistics import FloatArray
from corpus.terms import EMOTIONS, FUSED
from ml.evaluation.calibration import losses_nats
from ml.evaluation.findings import Said, WorstError
from ml.evaluation.humans import Ballots
from ml.evaluation.scored import Scored, probabilities

MOST = 12


def worst_errors(scored: Scored, ballots: Ballots | None) -> list[WorstError]:
    """At most twelve gold units that the fused system names wrongly, the greatest loss first."""
    p = {name: probabilities(scored.systems[name]) for name in (FUSED, *scored.single)}
    loss = losses_nats(p[FUSED], scored.label)
    wrong = np.flatnonzero(p[FUSED].argmax(axis=1) != scored.label)
    return [_told(scored, int(row), float(loss[row]), p, ballots) for row in wrong[np.argsort(-loss[wrong], kind="stable")][:MOST]]


def _told(scored: Scored, row: int, loss: float, p: dict[str, FloatArray], ballots: Ballots | None) -> WorstError:
    unit, label = scored.gold.iloc[row], int(scored.label[row])
    there = [name for name in p if name == FUSED or scored.has(name)[row]]
    return WorstError(
        unit_id=str(unit["unit_id"]),
        film_id=str(unit["film_id"]),
        start_ms=_time_ms(scored, "start_ms", row),
        end_ms=_time_ms(scored, "end_ms", row),
        gold=EMOTIONS[label],
        loss_nats=loss,
        votes={} if ballots is None else _votes(ballots, row),
        said=[_said(name, p[name][row], label) for name in there],
    )


def _said(system: str, p: FloatArray, label: int) -> Said:
    return Said(system, EMOTIONS[int(p.argmax())], float(p.max()), float(p[label]))


def _votes(ballots: Ballots, row: int) -> dict[str, int]:
    counts = Counter(EMOTIONS[label] for label in ballots.label[ballots.unit == row])
    return dict(sorted(counts.items(), key=lambda item: (-item[1], EMOTIONS.index(item[0]))))


def _time_ms(scored: Scored, column: str, row: int) -> int | None:
    value = scored.gold[column].to_numpy(np.float64, na_value=np.nan)[row]
    return int(value) if np.isfinite(value) else None
