"""Columns are followed from the report back to what raters gave, and every column that is named exists."""

from collections import deque

import dagster as dg
import pytest

from assets.chain import STAGES, StageRun
from assets.columns import COLUMN_SOURCES, SCORES
from assets.telling import TABLES, column_lineage, column_schema, tell
from assets.workspace import Workspace
from corpus.contracts import ANNOTATIONS, PREDICTIONS, TableSchema
from corpus.datasets.registry import CORPORA
from orchestration.definitions import defs

pytestmark = pytest.mark.long

Column = tuple[str, str]


def shown(asset: str) -> TableSchema:
    """The table whose columns Dagster shows."""
    if asset in ("validation_report", "report"):
        return SCORES
    output = next((output for corpus in CORPORA.values() for output, name in corpus.assets.items() if name == asset), asset)
    return TABLES[output][0][1]


def before(asset: str, column: str) -> list[Column]:
    """The columns directly before one, as Dagster is told of them when the asset is materialised."""
    told = column_lineage(asset).get("dagster/column_lineage", dg.TableColumnLineage({}))
    return [(dep.asset_key.to_user_string(), dep.column_name) for dep in told.deps_by_column.get(column, [])]


def origins(start: Column) -> set[Column]:
    """Every column that one comes from, at any distance."""
    found: set[Column] = set()
    waiting = deque([start])
    while waiting:
        for earlier in before(*waiting.popleft()):
            if earlier not in found:
                found.add(earlier)
                waiting.append(earlier)
    return found


@pytest.mark.parametrize("figure", ["accuracy", "uar", "macro_f1", "jsd_bits", "ece"])
def test_each_figure_of_the_report_leads_back_to_the_words_that_raters_gave(figure: str) -> None:
    raw = {column for asset, column in origins(("report", figure)) if asset == "annotation_batches"}
    assert raw >= {"label_raw", "vocabulary_id", "annotator_id", "group_id"}
    assert raw <= set(ANNOTATIONS.names)


def test_a_predicted_intensity_leads_back_to_the_number_and_the_scale_that_raters_used() -> None:
    assert origins(("film_report", "intensity")) >= {("annotation_batches", name) for name in ("value_raw", "scale_min", "scale_max")}


def test_a_predicted_units_words_lead_back_to_the_dialogue() -> None:
    assert ("dialogue", "text") in origins(("training_set", "text"))
    assert ("dialogue", "utterance_id") in origins(("film_report", "unit_id"))


def test_every_column_that_is_named_is_one_that_dagster_shows() -> None:
    for asset, columns in COLUMN_SOURCES.items():
        assert set(columns) <= set(shown(asset).names), asset
        for column, sources in columns.items():
            for source in sources:
                assert source.column in shown(source.asset).names, f"{asset}.{column} is said to come from {source}"


def test_a_column_comes_from_assets_directly_before() -> None:
    graph = defs.resolve_asset_graph()
    for asset, columns in COLUMN_SOURCES.items():
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(asset)).parent_keys}
        named = {source.asset for sources in columns.values() for source in sources}
        assert named <= parents, asset


def test_assets_without_a_table_before_them_have_no_column_lineage() -> None:
    assert column_lineage("film") == {}


@pytest.mark.parametrize("name", ["gold_labels", "validation_report", "champion"])
def test_a_materialisation_tells_its_columns_and_where_they_come_from(told: Workspace, name: str) -> None:
    run = StageRun(name, "", None, {}, 0.0, 0.0, 0)
    metadata = tell(told, STAGES[name], run, name)
    columns = {column.name for column in metadata["dagster/column_schema"].columns}
    assert set(metadata["dagster/column_lineage"].deps_by_column) <= columns
    assert metadata["dagster/row_count"] == {"gold_labels": 24, "validation_report": 2, "champion": _n_predictions(told)}[name]


def test_dagsters_pages_tell_of_a_column_what_it_is_made_from() -> None:
    columns = {column.name: column.description for column in column_schema(shown("scenes"), [], "scenes").columns}
    assert columns["text"] == "what is said; from dialogue (text)"
    assert columns["start_ms"].endswith("; from dialogue (start_ms), shots (start_ms)")
    assert "from" not in columns["level"]


def test_bounds_of_a_column_are_told_in_words() -> None:
    columns = {column.name: column.constraints.other for column in column_schema(shown("emotion_model"), [], "emotion_model").columns}
    assert columns["fold"] == ["at least -1"]
    assert columns["p_joy"] == ["0 to 1"]


def _n_predictions(workspace: Workspace) -> int:
    return len(PREDICTIONS.read(workspace.home.artifact("champion") / "predictions.parquet"))
