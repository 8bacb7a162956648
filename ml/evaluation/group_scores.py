"""How the model treats groups of films and speakers: genre, language, decade, country, culture; gender and new actors where declared.

Nothing is inferred about anybody: a film's groups are what its catalogue entry says, a speaker's gender and actor what the entry declares
of that character. A group of fewer than 30 gold units is counted and not told, since its figures would be chance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from corpus.films.catalogue.groups import KINDS, FilmGroups
from corpus.statistics import FloatArray, IntArray, label_counts, sign_flip_test
from corpus.terms import DISTRESS, EMOTIONS, FUSED
from ml.evaluation.findings import LEAST_GROUP, GroupScore, Interval
from ml.evaluation.humans import Ballots, hits
from ml.evaluation.metrics import Judged, accuracy, confusions, optional, recalls, resampled, uar
from ml.evaluation.resampling import DRAWS, StrArray, film_counts, holm, interval, sums
from ml.evaluation.scored import BoolArray, Scored

GENDER, ACTOR = "speaker’s gender", "speaker’s actor"

UNITS_A_BIN = 10
MOST_BINS = 15
LEAST_FILMS = 5
"""An interval from fewer films would be far too narrow."""


def group_scores(scored: Scored, films: Mapping[str, FilmGroups], ballots: Ballots | None) -> tuple[list[GroupScore], dict[str, int]]:
    """The fused system on every group that is large enough, Holm's correction over all of them, and how many units each other group has."""
    judged, members = scored.judged(FUSED), dict(_members(scored, films))
    told = {key: units for key, units in members.items() if units.sum() >= LEAST_GROUP}
    scores = [_group(*key, judged, units, _human(ballots, units)) for key, units in told.items()]
    withheld = {f"{kind}: {value}": int(units.sum()) for (kind, value), units in members.items() if units.sum() < LEAST_GROUP}
    return _corrected(scores), withheld


def _corrected(scores: Sequence[GroupScore]) -> list[GroupScore]:
    adjusted = iter(holm([score.p_value for score in scores if score.p_value is not None]))
    return [score if score.p_value is None else dataclasses.replace(score, p_holm=next(adjusted)) for score in scores]


def _members(scored: Scored, films: Mapping[str, FilmGroups]) -> Iterator[tuple[tuple[str, str], BoolArray]]:
    """Every group (kind, value) and which gold units (n,) are in it."""
    own = {film_id: films.get(film_id, FilmGroups()) for film_id in set(scored.film)}
    for kind in KINDS:
        for name in sorted({name for groups in own.values() for name in groups.values.get(kind, ())}):
            inside = [film_id for film_id, groups in own.items() if name in groups.values.get(kind, ())]
            yield (kind, name), np.isin(scored.film, inside)
    genders = _by_speaker(scored, {film_id: groups.genders for film_id, groups in own.items()})
    for name in sorted({str(name) for name in genders} - {""}):
        yield (GENDER, name), genders == name
    actors = _by_speaker(scored, {film_id: groups.actors for film_id, groups in own.items()})
    met = _met(scored, own)
    yield from (((ACTOR, name), units) for name, units in (("new", (actors != "") & ~met), ("seen in training", met)) if units.any())


def _by_speaker(scored: Scored, declared: Mapping[str, Mapping[str, str]]) -> StrArray:
    """What is declared of each gold unit's speaker (n,); empty where nothing is."""
    speakers = zip(scored.film, scored.gold["character_id"], strict=True)
    return np.array([declared[film].get(str(speaker), "") for film, speaker in speakers], str)


def _met(scored: Scored, own: Mapping[str, FilmGroups]) -> BoolArray:
    """Whether the speaker's actor plays in a gold film of another fold too, from which the model that was tested here learned (n,)."""
    fold = dict(zip(scored.film, scored.systems[FUSED]["fold"], strict=True))
    folds: dict[str, set[int]] = {}
    for film_id, groups in own.items():
        for actor in groups.actors.values():
            folds.setdefault(actor, set()).add(int(fold[film_id]))
    actors = _by_speaker(scored, {film_id: groups.actors for film_id, groups in own.items()})
    return np.array([bool(folds.get(str(actor), set()) - {int(fold[film])}) for actor, film in zip(actors, scored.film, strict=True)], bool)


def _human(ballots: Ballots | None, units: BoolArray) -> float | None:
    """The raters' agreement with each other on the group's units."""
    if ballots is None:
        return None
    own = hits(ballots, ballots.label)[units[ballots.unit]]
    return float(np.nanmean(own)) if np.isfinite(own).any() else None


def _group(kind: str, value: str, judged: Judged, units: BoolArray, human: float | None) -> GroupScore:
    films, film = np.unique(judged.film[units], return_inverse=True)
    by_film = confusions(judged.label[units], judged.top[units], film, len(films))
    whole, draws = by_film.sum(axis=0), resampled(by_film)
    right = judged.top == judged.label
    alone, several = bool(units.all()), len(films) if len(films) >= LEAST_FILMS else 0
    return GroupScore(
        kind=kind,
        value=value,
        n_units=int(units.sum()),
        n_films=len(films),
        accuracy=interval(accuracy(whole), accuracy(draws), several),
        uar=interval(uar(whole), uar(draws), several),
        ece=_calibration(judged.probabilities[units].max(axis=1), right[units], film),
        human=human,
        recall=dict(zip(EMOTIONS, optional(recalls(whole)), strict=True)),
        false_distress=_false_distress(whole),
        difference=None if alone else float(right[units].mean() - right[~units].mean()),
        p_value=None if alone else permutation_p(right, units, np.unique(judged.film, return_inverse=True)[1]),
        p_holm=None,
    )


def _false_distress(confusion: FloatArray) -> float | None:
    """The share of the units without distress that are taken for it."""
    distress = np.isin(EMOTIONS, DISTRESS)
    calm = confusion[~distress]
    return float(calm[:, distress].sum() / calm.sum()) if calm.sum() else None


def _calibration(confidence: FloatArray, right: BoolArray, film: IntArray) -> Interval:
    """Expected calibration error in bins of equal mass, films resampled within the same bins."""
    bins = int(np.clip(len(right) // UNITS_A_BIN, 1, MOST_BINS))
    place = np.empty(len(right), np.int64)
    place[np.argsort(confidence, kind="stable")] = np.arange(len(right)) * bins // len(right)
    n_films = int(film.max()) + 1
    gap = label_counts(film, place, n_films, bins, confidence - right)
    counts = film_counts(n_films)
    drawn = np.abs(counts @ gap).sum(axis=1) / np.maximum(counts @ np.bincount(film, minlength=n_films), 1)
    return interval(float(np.abs(gap.sum(axis=0)).sum() / len(right)), drawn, n_films if n_films >= LEAST_FILMS else 0)


def permutation_p(right: BoolArray, inside: BoolArray, film: IntArray) -> float | None:
    """Two-sided p that the units `inside` (n,) are right as often as the others, by film; None where nothing can be permuted.

    Where the films are wholly inside or outside, which of them are inside is permuted (10,000 draws); where films have units of both,
    the signs of the differences within those are.
    """
    n_films, hit = int(film.max()) + 1, right.astype(np.float64)
    right_in, right_out = sums(film, hit * inside, n_films), sums(film, hit * ~inside, n_films)
    n_in, n_out = sums(film, inside.astype(np.float64), n_films), sums(film, (~inside).astype(np.float64), n_films)
    both = (n_in > 0) & (n_out > 0)
    if both.any():
        differences = right_in[both] / n_in[both] - right_out[both] / n_out[both]
        return None if both.sum() < 2 else min(1.0, 2 * min(sign_flip_test(differences), sign_flip_test(-differences)))
    return _permuted(right_in + right_out, n_in + n_out, n_in > 0)


def _permuted(right: FloatArray, units: FloatArray, inside: BoolArray) -> float:
    """How often films drawn at random, as many as are inside, differ from the others at least as much."""
    order = np.random.default_rng(0).random((DRAWS, len(inside))).argsort(axis=1)
    drawn = np.concatenate([inside[None], inside[order]]).astype(np.float64)
    share_in = drawn @ right / (drawn @ units)
    share_out = (1 - drawn) @ right / ((1 - drawn) @ units)
    apart = np.abs(share_in - share_out)
    return float((apart >= apart[0] - 1e-12).mean())
