"""From challenger to champion, and from champion to what a film's page shows.

The champion's folder holds the model itself, its report, its card and the decision, so that whoever answers needs no registry. MLflow's
alias moves in one transaction and the folder is swapped after it in one rename; a step killed between the two leaves both whole, and
running it again, whatever was trained since, sets the alias to what the folder then holds. A refused challenger leaves the old champion in
place.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from assets.checkout import present_commit
from assets.history import HISTORY_PART, history_before
from assets.versions import (
    CARD_PART,
    CODE,
    COMMIT,
    DATA_REVISION,
    DECISION_FILE,
    DECISION_PART,
    REPORT_FILE,
    REPORT_PART,
    SNAPSHOT_PART,
    TRAINING_SET,
    Rollback,
    read_rollback,
    version_in_use,
)
from assets.workspace import Workspace
from corpus.contracts import EXPLANATIONS, PREDICTIONS
from corpus.paths import Home, write_json
from corpus.sources import source_digest
from corpus.terms import FUSED, MODALITIES, FeelmError
from ml.evaluation.promotion import Decision, decide
from ml.evaluation.report import ValidationReport
from pages.cards.model import GROUNDS_FILE, read_card_grounds

if TYPE_CHECKING:
    from ml.models.registry import RegisteredVersion

CARD_FILES = ("README.md", GROUNDS_FILE)
MODEL_FILES = ("weights.safetensors", "model.json", "manifest.json", "predictions.parquet", "explanations.parquet")


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
    """Register the challenger, judge it, and fill `out` with the model in use: the challenger where it passed, else the old champion.

    After a rollback it is the version that was chosen. MLflow's alias is set to what `out` holds, as the last thing.
    """
    from ml.models import registry

    home = workspace.home
    revision = _read(home.artifact("dataset_snapshot") / "snapshot.json")["revision"]
    made_of = _made_of(workspace, revision)
    registered = _register(workspace, made_of)
    registry.set_alias(home, registered.version, registry.CHALLENGER)
    rollback = read_rollback(home)
    chosen = rollback if rollback is not None and rollback.model == registered.content_version else None
    decision = _judge(workspace, registered.content_version, rollback)
    in_use = _fill(workspace, registered.version, chosen, decision, out)
    summary = ChampionSummary(
        version=in_use,
        run_id=next((one.registered.run_id for one in registry.records(home) if one.registered.version == in_use), None),
        promoted=decision.promoted,
        reasons=decision.reasons,
        data_revision=revision,
        missing=None if (out / "model.json").is_file() else "no model has passed the gate yet",
    )
    write_json(out / DECISION_FILE, dataclasses.asdict(decision))
    write_json(out / "summary.json", dataclasses.asdict(summary))
    _keep(workspace, registered, decision, made_of)
    if in_use is not None:
        registry.set_champion(home, in_use)
    return summary


def _made_of(workspace: Workspace, revision: str) -> dict[str, str]:
    """Data and code that give the model, as a version's tags."""
    return {
        DATA_REVISION: revision,
        TRAINING_SET: workspace.versions.of(workspace.home.artifact("training_set")),
        CODE: source_digest(),
        **({COMMIT: commit} if (commit := present_commit()) else {}),
    }


def _register(workspace: Workspace, made_of: Mapping[str, str]) -> RegisteredVersion:
    from ml.models import registry
    from ml.models.predict import load_model
    from ml.models.signature import Environment, signature

    model_dir = workspace.home.artifact("emotion_model")
    beside = {
        "signature.json": signature(load_model(model_dir).facts),
        "environment.json": dataclasses.asdict(Environment.here()),
    }
    return registry.log_training(workspace.home, model_dir, workspace.params.raw["training"], _curves(model_dir), made_of, beside)


def _keep(workspace: Workspace, registered: RegisteredVersion, decision: Decision, made_of: Mapping[str, str]) -> None:
    """What the version was worth, why it was decided on so and what it can be made of again go into the registry beside it."""
    from ml.models import registry

    home, history = workspace.home, history_before(workspace, "emotion_model", "validation_report", "model_card")
    with tempfile.TemporaryDirectory(prefix="feelm-decision-") as folder:
        write_json(Path(folder) / DECISION_PART / DECISION_FILE, dataclasses.asdict(decision))
        history.write(Path(folder) / HISTORY_PART)
        artifacts = {REPORT_PART: "validation_report", CARD_PART: "model_card", SNAPSHOT_PART: "dataset_snapshot"}
        parts = {part: home.artifact(name) for part, name in artifacts.items()}
        parts |= {part: Path(folder) / part for part in (DECISION_PART, HISTORY_PART)}
        registry.keep(home, registered, parts, made_of)


def _fill(workspace: Workspace, challenger: int, chosen: Rollback | None, decision: Decision, out: Path) -> int | None:
    """Put the files of the model in use into `out`; its version."""
    home = workspace.home
    current = home.artifact("champion")
    if chosen is not None:
        _restore(home, chosen, out)
        return chosen.version
    if decision.promoted:
        _copy(home.artifact("emotion_model"), out, MODEL_FILES)
        _copy(home.artifact("validation_report"), out, (REPORT_FILE,))
        _copy(home.artifact("model_card"), out, CARD_FILES)
        return challenger
    if not _is_usable(current):
        return None
    _copy(current, out, (*MODEL_FILES, REPORT_FILE, *CARD_FILES))
    return version_in_use(home)


def _restore(home: Home, chosen: Rollback, out: Path) -> None:
    from ml.models import registry

    record = next((one for one in registry.records(home) if one.registered.version == chosen.version), None)
    if record is None:
        raise FeelmError(
            f"model version {chosen.version}, which was put back, is not in the registry: `feelm models rollback --to` another"
        )
    folder = registry.check_files(home, record.registered)
    _copy(folder / registry.MODEL_PART, out, MODEL_FILES)
    _copy(folder / REPORT_PART, out, (REPORT_FILE,))
    _copy(folder / CARD_PART, out, CARD_FILES)


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


def _judge(workspace: Workspace, content_version: str, rollback: Rollback | None) -> Decision:
    home = workspace.home
    current = home.artifact("champion")
    challenger = ValidationReport.read(home.artifact("validation_report") / REPORT_FILE)
    if rollback is not None and (rollback.model == content_version or content_version in rollback.withdrawn):
        withdrawn = rollback.withdrawn.get(content_version)
        reasons = [rollback.words] if withdrawn is None else [f"it was withdrawn: {withdrawn}", rollback.words]
        return Decision(False, reasons, challenger.model_version, None)
    standing = ValidationReport.read(current / REPORT_FILE) if _is_usable(current) else None
    if standing is not None and standing.model_version == challenger.model_version:
        standing = None  # the champion itself, judged again
    model_use = _read(home.artifact("emotion_model") / "model.json")["declared_use"]
    grounds = read_card_grounds(home.artifact("model_card"))
    return decide(challenger, standing, model_use, workspace.params.declared_use.value, grounds=grounds)


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
    """Predict the film's units, by a model that never saw the film where there is one, and write predictions.parquet, explanations.parquet
    of the same networks, and film.html."""
    from pages.film import build_film_page

    predictions, explanations = _read_film(workspace, film_id)
    PREDICTIONS.write(predictions, out / "predictions.parquet")
    EXPLANATIONS.write(explanations, out / "explanations.parquet")
    build_film_page(workspace.home, film_id, out / "predictions.parquet", out)
    fused = predictions[predictions["system"] == FUSED]
    missing = None if len(fused) else "no unit, or no champion model"
    summary = FilmReportSummary(len(fused), int((fused["fold"] >= 0).sum()), missing)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _read_film(workspace: Workspace, film_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of one film, fused and by modality where it was left out, the champion's fused ones for all other units; and why."""
    from ml.models.dataset import load_film
    from ml.models.explain import explain_units
    from ml.models.predict import load_model, predict

    folder = workspace.home.artifact("champion")
    if not (folder / "model.json").is_file():
        return PREDICTIONS.empty(), EXPLANATIONS.empty()
    model = load_model(folder)
    rows, data = load_film(workspace.home, film_id, model.facts.columns)
    if rows.empty:
        return PREDICTIONS.empty(), EXPLANATIONS.empty()
    said, why = (schema.read(folder / f"{schema.name}.parquet") for schema in (PREDICTIONS, EXPLANATIONS))
    said, why = (table[(table["film_id"] == film_id) & table["unit_id"].isin(rows["unit_id"])] for table in (said, why))
    said = said[said["system"].isin((FUSED, *MODALITIES))]
    if not rows["unit_id"].isin(said["unit_id"]).all():
        now, because = predict(model, rows, data), explain_units(model, rows, data)
        why = pd.concat([why, because[~because["unit_id"].isin(said["unit_id"])]])
        said = pd.concat([said, now[~now["unit_id"].isin(said["unit_id"])]])
    return said.sort_values(["unit_id", "system"], ignore_index=True), why.reset_index(drop=True)
