"""Groups of films and speakers: who is in which, what is withheld, and tests by film against known truth."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import recall_score

from corpus.films.catalogue.entries import Character, Film
from corpus.films.catalogue.groups import FilmGroups, film_groups
from corpus.terms import EMOTIONS
from ml.evaluation.calibration import expected_calibration_error
from ml.evaluation.findings import GroupScore
from ml.evaluation.group_scores import group_scores, permutation_p
from ml.evaluation.humans import Ballots
from ml.evaluation.scored import Scored
from tests.emotions import N_EMOTIONS
from tests.ml.evaluation.gold_table import one_hot, scored_table

FILMS = [f"film-{i:02d}" for i in range(12)]


def test_a_film_is_in_the_groups_that_its_entry_declares_and_in_no_other() -> None:
    film = Film("a", "A", Path("a.mkv"), year=1968, language="en", country="US", genres=("horror", "drama"))
    assert film_groups(film).values == {
        "genre": ("horror", "drama"), "language": ("en",), "decade": ("1960s",), "country": ("US",), "culture": ("Northern America",),
    }  # fmt: skip
    assert film_groups(Film("b", "B", Path("b.mkv"))) == FilmGroups()
    told = Film("c", "C", Path("c.mkv"), characters=(Character("Mara Vane", gender="woman"), Character("Ben", actor="Duane Jones")))
    assert film_groups(told).genders == {"mara-vane": "woman"} and film_groups(told).actors == {"ben": "Duane Jones"}


def told(table: Scored, groups: dict[str, FilmGroups], ballots: Ballots | None = None) -> list[GroupScore]:
    return group_scores(table, groups, ballots)[0]


def built(n: int = 504, seed: int = 0):
    """Twelve films; the model is right on comedies and seldom on dramas, equally for women and men."""
    rng = np.random.default_rng(seed)
    film = np.array(FILMS)[np.arange(n) % 12]
    truth = rng.integers(N_EMOTIONS, size=n)
    comedy = np.isin(film, FILMS[:6])
    said = np.where(rng.random(n) < np.where(comedy, 0.95, 0.4), truth, (truth + 1) % N_EMOTIONS)
    speakers = np.array(["mara", "jonas", "nobody"])[np.arange(n) // 12 % 3]
    table = scored_table(one_hot(truth, 0.9), film, {"fused": one_hot(said)}, character_id=speakers)
    genders = {"mara": "woman", "jonas": "man"}
    groups = {name: FilmGroups({"genre": ("comedy" if name in FILMS[:6] else "drama",), "language": ("en",)}, genders) for name in FILMS}
    return table, groups, said == truth, comedy


def test_a_group_has_its_own_figures_and_a_true_difference_is_found() -> None:
    table, groups, right, comedy = built()
    found = {(one.kind, one.value): one for one in told(table, groups)}
    one = found["genre", "comedy"]
    assert (one.n_units, one.n_films) == (252, 6)
    assert one.accuracy.value == pytest.approx(right[comedy].mean())
    assert one.difference == pytest.approx(right[comedy].mean() - right[~comedy].mean())
    assert one.p_value is not None and one.p_holm is not None
    assert one.p_value < 0.01 and one.p_value <= one.p_holm
    gender = found["speaker’s gender", "woman"]
    assert gender.n_units == 168 and gender.p_value is not None and gender.p_value > 0.05


def test_who_is_not_declared_is_in_no_group() -> None:
    table, groups, _, _ = built()
    genders = [one for one in told(table, groups) if one.kind == "speaker’s gender"]
    assert {one.value: one.n_units for one in genders} == {"man": 168, "woman": 168}
    assert told(table, {}) == []


def test_an_actor_is_new_where_the_tested_model_learned_from_no_film_of_theirs() -> None:
    table, _, _, _ = built()
    fold = np.array([FILMS.index(film) // 4 for film in table.film])
    table.systems["fused"] = table.systems["fused"].assign(fold=fold)
    groups = {
        name: FilmGroups(actors={"mara": "A. Star" if i in (0, 4) else "A. Guest"} if i in (0, 1, 2, 4) else {})
        for i, name in enumerate(FILMS)
    }
    scores, withheld = group_scores(table, groups, None)
    assert scores == [] and withheld == {"speaker’s actor: new": 2 * 14, "speaker’s actor: seen in training": 2 * 14}


def test_a_group_that_holds_everything_is_compared_with_nothing() -> None:
    table, groups, _, _ = built()
    one = next(one for one in told(table, groups) if one.kind == "language")
    assert one.difference is None and one.p_value is None and one.p_holm is None


def test_a_group_of_fewer_than_thirty_is_counted_and_not_told() -> None:
    table, groups, _, _ = built(120)
    groups[FILMS[0]] = FilmGroups({"genre": ("war",)})
    scores, withheld = group_scores(table, groups, None)
    assert all(one.accuracy.low is not None for one in scores if one.name == "genre: drama")
    assert withheld == {"genre: war": 10}
    assert "genre: war" not in {one.name for one in scores}


def test_recall_and_false_distress_of_a_group_are_those_of_its_units() -> None:
    table, groups, _, comedy = built()
    one = next(one for one in told(table, groups) if one.value == "drama")
    truth, said = table.label[~comedy], table.top["fused"][~comedy]
    assert list(one.recall.values()) == pytest.approx(recall_score(truth, said, average=None))
    distress = [EMOTIONS.index("fear"), EMOTIONS.index("sadness")]
    calm = ~np.isin(truth, distress)
    assert one.false_distress == pytest.approx(np.isin(said[calm], distress).mean())


def test_few_films_make_no_interval() -> None:
    table, _, _, _ = built()
    groups = {name: FilmGroups({"genre": ("war",)}) for name in FILMS[:4]}
    one = told(table, groups)[0]
    assert one.accuracy.low is None and one.ece.low is None and one.p_value is not None


def test_calibration_of_a_group_is_that_of_its_units() -> None:
    table, groups, _, comedy = built()
    one = next(one for one in told(table, groups) if one.value == "comedy")
    judged = table.judged("fused")
    assert one.ece.value == pytest.approx(expected_calibration_error(judged.probabilities[comedy], judged.label[comedy]), abs=0.01)
    assert one.ece.low is not None and one.ece.high is not None and one.ece.low <= one.ece.high


def test_people_stand_beside_the_model_on_the_same_units() -> None:
    table, groups, _, comedy = built()
    unit = np.repeat(np.arange(504), 3)
    agreed = np.where(comedy[unit], 0, np.tile([0, 1, 2], 504))
    ballots = Ballots(unit, np.tile(np.arange(3), 504), agreed, np.full(len(unit), np.nan), table.film[unit])
    human = {one.value: one.human for one in told(table, groups, ballots) if one.kind == "genre"}
    assert human == {"comedy": 1.0, "drama": 0.0}


def test_permutation_of_films_equals_counting_all_of_them() -> None:
    right = np.array([1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0], bool)
    film = np.repeat(np.arange(6), 2)
    inside = film < 3
    shares = [
        abs(right[np.isin(film, chosen)].mean() - right[~np.isin(film, chosen)].mean()) for chosen in itertools.combinations(range(6), 3)
    ]
    exact = np.mean(np.array(shares) >= shares[0] - 1e-12)
    assert permutation_p(right, inside, film) == pytest.approx(exact, abs=0.02)


def test_within_films_the_signs_are_flipped() -> None:
    film = np.repeat(np.arange(8), 4)
    inside = np.tile([True, True, False, False], 8)
    assert permutation_p(inside.copy(), inside, film) == pytest.approx(2 / 2**8)
    assert permutation_p(np.ones(32, bool), inside, film) == 1.0
    assert permutation_p(inside[:4], inside[:4], film[:4]) is None
