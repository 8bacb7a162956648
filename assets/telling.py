"""What a materialisation tells in Dagster: figures, schemas, pictures, cost, and the data version.

`materialize` is the body of nearly every asset: run the link, turn its summary into metadata, hand Dagster the content hash. A user's
fault becomes one line (dg.Failure without retries); anything else is a bug and keeps its trace.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets.chain import STAGES, Scope, Stage, StageRun, claim, is_fresh, output_path
from assets.columns import COLUMN_SOURCES, LABELLED, SCORES, origin
from assets.compute.port import make_link
from assets.costs import film_minutes
from assets.links import links
from assets.partitions import PARTITIONS
from assets.resources import FeelmWorkspace
from assets.store.cache import at_hand
from assets.workspace import Workspace, read_json, size_of
from corpus import contracts
from corpus.contracts import TableSchema
from corpus.datasets.registry import CORPORA
from corpus.terms import FeelmError
from pages.cards.dataset import CARD_GOLD, CARD_UNITS
from pages.cards.document import CARD_FILE

ONLY_STALE_TAG, BACKFILL_TAG = "feelm/only_stale", "dagster/backfill"
"""A run with the first at `true` passes over links that are fresh and only records their versions; so does a backfill where it is not
`false`."""

FAILED_AHEAD_TAG = "feelm/failed_ahead"
"""Of a run of a film that was computed on a cluster ahead of it: why it went no further. The run records what there is and fails there."""

TABLES: dict[str, tuple[tuple[str, TableSchema], ...]] = {
    "shots": (("shots.parquet", contracts.SHOTS), ("pictures.parquet", contracts.PICTURES)),
    "faces": (("faces.parquet", contracts.FACES),),
    "dialogue": (("utterances.parquet", contracts.UTTERANCES), ("words.parquet", contracts.WORDS)),
    "scenes": (("units.parquet", contracts.UNITS), ("scenes.parquet", contracts.SCENES)),
    "face_features": (
        ("features.parquet", contracts.UNIT_FEATURES),
        ("course.parquet", contracts.FACE_COURSE),
        ("people.parquet", contracts.PEOPLE),
    ),
    "voice_features": (("features.parquet", contracts.UNIT_FEATURES), ("course.parquet", contracts.VOICE_COURSE)),
    "text_features": (("features.parquet", contracts.UNIT_FEATURES), ("lines.parquet", contracts.TEXT_LINES)),
    "scene_features": (("features.parquet", contracts.UNIT_FEATURES),),
    "annotation_batches": (("annotations.parquet", contracts.ANNOTATIONS), ("traces.parquet", contracts.TRACES)),
    "annotations": (("annotations.parquet", contracts.ANNOTATIONS), ("traces.parquet", contracts.TRACES)),
    "gold_labels": (("gold.parquet", contracts.GOLD_LABELS), ("raters.parquet", contracts.RATERS)),
    "corpus": (("gold.parquet", LABELLED), ("units.parquet", contracts.UNITS)),
    "text": (("features.parquet", contracts.UNIT_FEATURES),),
    "voice": (("features.parquet", contracts.UNIT_FEATURES),),
    "training_set": (("manifest.parquet", contracts.TRAINING_UNITS),),
    "emotion_model": (
        ("predictions.parquet", contracts.PREDICTIONS),
        ("reactions.parquet", contracts.REACTIONS),
        ("explanations.parquet", contracts.EXPLANATIONS),
    ),
    "dataset_card": (("units.parquet", CARD_UNITS), ("gold.parquet", CARD_GOLD)),
    "champion": (("predictions.parquet", contracts.PREDICTIONS),),
    "film_report": (("predictions.parquet", contracts.PREDICTIONS), ("explanations.parquet", contracts.EXPLANATIONS)),
}
"""The tables in each artifact; the first is the one whose rows and columns Dagster shows."""


def passes_over_fresh(tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags does only what is stale. What a person materialises by hand, one partition, is done in any case."""
    return tags.get(ONLY_STALE_TAG, "true" if BACKFILL_TAG in tags else "false") == "true"


def run_link(context: dg.AssetExecutionContext, workspace: Workspace, name: str, key: str) -> StageRun:
    """Run one link, or pass over it when the run asks for stale links only and it is fresh.

    Raises:
        dg.Failure: the input cannot be used; the description says what to do.
    """
    try:
        if passes_over_fresh(context.run.tags) and is_fresh(workspace, name, key):
            return claim(workspace, name, key, context.run.run_id)
        if FAILED_AHEAD_TAG in context.run.tags:
            raise dg.Failure(description=context.run.tags[FAILED_AHEAD_TAG], allow_retries=False)
        run = make_link(workspace, name, key, context.run.run_id)
    except FeelmError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    context.log.info(f"{name} {key}: {run.wall_s:.1f} s, {run.cpu_s:.1f} CPU s, {run.written_bytes / 1e6:.1f} MB")
    return run


def materialize(context: dg.AssetExecutionContext, workspace: FeelmWorkspace, name: str) -> dg.MaterializeResult:
    """Run the link `name` for the step's partition and report its one output."""
    (result,) = materialize_all(context, workspace, name)
    return result


def materialize_all(
    context: dg.AssetExecutionContext, workspace: FeelmWorkspace, name: str, corpus: str = ""
) -> Iterator[dg.MaterializeResult]:
    """Run the link `name` for the step's partition, or for a corpus, and report the asset of each of its outputs."""
    opened, stage = workspace.open(), STAGES[name]
    run = run_link(context, opened, name, context.partition_key if stage.scope in PARTITIONS else corpus)
    for output, asset in assets_of(stage, corpus).items():
        metadata = tell(opened, stage, run, output)
        yield dg.MaterializeResult(asset_key=asset, metadata=metadata, data_version=dg.DataVersion(run.versions[output]))


def tell(workspace: Workspace, stage: Stage, run: StageRun, output: str) -> dict[str, Any]:
    """Metadata of one output: path, cost, summary figures, links, row count, column schema, pictures."""
    from assets.plots import plots

    folder = output_path(workspace, stage, output, run.key)
    metadata: dict[str, Any] = {"path": dg.MetadataValue.path(str(folder)), "dagster/uri": folder.as_uri()}
    with at_hand(workspace, (output,) if stage.scope is Scope.FILM else (), run.key):
        metadata |= _cost(workspace, stage, run, folder)
        metadata |= _summary(folder)
        metadata |= links(workspace, output, folder)
        metadata |= _table(folder, output) | _scores(folder, output) | column_lineage(asset_of(output))
        if (folder / CARD_FILE).is_file():
            metadata["card"] = dg.MetadataValue.md(_card_text(folder / CARD_FILE))
        metadata |= {name: dg.MetadataValue.md(markdown) for name, markdown in plots(folder, output).items()}
    return metadata


def _cost(workspace: Workspace, stage: Stage, run: StageRun, folder: Path) -> dict[str, Any]:
    """What the link took, and the size of this output alone; by minute of film where a film's link was computed, and not a part of it only.

    Numbers, which Dagster draws over time and over films.
    """
    told: dict[str, Any] = {
        "computed": run.computed,
        "wall_s": round(run.wall_s, 2),
        "cpu_s": round(run.cpu_s, 2),
        "gpu_s": round(run.gpu_s, 2),
        "written_bytes": run.written_bytes,
        "artifact_mb": round(size_of(folder) / 1e6, 3),
    }
    if run.peak_memory_mb is not None and run.computed:
        told["peak_memory_mb"] = run.peak_memory_mb
    minutes = film_minutes(workspace, run.key) if stage.scope is Scope.FILM else None
    if minutes is not None:
        told["film_minutes"] = round(minutes, 3)
        if run.computed and not run.resumed:
            told |= {f"{name}_per_film_minute": round(told[name] / minutes, 3) for name in ("wall_s", "cpu_s", "gpu_s", "artifact_mb")}
    return told


def _card_text(path: Path) -> str:
    """A card without what only model hubs read."""
    return path.read_text(encoding="utf-8").partition("\n---\n")[2].strip()


def _summary(folder: Path) -> dict[str, Any]:
    values = read_json(folder / "summary.json") or {}
    told = {name: _value(value) for name, value in values.items() if value is not None}
    if values.get("n_units") and "n_present" in values:
        told["coverage"] = round(values["n_present"] / values["n_units"], 4)
    return told


def _value(value: object) -> Any:
    """A value of a JSON as Dagster shows it: six digits are enough to read, and the summary's file keeps all."""
    if isinstance(value, dict):
        return {name: _value(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value


def _table(folder: Path, output: str) -> dict[str, Any]:
    import pyarrow.parquet as pq

    if output not in TABLES or not (folder / TABLES[output][0][0]).is_file():
        return {}
    name, schema = TABLES[output][0]
    metadata: dict[str, Any] = {
        "dagster/row_count": pq.read_metadata(folder / name).num_rows,
        "dagster/column_schema": column_schema(schema, pq.read_schema(folder / name).names, output),
    }
    for other, _ in TABLES[output][1:]:
        if (folder / other).is_file():
            metadata[f"rows_{Path(other).stem}"] = pq.read_metadata(folder / other).num_rows
    return metadata


def _scores(folder: Path, output: str) -> dict[str, Any]:
    """The report's figures as the table that they are; the page of the whole shows the same ones."""
    if output == "reports":
        return {"dagster/column_schema": column_schema(SCORES, [], "report")}
    if output != "validation_report":
        return {}
    from ml.evaluation.report import ValidationReport

    report = ValidationReport.read(folder / "report.json")
    n_rows = sum(len(corpus.scores) for corpus in report.corpora)
    return {"dagster/row_count": n_rows, "dagster/column_schema": column_schema(SCORES, [], output)}


def assets_of(stage: Stage, key: str) -> dict[str, str]:
    """The Dagster assets that a link materialises for a key, by output."""
    return CORPORA[key].assets if stage.scope is Scope.CORPUS else {output: asset_of(output) for output in stage.outputs}


def asset_of(output: str) -> str:
    """The Dagster asset of an output, for links that are not of corpora."""
    return "report" if output == "reports" else output


def column_lineage(asset: str) -> dict[str, Any]:
    """From which columns of the assets before it each column of the asset comes."""
    if asset not in COLUMN_SOURCES:
        return {}
    deps = {
        column: [dg.TableColumnDep(asset_key=dg.AssetKey(one.asset), column_name=one.column) for one in sources]
        for column, sources in COLUMN_SOURCES[asset].items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def column_schema(schema: TableSchema, names: list[str], asset: str) -> dg.TableSchema:
    """Dagster's schema of an asset's table: declared columns with their constraints, then the feature columns.

    A description ends with what the column is made from: Dagster's open-source UI keeps column lineage and does not show it.
    """
    declared = [
        dg.TableColumn(column.name, column.dtype, _described(column) + origin(asset, column.name), constraints=_constraints(schema, column))
        for column in schema.columns
    ]
    features = [dg.TableColumn(name, "float32", description="feature") for name in names if name not in schema.names]
    return dg.TableSchema(columns=declared + features)


def _described(column: contracts.Column) -> str:
    return f"{column.description} [{column.unit}]" if column.unit else column.description


def _constraints(schema: TableSchema, column: contracts.Column) -> dg.TableColumnConstraints:
    other = []
    if column.minimum is not None or column.maximum is not None:
        other.append(_bounds(column.minimum, column.maximum))
    if column.allowed is not None:
        other.append("one of " + ", ".join(column.allowed))
    return dg.TableColumnConstraints(nullable=column.nullable, unique=schema.key == (column.name,), other=other)


def _bounds(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least:g}"
    return f"at most {most:g}" if least is None else f"{least:g} to {most:g}"
