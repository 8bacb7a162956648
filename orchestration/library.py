"""What comes in by the command line: films into the catalogue, annotation files into the inbox and through the gate."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from assets.chain import is_fresh
from assets.workspace import Workspace
from corpus.annotations.batches import InboxFile
from corpus.annotations.decisions import Decision, read_decision
from corpus.annotations.exporters.writing import FilmMedia, Judged
from corpus.annotations.quarantine import delivered, readmit, reject
from corpus.annotations.sidecars import Rejection
from corpus.arrivals import Refused, new_films, stamp_of
from corpus.contracts import ANNOTATIONS, GOLD_LABELS, PREDICTIONS, TRACES, UNITS, UTTERANCES
from corpus.films.catalogue.coverage import Coverage, FilmSize, measure_coverage
from corpus.films.catalogue.entries import Film
from corpus.paths import Home, content_version
from corpus.terms import FUSED, FeelmError
from ml.models.training_set import one_perspective
from orchestration.execution import Job, Outcome, execute_all
from orchestration.instance import dagster_instance, prepare_dagster_home, sync_partitions

if TYPE_CHECKING:
    from assets.versions import Rollback
    from ml.evaluation.next_units import NextUnit


def take_arrivals(home: Home, refused: Mapping[str, Refused], now_s: float) -> dict[str, Refused]:
    """Add what is whole and new in FEELM_HOME/films to the catalogue; what cannot be added, by name.

    What was `refused` before is looked at again when its files changed.
    """
    from corpus.films.catalogue.add import add_films

    left: dict[str, Refused] = {}
    for path in new_films(home.made_films, Workspace(home).films.values(), now_s):
        stamp, before = stamp_of(path), refused.get(path.name)
        if before is not None and before.stamp == stamp:
            left[path.name] = before
            continue
        try:
            add_films(home.catalogue, path)
        except FeelmError as error:
            left[path.name] = Refused(stamp, str(error))
    return left


def judge_delivered(home: Home, delivered: Sequence[InboxFile]) -> list[Decision]:
    """Read files of the inbox and put them through the gate, each as a Dagster run; what was decided."""
    workspace = Workspace(home)
    prepare_dagster_home(workspace)
    with dagster_instance() as instance:
        sync_partitions(workspace, instance)
    jobs = [Job(("annotation_batches",), entry.batch_id) for entry in delivered]
    return [_decision(home, outcome) for outcome in execute_all(jobs, 1, workspace.home.worker_log)]


def reject_batch(home: Home, name: str, reason: str | None) -> Decision:
    """Reject a refused batch by its id or file name, and have that decided at once; what the decision is now.

    Raises:
        FeelmError: it is unknown, accepted, or was not checked as it lies there.
    """
    item = delivered(home, name)
    workspace = Workspace(home)
    if not all(is_fresh(workspace, link, item.batch_id) for link in ("annotation_batches", "annotation_gate")):
        raise FeelmError(f"{item.path.name} was not checked as it lies there: `feelm run` checks it, and what it refuses can be rejected")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    (decision,) = judge_delivered(home, [reject(home, name, Rejection(now, reason))])
    return decision


def readmit_batch(home: Home, name: str) -> Decision:
    """Take the rejection of a batch back and judge it again; what is decided."""
    (decision,) = judge_delivered(home, [readmit(home, name)])
    return decision


def roll_back(home: Home, to: int | None, reason: str) -> "Rollback":
    """Put an earlier model back in use as a Dagster run of the link `champion`; what was done. Where that fails nothing has changed.

    Raises:
        FeelmError: it cannot be put back; the message says why.
    """
    from assets.versions import note_rollback, plan_rollback, read_rollback

    workspace = Workspace(home)
    planned, before = plan_rollback(workspace, to, reason), read_rollback(home)
    prepare_dagster_home(workspace)
    note_rollback(home, planned)
    (outcome,) = execute_all([Job(("champion",))], 1, workspace.home.worker_log)
    if not outcome.succeeded:
        note_rollback(home, before)
        raise FeelmError(f"version {planned.version} was not put back: {'; '.join(outcome.failures)}")
    return planned


def _decision(home: Home, outcome: Outcome) -> Decision:
    batch_id = outcome.job.partition
    decision = read_decision(home.batch(batch_id))
    if decision is None or decision.batch_version != content_version(home.batch(batch_id)):
        raise FeelmError(f"batch {batch_id} could not be checked: {'; '.join(outcome.failures)}")
    return decision


def accepted_judgements(home: Home, fps: float | None) -> Judged:
    """What the home has accepted, for an exporter; a film that was not scanned has `fps` pictures a second."""
    workspace = Workspace(home)
    folder = home.artifact("annotations")
    annotations, traces = ANNOTATIONS.read(folder / "annotations.parquet"), TRACES.read(folder / "traces.parquet")
    named = sorted({*annotations["film_id"], *traces["film_id"]})
    return Judged(annotations, traces, {film_id: _film_media(workspace, film_id, fps) for film_id in named})


def _film_media(workspace: Workspace, film_id: str, fps: float | None) -> FilmMedia:
    video, scanned = workspace.film(film_id).video.name, workspace.stream(film_id)
    if scanned is None:
        return FilmMedia(film_id, video, fps, None)
    return FilmMedia(film_id, video, float(scanned["fps"]), int(scanned["duration_ms"]))


def what_to_judge_next(workspace: Workspace, count: int, film_id: str | None) -> "list[NextUnit]":
    """The units whose judgement would teach most, of one film or all."""
    from ml.evaluation.next_units import next_units

    home, films = workspace.home, [film_id] if film_id else sorted(workspace.films)
    for named in films:
        workspace.film(named)
    units = [path for path in (home.artifact("scenes", film) / "units.parquet" for film in films) if path.is_file()]
    if not units:
        raise FeelmError("no film has its lines yet: `feelm run` makes them")
    gold, predictions = home.artifact("gold_labels") / "gold.parquet", home.artifact("emotion_model") / "predictions.parquet"
    said = PREDICTIONS.read(predictions) if predictions.is_file() else PREDICTIONS.empty()
    return next_units(
        pd.concat([UNITS.read(path) for path in units], ignore_index=True),
        one_perspective(GOLD_LABELS.read(gold)) if gold.is_file() else GOLD_LABELS.empty(),
        said[said["system"] == FUSED],
        _sentence_embeddings(home, films),
        count,
    )


def _sentence_embeddings(home: Home, films: Sequence[str]) -> pd.DataFrame | None:
    paths = [path for path in (home.artifact("text_features", film) / "features.parquet" for film in films) if path.is_file()]
    if not paths:
        return None
    table = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    return table[["unit_id", *(name for name in table.columns if name.startswith("embedding_"))]]


def catalogue_coverage(workspace: Workspace) -> Coverage:
    """What the catalogue's films cover, by what curators noted, what was measured and what raters said."""
    films = list(workspace.films.values())
    sizes = {film.film_id: _size(workspace, film) for film in films}
    gold = workspace.home.artifact("gold_labels") / "gold.parquet"
    return measure_coverage(films, sizes, one_perspective(GOLD_LABELS.read(gold) if gold.is_file() else GOLD_LABELS.empty()))


def _size(workspace: Workspace, film: Film) -> FilmSize:
    path = workspace.home.artifact("dialogue", film.film_id) / "utterances.parquet"
    return FilmSize(_duration_ms(workspace, film), len(UTTERANCES.read(path)) if path.is_file() else None)


def _duration_ms(workspace: Workspace, film: Film) -> int | None:
    """As scanned, else as the file declares, else unknown."""
    if scanned := workspace.stream(film.film_id):
        return int(scanned["duration_ms"])
    if not film.video.is_file():
        return None
    from corpus.films.media.probe import probe

    return probe(film.video).declared_duration_ms
