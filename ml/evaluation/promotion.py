"""Promotion: pure rules on validation reports that say whether a challenger may become champion, and why.

A challenger must beat the baselines and be no worse than any of its modalities alone; against a champion it must be better on the unseen
films that both were tested on, lose no emotion and no group beyond a bound and stay calibrated. In both cases its data and weights must
allow the use that the team declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from corpus.terms import DISTRESS, EMOTIONS
from ml.evaluation.report import CorpusReport, SystemScore, ValidationReport
from ml.models.grounds import Ground, allows, named, narrower

DRAWS = 2000


@dataclass(frozen=True)
class Bounds:
    """How much worse a challenger may be: recall of an emotion and of distress, UAR of a group (points of 1), calibration error.

    Distress is recognised where fear or sadness is read as either; by chance that is so in 2 of 7.

    It counts as better than the champion when it is so in `min_better` of the draws of films. On few units the calibration error is
    mostly chance (0.2 for an honest model on 60 units in 15 bins), so it binds from `min_calibration_units` on.
    """

    emotion_recall_loss: float = 0.10
    min_emotion_units: int = 20
    max_ece: float = 0.15
    min_calibration_units: int = 100
    group_uar_loss: float = 0.10
    min_group_units: int = 30
    min_better: float = 0.95
    min_distress_recall: float = 0.4
    distress_recall_loss: float = 0.05
    min_distress_units: int = 30
    baseline_p: float = 0.05
    min_fusion_units: int = 30


@dataclass(frozen=True)
class Gain:
    """Paired comparison by film: mean difference in accuracy, its 95 % interval, and the share of draws in which it is above 0."""

    mean: float
    low: float
    high: float
    better: float


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
    grounds: Sequence[Ground] = (),
) -> Decision:
    """Judge a challenger.

    `model_use` is the widest use its data and pretrained weights (`grounds`) allow, `declared_use` the team's (values of DeclaredUse).
    """
    bounds = bounds or Bounds()
    own = challenger.corpora[0]
    against, speaking = _check_use(model_use, declared_use, grounds)
    _check_ece(own, bounds, against, speaking)
    _check_baselines(own, bounds, against, speaking)
    _check_modalities(own, bounds, against, speaking)
    _check_distress(own, bounds, against, speaking)
    gain = _check_champion(own, champion, bounds, against, speaking)
    version = champion.model_version if champion is not None else None
    figures = (gain.mean, gain.low, gain.high) if gain is not None else (None, None, None)
    return Decision(not against, against + speaking, challenger.model_version, version, *figures)


def _check_use(model_use: str, declared_use: str, grounds: Sequence[Ground]) -> tuple[list[str], list[str]]:
    refusal = refused_use(model_use, declared_use, grounds)
    return ([refusal], []) if refusal else ([], [f"its data and weights allow {model_use} use"])


def refused_use(model_use: str, declared_use: str, grounds: Sequence[Ground]) -> str | None:
    """Why a model may not be used as the team declares, naming what stands in the way; None where it may."""
    if allows(model_use, declared_use):
        return None
    narrow = named(narrower(grounds, declared_use)) or "what narrows it is not recorded"
    return (
        f"its data and weights are for {model_use} use, the team declares {declared_use} use: {narrow}; train without them, or declare a "
        "narrower use in params.yaml"
    )


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


def _check_modalities(own: CorpusReport, bounds: Bounds, against: list[str], speaking: list[str]) -> None:
    """Refuse a model that one of its modalities beats in macro recall: fusion does harm there, or a modality knows what it should not.

    Where there is one modality alone, fusion has nothing to join.
    """
    fused, single = _fused(own), [score for score in own.scores if score.kind == "modality"]
    if len(single) < 2 or fused.n_units < bounds.min_fusion_units:
        return
    best = max(single, key=lambda score: score.uar.value)
    gap, names = fused.uar.value - best.uar.value, {"text": "words"}
    said = f"{names.get(best.system, best.system)} alone by {100 * abs(gap):.1f} points of macro recall"
    (against if gap < 0 else speaking).append(f"falls behind {said}" if gap < 0 else f"beats {said}, the best of its modalities")


def distress(score: SystemScore) -> tuple[int, float]:
    """How many gold units are of fear or sadness, and the share (0..1) of them that is read as either; 0 where there are none."""
    among = np.isin(EMOTIONS, DISTRESS)
    rows = np.asarray(score.confusion, np.float64)[among]
    return int(rows.sum()), float(rows[:, among].sum() / max(rows.sum(), 1))


def _check_distress(own: CorpusReport, bounds: Bounds, against: list[str], speaking: list[str]) -> None:
    units, recall = distress(_fused(own))
    if units < bounds.min_distress_units:
        speaking.append(f"{units} units of fear or sadness are too few to judge how it recognises distress")
        return
    said = f"fear or sadness in {100 * recall:.0f} % of {units} units"
    enough = recall >= bounds.min_distress_recall
    (speaking if enough else against).append(
        f"recognises {said}" + ("" if enough else f", {100 * bounds.min_distress_recall:.0f} % are asked")
    )


def _check_distress_kept(own: SystemScore, other: SystemScore, bounds: Bounds, against: list[str]) -> None:
    (units, recall), (_, before) = distress(own), distress(other)
    if units >= bounds.min_distress_units and recall < before - bounds.distress_recall_loss:
        against.append(f"it recognises distress less often than the champion: {100 * recall:.0f} % against {100 * before:.0f} %")


def _check_champion(
    own: CorpusReport, champion: ValidationReport | None, bounds: Bounds, against: list[str], speaking: list[str]
) -> Gain | None:
    """Paired comparison on shared films; notes reasons and returns the gain."""
    if champion is None:
        speaking.append("there is no champion yet")
        return None
    other = champion.corpus(own.name)
    shared = sorted(set(_fused(own).by_film) & set(_fused(other).by_film)) if other is not None else []
    if other is None or len(shared) < 2:
        speaking.append("it was tested on other films than the champion, so only the baselines count")
        return None
    gain = paired_gain(_fused(own), _fused(other), shared)
    spread = f"95 % {100 * gain.low:+.1f} to {100 * gain.high:+.1f}, better in {100 * gain.better:.0f} % of the draws"
    said = f"{100 * gain.mean:+.1f} points against the champion on {len(shared)} films that neither saw ({spread})"
    beaten = gain.mean > 0 and gain.better >= bounds.min_better
    (speaking if beaten else against).append(said if beaten else f"it is not surely better: {said}")
    _check_emotions(_fused(own), _fused(other), bounds, against)
    _check_distress_kept(_fused(own), _fused(other), bounds, against)
    _check_groups(own, other, bounds, against)
    return gain


def paired_gain(own: SystemScore, other: SystemScore, films: list[str]) -> Gain:
    """Difference in accuracy on `films`, resampling films."""
    differences = np.array([own.by_film[film] - other.by_film[film] for film in films])
    drawn = np.random.default_rng(0).integers(len(films), size=(DRAWS, len(films)))
    means = differences[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Gain(float(differences.mean()), float(low), float(high), float((means > 0).mean()))


def _check_emotions(own: SystemScore, other: SystemScore, bounds: Bounds, against: list[str]) -> None:
    units = {emotion: sum(row) for emotion, row in zip(EMOTIONS, own.confusion, strict=True)}
    for emotion, recall in own.recall.items():
        before = other.recall.get(emotion)
        if recall is None or before is None or units[emotion] < bounds.min_emotion_units:
            continue
        if recall < before - bounds.emotion_recall_loss:
            against.append(f"it recognises {emotion} less often than the champion: recall {recall:.2f} against {before:.2f}")


def _check_groups(own: CorpusReport, other: CorpusReport, bounds: Bounds, against: list[str]) -> None:
    """Groups that both reports measured."""
    before = {group.name: group.uar.value for group in other.groups}
    for group in own.groups:
        if group.name not in before or group.n_units < bounds.min_group_units:
            continue
        if group.uar.value < before[group.name] - bounds.group_uar_loss:
            said = f"UAR {group.uar.value:.2f} against {before[group.name]:.2f}"
            against.append(f"it reads the group {group.name} worse than the champion: {said}")
