"""From challenger to champion, and from champion to what a film's page shows.

The champion's folder holds the model itself, its report and the decision, so that whoever answers needs no registry; MLflow's alias
moves before the folder is swapped, and a killed step is simply run again. A refused challenger leaves the old champion in place.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from assets.workspace import Workspace
from corpus.contracts import PREDICTIONS
from corpus.paths import write_json
from corpus.terms import MODALITIES, FeelmError
from ml.evaluation.promotion import Decision, decide
from ml.evaluation.report import ValidationReport

MODEL_FILES = ("weights.safetensors", "model.json", "manifest.json", "predictions.parquet")
REPORT_FILE = "report.json"


@dataclass(frozen=True)
class ChampionSummary:
    """Which registered version is in use, whether this challenger became it, and why."""

    version: int | None
    run_id: str | None
    promoted: bool
    reasons: list[str]
    data_revision: str
    missing: str | None


@dataclass(frozen=True)
class FilmReportSummary:
    """What a film's page shows: predictions by a model that never saw the film (`unseen`) and by the champion."""

    n_predictions: int
    n_unseen: int
    missing: str | None


def build_champion(workspace: Workspace, out: Path) -> ChampionSummary:
    """Register the challenger, judge it, and fill `out` with the model in use: the challenger where it passed, else the old champion."""
    from ml.models import registry

    home = workspace.home
    model_dir, report_dir, current = home.artifact("emotion_model"), home.artifact("validation_report"), home.artifact("champion")
    revision = _read(home.artifact("dataset_snapshot") / "snapshot.json")["revision"]
    tags = {"feelm.data_revision": revision, "feelm.training_set": workspace.versions.of(home.artifact("training_set"))}
    registered = registry.log_training(home, model_dir, workspace.params.raw["training"], _curves(model_dir), tags)
    registry.set_alias(home, registered.version, registry.CHALLENGER)
    usable = _is_usable(current)
    decision = _judge(workspace, model_dir, report_dir, current if usable else None)
    if decision.promoted:
        registry.set_alias(home, registered.version, registry.CHAMPION)
        _copy(model_dir, out, MODEL_FILES)
        _copy(report_dir, out, (REPORT_FILE,))
    elif usable:
        _copy(current, out, (*MODEL_FILES, REPORT_FILE))
    in_use = registry.champion(home)
    summary = ChampionSummary(
        version=in_use.version if in_use else None,
        run_id=in_use.run_id if in_use else None,
        promoted=decision.promoted,
        reasons=decision.reasons,
        data_revision=revision,
        missing=None if (out / "model.json").is_file() else "no model has passed the gate yet",
    )
    write_json(out / "decision.json", dataclasses.asdict(decision))
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _is_usable(champion_dir: Path) -> bool:
    """A champion that this version's networks cannot load is none."""
    from ml.models.predict import load_model

    if not (champion_dir / REPORT_FILE).is_file():
        return False
    try:
        load_model(champion_dir)
    except FeelmError:
        return False
    return True


def _judge(workspace: Workspace, model_dir: Path, report_dir: Path, current: Path | None) -> Decision:
    challenger = ValidationReport.read(report_dir / REPORT_FILE)
    standing = ValidationReport.read(current / REPORT_FILE) if current else None
    if standing is not None and standing.model_version == challenger.model_version:
        standing = None  # the champion itself, judged again
    return decide(challenger, standing, _read(model_dir / "model.json")["declared_use"], workspace.params.declared_use.value)


def _curves(model_dir: Path) -> dict[str, list[float]]:
    curves = _read(model_dir / "curves.json")
    return {name: values for name, values in curves.items() if isinstance(values, list)}


def _copy(source: Path, out: Path, names: tuple[str, ...]) -> None:
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def build_film_report(workspace: Workspace, film_id: str, out: Path) -> FilmReportSummary:
    """Predict the film's units, by a model that never saw the film where there is one, and write predictions.parquet and film.html."""
    from pages.film import build_film_page

    predictions = _predictions(workspace, film_id)
    PREDICTIONS.write(predictions, out / "predictions.parquet")
    build_film_page(workspace.home, film_id, out / "predictions.parquet", out)
    fused = predictions[predictions["system"] == "fused"]
    missing = None if len(fused) else "no unit, or no champion model"
    summary = FilmReportSummary(len(fused), int((fused["fold"] >= 0).sum()), missing)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _predictions(workspace: Workspace, film_id: str) -> pd.DataFrame:
    """Predictions of one film: fused and by modality where it was left out, the champion's fused ones for all other units."""
    from ml.models.dataset import load_film
    from ml.models.predict import FUSED, load_model, predict

    folder = workspace.home.artifact("champion")
    if not (folder / "model.json").is_file():
        return PREDICTIONS.empty()
    model = load_model(folder)
    rows, data = load_film(workspace.home, film_id, model.facts.columns)
    if rows.empty:
        return PREDICTIONS.empty()
    unseen = PREDICTIONS.read(folder / "predictions.parquet")
    shown = unseen["system"].isin((FUSED, *MODALITIES)) & unseen["unit_id"].isin(rows["unit_id"])
    unseen = unseen[(unseen["film_id"] == film_id) & shown]
    now = predict(model, rows, data)
    both = pd.concat([unseen, now[~now["unit_id"].isin(unseen["unit_id"])]], ignore_index=True)
    return both.sort_values(["unit_id", "system"], ignore_index=True)
