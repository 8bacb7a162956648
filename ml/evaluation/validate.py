"""The validation report: every system on the same gold units of films it never saw, beside people on the same units.

The model's folder holds the predictions of all systems by fold; this stage only scores them, so that it can be repeated, and adds the
human ceiling from the single votes, paired tests by film, slices and the reaction scores.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.contracts import PREDICTIONS, RATERS, TRAINING_UNITS, VOTES
from corpus.paths import Home, write_json
from corpus.statistics import sign_flip_test
from corpus.terms import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS, FeelmError, GoldStatus
from ml.evaluation import baselines
from ml.evaluation.metrics import FloatArray, IntArray, Judged, confusions, reliability, score
from ml.evaluation.report import Agreement, CorpusReport, PairedTest, SliceScore, SystemScore, ValidationReport
from ml.models.predict import FUSED, NEXT_COLUMNS, load_model
from ml.models.training_set import FILMS, Manifest

if TYPE_CHECKING:
    import pandas as pd

BASELINES = ("majority", "prior", "persistence", "tfidf")
HUMAN = "human"
FILMS_NAME = "films"
MIN_SLICE = 5
"""Fewer units say nothing."""


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


@dataclass(frozen=True)
class _Scored:
    """One corpus's gold units (TRAINING_UNITS rows) and every system's prediction of them, row by row."""

    name: str
    gold: pd.DataFrame
    systems: dict[str, pd.DataFrame]

    @property
    def label(self) -> IntArray:
        """Gold emotion (n,)."""
        return _codes(self.gold["label"])

    def judged(self, system: str) -> Judged:
        """A system's predictions beside gold."""
        return Judged(
            system,
            _kind(system),
            _probabilities(self.systems[system]),
            self.label,
            self.gold[list(PROBABILITY_COLUMNS)].to_numpy(np.float64),
            self.gold["film_id"].to_numpy(str),
        )


def build_report(home: Home, training_set_dir: Path, gold_dir: Path, model_dir: Path, out: Path) -> ReportSummary:
    """Write report.json (ValidationReport) and summary.json into `out`. `gold_dir` may lack where only corpora are labelled.

    Raises:
        FeelmError: the model or the training set is not there, or no gold unit was tested.
    """
    model = load_model(model_dir)
    manifest = Manifest.read(training_set_dir)
    rows = TRAINING_UNITS.read(training_set_dir / "manifest.parquet")
    predictions = PREDICTIONS.read(model_dir / "predictions.parquet")
    scored = [_scored(source, rows, predictions) for source in model.facts.sources]
    tested = [one for one in scored if len(one.gold)]
    if not tested:
        raise FeelmError("no gold unit was predicted by a model that had not seen its film: label at least three films")
    human = _human(gold_dir, tested[0]) if tested[0].name == FILMS_NAME else None
    report = ValidationReport(
        model_version=model.version,
        trained_on=model.facts.trained_on,
        corpora=[_corpus_report(one, human if one.name == FILMS_NAME else None) for one in tested],
        agreement=_agreement(gold_dir),
        reaction=_reaction(tested, rows, predictions),
        left_out=manifest.left_out,
        notes=_notes(scored, human),
    )
    report.write(out / "report.json")
    summary = _summary(report)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _scored(source: str, rows: pd.DataFrame, predictions: pd.DataFrame) -> _Scored:
    """Gold units of a source that the fused system was tested on; other systems are aligned to them, absent rows left out as a whole."""
    own = rows[(rows["source"] == source) & (rows["status"] == GoldStatus.GOLD.value) & rows["label"].notna()]
    by_system = {str(name): table.set_index("unit_id") for name, table in predictions.groupby("system")}
    gold = own[own["unit_id"].isin(by_system[FUSED].index)].reset_index(drop=True)
    whole = {name: table for name, table in by_system.items() if gold["unit_id"].isin(table.index).all()}
    name = FILMS_NAME if source == FILMS else source
    return _Scored(name, gold, {system: table.loc[gold["unit_id"]] for system, table in whole.items()} if len(gold) else {})


def _kind(system: str) -> str:
    if system in MODALITIES:
        return "modality"
    return "baseline" if system in BASELINES else FUSED


def _codes(labels: pd.Series) -> IntArray:
    return labels.map({name: i for i, name in enumerate(EMOTIONS)}).to_numpy(np.int64)


def _probabilities(table: pd.DataFrame, columns: tuple[str, ...] = PROBABILITY_COLUMNS) -> FloatArray:
    p = table[list(columns)].to_numpy(np.float64)
    return p / p.sum(axis=1, keepdims=True)


def _corpus_report(scored: _Scored, human: SystemScore | None) -> CorpusReport:
    systems = [name for name in (FUSED, *MODALITIES, *BASELINES) if name in scored.systems]
    scores = [score(scored.judged(name)) for name in systems]
    fused = scored.judged(FUSED)
    return CorpusReport(
        name=scored.name,
        n_films=int(scored.gold["film_id"].nunique()),
        n_units=len(scored.gold),
        n_gold=len(scored.gold),
        scores=[*scores, *([human] if human is not None else [])],
        tests=[_paired(scores[0], other) for other in scores[1:]],
        reliability=reliability(fused.probabilities, fused.label),
        slices=_slices(scored),
    )


def _paired(fused: SystemScore, other: SystemScore) -> PairedTest:
    """Sign-flip test of the films' differences in accuracy."""
    differences = np.array([fused.by_film[film] - other.by_film[film] for film in sorted(fused.by_film)])
    return PairedTest(other.system, len(differences), float(differences.mean()), sign_flip_test(differences))


def _slices(scored: _Scored) -> list[SliceScore]:
    """Accuracy of all systems, subsets of modalities included, on parts of the units."""
    every = np.ones(len(scored.gold), bool)
    subsets = [name for name in scored.systems if _kind(name) == FUSED]
    slices = [_slice("modalities available", every, scored, sorted(subsets))]
    single = [name for name in MODALITIES if name in scored.systems]
    main = [FUSED, *single]
    if len(single) > 1:
        disagree, agree = _disagreement(scored, single)
        slices += [_slice("modalities disagree", disagree, scored, main), _slice("modalities agree", agree, scored, main)]
    for modality in MODALITIES:
        if modality in scored.systems:
            slices.append(_slice(f"{modality} missing", ~scored.gold[f"has_{modality}"].to_numpy(bool), scored, main))
    if f"{FUSED}_no_context" in scored.systems:
        slices.append(_slice("context off", every, scored, [FUSED, f"{FUSED}_no_context"]))
    labels = scored.label
    slices += [_slice(f"emotion {name}", labels == i, scored, main) for i, name in enumerate(EMOTIONS)]
    return [one for one in slices if one.n_units >= MIN_SLICE]


def _disagreement(scored: _Scored, single: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Units whose single modalities say different emotions, and units where all that are there agree."""
    tops = np.stack([_probabilities(scored.systems[name]).argmax(axis=1) for name in single], axis=1)
    there = np.stack([scored.gold[f"has_{name}"].to_numpy(bool) for name in single], axis=1)
    low = np.where(there, tops, len(EMOTIONS)).min(axis=1)
    high = np.where(there, tops, -1).max(axis=1)
    several = there.sum(axis=1) > 1
    return several & (low != high), several & (low == high)


def _slice(name: str, units: np.ndarray, scored: _Scored, systems: list[str]) -> SliceScore:
    label = scored.label[units]
    said = {system: _probabilities(scored.systems[system]).argmax(axis=1)[units] for system in systems}
    right = {system: float((top == label).mean()) for system, top in said.items()} if len(label) else {}
    return SliceScore(name, int(units.sum()), right)


def _human(gold_dir: Path, scored: _Scored) -> SystemScore | None:
    """Each trusted rater's votes against the mode of the other trusted raters on the same gold units; a tie counts in parts."""
    import pandas as pd

    if not (gold_dir / "votes.parquet").is_file():
        return None
    votes, raters = VOTES.read(gold_dir / "votes.parquet"), RATERS.read(gold_dir / "raters.parquet")
    trusted = raters.loc[~raters["flagged"].astype(bool), "annotator_id"]
    kept = votes[votes["unit_id"].isin(scored.gold["unit_id"]) & votes["annotator_id"].isin(trusted) & votes["label"].notna()]
    kept = kept.drop_duplicates(["unit_id", "annotator_id"])
    if not len(kept):
        return None
    item, units = pd.factorize(kept["unit_id"])
    said = _codes(kept["label"])
    others = confusions(said, said, item.astype(np.int64), len(units)).diagonal(axis1=1, axis2=2)[item]
    others[np.arange(len(kept)), said] -= 1
    modes = (others == others.max(axis=1, keepdims=True)) & (others > 0)
    vote, truth = np.nonzero(modes)
    return score(
        Judged(
            HUMAN,
            HUMAN,
            baselines.sure(said[vote]).astype(np.float64),
            truth.astype(np.int64),
            np.zeros((len(vote), len(EMOTIONS))),
            kept["film_id"].to_numpy(str)[vote],
            1.0 / modes.sum(axis=1)[vote],
        )
    )


def _agreement(gold_dir: Path) -> Agreement | None:
    path = gold_dir / "agreement.json"
    if not path.is_file():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    alpha = {name: float(value) for name, value in raw["alpha"].items() if value is not None}
    return Agreement(alpha, int(raw["n_raters"]), int(raw["n_judgements"]), dict(raw["flagged"]))


def _reaction(tested: list[_Scored], rows: pd.DataFrame, predictions: pd.DataFrame) -> list[SystemScore]:
    """How well the next unit's emotion is foreseen: the model, persistence of the model's own emotion, transitions, majority.

    Only units whose following unit of the same scene has gold count; the baselines learn from the other folds' films.
    """
    import pandas as pd

    pairs = _pairs(pd.concat([one.gold for one in tested], ignore_index=True), rows)
    fused = predictions[predictions["system"] == FUSED].set_index("unit_id")
    pairs = pairs[pairs["unit_id"].isin(fused.index)].reset_index(drop=True)
    if len(pairs) < MIN_SLICE:
        return []
    said = fused.loc[pairs["unit_id"]]
    label, fold = _codes(pairs["next_label"]), said["fold"].to_numpy()
    now = _probabilities(said).argmax(axis=1)
    model = _probabilities(said, NEXT_COLUMNS)
    majority, bigram = np.zeros((len(pairs), len(EMOTIONS))), np.zeros((len(pairs), len(EMOTIONS)))
    for one in np.unique(fold):
        own, train = fold == one, fold != one
        majority[own] = baselines.majority(label[train], int(own.sum()))
        bigram[own] = baselines.bigram(_codes(pairs["label"])[train], label[train], now[own], majority[own].astype(np.float32))
    persistence = baselines.sure(now).astype(np.float64)
    soft = pairs[[f"next_p_{emotion}" for emotion in EMOTIONS]].to_numpy(np.float64)
    film = pairs["film_id"].to_numpy(str)
    others = {"persistence": persistence, "transitions": bigram, "majority": majority}
    foreseen = [Judged("reaction", FUSED, model, label, soft, film)]
    return [score(judged) for judged in foreseen + [Judged(name, "baseline", p, label, soft, film) for name, p in others.items()]]


def _pairs(gold: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Gold units beside the gold of the unit that follows in the same scene."""
    import pandas as pd

    ordered = rows[rows["position"].notna()].sort_values(["film_id", "level", "position"])
    following = ordered.groupby(["film_id", "level"]).shift(-1)
    same = following["scene_id"].isna() == ordered["scene_id"].isna()
    same &= (following["scene_id"] == ordered["scene_id"]) | ordered["scene_id"].isna()
    table = pd.DataFrame({"unit_id": ordered["unit_id"], "next_label": following["label"]})
    for column in PROBABILITY_COLUMNS:
        table[f"next_{column}"] = following[column]
    known = table[same & following["label"].notna()]
    return gold.merge(known, on="unit_id", how="inner")


def _notes(scored: list[_Scored], human: SystemScore | None) -> list[str]:
    notes = [
        "Every film was predicted once, by networks that had not seen it; intervals and tests are by film.",
        "The baseline persistence is told the previous unit's gold emotion, which no other system is.",
    ]
    notes += [f"{one.name}: no gold unit could be tested on an unseen film." for one in scored if not len(one.gold)]
    if human is not None:
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
