"""Steps of runs as OpenLineage events, read back with OpenLineage's own Python classes."""

import uuid
from pathlib import Path
from typing import Any

import attr
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_version_dataset,
    datasource_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    tags_job,
)
from openlineage.client.generated.base import InputDataset, Job, OutputDataset, Run, RunEvent

from assets.ancestry import Stamp, Thing, products, read_stamps
from assets.openlineage import Made, Step, run_events
from assets.workspace import Workspace
from corpus.contracts import GOLD_LABELS
from tests.assets.told_home import pseudonym

RUN = "7f3f1d6a-58a3-4b27-9c1f-3f6a0d0c7e11"

FACETS: dict[str, Any] = {
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet,
    "schema": schema_dataset.SchemaDatasetFacet,
    "dataSource": datasource_dataset.DatasourceDatasetFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "parent": parent_run.ParentRunFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "tags": tags_job.TagsJobFacet,
}


def events_of(workspace: Workspace, *steps: Step) -> list[dict[str, Any]]:
    stamps: dict[Thing, Stamp] = {product: stamp for stamp in read_stamps(workspace.home) for product in products(stamp)}
    return list(run_events(workspace, steps, stamps))


def step(name: str, *things: Thing, partition: str = "", failure: str | None = None) -> Step:
    return Step(
        RUN, "retrain", name, partition, 1_700_000_000.0, 1_700_000_012.5, tuple(Made(thing, 24, 4096) for thing in things), failure
    )


def product(workspace: Workspace, name: str, key: str = "") -> Thing:
    return next(thing for stamp in read_stamps(workspace.home) for thing in products(stamp) if (thing.name, thing.key) == (name, key))


def gold(workspace: Workspace) -> list[dict[str, Any]]:
    return events_of(workspace, step("gold_labels", product(workspace, "gold_labels")))


def as_facets(facets: dict[str, Any]) -> dict[str, Any]:
    """Facets as OpenLineage's classes, which know their schema's address and refuse what they do not know."""
    read = {}
    for name, content in facets.items():
        facet = FACETS[name](**{key: value for key, value in content.items() if not key.startswith("_")})
        assert content["_schemaURL"] == facet._get_schema(), name
        assert content["_producer"].startswith("urn:feelm:")
        read[name] = facet
    return read


def as_dataset(kind: Any, dataset: dict[str, Any], own: str) -> Any:
    facets, more = as_facets(dataset["facets"]), as_facets(dataset.get(own, {}))
    return kind(namespace=dataset["namespace"], name=dataset["name"], facets=facets, **({own: more} if more else {}))


def as_event(event: dict[str, Any]) -> RunEvent:
    """The event as OpenLineage's class; a key that it does not know is refused."""
    event = dict(event)
    assert event.pop("schemaURL") == RunEvent._get_schema()
    run = Run(event["run"]["runId"], as_facets(event["run"]["facets"]))
    job = Job(event["job"]["namespace"], event["job"]["name"], as_facets(event["job"]["facets"]))
    inputs = [as_dataset(InputDataset, one, "inputFacets") for one in event["inputs"]]
    outputs = [as_dataset(OutputDataset, one, "outputFacets") for one in event["outputs"]]
    return RunEvent(**{**event, "run": run, "job": job, "inputs": inputs, "outputs": outputs})


def test_events_are_what_openlineages_own_classes_read(told: Workspace) -> None:
    failed = step("emotion_model", failure="no unit has a gold label")
    for event in [*gold(told), *events_of(told, failed)]:
        assert attr.asdict(as_event(event))["eventTime"] == event["eventTime"]


def test_a_step_starts_and_completes_once_under_one_id(told: Workspace) -> None:
    first, last = gold(told)
    assert (first["eventType"], last["eventType"]) == ("START", "COMPLETE")
    assert (first["eventTime"], last["eventTime"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:32.500Z")
    assert first["run"]["runId"] == last["run"]["runId"] == str(uuid.uuid5(uuid.UUID(RUN), "gold_labels/"))
    assert last["run"]["facets"]["parent"]["run"]["runId"] == RUN
    assert last["run"]["facets"]["parent"]["job"]["name"] == "retrain"


def test_inputs_and_outputs_are_the_artifacts_in_the_versions_that_the_stamp_names(told: Workspace) -> None:
    _, last = gold(told)
    stamp = next(stamp for stamp in read_stamps(told.home) if stamp.stage == "gold_labels")
    read = {one["name"]: one["facets"]["version"]["datasetVersion"] for one in last["inputs"]}
    home = told.home
    assert read == {
        str(home.artifact("annotations")): stamp.inputs["annotations"],
        **{str(home.artifact("scenes", film)): stamp.inputs[f"{film}/scenes"] for film in ("film-00", "film-01", "film-02")},
    }
    (made,) = last["outputs"]
    assert made["facets"]["version"]["datasetVersion"] == stamp.outputs["gold_labels"]
    assert [field["name"] for field in made["facets"]["schema"]["fields"]] == GOLD_LABELS.names
    assert {name: value for name, value in made["outputFacets"]["outputStatistics"].items() if not name.startswith("_")} == {
        "rowCount": 24,
        "size": 4096,
    }


def test_a_columns_lineage_names_the_columns_of_every_film_that_was_read(told: Workspace) -> None:
    (made,) = gold(told)[1]["outputs"]
    fields = made["facets"]["columnLineage"]["fields"]["unit_id"]["inputFields"]
    scenes = {field["name"] for field in fields if field["field"] == "unit_id" and "scenes" in field["name"]}
    assert scenes == {str(told.home.artifact("scenes", film)) for film in ("film-00", "film-01", "film-02")}
    labels = made["facets"]["columnLineage"]["fields"]["label"]["inputFields"]
    assert {"namespace": "file", "name": str(told.home.artifact("annotations")), "field": "label"} in labels


def test_a_raters_file_is_an_input_and_no_name_is_in_any_event(told: Workspace) -> None:
    batch = step("annotation_batches", product(told, "annotation_batches", "first"), partition="first")
    union = step("annotations", product(told, "annotations"))
    events = events_of(told, batch, union)
    assert [one["name"] for one in events[2]["inputs"]] == [str(told.home.inbox / "first.csv")]
    told_in_full = str(events)
    assert pseudonym(told, "ana") not in told_in_full and "'ana'" not in told_in_full


def test_a_version_of_which_no_stamp_is_left_has_no_inputs(told: Workspace) -> None:
    _, last = events_of(told, step("gold_labels", Thing("gold_labels", "", "0" * 31 + "1.dir")))
    assert last["inputs"] == [] and "columnLineage" not in last["outputs"][0]["facets"]


def test_a_failed_step_says_why(told: Workspace) -> None:
    _, last = events_of(told, step("emotion_model", failure="no unit has a gold label"))
    assert last["eventType"] == "FAIL" and last["outputs"] == []
    assert last["run"]["facets"]["errorMessage"]["message"] == "no unit has a gold label"


def test_the_same_step_gives_the_same_events(told: Workspace, tmp_path: Path) -> None:
    assert gold(told) == gold(told)
