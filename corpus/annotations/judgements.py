"""One judgement as a tool's file holds it, and the rows of ANNOTATIONS it becomes.

Importers read foreign files into `Judgement`s and `Trace`s and nothing else; here they get their ids, their canonical labels and values. A
judgement's ids come from what was judged and by whom, never from the file, so that a second import of the same or a grown file adds
nothing twice.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from corpus.annotations.vocabulary import canonical
from corpus.contracts import ANNOTATION_SCHEMA_VERSION, ANNOTATIONS, TRACES
from corpus.statistics import IntArray
from corpus.terms import EMOTIONS

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://feelm.invalid/annotations")

VALUE_RANGES: dict[str, tuple[float, float]] = {
    "intensity": (0.0, 1.0),
    "valence": (-1.0, 1.0),
    "arousal": (-1.0, 1.0),
    "dominance": (-1.0, 1.0),
}

CUES = ("face", "voice", "verbal", "gesture", "context", "narrator", "music", "camera")

NOTE_LENGTH = 4000


@dataclass(frozen=True)
class Judgement:
    """What one rater said about one span, point or unit in one pass.

    `annotator_id` is a pseudonym already. A span is [start_ms, end_ms), a point has no end. `values` holds intensity, valence, arousal and
    dominance where judged, as given; `scales` the ends of the tool's own scale where they are not those of VALUE_RANGES. `rank` is 1 for
    the first emotion that the rater named, 2 for the second. `tool_id` is the tool's own id of the region where it has one: judgements
    that share it are one group. `source_ref` says where it stands in the file.
    """

    film_id: str
    annotator_id: str
    source_ref: str
    unit_id: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    cut_id: str | None = None
    time_basis: str = "ms"
    fps_used: float | None = None
    pass_no: int = 1
    character_id: str | None = None
    perspective: str = "portrayed"
    direction: str | None = None
    emotion: str | None = None
    scheme: str = "feelm"
    rank: int = 1
    values: dict[str, float] = field(default_factory=dict)
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    confidence: float | None = None
    cues: tuple[str, ...] = ()
    modality_seen: str | None = None
    note: str | None = None
    lead_time_ms: int | None = None
    created_at: str | None = None
    updated_at: str | None = None
    status: str = "submitted"
    tool_id: str | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What is judged and by whom: the same key in a later delivery is the same judgement, revised."""
        if self.tool_id is not None:
            return (self.film_id, self.annotator_id, self.tool_id)
        span = self.unit_id if self.unit_id is not None else (self.start_ms, self.end_ms)
        return (self.film_id, self.annotator_id, self.pass_no, span, self.character_id, self.perspective)


AS_COLUMNS = tuple(own.name for own in fields(Judgement) if own.name in ANNOTATIONS.names and own.name != "cues")
"""What of a judgement stands in columns of its name in every row of ANNOTATIONS that it becomes."""


@dataclass(frozen=True)
class Trace:
    """A rater's continuous judgement of one dimension: `values` (n,) as given at `times_ms` (n,), rising.

    `scale` holds the ends of the tool's scale, None where it has none. Delays are not taken off here.
    """

    film_id: str
    annotator_id: str
    source_ref: str
    dimension: str
    times_ms: tuple[int, ...]
    values: tuple[float, ...]
    scale: tuple[float, float] | None
    rate_hz: float | None = None
    confidences: tuple[float, ...] | None = None
    pass_no: int = 1
    character_id: str | None = None
    perspective: str = "portrayed"

    @property
    def key(self) -> tuple[object, ...]:
        """What is judged and by whom."""
        return (self.film_id, self.annotator_id, self.pass_no, self.character_id, self.perspective, self.dimension, "trace")


@dataclass(frozen=True)
class Refusal:
    """A row or region that did not become a judgement, and why."""

    ref: str
    reason: str


@dataclass(frozen=True)
class Delivery:
    """What an importer read from one delivered file.

    `rows_read` counts the rows or regions that hold or should hold a judgement, and traces; each is in `judgements`, `traces` or
    `refusals`, or in `repairs` where it only repeats another. Other repairs tell what was mended in what was read. `fault` says why the
    file as a whole could not be read (then there is nothing else). `unknown_columns` were not read.
    """

    tool: str
    rows_read: int = 0
    judgements: tuple[Judgement, ...] = ()
    traces: tuple[Trace, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    repairs: tuple[Refusal, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    fault: str | None = None


def identifier(*parts: object) -> str:
    """uuid5 over the JSON of `parts`."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(parts, ensure_ascii=False)))


def rescaled(value: float, scale: tuple[float, float], onto: tuple[float, float]) -> float | None:
    """`value` of a scale moved linearly onto another one; None where it lies outside its own."""
    low, high = scale
    if not low <= value <= high:
        return None
    return value if scale == onto else onto[0] + (value - low) / (high - low) * (onto[1] - onto[0])


def annotation_rows(judgement: Judgement, batch_id: str, tool: str, file_sha256: str) -> Iterator[dict[str, object]]:
    """Rows of ANNOTATIONS, one per dimension judged.

    An emotion that the scheme does not know has `label` null, a value outside its scale `value` null; both keep what was given, for the
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
        scale = judgement.scales.get(dimension, VALUE_RANGES[dimension])
        of_the_emotion = dimension == "intensity"
        yield common | {
            "annotation_id": identifier(*judgement.key, dimension, named if of_the_emotion else None),
            "dimension": dimension,
            "label": label if of_the_emotion else None,
            "label_raw": judgement.emotion if of_the_emotion else None,
            "value": rescaled(given, scale, VALUE_RANGES[dimension]),
            "value_raw": given,
            "scale_min": scale[0],
            "scale_max": scale[1],
        }


def _common_columns(judgement: Judgement, batch_id: str, tool: str, file_sha256: str) -> dict[str, Any]:
    return {name: getattr(judgement, name) for name in AS_COLUMNS} | {
        "batch_id": batch_id,
        "schema_version": ANNOTATION_SCHEMA_VERSION,
        "vocabulary_id": judgement.scheme if judgement.emotion is not None else None,
        "group_id": identifier(*judgement.key),
        "cues": ",".join(judgement.cues) or None,
        "source_tool": tool,
        "source_file_sha256": file_sha256,
    }


def label_codes(rows: pd.DataFrame) -> IntArray:
    """Place of each row's `label` in EMOTIONS, -1 where it is none of them."""
    return pd.Categorical(rows["label"], categories=EMOTIONS).codes.astype(np.int64)


def trace_table(traces: Iterable[Trace], batch_id: str, tool: str, file_sha256: str) -> pd.DataFrame:
    """The table TRACES, one row a sample."""
    parts = [_trace_rows(trace, batch_id, tool, file_sha256) for trace in traces]
    return pd.concat(parts, ignore_index=True) if parts else TRACES.empty()


def _trace_rows(trace: Trace, batch_id: str, tool: str, file_sha256: str) -> pd.DataFrame:
    given = np.array(trace.values, dtype=np.float64)
    low, high = trace.scale or (0.0, 1.0)
    onto_low, onto_high = VALUE_RANGES[trace.dimension] if trace.scale else (0.0, 1.0)
    return pd.DataFrame(
        {
            "trace_id": identifier(*trace.key),
            "batch_id": batch_id,
            "film_id": trace.film_id,
            "annotator_id": trace.annotator_id,
            "pass_no": trace.pass_no,
            "character_id": trace.character_id,
            "perspective": trace.perspective,
            "dimension": trace.dimension,
            "t_ms": np.array(trace.times_ms, dtype=np.int64),
            "value": onto_low + (given - low) / (high - low) * (onto_high - onto_low),
            "value_raw": given,
            "bounded": trace.scale is not None,
            "rate_hz": trace.rate_hz,
            "confidence": trace.confidences if trace.confidences is not None else np.nan,
            "source_tool": tool,
            "source_file_sha256": file_sha256,
            "source_ref": trace.source_ref,
        }
    )
