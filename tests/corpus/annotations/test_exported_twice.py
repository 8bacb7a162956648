"""One annotation of Label Studio, delivered as JSON and as JSON_MIN, counts once."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from corpus.annotations.batches import BatchSummary, build_annotations, build_batch
from corpus.annotations.importers.reading import Told
from corpus.annotations.sidecars import write_told
from corpus.contracts import ANNOTATIONS
from corpus.paths import file_digest

MADE, EDITED = "2026-01-01T00:00:00.123456Z", "2026-01-02T00:00:00.000000Z"
Regions = dict[str, tuple[int, int]]
REGIONS: Regions = {"joy": (1, 25), "fear": (26, 50)}


def value(label: str, frames: tuple[int, int]) -> dict[str, Any]:
    return {"ranges": [{"start": frames[0], "end": frames[1]}], "timelinelabels": [label]}


def as_json(regions: Regions, made: str = MADE, updated: str = MADE, number: int = 5) -> list[dict[str, Any]]:
    """The export of a project with one task and one annotation of it."""
    result = [
        {"id": f"region-{label}", "from_name": "emotion", "type": "timelinelabels", "value": value(label, frames)}
        for label, frames in regions.items()
    ]
    annotation = {"id": number, "completed_by": 1, "unique_id": f"u{number}", "created_at": made, "updated_at": updated, "result": result}
    return [{"id": 9, "data": {"film_id": "f1", "fps": 25}, "annotations": [annotation]}]


def as_json_min(regions: Regions, made: str = MADE, updated: str = MADE, number: int = 5) -> list[dict[str, Any]]:
    """The same as JSON_MIN has it: no ids of regions, answers beside the task's data."""
    answers = [value(label, frames) for label, frames in regions.items()]
    row = {"film_id": "f1", "fps": 25, "id": 9, "annotation_id": number, "annotator": 1, "emotion": answers, "lead_time": 4.0}
    return [row | {"created_at": made, "updated_at": updated}]


def batch(root: Path, name: str, tasks: list[dict[str, Any]]) -> tuple[Path, BatchSummary]:
    source, out = root / f"{name}.json", root / name
    source.write_text(json.dumps(tasks))
    out.mkdir()
    return out, build_batch(source, name, root / "annotators.json", out)


def united(root: Path, *exports: list[dict[str, Any]]) -> pd.DataFrame:
    folders = [batch(root, f"b{number}", tasks)[0] for number, tasks in enumerate(exports)]
    build_annotations(folders, root / "united")
    return ANNOTATIONS.read(root / "united" / "annotations.parquet")


def judged(table: pd.DataFrame) -> list[tuple[str, int]]:
    return sorted((str(label), int(start)) for label, start in zip(table["label"], table["start_ms"], strict=True))


BOTH = [("fear", 1000), ("joy", 0)]


@pytest.mark.parametrize("forms", [(as_json, as_json_min), (as_json_min, as_json), (as_json, as_json_min, as_json)])
def test_an_annotation_in_both_forms_counts_once_and_as_it_was_delivered_last(tmp_path: Path, forms: tuple[Any, ...]):
    table = united(tmp_path, *(form(REGIONS) for form in forms))
    assert judged(table) == BOTH
    assert set(table["batch_id"]) == {f"b{len(forms) - 1}"}


def test_an_export_that_was_changed_later_stands_whatever_the_order_of_delivery(tmp_path: Path):
    table = united(tmp_path, as_json({"anger": (1, 25)}, updated=EDITED), as_json_min(REGIONS))
    assert judged(table) == [("anger", 0)]


def test_a_region_that_the_rater_took_back_is_gone_with_the_later_export(tmp_path: Path):
    assert judged(united(tmp_path, as_json(REGIONS), as_json({"joy": (1, 25)}, updated=EDITED))) == [("joy", 0)]


def test_other_annotations_of_the_project_and_those_of_another_server_all_stay(tmp_path: Path):
    table = united(tmp_path, as_json(REGIONS), as_json_min({"anger": (1, 25)}, number=6), as_json_min({"disgust": (51, 75)}, made=EDITED))
    assert judged(table) == [("anger", 0), ("disgust", 2000), *BOTH]


def test_both_forms_in_one_archive_are_refused_row_by_row_with_what_to_do(tmp_path: Path):
    folder = tmp_path / "export"
    folder.mkdir()
    for name, tasks in (("a.json", as_json(REGIONS)), ("b.json", as_json_min(REGIONS)), ("c.json", as_json({"joy": (1, 25)}, number=6))):
        (folder / name).write_text(json.dumps(tasks))
    out = tmp_path / "out"
    out.mkdir()
    summary = build_batch(folder, "b", tmp_path / "annotators.json", out)
    assert (summary.rows_read, summary.judgements, summary.refused) == (5, 3, 2)
    refused = json.loads((out / "import.json").read_text())["refused"]
    assert {refusal["reason"] for refusal in refused} == {"file 1 holds the annotation too, JSON beside JSON_MIN: deliver one of them"}
    assert [refusal["ref"].split(",")[0] for refusal in refused] == ["file 2", "file 2"]


def test_the_tools_own_exports_of_one_project_count_once(shared_data: Path, tmp_path: Path):
    folders = []
    for name in ("export_json", "export_json_min"):
        source = tmp_path / f"{name}.json"
        source.write_bytes((shared_data / "annotation_samples" / "label_studio" / source.name).read_bytes())
        write_told(source, Told(fps=25), file_digest(source))
        (tmp_path / name).mkdir()
        assert build_batch(source, name, tmp_path / "annotators.json", tmp_path / name).judgements == 3
        folders.append(tmp_path / name)
    summary = build_annotations(folders, tmp_path / "united")
    once = build_annotations(folders[:1], tmp_path / "once")
    assert (summary.by_dimension, summary.raters) == (once.by_dimension, once.raters)
    assert summary.batches == ["export_json_min"] and summary.superseded == once.rows
