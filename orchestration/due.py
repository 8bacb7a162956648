"""What is due in a home and why: asked by `feelm run`, which does it, and by `feelm run --dry-run`, which tells it.

A link is due when it is stale by content (`assets.chain.why_stale`), or when Dagster does not know the version that stands there. What
follows from a link is known only once it is made, since its output may come out the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from assets.chain import MADE_BY, SHOWN, STAGES, Cause, Reason, Stage, read_stamp, why_stale
from assets.partitions import PARTITIONS
from assets.recorded import recorded
from assets.telling import assets_of
from assets.workspace import Workspace
from orchestration.execution import failures_of
from orchestration.instance import dagster_instance, prepare_dagster_home
from orchestration.launching import PARTITION_TAG, failing_checks, failing_films
from orchestration.tags import LINK_OF
from orchestration.wanted import FILM_LINKS, GOLD_LINKS, MODEL_LINKS, failing_words

ASKED_ONE_BY_ONE = 100
"""Above so many partitions the versions of all are read: SQLite and Postgres take long lists badly."""

Row = tuple[tuple[str, ...], str]
"""Links that run one after another for a key (a film, a batch, a corpus, '' for the whole)."""


class State(StrEnum):
    """What is wrong with a link, in a word."""

    MISSING = "missing"
    STALE = "stale"
    UNRECORDED = "not recorded"
    FAILING = "check fails"


@dataclass(frozen=True)
class DueLink:
    """A link that is to be run, and why; one that is not recorded, or is only checked again, has no reasons and is not computed again."""

    link: str
    state: State
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Due:
    """What is due of a key in a phase; `failure` tells how its last run failed, line by line, where it did."""

    phase: str
    key: str
    links: tuple[DueLink, ...]
    failure: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """All that is due, the number of jobs that are up to date, by film how to get what is not here, and why no model is trained, if so."""

    due: tuple[Due, ...]
    fresh: int
    waiting: dict[str, str]
    held: str | None = None


def assets_of_film() -> tuple[str, ...]:
    """All assets of a film up to its features."""
    return tuple(asset for link in FILM_LINKS for asset in assets_of(STAGES[link], "").values())


def phases(
    workspace: Workspace, instance: dg.DagsterInstance | None, film_ids: Sequence[str], whole: bool
) -> Iterator[tuple[str, list[Row]]]:
    """What a run looks at, in order: each phase is asked for when those before it are done. No model is trained on unsound films."""
    yield "films", [(FILM_LINKS, film_id) for film_id in film_ids]
    if whole:
        yield "annotations", [(("annotation_batches",), batch_id) for batch_id in sorted(workspace.inbox)]
        yield "corpora", [(("corpus",), name) for name in sorted(workspace.corpora)]
        yield "model", [(GOLD_LINKS if unsound_films(workspace, instance) else (*GOLD_LINKS, *MODEL_LINKS), "")]
    if workspace.home.artifact("champion").is_dir():
        yield "film pages", [(("film_report",), film_id) for film_id in film_ids]
        yield "report", [(("report",), "")]


def judged_by(workspace: Workspace, phase: str, whole: bool) -> Workspace:
    """The view by which a phase is judged. Who asks for single films has not all the others hashed for the page of the whole: for it they
    are taken as their stamps tell.
    """
    return workspace if whole or phase != "report" else recorded(workspace.home, {MADE_BY[name] for name in SHOWN})


def unsound_films(workspace: Workspace, instance: dg.DagsterInstance | None) -> list[str]:
    """Films that would teach although a blocking check of theirs fails, in whatever run that was, each with the check."""
    return failing_films(instance, list(workspace.unit_tables())) if instance is not None else []


class Known:
    """The data versions that Dagster knows, those of an asset read once; None for a home in which nothing ran under Dagster."""

    def __init__(self, instance: dg.DagsterInstance | None, rows: Sequence[Row]) -> None:
        self._instance = instance
        self._partitions = [key for _, key in rows] if len(rows) <= ASKED_ONE_BY_ONE else None
        self._versions: dict[str, dict[str, str]] = {}

    def holds(self, workspace: Workspace, stage: Stage, key: str) -> bool:
        """Whether Dagster knows the versions that are on disk."""
        if self._instance is None:
            return False
        stamp = read_stamp(workspace, stage.name, key) or {}
        partition = key if stage.scope in PARTITIONS else ""
        return all(self._of(asset, partition).get(partition) == stamp["outputs"][out] for out, asset in assets_of(stage, key).items())

    def _of(self, asset: str, partition: str) -> dict[str, str]:
        """Versions of the asset by partition, '' where it has none."""
        if asset not in self._versions:
            self._versions[asset] = self._of_partitions(asset) if partition else self._of_whole(asset)
        return self._versions[asset]

    def _of_partitions(self, asset: str) -> dict[str, str]:
        assert self._instance is not None
        found = self._instance.event_log_storage.get_latest_tags_by_partition(
            dg.AssetKey(asset), dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG], self._partitions
        )
        return {partition: tags[DATA_VERSION_TAG] for partition, tags in found.items()}

    def _of_whole(self, asset: str) -> dict[str, str]:
        assert self._instance is not None
        event = self._instance.get_latest_materialization_event(dg.AssetKey(asset))
        made = event.asset_materialization if event else None
        return {"": (made.tags or {}).get(DATA_VERSION_TAG, "")} if made else {}


def due_links(workspace: Workspace, known: Known, name: str, key: str) -> Iterator[DueLink]:
    """The link where it is due; in the place of a batch that is read its gate, where that is."""
    for link in (name, "annotation_gate") if name == "annotation_batches" else (name,):
        reasons = tuple(why_stale(workspace, link, key))
        if reasons:
            missing = any(reason.cause in (Cause.NEVER_RAN, Cause.OUTPUT_GONE) for reason in reasons)
            yield DueLink(link, State.MISSING if missing else State.STALE, reasons)
            return
    if not known.holds(workspace, STAGES[name], key):
        yield DueLink(name, State.UNRECORDED, ())


def films_here(workspace: Workspace, film_ids: Sequence[str] | None) -> tuple[list[str], dict[str, str]]:
    """Of the given films, or of all, those that are here; and by film how to get the others.

    Raises:
        FeelmError: a film is not in the catalogue.
    """
    named = list(film_ids) if film_ids is not None else sorted(workspace.films)
    waiting = {film_id: told for film_id in named if (told := workspace.film(film_id).waits)}
    return [film_id for film_id in named if film_id not in waiting], waiting


def plan(workspace: Workspace, film_ids: Sequence[str] | None = None) -> Plan:
    """What `feelm run` would do now, of all or of the given films; nothing is run or written.

    Raises:
        FeelmError: a film is not in the catalogue.
    """
    here, waiting = films_here(workspace, film_ids)
    if not workspace.home.dagster.is_dir():
        return _plan(workspace, None, here, film_ids is None, waiting)
    prepare_dagster_home(workspace)
    with dagster_instance() as instance:
        return _plan(workspace, instance, here, film_ids is None, waiting)


def _plan(workspace: Workspace, instance: dg.DagsterInstance | None, here: Sequence[str], whole: bool, waiting: dict[str, str]) -> Plan:
    found = list(_due(workspace, instance, here, whole))
    due, unsound = tuple(one for one in found if one.links), unsound_films(workspace, instance) if whole else []
    return Plan(due, len(found) - len(due), waiting, failing_words(unsound) if unsound else None)


def _due(workspace: Workspace, instance: dg.DagsterInstance | None, film_ids: Sequence[str], whole: bool) -> Iterator[Due]:
    failing = failing_checks(instance, film_ids) if instance is not None else {}
    for phase, rows in phases(workspace, instance, film_ids, whole):
        known, again, view = Known(instance, rows), failing if phase == "films" else {}, judged_by(workspace, phase, whole)
        for names, key in rows:
            links = tuple(link for name in names for link in due_links(view, known, name, key))
            if key in again and not links:
                links = (DueLink(LINK_OF[again[key].partition(":")[0]], State.FAILING, ()),)
            yield Due(phase, key, links, _last_failure(instance, names[0], key) if links and instance else ())


def _last_failure(instance: dg.DagsterInstance, name: str, key: str) -> tuple[str, ...]:
    """How the last run of a key failed, () where it did not."""
    run = _last_run(instance, STAGES[name], key)
    if run is None or run.status is not dg.DagsterRunStatus.FAILURE:
        return ()
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event is not None]
    return tuple(failures_of(events)) or (f"run {run.run_id} was ended before it was finished",)


def _last_run(instance: dg.DagsterInstance, stage: Stage, key: str) -> dg.DagsterRun | None:
    if stage.scope in PARTITIONS:
        return next(iter(instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: key}), limit=1)), None)
    asset = dg.AssetKey(next(iter(assets_of(stage, key).values())))
    run_ids = [record.asset_entry.last_run_id for record in instance.get_asset_records([asset])]
    return instance.get_run_by_id(run_ids[0]) if run_ids and run_ids[0] else None
