"""The other way: what a film, rater, batch or file touched, and which models learned from it.

That something lies before a model does not mean that the model learned from it: a film may have been left out, a rater's votes may not
count. So for films, raters and batches the units are counted that taught, as noted when the model was registered; and where nothing was
noted, it is said to be unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.ancestry import Thing, products
from assets.history import Learned
from assets.lineage import Kind, Known, KnownVersion, model_node
from assets.lineage_targets import Target, ask, part_ahead
from assets.versions import CARD_PART, REPORT_FILE, REPORT_PART
from assets.workspace import Workspace, read_json
from corpus.annotations.decisions import accepted_folder
from corpus.contracts import ANNOTATIONS, GOLD_LABELS, VOTES
from corpus.paths import Home
from ml.models.grounds import GroundKind
from pages.cards.model import read_card_grounds

if TYPE_CHECKING:
    import pandas as pd

OF_THE_WHOLE = ("report.html", "annotators.html", "dataset_card.html", "model_card.html")
"""Pages that show something of every film or rater."""


@dataclass(frozen=True)
class Teaching:
    """Whether a registered model learned from it (null: not known), from how many units, and the reason in words."""

    version: int
    state: str
    learned: bool | None
    n_units: int | None
    why: str
    report: str | None


@dataclass(frozen=True)
class Predicted:
    """Predictions of a film's units that it bears on, and how."""

    film_id: str
    n_units: int
    why: str


@dataclass(frozen=True)
class Impact:
    """What it touched. `gold_units` are unit ids, null where it is no film, rater or batch or the votes were not kept.

    `artifacts` counts, by name, the artifacts of today that were made from it, directly or not: they would have to be made again
    without it.
    """

    what: str
    gold_units: list[str] | None
    artifacts: dict[str, int]
    models: list[Teaching]
    predictions: list[Predicted]
    pages: list[str]
    notes: list[str]


def read_impact(home: Home, what: str) -> Impact:
    """What `what` (`film:ID`, `annotator:PSEUDONYM`, ...) touched, today and in the models of before.

    Raises:
        FeelmError: there is no such thing.
    """
    asked = ask(home, what, part_ahead(what))
    workspace, known, target = asked.workspace, asked.known, asked.target
    reached = set(asked.graph.reached(target.ahead, upstream=False))
    touched = [thing for stamp in known.present.stamps for thing in products(stamp) if thing.id in reached]
    models = [_teaching(target, version, model_node(version.number) in reached) for version in known.versions]
    predictions = list(_predictions(workspace, known, target, models, touched))
    gold_units = _gold_units(workspace, target)
    shown = {one.film_id for one in predictions} | {unit_id.rpartition(".")[0] for unit_id in gold_units or ()}
    return Impact(
        what=what,
        gold_units=gold_units,
        artifacts=dict(Counter(thing.name for thing in touched)),
        models=models,
        predictions=predictions,
        pages=_pages(workspace, shown, any(thing.name == "reports" for thing in touched)),
        notes=target.notes,
    )


def _teaching(target: Target, version: KnownVersion, is_reached: bool) -> Teaching:
    learned, n_units, why = _learned(target, version, is_reached)
    report = version.folder / REPORT_PART / REPORT_FILE
    told = str(report) if learned is not False and report.is_file() else None
    return Teaching(version.number, version.state or "not in use", learned, n_units, why, told)


def _learned(target: Target, version: KnownVersion, is_reached: bool) -> tuple[bool | None, int | None, str]:
    if target.kind not in (Kind.FILM, Kind.RATER, Kind.DELIVERY):
        return is_reached, None, "it was made from it" if is_reached else "nothing leads from it to this model"
    noted = version.history.learned if version.history is not None else None
    if target.kind is Kind.FILM:
        return _from_film(target.subject, noted, version.folder)
    counts = None if noted is None else noted.raters if target.kind is Kind.RATER else noted.batches
    if counts is None:
        return None, None, "whose judgements taught it was not kept with it"
    return _from_judgements(target, counts.get(target.subject, 0))


def _from_film(film_id: str, noted: Learned | None, folder: Path) -> tuple[bool | None, int | None, str]:
    if noted is None:
        return _by_card(film_id, folder)
    if film_id in noted.films:
        return True, noted.films[film_id], f"{noted.films[film_id]} of its {noted.n_units} units with a label are of this film"
    return False, 0, noted.left_out.get(film_id, "the film was not in its training set")


def _by_card(film_id: str, folder: Path) -> tuple[bool | None, int | None, str]:
    grounds = read_card_grounds(folder / CARD_PART)
    if not grounds:
        return None, None, "neither a history nor a card was kept with it"
    if any(ground.kind is GroundKind.FILM and ground.name == film_id for ground in grounds):
        return True, None, "its card names the film; how many units was not kept"
    return False, 0, "its card does not name the film"


def _from_judgements(target: Target, n_units: int) -> tuple[bool, int, str]:
    whose = "a counted vote of this rater" if target.kind is Kind.RATER else "a counted vote of this batch"
    return (n_units > 0), n_units, f"{n_units or 'none'} of its units with a label {'carry' if n_units > 1 else 'carries'} {whose}"


def _gold_units(workspace: Workspace, target: Target) -> list[str] | None:
    """Units of today's gold that are of the film, or on which the rater or the batch voted, whether or not the vote counts."""
    folder = workspace.home.artifact("gold_labels")
    if target.kind is Kind.FILM and (folder / "gold.parquet").is_file():
        gold = GOLD_LABELS.read(folder / "gold.parquet")
        return _units(gold[gold["film_id"] == target.subject])
    if target.kind not in (Kind.RATER, Kind.DELIVERY) or not (folder / "votes.parquet").is_file():
        return None
    votes = VOTES.read(folder / "votes.parquet")
    if target.kind is Kind.RATER:
        return _units(votes[votes["annotator_id"] == target.subject])
    table = accepted_folder(workspace.home.batch(target.subject)) / "annotations.parquet"
    judged = ANNOTATIONS.read(table)["group_id"] if table.is_file() else []
    return _units(votes[votes["group_id"].isin(judged)])


def _units(table: pd.DataFrame) -> list[str]:
    return sorted(table["unit_id"].unique())


def _predictions(workspace: Workspace, known: Known, target: Target, models: list[Teaching], touched: list[Thing]) -> Iterator[Predicted]:
    """Of the film itself, and of every film where the model in use learned from it."""
    in_use = {version.number for version in known.versions if version.in_use}
    teaching = next((model for model in models if model.version in in_use and model.learned is not False), None)
    for thing in sorted(touched, key=lambda thing: thing.key):
        why = _why_predicted(target, thing.key, teaching) if thing.name == "film_report" else None
        if why is not None:
            yield Predicted(thing.key, _n_predictions(workspace, thing.key), why)


def _why_predicted(target: Target, film_id: str, teaching: Teaching | None) -> str | None:
    if target.kind is Kind.FILM and target.subject == film_id:
        return "of the film itself"
    if teaching is None:
        return None
    return f"by model version {teaching.version}, {'which learned from it' if teaching.learned else 'of which it is not known'}"


def _n_predictions(workspace: Workspace, film_id: str) -> int:
    summary = read_json(workspace.home.artifact("film_report", film_id) / "summary.json")
    return int(summary["n_predictions"]) if summary else 0


def _pages(workspace: Workspace, films: Collection[str], whole: bool) -> list[str]:
    """The pages of the whole, and of the films whose predictions or labels bear on it."""
    reports = workspace.home.reports
    named = [reports / name for name in OF_THE_WHOLE] if whole else []
    named += [reports / "films" / f"{film_id}.html" for film_id in sorted(films)]
    return [str(path) for path in named if path.is_file()]
