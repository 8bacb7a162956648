"""Films of an artifact tree compared: nothing where they are alike, what was disturbed where they are not."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corpus.contracts import ANNOTATIONS, GOLD_LABELS, PREDICTIONS, UNIT_FEATURES, VOTES
from corpus.paths import Home
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from ml.evaluation.drift import Comparison
from ml.evaluation.film_drift import agreement_by_month, compare_films, sentence
from tests.emotions import N_EMOTIONS
from tests.ml.artifacts import write_films

UNCERTAIN = 0.4


FILMS = 16


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("films") / ".feelm")
    write_films(home, FILMS, 24)
    return home


@pytest.fixture
def tree(written: Home, tmp_path: Path) -> tuple[Home, list[str], list[str]]:
    """A home of 16 films of one kind, without pictures; the last four count as new."""
    shutil.copytree(written.root, tmp_path / ".feelm", ignore=shutil.ignore_patterns("*crops*"))
    films = [f"film-{number:02d}" for number in range(FILMS)]
    return Home(tmp_path / ".feelm"), films[:12], films[12:]


def alter(home: Home, film: str, kind: str, column: str, by: float) -> None:
    path = home.artifact(f"{kind}_features", film) / "features.parquet"
    table = UNIT_FEATURES.read(path)
    UNIT_FEATURES.write(table.assign(**{column: (table[column] + by).astype(np.float32)}), path)


def named(found: Comparison) -> list[str]:
    return [shift.name for shift in found.drifted]


def test_films_of_one_kind_have_not_drifted_and_the_sentence_says_so(tree: tuple[Home, list[str], list[str]]):
    found = compare_films(*tree, {}, UNCERTAIN)
    assert found.drifted == ()
    assert {shift.name for shift in found.shifts} >= {"face: smile", "voice: pitch", "text: meaning, axis 1", "labels"}
    assert sentence(found) == "4 films that came since, against 12 that the model knows: nothing has shifted beyond how films differ anyway"


def test_a_disturbed_feature_is_found_and_named_first(tree: tuple[Home, list[str], list[str]]):
    home, known, new = tree
    for film in new:
        alter(home, film, "voice", "level", 4.0)
    found = compare_films(home, known, new, {}, UNCERTAIN)
    assert named(found) == ["voice: level"]
    assert sentence(found).endswith(f"shifted are voice: level (PSI {found.drifted[0].psi:.2f})")


def test_a_modality_that_is_gone_is_found(tree: tuple[Home, list[str], list[str]]):
    home, known, new = tree
    for film in new:
        path = home.artifact("face_features", film) / "features.parquet"
        table = UNIT_FEATURES.read(path)
        UNIT_FEATURES.write(table.assign(present=False, **dict.fromkeys(("smile", "brow", "eyes"), np.float32(np.nan))), path)
    assert named(compare_films(home, known, new, {}, UNCERTAIN)) == ["face: present"]


def test_other_labels_are_found(tree: tuple[Home, list[str], list[str]]):
    home, known, new = tree
    path = home.artifact("gold_labels") / "gold.parquet"
    gold = GOLD_LABELS.read(path)
    GOLD_LABELS.write(gold.assign(label=gold["label"].where(~gold["film_id"].isin(new), "fear")), path)
    assert named(compare_films(home, known, new, {}, UNCERTAIN)) == ["labels"]


def said(film: str, certain: float) -> pd.DataFrame:
    """Predictions of 40 units of which a share is sure."""
    top = np.where(np.arange(40) < certain * 40, 0.7, 0.3)
    table = pd.DataFrame({"unit_id": [f"{film}.{i}" for i in range(40)], "film_id": film, "system": "fused", "fold": 0})
    table[list(PROBABILITY_COLUMNS)] = np.repeat((1 - top)[:, None] / (N_EMOTIONS - 1), N_EMOTIONS, axis=1)
    return PREDICTIONS.frame(table.assign(**{PROBABILITY_COLUMNS[0]: top}).to_dict("records"))


def test_a_model_that_doubts_more_is_found(tree: tuple[Home, list[str], list[str]]):
    home, known, new = tree
    rng = np.random.default_rng(0)
    sure = {film: said(film, rng.uniform(0.7, 0.9)) for film in known}
    assert named(compare_films(home, known, new, sure | {film: said(film, 0.3) for film in new}, UNCERTAIN)) == ["model is uncertain"]
    assert not named(compare_films(home, known, new, sure | {film: said(film, rng.uniform(0.7, 0.9)) for film in new}, UNCERTAIN))


def write_votes(home: Home, films: dict[str, float], month: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Votes of three raters on 30 units a film, who name the same emotion with the probability given, and their judgements' times."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "unit_id": f"{film}.u{unit:05d}",
            "film_id": film,
            "perspective": "portrayed",
            "annotator_id": rater,
            "group_id": f"{film}-{unit}-{rater}",
            "label": EMOTIONS[unit % N_EMOTIONS if rng.random() < right else rng.integers(N_EMOTIONS)],
            "intensity": None,
            "weight": 1.0,
        }
        for film, right in films.items()
        for unit in range(30)
        for rater in ("a", "b", "c")
    ]
    votes = VOTES.frame(rows)
    times = pd.DataFrame({"group_id": votes["group_id"], "film_id": votes["film_id"], "created_at": f"{month}-05T10:00:00Z"})
    return votes, times


def test_raters_who_agree_less_on_new_films_are_found_and_months_tell_it(tree: tuple[Home, list[str], list[str]]):
    home, known, new = tree
    early, before = write_votes(home, dict.fromkeys(known, 0.9), "2026-09", 1)
    late, after = write_votes(home, dict.fromkeys(new, 0.4), "2026-11", 2)
    VOTES.write(pd.concat([early, late], ignore_index=True), home.artifact("gold_labels") / "votes.parquet")
    judged = pd.concat([before, after], ignore_index=True)
    judged = judged.assign(annotation_id=judged["group_id"], batch_id="b", schema_version=1, time_basis="ms", annotator_id="a", pass_no=1)
    judged = judged.assign(perspective="portrayed", dimension="category", rank=1, status="submitted", source_tool="t", source_ref="1")
    table = ANNOTATIONS.frame(judged.assign(source_file_sha256="0").to_dict("records"))
    ANNOTATIONS.write(table, home.artifact("annotations") / "annotations.parquet")
    assert "raters agree" in named(compare_films(home, known, new, {}, UNCERTAIN))
    first, second = agreement_by_month(home)
    pairs = early.merge(early, on="unit_id")
    pairs = pairs[pairs["annotator_id_x"] < pairs["annotator_id_y"]]
    assert (first.month, first.pairs) == ("2026-09", 12 * 30 * 3)
    assert first.agreement == pytest.approx((pairs["label_x"] == pairs["label_y"]).mean(), abs=1e-4)
    assert second.month == "2026-11" and second.agreement < first.agreement - 0.3


def test_one_new_film_is_too_few_and_none_is_no_question(tree: tuple[Home, list[str], list[str]]):
    home, known, new = tree
    one = compare_films(home, known, new[:1], {}, UNCERTAIN)
    assert not one.drifted and "too few to tell" in sentence(one) and "least p-value 0.077" in sentence(one)
    assert sentence(compare_films(home, known, [], {}, UNCERTAIN)) == "there is no film that the model did not learn from"
