"""One judgement as a tool's file holds it, and the rows of ANNOTATIONS it becomes.

Importers read foreign files into `Judgement`s and nothing else; here they get their ids, their canonical labels and values. A judgement's
ids come from what was judged and by whom, never from the file, so that a second import of the same or a grown file adds nothing twice.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from corpus.annotations.vocabulary import canonical

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://feelm.invalid/annotations")

VALUE_RANGES: dict[str, tuple[float, float]] = {"intensity": (0.0, 1.0), "valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}

CUES = ("face", "voice", "verbal", "gesture", "context", "narrator", "music", "camera")


@dataclass(frozen=True)
class Judgement:
    """What one rater said about one span or unit in one pass.

    `annotator_id` is a pseudonym already. `values` holds intensity, valence and arousal where judged, as given. `tool_id` is the tool's
    own id of the region where it has one. `source_ref` says where it stands in the file.
    """

    film_id: str
    annotator_id: str
    source_ref: str
    unit_id: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    pass_no: int = 1
    character_id: str | None = None
    perspective: str = "portrayed"
    emotion: str | None = None
    scheme: str = "feelm"
    values: dict[str, float] = field(default_factory=dict)
    cues: tuple[str, ...] = ()
    modality_seen: str = "av"
    note: str | None = None
    lead_time_ms: int | None = None
    created_at: str | None = None
    tool_id: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What is judged and by whom: the same key in a later delivery is the same judgement, revised."""
        if self.tool_id is not None:
            return (self.film_id, self.annotator_id, self.tool_id)
        span = self.unit_id if self.unit_id is not None else (self.start_ms, self.end_ms)
        return (self.film_id, self.annotator_id, self.pass_no, span, self.character_id, self.perspective)


@dataclass(frozen=True)
class Refusal:
    """A row or region that did not become a judgement, and why."""

    ref: str
    reason: str


@dataclass(frozen=True)
class Delivery:
    """What an importer read from one file.

    `copy` is the file with raters' names replaced, `suffix` its ending. `fault` says why the file as a whole could not be read (then there
    are no judgements and no copy). `unknown_columns` were not read.
    """

    tool: str
    suffix: str
    rows_read: int = 0
    judgements: tuple[Judgement, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    repairs: tuple[Refusal, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    copy: bytes | None = None
    fault: str | None = None


def identifier(*parts: object) -> str:
    """uuid5 over the JSON of `parts`."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(parts, ensure_ascii=False)))


def annotation_rows(judgement: Judgement, batch_id: str, tool: str, file_sha256: str) -> Iterator[dict[str, object]]:
    """Rows of ANNOTATIONS, one per dimension judged.

    An emotion that the scheme does not know has `label` null, a value outside its range `value` null; both keep what was given, for the
    gate to refuse the batch by these rows.
    """
    common = _common_columns(judgement, batch_id, tool, file_sha256)
    label = canonical(judgement.emotion, judgement.scheme).emotion if judgement.emotion is not None else None
    named = label or judgement.emotion
    if judgement.emotion is not None:
        yield common | {
            "annotation_id": identifier(*judgement.key, "category", named),
            "dimension": "category",
            "label": label,
            "label_raw": judgement.emotion,
        }
    for dimension, given in sorted(judgement.values.items()):
        low, high = VALUE_RANGES[dimension]
        yield common | {
            "annotation_id": identifier(*judgement.key, dimension, named if dimension == "intensity" else None),
            "dimension": dimension,
            "label": label if dimension == "intensity" else None,
            "value": given if low <= given <= high else None,
            "value_raw": given,
        }


def _common_columns(judgement: Judgement, batch_id: str, tool: str, file_sha256: str) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "film_id": judgement.film_id,
        "unit_id": judgement.unit_id,
        "start_ms": judgement.start_ms,
        "end_ms": judgement.end_ms,
        "annotator_id": judgement.annotator_id,
        "pass_no": judgement.pass_no,
        "character_id": judgement.character_id,
        "perspective": judgement.perspective,
        "group_id": identifier(*judgement.key),
        "cues": ",".join(judgement.cues) or None,
        "modality_seen": judgement.modality_seen,
        "note": judgement.note,
        "lead_time_ms": judgement.lead_time_ms,
        "created_at": judgement.created_at,
        "source_tool": tool,
        "source_file_sha256": file_sha256,
        "source_ref": judgement.source_ref,
    }
