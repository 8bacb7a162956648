"""The simulated raters: skills as stated, a spammer who differs, and rows that the importer takes."""

import csv
import io
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from corpus.annotations.importers.registry import read_delivery
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.maker.raters import CONFUSIONS, annotations_csv, raters
from corpus.maker.truth import Truth

SEED = 11


@pytest.fixture(scope="module")
def many_truths(truth: Truth) -> list[Truth]:
    """The short film's truth as if it were seventy films: raters see only its lines."""
    return [replace(truth, index=index, film_id=f"made-11-{index:02d}") for index in range(1, 71)]


@pytest.fixture(scope="module")
def rows(many_truths: list[Truth]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(annotations_csv(many_truths, SEED))))


def _by_rater(rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    judged = defaultdict(list)
    for row in rows:
        judged[row["annotator"]].append(row)
    return judged


def test_honest_raters_are_right_as_often_as_their_skill(rows, many_truths):
    emotions = [line.emotion for truth in many_truths for line in truth.lines]
    judged = _by_rater(rows)
    for rater in raters(SEED):
        right = np.mean([row["emotion"] == emotion for row, emotion in zip(judged[rater.name], emotions, strict=True)])
        assert right == pytest.approx(rater.skill, abs=0.04) if rater.skill else right < 0.4


def test_honest_mistakes_are_plausible_ones(rows, many_truths):
    emotions = [line.emotion for truth in many_truths for line in truth.lines]
    for rater in raters(SEED):
        if rater.skill:
            wrong = [(e, row["emotion"]) for row, e in zip(_by_rater(rows)[rater.name], emotions, strict=True) if row["emotion"] != e]
            assert all(taken in CONFUSIONS[emotion] for emotion, taken in wrong)


def test_one_of_four_is_a_spammer_who_answers_at_once(rows):
    people = raters(SEED)
    spammers = [rater.name for rater in people if rater.skill is None]
    lead = {name: np.median([int(row["lead_time_ms"]) for row in judged]) for name, judged in _by_rater(rows).items()}
    assert len(people) == 4 and len(spammers) == 1
    assert lead[spammers[0]] < 0.25 * min(ms for name, ms in lead.items() if name != spammers[0])


def test_both_habits_of_spamming_occur_over_seeds():
    habits = Counter(rater.habit for seed in range(20) for rater in raters(seed) if rater.skill is None)
    assert set(habits) == {"constant", "random"}


def test_the_importer_takes_every_row(truth, tmp_path):
    source = tmp_path / "annotations.csv"
    source.write_text(annotations_csv([truth], SEED))
    delivery = read_delivery(source, Pseudonyms(tmp_path / "map.json"))
    assert delivery.fault is None and not delivery.refusals and not delivery.unknown_columns
    assert len(delivery.judgements) == 4 * len(truth.lines)


def test_intensities_follow_the_truth_and_some_lines_carry_notes(rows, many_truths):
    true = [line.intensity for truth in many_truths for line in truth.lines]
    judged = _by_rater(rows)
    for rater in raters(SEED):
        if rater.skill:
            given = [float(row["intensity"]) for row in judged[rater.name]]
            assert np.corrcoef(given, true)[0, 1] > 0.75
            assert 0.02 < np.mean([row["note"] != "" for row in judged[rater.name]]) < 0.15
