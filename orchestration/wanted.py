"""What ought to run now, as the home stands: no trigger is kept, so none is lost and none counts twice.

Each look compares what is recorded of every link with what it would be made of. What a run is wanted for is a digest of that, so that one
content is worked on once, however often it is delivered; and a model is trained when enough was judged anew, never on films whose
checks fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from assets.chain import FEATURES, is_fresh, read_stamp
from assets.recorded import Stale, first_stale, has_stamp, stale_films
from assets.workspace import Workspace
from corpus.arrivals import is_settled
from corpus.contracts import GOLD_LABELS, TRAINING_UNITS
from corpus.terms import GoldStatus
from ml.models.training_set import FILMS, one_perspective

PAGE_OF_WHOLE = ("champion", "annotations", "gold_labels")
"""What a film's page reads that is of no film."""

FILM_LINKS = ("film", "film_scan", "dialogue", "scenes", *FEATURES)
BATCH_LINKS = ("annotation_batches", "annotation_gate")
GOLD_LINKS = ("annotations", "gold_labels")
MODEL_LINKS = ("training_set", "emotion_model", "validation_report", "dataset_card", "model_card", "dataset_snapshot", "champion")

FILM_JOB, INTAKE_JOB, GOLD_JOB, RETRAIN_JOB, PAGES_JOB, REPORT_JOB = (
    "film_chain",
    "annotation_intake",
    "gold",
    "retrain",
    "film_pages",
    "report_page",
)


@dataclass(frozen=True)
class Wanted:
    """A run that ought to be: of which job and partition ('' for the whole), `needs` says for what content, `link` what is stale first."""

    job: str
    partition: str
    needs: str
    link: str


@dataclass(frozen=True)
class Retraining:
    """Whether the model ought to be trained anew: the run, or why not; `waits`: something that is learned from is under way."""

    run: Wanted | None
    reason: str
    waits: bool = False


def films_wanted(view: Workspace) -> list[Wanted]:
    """Films whose links are stale; those that wait to be fetched are passed over."""
    here = [film_id for film_id in sorted(view.films) if view.films[film_id].waits is None]
    return _wanted(FILM_JOB, stale_films(view, FILM_LINKS, here))


def batches_wanted(view: Workspace, now_s: float) -> list[Wanted]:
    """Delivered files that were not read and judged as they lie there, and are whole."""
    whole = [batch_id for batch_id, path in sorted(view.inbox.items()) if is_settled(path, now_s)]
    return _stale(view, INTAKE_JOB, BATCH_LINKS, [batch_id for batch_id in whole if not _is_judged(view, batch_id)])


def gold_wanted(view: Workspace) -> list[Wanted]:
    """The union of accepted batches and its gold labels, where either is stale; nothing before the first batch is accepted."""
    if not _anything_judged(view):
        return []
    return _stale(view, GOLD_JOB, GOLD_LINKS, [""])


def pages_wanted(view: Workspace) -> list[Wanted]:
    """Pages of films, and then the page of the whole, once there is a model in use."""
    if not view.home.artifact("champion").is_dir():
        return []
    ready = [film_id for film_id in view.film_ids if has_stamp(view, FILM_LINKS[-1], film_id)]
    stale = stale_films(view, ("film_report",), ready, after=FILM_LINKS, whole=PAGE_OF_WHOLE)
    return _wanted(PAGES_JOB, stale) or _stale(view, REPORT_JOB, ("report",), [""])


def _anything_judged(view: Workspace) -> bool:
    return bool(view.accepted_batches()) or read_stamp(view, GOLD_LINKS[0]) is not None


def model_wanted(view: Workspace, failing: Callable[[], Sequence[str]], waits_for: Iterable[Wanted], at_least: int) -> Retraining:
    """Whether to train: `failing` names films whose blocking checks fail, `waits_for` are runs that would change what is learned from.

    A training set is made anew for at least `at_least` units whose gold is new; a chain that was cut off behind it is finished anyway.
    """
    first = next(iter(waits_for), None)
    if first is not None:
        return Retraining(None, f"{first.job} {first.partition}".strip() + " comes first", waits=True)
    if not _anything_judged(view):
        return Retraining(None, "no annotations were accepted yet")
    stale = first_stale(view, (*GOLD_LINKS, *MODEL_LINKS))
    if stale is None:
        return Retraining(None, "the model is up to date")
    new = new_gold(view)
    if stale.link in (*GOLD_LINKS, MODEL_LINKS[0]) and new < at_least:
        return Retraining(None, f"{new} units have new gold, {at_least} are asked for (params.yaml, retrain: min_new_gold)")
    if unsound := failing():  # which asks Dagster of every film
        return Retraining(None, failing_words(unsound))
    return Retraining(Wanted(RETRAIN_JOB, "", stale.needs, stale.link), f"{stale.link} is stale, {new} units have new gold")


def failing_words(unsound: Sequence[str]) -> str:
    """Why nothing is learned while blocking checks of films fail, and what to do."""
    return f"checks fail of {', '.join(unsound)}: mend what they say, or take the film out of the catalogue"


def new_gold(view: Workspace) -> int:
    """How many units of films have gold that the training set does not hold, or holds otherwise."""
    gold, manifest = (
        view.home.artifact(name) / file for name, file in (("gold_labels", "gold.parquet"), ("training_set", "manifest.parquet"))
    )
    if not gold.is_file():
        return 0
    table = one_perspective(GOLD_LABELS.read(gold))
    taught = [film_id for film_id, film in view.films.items() if film.rights in view.params.train_rights]
    now = table[(table["status"] == GoldStatus.GOLD.value) & table["film_id"].isin(taught)].set_index("unit_id")["label"]
    return int((now != _learnt(manifest).reindex(now.index)).sum())


def _learnt(manifest: Path) -> pd.Series:
    """The gold that the training set holds, by unit of a film."""
    if not manifest.is_file():
        return pd.Series(dtype=object)
    table = TRAINING_UNITS.read(manifest)
    return table[(table["source"] == FILMS) & (table["status"] == GoldStatus.GOLD.value)].set_index("unit_id")["label"]


def _wanted(job: str, stale: Mapping[str, Stale]) -> list[Wanted]:
    return [Wanted(job, key, one.needs, one.link) for key, one in stale.items()]


def _stale(view: Workspace, job: str, links: Sequence[str], keys: Sequence[str]) -> list[Wanted]:
    found = {key: first_stale(view, links, key) for key in keys}
    return _wanted(job, {key: stale for key, stale in found.items() if stale is not None})


def _is_judged(view: Workspace, batch_id: str) -> bool:
    return (view.home.batch(batch_id) / "summary.json").is_file() and all(is_fresh(view, link, batch_id) for link in BATCH_LINKS)
