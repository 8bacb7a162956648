"""Is the model better than another system: paired by film, with an interval, and corrected for asking of many systems.

The differences in accuracy by film are tested by flipping their signs, which is exact for few films, and bootstrapped for the interval;
so is the difference in macro recall, which has no value by film where a film lacks emotions.
Holm's correction covers the systems of one corpus.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from corpus.statistics import sign_flip_test
from ml.evaluation.findings import Interval
from ml.evaluation.metrics import Judged, resampled, uar
from ml.evaluation.report import PairedTest, SystemScore
from ml.evaluation.resampling import holm, interval, mean_interval


def paired_tests(judged: Sequence[Judged], scores: Sequence[SystemScore]) -> list[PairedTest]:
    """The first system against each other one, film by film; both lists hold the same systems in the same order, on the same units."""
    tests = [_paired(scores[0], other, uar_difference(judged[0], theirs)) for theirs, other in zip(judged[1:], scores[1:], strict=True)]
    adjusted = holm([test.p_value for test in tests])
    return [dataclasses.replace(test, p_holm=p) for test, p in zip(tests, adjusted, strict=True)]


def _paired(fused: SystemScore, other: SystemScore, uar_difference: Interval) -> PairedTest:
    differences = np.array([fused.by_film[film] - other.by_film[film] for film in sorted(fused.by_film)])
    spread = mean_interval(differences)
    p_value = sign_flip_test(differences)
    return PairedTest(other.system, len(differences), spread.value, p_value, spread.low, spread.high, uar=uar_difference)


def uar_difference(own: Judged, other: Judged) -> Interval:
    """Macro recall of one system less that of another over the same units, the same films drawn for both."""
    (films, ours), (_, theirs) = own.by_film(), other.by_film()
    return interval(uar(ours.sum(axis=0)) - uar(theirs.sum(axis=0)), uar(resampled(ours)) - uar(resampled(theirs)), len(films))
