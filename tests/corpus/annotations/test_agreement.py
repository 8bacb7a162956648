"""Who agrees with whom, and what is disputed, against figures counted by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from corpus.annotations.agreement import LEAST_SHARED, disputed, pairwise_agreement
from corpus.contracts import GOLD_LABELS, UNITS, VOTES
from corpus.terms import EMOTIONS
from tests.emotions import shares

Said = tuple[str, str, Sequence[str]]


def votes_of(said: Iterable[Said], flagged: str = "", perspective: str = "portrayed") -> pd.DataFrame:
    """The table VOTES of (unit, rater, emotions)."""
    rows = [
        {
            "unit_id": unit,
            "film_id": unit.split(".")[0],
            "perspective": perspective,
            "annotator_id": rater,
            "group_id": f"{rater}-{unit}",
            "label": label,
            "weight": 0.0 if rater == flagged else 1 / len(labels),
        }
        for unit, rater, labels in said
        for label in labels
    ]
    return VOTES.frame(rows)


def gold_of(counts: dict[str, int]) -> pd.DataFrame:
    """The table GOLD_LABELS of units with so many raters who count."""
    share = {f"p_{emotion}": 1 / len(EMOTIONS) for emotion in EMOTIONS}
    facts = {"perspective": "portrayed", "status": "ambiguous", "top_share": 0.5, "entropy_bits": 1.0}
    rows = [{"unit_id": unit, "film_id": unit.split(".")[0], "n_raters": n, **facts, **share} for unit, n in counts.items()]
    return GOLD_LABELS.frame(rows)


def units_of(names: Iterable[str]) -> pd.DataFrame:
    return UNITS.frame(
        {"unit_id": name, "film_id": name.split(".")[0], "level": "scene" if "scene" in name else "utterance"} for name in names
    )


def test_two_raters_agree_on_the_share_of_shared_units_with_the_same_emotion() -> None:
    said: list[Said] = [
        (f"f.u{i:02d}", rater, ["joy" if i < hits else rater]) for rater, hits in (("anger", 20), ("fear", 9)) for i in range(12)
    ]
    (pair,) = pairwise_agreement(votes_of(said))
    assert (pair.first, pair.second, pair.units, pair.agreement) == ("anger", "fear", 12, 0.75)


def test_every_pair_is_what_counting_unit_by_unit_gives() -> None:
    rng = np.random.default_rng(3)
    said: list[Said] = [
        (f"f.u{i:02d}", f"r{r}", list(rng.choice(EMOTIONS, size=rng.integers(1, 4), replace=False)))
        for r in range(6)
        for i in range(70)
        if rng.random() < 0.6
    ]
    given = {(unit, rater): set(labels) for unit, rater, labels in said}
    found = {(pair.first, pair.second): (pair.units, pair.agreement) for pair in pairwise_agreement(votes_of(said))}
    for first, second in combinations([f"r{r}" for r in range(6)], 2):
        shared = [unit for unit, rater in given if rater == first and (unit, second) in given]
        common = [
            sum(
                min((e in given[unit, first]) / len(given[unit, first]), (e in given[unit, second]) / len(given[unit, second]))
                for e in EMOTIONS
            )
            for unit in shared
        ]
        assert found[first, second] == (len(shared), pytest.approx(np.mean(common), abs=1e-6))
    assert list(found) == sorted(found)


def test_flagged_raters_and_pairs_that_share_too_few_units_are_left_out() -> None:
    said: list[Said] = [(f"f.u{i:02d}", rater, ["joy"]) for rater in "abc" for i in range(LEAST_SHARED)]
    said += [(f"f.u{i:02d}", "late", ["joy"]) for i in range(LEAST_SHARED - 1)]
    assert [(pair.first, pair.second) for pair in pairwise_agreement(votes_of(said, flagged="c"))] == [("a", "b")]


def test_the_order_of_the_votes_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    votes = votes_of([(f"f.u{i:02d}", f"r{r}", [str(rng.choice(EMOTIONS))]) for r in range(4) for i in range(15)])
    gold, units = gold_of({f"f.u{i:02d}": 4 for i in range(15)}), units_of(f"f.u{i:02d}" for i in range(15))
    shuffled = votes.sample(frac=1, random_state=1)
    assert pairwise_agreement(shuffled) == pairwise_agreement(votes)
    assert disputed(gold.sample(frac=1, random_state=2), shuffled, units) == disputed(gold, votes, units)


def test_disputes_stand_by_entropy_and_keep_the_lone_voice() -> None:
    said: list[Said] = [("f.u0", rater, ["joy"]) for rater in "abcd"]
    said += [("f.u1", rater, [label]) for rater, label in zip("abcd", ("joy", "joy", "joy", "fear"), strict=True)]
    said += [("f.u2", rater, [label]) for rater, label in zip("abcd", ("joy", "joy", "fear", "fear"), strict=True)]
    said += [("f.u3", rater, [label]) for rater, label in zip("ab", ("joy", "fear"), strict=True)]
    names = {"f.u0": 4, "f.u1": 4, "f.u2": 4, "f.u3": 2}
    found = disputed(gold_of(names), votes_of(said), units_of(names))
    assert [(one.unit_id, one.named_by) for one in found] == [
        ("f.u2", (("joy", 2), ("fear", 2))),
        ("f.u1", (("joy", 3), ("fear", 1))),
    ]
    assert found[0].entropy_bits == 1.0
    assert found[1].entropy_bits == pytest.approx(-(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)), abs=1e-6)
    assert found[1].shares == tuple(shares(0, joy=0.75, fear=0.25))


def test_a_flagged_raters_vote_makes_no_dispute_and_two_emotions_are_halves() -> None:
    said: list[Said] = [("f.u0", "a", ["joy"]), ("f.u0", "b", ["joy"]), ("f.u0", "c", ["joy", "surprise"]), ("f.u0", "spam", ["anger"])]
    (one,) = disputed(gold_of({"f.u0": 3}), votes_of(said, flagged="spam"), units_of(["f.u0"]))
    assert one.named_by == (("joy", 3), ("surprise", 1))
    assert one.shares[EMOTIONS.index("surprise")] == pytest.approx(1 / 6, abs=1e-6)


def test_scenes_are_disputed_only_where_nothing_finer_was_judged() -> None:
    names = ["talk.u0", "talk.scene000", "mute.scene000"]
    said: list[Said] = [(name, rater, [label]) for name in names for rater, label in zip("abc", ("joy", "fear", "anger"), strict=True)]
    found = disputed(gold_of(dict.fromkeys(names, 3)), votes_of(said), units_of(names))
    assert {one.unit_id for one in found} == {"talk.u0", "mute.scene000"}


def test_nothing_judged_gives_nothing() -> None:
    assert pairwise_agreement(VOTES.empty()) == []
    assert disputed(GOLD_LABELS.empty(), VOTES.empty(), UNITS.empty()) == []


def test_what_the_confusions_name_stands_beside_a_vote_that_says_otherwise() -> None:
    said: list[Said] = [
        (unit, rater, [label]) for unit in ("f.u0", "f.u1") for rater, label in zip("abc", ("joy", "joy", "fear"), strict=True)
    ]
    gold = gold_of({"f.u0": 3, "f.u1": 3}).assign(rater_model_label=["fear", "joy"])
    assert [one.model_label for one in disputed(gold, votes_of(said), units_of(["f.u0", "f.u1"]))] == ["fear", None]
