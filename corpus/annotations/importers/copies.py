"""The copy of a delivery that is kept: what was read of it, as lines of JSON, with pseudonyms where raters' names were.

It stands for the delivered file wherever that may not stay: its digest is the provenance of every row, and imported in the file's place it
gives the same rows, so that a rater can be erased without anything changing. The first line says what was read, refused and repaired.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from corpus.annotations.importers.reading import Files, Importer, Told, UnreadableFile, decode, decode_json, each_file
from corpus.annotations.judgements import Delivery, Judgement, Refusal, Trace
from corpus.annotations.pseudonyms import Pseudonyms

MARK = "feelm_copy"
VERSION = 1


def copy_of(delivery: Delivery) -> bytes | None:
    """The copy; None of a delivery that could not be read."""
    if delivery.fault is not None:
        return None
    head = {
        MARK: VERSION,
        "tool": delivery.tool,
        "rows_read": delivery.rows_read,
        "refusals": [asdict(refusal) for refusal in delivery.refusals],
        "repairs": [asdict(repair) for repair in delivery.repairs],
        "unknown_columns": delivery.unknown_columns,
    }
    judgements = ({"judgement": _told_fields(judgement)} for judgement in delivery.judgements)
    traces = ({"trace": _told_fields(trace)} for trace in delivery.traces)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (head, *judgements, *traces)).encode()


def _told_fields(item: Judgement | Trace) -> dict[str, Any]:
    """The fields that differ from what holds where nothing is said."""
    return {field.name: value for field in fields(item) if (value := getattr(item, field.name)) != _default(field)}


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def is_copy(files: Files) -> bool:
    """Whether all files begin as copies do."""
    return all(content.startswith(f'{{"{MARK}": '.encode()) for content in files.values())


def read_copy(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """The delivery that a copy was made of."""
    try:
        # Other line ends than "\n" may stand within a note.
        lines = [decode_json(line.encode()) for line in decode(content).removesuffix("\n").split("\n")]
        return _delivery(lines)
    except UnreadableFile as error:
        return Delivery("copy", fault=str(error))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        return Delivery("copy", fault=f"the copy is not as Feelm writes them ({error}): import the delivered file")


def _delivery(lines: list[Any]) -> Delivery:
    head, items = lines[0], lines[1:]
    if head.pop(MARK) != VERSION:
        raise UnreadableFile("the copy was written by another version of Feelm: import the delivered file")
    return Delivery(
        tool=head["tool"],
        rows_read=head["rows_read"],
        judgements=tuple(_judgement(item["judgement"]) for item in items if "judgement" in item),
        traces=tuple(_trace(item["trace"]) for item in items if "trace" in item),
        refusals=tuple(Refusal(**refusal) for refusal in head["refusals"]),
        repairs=tuple(Refusal(**repair) for repair in head["repairs"]),
        unknown_columns=tuple(head["unknown_columns"]),
    )


def _judgement(said: Mapping[str, Any]) -> Judgement:
    scales = {name: tuple(ends) for name, ends in said.get("scales", {}).items()}
    return Judgement(**{**said, "scales": scales, "cues": tuple(said.get("cues", ()))})


def _trace(said: Mapping[str, Any]) -> Trace:
    confidences = said.get("confidences")
    lists = {
        "times_ms": tuple(said["times_ms"]),
        "values": tuple(said["values"]),
        "scale": tuple(said["scale"]) if said["scale"] is not None else None,
        "confidences": tuple(confidences) if confidences is not None else None,
    }
    return Trace(**{**said, **lists})


IMPORTER = Importer("copy", "Feelm's own copy of a delivery (JSON lines)", is_copy, each_file(read_copy))
