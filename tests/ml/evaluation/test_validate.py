import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corpus.contracts import PREDICTIONS, RATERS, TRAINING_UNITS, VOTES
from corpus.paths import Home, write_json
from corpus.statistics import leave_one_rater_out
from corpus.terms import PROBABILITY_COLUMNS
from ml.evaluation.findings import Interval
from ml.evaluation.report import ValidationReport
from ml.evaluation.robustness.report import REPORT_FILE, RobustnessReport
from ml.evaluation.validate import ReportSummary, build_report
from ml.models.predict import load_model
from tests.ml.conftest import Trained


def vote(unit: pd.Series, annotator: str, label: str) -> dict[str, object]:
    group = f"{unit['unit_id']}-{annotator}"
    return {
        "unit_id": unit["unit_id"], "film_id": unit["film_id"], "perspective": "portrayed", "annotator_id": annotator, "group_id": group,
        "label": label, "intensity": 0.5, "weight": 1.0,
    }  # fmt: skip


def write_votes(gold_dir: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Three raters who err now and then and one who always says joy."""
    rng = np.random.default_rng(4)
    wrong = {"r1": 0.1, "r2": 0.2, "r3": 0.3}
    votes = [
        vote(unit, name, "disgust" if rng.random() < share else unit["label"])
        for _, unit in rows.iterrows()
        for name, share in wrong.items()
    ]
    votes += [vote(unit, "spammer", "joy") for _, unit in rows.iterrows()]
    table = VOTES.write(VOTES.frame(votes), gold_dir / "votes.parquet")
    raters = [
        {"annotator_id": name, "n_judgements": len(rows), "top_label_share": 0.2, "flagged": name == "spammer", "weight": 1.0}
        for name in (*wrong, "spammer")
    ]
    RATERS.write(RATERS.frame(raters), gold_dir / "raters.parquet")
    agreement = {
        "alpha": {"category": 0.6, "valence": None},
        "n_raters": 4,
        "n_judgements": len(table),
        "flagged": {"spammer": "always joy"},
    }
    write_json(gold_dir / "agreement.json", agreement)
    return table


@pytest.fixture(scope="module")
def rows(trained: Trained) -> pd.DataFrame:
    return TRAINING_UNITS.read(trained.training_set / "manifest.parquet")


@pytest.fixture(scope="module")
def built(trained: Trained, rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[ValidationReport, ReportSummary]:
    write_votes(trained.gold, rows[rows["source"] == "film"])
    out = tmp_path_factory.mktemp("report")
    summary = build_report(trained.home, trained.training_set, trained.gold, trained.model, out)
    return ValidationReport.read(out / "report.json"), summary


def test_films_and_corpus_are_reported_apart(built: tuple[ValidationReport, ReportSummary]) -> None:
    report, _ = built
    assert [corpus.name for corpus in report.corpora] == ["films", "lines"]
    films, lines = report.corpora
    assert (films.n_films, films.n_gold, lines.n_films, lines.n_gold) == (6, 96, 3, 60)
    assert {score.system for score in films.scores} == {
        "fused", "face", "voice", "text", "majority", "prior", "persistence", "tfidf", "human",
    }  # fmt: skip
    assert {score.system for score in lines.scores} == {"fused", "text", "majority", "prior", "tfidf"}


def test_scores_are_those_of_the_predictions(trained: Trained, rows: pd.DataFrame, built: tuple[ValidationReport, ReportSummary]) -> None:
    table = PREDICTIONS.read(trained.model / "predictions.parquet").query("system == 'voice'").set_index("unit_id")
    films = rows[rows["source"] == "film"]
    said = table.loc[films["unit_id"], list(PROBABILITY_COLUMNS)].to_numpy().argmax(axis=1)
    right = np.array([PROBABILITY_COLUMNS[i] == f"p_{label}" for i, label in zip(said, films["label"], strict=True)])
    score = next(score for score in built[0].corpora[0].scores if score.system == "voice")
    assert score.accuracy.value == pytest.approx(right.mean())
    assert score.by_film["film-03"] == pytest.approx(right[(films["film_id"] == "film-03").to_numpy()].mean())


def test_the_human_ceiling_is_that_of_the_trusted_raters(
    trained: Trained, rows: pd.DataFrame, built: tuple[ValidationReport, ReportSummary]
) -> None:
    votes = VOTES.read(trained.gold / "votes.parquet").query("annotator_id != 'spammer'")
    item, _ = pd.factorize(votes["unit_id"])
    rater, _ = pd.factorize(votes["annotator_id"])
    names = sorted(set(votes["label"]))
    expected = leave_one_rater_out(item, rater, np.array([names.index(label) for label in votes["label"]]), len(names)).overall
    human = next(score for score in built[0].corpora[0].scores if score.kind == "human")
    assert human.accuracy.value == pytest.approx(expected)
    assert built[1].human_ceiling == pytest.approx(expected)


def test_fused_is_tested_against_every_other_system_by_film(built: tuple[ValidationReport, ReportSummary]) -> None:
    films = built[0].corpora[0]
    by_name = {score.system: score for score in films.scores}
    for test in films.tests:
        differences = [by_name["fused"].by_film[film] - by_name[test.other].by_film[film] for film in by_name["fused"].by_film]
        assert test.difference == pytest.approx(np.mean(differences))
        assert test.n_films == 6
        assert test.uar is not None and test.uar.value == pytest.approx(by_name["fused"].uar.value - by_name[test.other].uar.value)
        assert test.low is not None and test.high is not None and test.low <= test.difference <= test.high
        assert test.p_holm is not None and test.p_value <= test.p_holm <= 7 * test.p_value
    assert {test.other for test in films.tests} == set(by_name) - {"fused", "human"}


def test_slices_tell_subsets_of_modalities_and_contradictory_lines(built: tuple[ValidationReport, ReportSummary]) -> None:
    slices = {one.name: one for one in built[0].corpora[0].slices}
    assert set(slices["modalities available"].accuracy) >= {"fused", "fused_face", "fused_face_text", "fused_voice_text"}
    assert slices["modalities disagree"].n_units + slices["modalities agree"].n_units == 96
    agree = slices["modalities agree"].accuracy
    assert agree["face"] == agree["voice"] == agree["text"]


def test_reactions_are_scored_beside_their_baselines(built: tuple[ValidationReport, ReportSummary]) -> None:
    reaction = {score.system: score for score in built[0].reaction}
    assert set(reaction) == {"reaction", "persistence", "transitions", "majority"}
    assert len({score.n_units for score in reaction.values()}) == 1
    assert reaction["reaction"].n_units == 6 * (16 - 3)


def test_reactions_of_each_character_are_scored_by_role(built: tuple[ValidationReport, ReportSummary]) -> None:
    characters = built[0].characters
    assert set(characters) == {"speaker", "addressee"}
    # Scenes of 7, 7 and 2 lines by two who take turns: five speakers speak again, and five addressees, of whom the first line has none.
    assert {score.n_units for score in characters["speaker"]} == {6 * (5 + 5 + 0)}
    assert {score.n_units for score in characters["addressee"]} == {6 * (5 + 5 + 0)}
    assert {score.system for score in characters["addressee"]} == {"reaction", "persistence", "transitions", "answer", "majority"}


def test_agreement_and_spammer_are_in_the_report(built: tuple[ValidationReport, ReportSummary]) -> None:
    agreement = built[0].agreement
    assert agreement is not None
    assert agreement.alpha == {"category": 0.6}
    assert agreement.flagged == {"spammer": "always joy"}


def test_the_same_model_gives_the_same_report(trained: Trained, built: tuple[ValidationReport, ReportSummary], tmp_path: Path) -> None:
    build_report(trained.home, trained.training_set, trained.gold, trained.model, tmp_path)
    again = ValidationReport.read(tmp_path / "report.json")
    assert again == built[0]
    assert json.loads((tmp_path / "summary.json").read_text())["model_version"] == built[1].model_version


def test_everything_beyond_scores_is_in_the_films_report(built: tuple[ValidationReport, ReportSummary]) -> None:
    films, lines = built[0].corpora
    assert {one.system for one in films.abstention} == {"fused", "face", "voice", "text"}
    assert films.soft_labels is not None and films.soft_labels.human is not None and films.humans is not None
    assert films.humans.n_votes == 3 * 96
    assert films.context[0].units == "all lines with neighbours" and films.context[0].shuffled is not None
    assert films.incongruence is not None and films.intensity is not None and films.arcs is not None
    assert len(films.arcs.films) == 6 and len(films.errors) == 12
    assert films.groups == [] and films.groups_withheld == {}
    assert lines.soft_labels is not None and lines.soft_labels.human is None
    assert lines.humans is None and lines.arcs is None and lines.groups == [] and lines.errors == [] and lines.context == []


def test_what_disturbed_films_cost_is_taken_in_where_it_was_measured_of_this_model(trained: Trained, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(trained.home.data, home.data)
    version = load_model(trained.model).version
    for measured_of, there in ((version, True), ("another", False)):
        found = RobustnessReport(measured_of, 0, 6, 96, {"fused": Interval(0.5)}, {}, {}, [], [])
        found.write(home.benchmarks / REPORT_FILE)
        build_report(home, trained.training_set, trained.gold, trained.model, tmp_path)
        report = ValidationReport.read(tmp_path / "report.json")
        assert report.robustness == (found if there else None)
