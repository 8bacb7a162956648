"""Label Studio's JSON_MIN: a row an annotation, as the task with one annotation that the export JSON has.

It lacks the ids of regions, so that answers about the same time are taken together, and mixes the task's data with the answers: a value
counts as an answer by its shape, and one without shape under the name of a control is nobody's for certain.
"""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from corpus.annotations.importers.label_studio_items import FOLDED, VALUE_KEYS
from corpus.annotations.label_studio_config import asked_by

_OF_ANNOTATION = ("id", "annotation_id", "annotator", "created_at", "updated_at", "lead_time")
"""Columns of a row that are no data and no answer."""


def is_row(task: object) -> TypeGuard[dict[str, Any]]:
    """Whether an element of the exported list is a row of JSON_MIN, and not a task of JSON."""
    return isinstance(task, dict) and "annotations" not in task and "annotation_id" in task


def as_task(flat: dict[str, Any]) -> dict[str, Any]:
    """A row of JSON_MIN as the task that JSON has."""
    data: dict[str, Any] = {}
    result: list[dict[str, Any]] = []
    for name, value in flat.items():
        if name in _OF_ANNOTATION:
            continue
        answers = value if isinstance(value, list) else [value]
        if answers and all(isinstance(answer, dict) and _kind_of(answer) for answer in answers):
            result.extend({"id": _time_key(answer), "from_name": name, "type": _kind_of(answer), "value": answer} for answer in answers)
        elif asked_by(name) is not None:
            result.append({"from_name": name, "type": FOLDED, "value": {}})
        else:
            data[name] = value
    annotation = {name: flat.get(name) for name in ("created_at", "updated_at", "lead_time")}
    annotation |= {"id": flat["annotation_id"], "completed_by": flat.get("annotator"), "result": result}
    return {"data": data, "annotations": [annotation] if annotation["id"] is not None else []}


def _kind_of(answer: dict[str, Any]) -> str | None:
    return next((kind for kind, key in VALUE_KEYS.items() if key in answer), None)


def _time_key(answer: dict[str, Any]) -> str | None:
    times = {name: answer[name] for name in ("ranges", "start", "end") if name in answer}
    return json.dumps(times) if times else None
