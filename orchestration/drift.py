"""The nightly look at new films: do they still resemble what the model in use learned from?

A check of its own on `champion` that never blocks and at most warns: a model is not wrong because films have changed, but its report says
less about them. It runs with the champion and each night by itself, on the tables that the chain has made; predictions count where the
film's page was made with this champion.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

import dagster as dg

from assets.chain import FEATURES, read_stamp
from assets.store.cache import at_hand
from assets.workspace import Workspace
from corpus.contracts import PREDICTIONS
from corpus.terms import FUSED, FeelmError

if TYPE_CHECKING:
    import pandas as pd

    from ml.evaluation.drift import Comparison

WORST = 20
"""Measures in the table of the check."""


@dg.asset_check(
    asset="champion",
    name="drift",
    description="Films that the champion did not learn from resemble those that it did: features, labels, raters' agreement, its doubt.",
)
def drift() -> dg.AssetCheckResult:
    """Compare the films that came since with those that the champion learned from."""
    from ml.evaluation.film_drift import compare_films
    from service.detect import UNCERTAIN_BELOW

    workspace = Workspace.from_environment()
    known, new = films_by_champion(workspace)
    try:
        with at_hand(workspace, FEATURES):
            return _result(workspace, compare_films(workspace.home, known, new, _predictions(workspace, new), UNCERTAIN_BELOW))
    except FeelmError as error:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error))


def _result(workspace: Workspace, found: "Comparison") -> dg.AssetCheckResult:
    from ml.evaluation.drift import ALPHA, NOTICEABLE
    from ml.evaluation.film_drift import agreement_by_month, sentence

    figures = {"known_films": found.known_films, "new_films": found.new_films, "measures": len(found.shifts), "shifted": len(found.drifted)}
    rule = f"p at most {ALPHA} over all measures together, and a stability index of {NOTICEABLE} or more"
    tables = {
        "worst": [dg.TableRecord({**asdict(s), "shifted": s in found.drifted}) for s in found.shifts[:WORST]],
        "agreement_by_month": [dg.TableRecord(asdict(month)) for month in agreement_by_month(workspace.home)],
    }
    metadata: dict[str, dg.MetadataValue] = {name: dg.MetadataValue.int(value) for name, value in figures.items()}
    metadata |= {"least_p": dg.MetadataValue.float(found.least_p), "rule": dg.MetadataValue.text(rule)}
    metadata |= {name: dg.MetadataValue.table(rows) for name, rows in tables.items() if rows}
    return dg.AssetCheckResult(
        passed=not found.drifted, severity=dg.AssetCheckSeverity.WARN, description=sentence(found), metadata=metadata
    )


def films_by_champion(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Films of the catalogue that the model in use learned from, and the others; those without units are in neither."""
    from ml.models.grounds import GroundKind
    from pages.cards.model import read_card_grounds

    grounds = read_card_grounds(workspace.home.artifact("champion"))
    learned = {ground.name for ground in grounds if ground.kind is GroundKind.FILM}
    there = workspace.unit_tables()
    if not grounds:
        return [], []
    return [film for film in there if film in learned], [film for film in there if film not in learned]


def _predictions(workspace: Workspace, new: list[str]) -> "dict[str, pd.DataFrame]":
    """Of known films by networks that did not see them, of new ones by the champion itself, as their pages show it."""
    from ml.evaluation.film_drift import unseen_predictions

    home, said = workspace.home, unseen_predictions(workspace.home.artifact("champion") / "predictions.parquet")
    version = workspace.versions.of(home.artifact("champion"))
    for film in new:
        stamp, path = read_stamp(workspace, "film_report", film), home.artifact("film_report", film) / "predictions.parquet"
        if stamp is not None and stamp["inputs"]["champion"] == version and path.is_file():
            table = PREDICTIONS.read(path)
            said[film] = table[table["system"] == FUSED]
    return said


drift_job = dg.define_asset_job(
    "drift",
    selection=dg.AssetSelection.checks(drift),
    description="The check `drift` alone: new films beside those that the champion learned from.",
)

nightly_drift = dg.ScheduleDefinition(
    name="nightly_drift",
    job=drift_job,
    cron_schedule="0 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each night at 4:00 UTC. It reads and changes nothing.",
)
