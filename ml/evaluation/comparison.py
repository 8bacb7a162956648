"""Is the model better than another system: paired by film, with an interval, and corrected for asking of many systems.

The differences in accuracy by film are tested by flipping their signs, which is exact for few films, and bootstrapped for the interval.
Holm's correction covers the systems of one corpus.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from corpus.statistics import sign_flip_test
from ml.evaluation.report import PairedTest, SystemScore
from ml.evaluation.resampling import holm, mean_interval


def paired_tests(scores: Sequence[SystemScore]) -> list[PairedTest]:
    """The first system against each other one, film by film."""
    tests = [_paired(scores[0], other) for other in scores[1:]]
    adjusted = holm([test.p_value for test in tests])
    return [dataclasses.replace(test, p_holm=p) for test, p in zip(tests, adjusted, strict=True)]


def _paired(fused: SystemScore, other: SystemScore) -> PairedTest:
    differences = np.array([fused.by_film[film] - other.by_film[film] for film in sorted(fused.by_film)])
    spread = mean_interval(differences)
    return PairedTest(other.system, len(differences), spread.value, sign_flip_test(differences), spread.low, spread.high)
