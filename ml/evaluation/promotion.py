"""Promotion: pure rules on validation reports that say whether a challenger may become champion, and why.

Without a champion the challenger must beat the baselines; against one it must win the paired comparison on the films both were tested
on, lose no emotion beyond a bound and stay calibrated. In both cases its data and weights must allow the use that the team declares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corpus.terms import DeclaredUse
from ml.evaluation.report import CorpusReport, SystemScore, ValidationReport

DRAWS = 2000
USES = tuple(use.value for use in DeclaredUse)
"""From the narrowest to the widest."""


@dataclass(frozen=True)
class Bounds:
    """How much worse a challenger may be: recall of an emotion (points of 1), calibration error, lower end of the paired interval.

    On few units the calibration error is mostly chance (0.2 for an honest model on 60 units in 15 bins), so it binds from
    `min_calibration_units` on.
    """

    emotion_recall_loss: float = 0.10
    min_emotion_units: int = 20
    max_ece: float = 0.15
    min_calibration_units: int = 100
    min_gain_low: float = -0.02
    baseline_p: float = 0.05


@dataclass(frozen=True)
class Decision:
    """Whether the challenger is promoted; `reasons` in words, those that speak against it first."""

    promoted: bool
    reasons: list[str]
    challenger_version: str
    champion_version: str | None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


def decide(
    challenger: ValidationReport,
    champion: ValidationReport | None,
    model_use: str,
    declared_use: str,
    bounds: Bounds | None = None,
) -> Decision:
    """Judge a challenger.

    `model_use` is the widest use its data and pretrained weights allow, `declared_use` the team's (values of DeclaredUse).
    """
    bounds = bounds or Bounds()
    own = challenger.corpora[0]
    against, speaking = _check_use(model_use, declared_use)
    _check_ece(own, bounds, against, speaking)
    _check_baselines(own, bounds, against, speaking)
    gain = _check_champion(own, champion, bounds, against, speaking)
    version = champion.model_version if champion is not None else None
    return Decision(not against, against + speaking, challenger.model_version, version, *(gain or (None, None, None)))


def _check_use(model_use: str, declared_use: str) -> tuple[list[str], list[str]]:
    if USES.index(model_use) < USES.index(declared_use):
        return [f"its data and weights are for {model_use} use, the team declares {declared_use} use"], []
    return [], [f"its data and weights allow {model_use} use"]


def _fused(report: CorpusReport) -> SystemScore:
    return report.scores[0]


def _check_ece(own: CorpusReport, bounds: Bounds, against: list[str], speaking: list[str]) -> None:
    ece, n_units = _fused(own).ece, _fused(own).n_units
    if n_units < bounds.min_calibration_units:
        speaking.append(f"{n_units} units are too few to judge its calibration")
    elif ece is not None and ece > bounds.max_ece:
        against.append(f"its confidence is off by {ece:.3f} on average, more than {bounds.max_ece:.3f}")
    elif ece is not None:
        speaking.append(f"its calibration error is {ece:.3f}")


def _check_baselines(own: CorpusReport, bounds: Bounds, against: list[str], speaking: list[str]) -> None:
    kinds = {score.system: score.kind for score in own.scores}
    for test in own.tests:
        if kinds[test.other] != "baseline":
            continue
        beaten = test.difference > 0 and (test.p_value < bounds.baseline_p or test.n_films < 5)
        said = f"the baseline {test.other} by {100 * test.difference:.1f} points (p = {test.p_value:.4f}, {test.n_films} films)"
        (speaking if beaten else against).append(f"beats {said}" if beaten else f"does not surely beat {said}")


def _check_champion(
    own: CorpusReport, champion: ValidationReport | None, bounds: Bounds, against: list[str], speaking: list[str]
) -> tuple[float, float, float] | None:
    """Paired comparison on shared films; notes reasons and returns gain and interval."""
    if champion is None:
        speaking.append("there is no champion yet")
        return None
    other = champion.corpus(own.name)
    shared = sorted(set(_fused(own).by_film) & set(_fused(other).by_film)) if other is not None else []
    if other is None or len(shared) < 2:
        speaking.append("it was tested on other films than the champion, so only the baselines count")
        return None
    gain, low, high = paired_gain(_fused(own), _fused(other), shared)
    said = f"{100 * gain:+.1f} points against the champion on {len(shared)} films (95 % {100 * low:+.1f} to {100 * high:+.1f})"
    (against if low < bounds.min_gain_low or gain < 0 else speaking).append(said)
    _check_emotions(_fused(own), _fused(other), bounds, against)
    return gain, low, high


def paired_gain(own: SystemScore, other: SystemScore, films: list[str], seed: int = 0) -> tuple[float, float, float]:
    """Mean difference in accuracy over `films` and its 95 % interval, resampling films."""
    differences = np.array([own.by_film[film] - other.by_film[film] for film in films])
    drawn = np.random.default_rng(seed).integers(len(films), size=(DRAWS, len(films)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)


def _check_emotions(own: SystemScore, other: SystemScore, bounds: Bounds, against: list[str]) -> None:
    units = {emotion: sum(row) for emotion, row in zip(own.recall, own.confusion, strict=True)}
    for emotion, recall in own.recall.items():
        before = other.recall.get(emotion)
        if recall is None or before is None or units[emotion] < bounds.min_emotion_units:
            continue
        if recall < before - bounds.emotion_recall_loss:
            against.append(f"it recognises {emotion} less often than the champion: recall {recall:.2f} against {before:.2f}")
