"""The validation report: every system on the same gold units of films it never saw, beside people on the same units.

The model's folder holds the predictions of all systems by fold; this stage only scores them, so that it can be repeated, and adds the
human ceiling from the single votes, paired tests by film, slices and the reaction scores.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.contracts import PREDICTIONS, REACTIONS, TRAINING_UNITS
from corpus.films.catalogue.groups import FilmGroups, film_groups
from corpus.paths import Home, write_json
from corpus.terms import FUSED, LEVELS, MODALITIES, FeelmError
from ml.evaluation.abstention import abstention
from ml.evaluation.arcs import arc_comparison
from ml.evaluation.calibration import reliability
from ml.evaluation.comparison import paired_tests
from ml.evaluation.context_use import context_use, incongruence
from ml.evaluation.errors import worst_errors
from ml.evaluation.group_scores import group_scores
from ml.evaluation.humans import Ballots, compare_with_humans, human_score, read_ballots, soft_label_fit
from ml.evaluation.levels import level_score
from ml.evaluation.metrics import score
from ml.evaluation.reaction import character_scores, reaction_scores
from ml.evaluation.report import Agreement, CorpusReport, ValidationReport
from ml.evaluation.robustness.report import REPORT_FILE, RobustnessReport
from ml.evaluation.scored import BASELINES, FILMS_NAME, HUMAN, Scored, read_scored
from ml.evaluation.slices import slice_scores
from ml.models.predict import load_model
from ml.models.training_set import Manifest

if TYPE_CHECKING:
    from corpus.films.catalogue.entries import Film


@dataclass(frozen=True)
class ReportSummary:
    """The report's headline: accuracy, macro-F1 and p against fused by corpus and system."""

    model_version: str
    accuracy: dict[str, dict[str, float]]
    macro_f1: dict[str, dict[str, float]]
    p_values: dict[str, dict[str, float]]
    ece: dict[str, float]
    human_ceiling: float | None
    left_out: dict[str, str]
    missing: str | None = None


def build_report(
    home: Home, training_set_dir: Path, gold_dir: Path, model_dir: Path, out: Path, films: Sequence[Film] = ()
) -> ReportSummary:
    """Write report.json (ValidationReport) and summary.json into `out`. `gold_dir` may lack where only corpora are labelled.

    `films` are the catalogue's, for the groups that they declare. What `feelm benchmark robustness` found of this model is taken in.

    Raises:
        FeelmError: the model or the training set is not there, or no gold unit was tested.
    """
    model = load_model(model_dir)
    manifest = Manifest.read(training_set_dir)
    rows = TRAINING_UNITS.read(training_set_dir / "manifest.parquet")
    predictions = PREDICTIONS.read(model_dir / "predictions.parquet")
    scored = [read_scored(source, rows, predictions) for source in model.facts.sources]
    tested = [one for one in scored if len(one.gold)]
    if not tested:
        raise FeelmError("no gold unit was predicted by a model that had not seen its film: label at least three films")
    ballots = read_ballots(gold_dir, tested[0]) if tested[0].name == FILMS_NAME else None
    groups = {film.film_id: film_groups(film) for film in films}
    report = ValidationReport(
        model_version=model.version,
        trained_on=model.facts.trained_on,
        corpora=[_corpus_report(one, ballots if one.name == FILMS_NAME else None, groups) for one in tested],
        agreement=_agreement(gold_dir),
        reaction=reaction_scores(tested, rows, predictions),
        characters=character_scores(tested, rows, predictions, REACTIONS.read(model_dir / "reactions.parquet")),
        left_out=manifest.left_out,
        notes=_notes(scored, ballots),
        robustness=read_robustness(home, model.version),
    )
    report.write(out / "report.json")
    summary = _summary(report)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def read_robustness(home: Home, model_version: str) -> RobustnessReport | None:
    """What disturbed films cost that model; None where it was not measured, or only of another model.

    Raises:
        FeelmError: a later version wrote it.
    """
    path = home.benchmarks / REPORT_FILE
    found = RobustnessReport.read(path) if path.is_file() else None
    return found if found is not None and found.model_version == model_version else None


def _corpus_report(scored: Scored, ballots: Ballots | None, groups: Mapping[str, FilmGroups]) -> CorpusReport:
    systems = [name for name in (FUSED, *MODALITIES, *BASELINES) if name in scored.systems]
    judged = [scored.judged(name) for name in systems]
    scores, fused = [score(one) for one in judged], judged[0]
    told, withheld = group_scores(scored, groups, ballots) if scored.name == FILMS_NAME else ([], {})
    return CorpusReport(
        name=scored.name,
        n_films=int(scored.gold["film_id"].nunique()),
        n_units=len(scored.labelled),
        n_gold=len(scored.gold),
        scores=[*scores, *([human_score(ballots)] if ballots is not None else [])],
        tests=paired_tests(judged, scores),
        reliability=reliability(fused.probabilities, fused.label),
        slices=slice_scores(scored),
        abstention=[abstention(name, scored.judged(name).probabilities, scored.label) for name in (FUSED, *scored.single)],
        soft_labels=soft_label_fit(scored, ballots),
        humans=None if ballots is None else compare_with_humans(ballots, scored.top[FUSED]),
        groups=told,
        groups_withheld=withheld,
        context=context_use(scored),
        incongruence=incongruence(scored),
        intensity=level_score(scored, ballots),
        affect={level: found for level in LEVELS[1:] if (found := level_score(scored, level=level)) is not None},
        arcs=arc_comparison(scored, ballots),
        errors=worst_errors(scored, ballots) if scored.name == FILMS_NAME else [],
    )


def _agreement(gold_dir: Path) -> Agreement | None:
    path = gold_dir / "agreement.json"
    if not path.is_file():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    alpha = {name: float(value) for name, value in raw["alpha"].items() if value is not None}
    return Agreement(alpha, int(raw["n_raters"]), int(raw["n_judgements"]), dict(raw["flagged"]))


def _notes(scored: list[Scored], ballots: Ballots | None) -> list[str]:
    notes = [
        "Every film was predicted once, by networks that had not seen it; intervals and tests are by film.",
        "The baseline persistence is told the previous unit's gold emotion, which no other system is.",
    ]
    notes += [f"{one.name}: no gold unit could be tested on an unseen film." for one in scored if not len(one.gold)]
    if ballots is not None:
        notes.append("Human: each trusted rater against the mode of the other trusted raters on the same units; ties count in parts.")
    return notes


def _summary(report: ValidationReport) -> ReportSummary:
    films = report.corpus(FILMS_NAME)
    human = next((s.accuracy.value for s in films.scores if s.kind == HUMAN), None) if films is not None else None
    return ReportSummary(
        model_version=report.model_version,
        accuracy={c.name: {s.system: s.accuracy.value for s in c.scores} for c in report.corpora},
        macro_f1={c.name: {s.system: s.macro_f1.value for s in c.scores} for c in report.corpora},
        p_values={c.name: {t.other: t.p_value for t in c.tests} for c in report.corpora},
        ece={c.name: float(c.scores[0].ece or 0.0) for c in report.corpora},
        human_ceiling=human,
        left_out=report.left_out,
        missing=None if films is not None else "no film of the catalogue has gold labels that could be tested",
    )
