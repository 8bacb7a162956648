"""Runs of links as OpenLineage events: what other lineage systems (Marquez, DataHub, OpenMetadata) read.

A finished step of a Dagster run is one OpenLineage run with a START and a COMPLETE or FAIL event; its datasets are the folders of the
artifacts, with their content version, schema and the columns that they come from. Inputs are those of the stamp that belongs to the very
version that the step made; where none is left, none are given.

Source: OpenLineage specification 2-0-2, https://openlineage.io/spec/2-0-2/OpenLineage.json, and the facets named below.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assets.ancestry import ACCEPTED, DELIVERY, SOURCE, Stamp, Thing, origins
from assets.chain import STAGES, output_path
from assets.columns import COLUMN_SOURCES, SCORES, ColumnSource
from assets.telling import TABLES, asset_of
from assets.workspace import Workspace
from corpus.annotations.decisions import accepted_folder
from corpus.contracts import TableSchema
from corpus.datasets.registry import CORPORA

SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
NAMESPACE = "feelm"
"""Of the jobs; datasets are files of this machine, in the namespace `file`."""

FACETS = {
    "columnLineage": ("1-2-0", "ColumnLineageDatasetFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "dataSource": ("1-0-1", "DatasourceDatasetFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "parent": ("1-2-0", "ParentRunFacet"),
    "processing_engine": ("1-1-1", "ProcessingEngineRunFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "tags": ("1-0-0", "TagsJobFacet"),
}
"""Version and name of each facet's schema."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """An artifact that a step made; rows of its first table and bytes where they were noted."""

    thing: Thing
    n_rows: int | None
    n_bytes: int | None


@dataclass(frozen=True)
class Step:
    """A finished step of a Dagster run: what it made for one partition, or how it failed; times are seconds since 1970."""

    run_id: str
    dagster_job: str
    name: str
    partition: str
    started_s: float
    ended_s: float
    made: tuple[Made, ...]
    failure: str | None = None


def run_events(workspace: Workspace, steps: Sequence[Step], stamps: Mapping[Thing, Stamp]) -> Iterator[Json]:
    """The events of the steps, in order of time; `stamps` gives by product how it was made."""
    events = [event for step in steps for event in _events(workspace, step, stamps)]
    yield from sorted(events, key=lambda event: (event["eventTime"], event["eventType"] != "START", event["run"]["runId"]))


def _events(workspace: Workspace, step: Step, stamps: Mapping[Thing, Stamp]) -> Iterator[Json]:
    stamp = next((stamps[made.thing] for made in step.made if made.thing in stamps), None)
    read = origins(stamp) if stamp is not None else []
    inputs = [_dataset(workspace, thing) for thing in read]
    start = {"eventType": "START", "eventTime": _time(step.started_s), "run": _run(step), "job": _job(step, stamp), "inputs": inputs}
    yield {**start, "outputs": [], "producer": _producer(), "schemaURL": EVENT}
    outputs = [_output(workspace, made, read) for made in step.made]
    ended = {"eventType": "COMPLETE" if step.failure is None else "FAIL", "eventTime": _time(step.ended_s), "run": _run(step)}
    yield {**start, **ended, "outputs": outputs, "producer": _producer(), "schemaURL": EVENT}


@cache
def _producer() -> str:
    return f"urn:feelm:{version('feelm')}"


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facet(kind: str, /, **content: Any) -> Json:
    revision, schema = FACETS[kind]
    return {"_producer": _producer(), "_schemaURL": f"{SPEC}/facets/{revision}/{schema}.json#/$defs/{schema}", **content}


def _run(step: Step) -> Json:
    """The same step has the same id whenever the events are written."""
    run_id = uuid.uuid5(uuid.UUID(step.run_id), f"{step.name}/{step.partition}")
    parent = _facet("parent", run={"runId": step.run_id}, job={"namespace": NAMESPACE, "name": step.dagster_job})
    engine = _facet("processing_engine", version=version("dagster"), name="dagster")
    facets = {"parent": parent, "processing_engine": engine}
    if step.failure is not None:
        facets["errorMessage"] = _facet("errorMessage", message=step.failure, programmingLanguage="Python")
    return {"runId": str(run_id), "facets": facets}


def _job(step: Step, stamp: Stamp | None) -> Json:
    facets = {"jobType": _facet("jobType", processingType="BATCH", integration="DAGSTER", jobType="ASSET")}
    if stamp is not None:
        tags = [{"key": "code_version", "value": stamp.code, "source": "DAGSTER"}]
        facets["tags"] = _facet("tags", tags=tags)
    return {"namespace": NAMESPACE, "name": step.name, "facets": facets}


def _dataset(workspace: Workspace, thing: Thing) -> Json:
    namespace, name = _place(workspace, thing)
    facets = {"version": _facet("version", datasetVersion=thing.version)}
    home = workspace.home.root
    facets["dataSource"] = _facet("dataSource", name=f"feelm home {home.name}", uri=home.as_uri())
    if (schema := _table(thing)) is not None:
        fields = [{"name": one.name, "type": one.dtype, "description": one.description} for one in schema.columns]
        facets["schema"] = _facet("schema", fields=fields)
    return {"namespace": namespace, "name": name, "facets": facets}


def _output(workspace: Workspace, made: Made, read: Sequence[Thing]) -> Json:
    dataset = _dataset(workspace, made.thing)
    if fields := _column_lineage(workspace, made.thing, read):
        dataset["facets"]["columnLineage"] = _facet("columnLineage", fields=fields)
    figures = {name: figure for name, figure in (("rowCount", made.n_rows), ("size", made.n_bytes)) if figure is not None}
    return {**dataset, "outputFacets": {"outputStatistics": _facet("outputStatistics", **figures)} if figures else {}}


def _table(thing: Thing) -> TableSchema | None:
    if thing.name in ("validation_report", "reports"):
        return SCORES
    name = "annotation_batches" if thing.name == ACCEPTED else thing.name
    return TABLES[name][0][1] if name in TABLES else None


def _place(workspace: Workspace, thing: Thing) -> tuple[str, str]:
    """Namespace and name of a dataset: a path of this machine, or what a file that is no longer named anywhere was."""
    if thing.name == ACCEPTED:
        return "file", str(accepted_folder(workspace.home.batch(thing.key)))
    stage = next((stage for stage in STAGES.values() if thing.name in stage.outputs), None)
    if stage is not None:
        return "file", str(output_path(workspace, stage, thing.name, thing.key))
    path = _source(workspace, thing)
    return ("file", str(path)) if path is not None else (NAMESPACE, f"{thing.name}/{thing.key}")


def _source(workspace: Workspace, thing: Thing) -> Path | None:
    """Where a film's file, a delivery or a corpus lies, while the catalogue, the inbox or the list of corpora names it."""
    film_id, _, role = thing.key.partition("/")
    if thing.name == SOURCE:
        return workspace.source_path(film_id, role) if film_id in workspace.films else None
    return (workspace.inbox if thing.name == DELIVERY else workspace.corpora).get(thing.key)


def _asset(thing: Thing) -> str:
    """The asset under whose name columns are declared."""
    if thing.name == ACCEPTED:
        return "annotation_batches"
    if thing.name in STAGES["corpus"].outputs:
        return CORPORA[thing.key].assets.get(thing.name, thing.name)
    return asset_of(thing.name)


def _column_lineage(workspace: Workspace, thing: Thing, read: Sequence[Thing]) -> Json:
    """By column the columns of what was read; an asset of many films stands for each that was."""
    places: dict[str, list[tuple[str, str]]] = {}
    for origin in read:
        places.setdefault(_asset(origin), []).append(_place(workspace, origin))
    found = {
        column: [field for source in sources for field in _fields(source, places)]
        for column, sources in COLUMN_SOURCES.get(_asset(thing), {}).items()
    }
    return {column: {"inputFields": fields} for column, fields in found.items() if fields}


def _fields(source: ColumnSource, places: Mapping[str, list[tuple[str, str]]]) -> Iterator[Json]:
    for namespace, name in places.get(source.asset, ()):
        yield {"namespace": namespace, "name": name, "field": source.column}
