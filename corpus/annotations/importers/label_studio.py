"""Reads Label Studio's exports JSON and, where it leaves nothing to guess, JSON_MIN.

The tool's server takes anything (negative frames, labels and controls that the project lacks, many annotations by one user), so every
result item is checked here and refused by itself while the others go on. Items that share a region's id and time are one judgement; items
without a time are about the whole task, which must say in its data what it is: `unit_id`, or `start_ms` and `end_ms`. Predictions and
drafts are nobody's judgement, and `ground_truth` changes nothing: the tool sets it on every annotation that came in with its task
(`annotation.pop('ground_truth', True)` in data_import/serializers).

Timeline regions count frames from 1, both ends included: the editor makes `{start: frame, end: frame}` of a click, which its documentation
calls labelling a single frame, and its full range is `{start: 1, end: length}` (docs/source/tags/timelinelabels.md and
web/libs/editor/src/tags/object/Video/Video.js of HumanSignal/label-studio). So a region lasts until the frame after `end` begins. (The
tool's own YOLO example slices `[start:end]` instead, one frame less.) Regions of audio are in seconds.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from corpus.annotations.details import with_details
from corpus.annotations.importers.label_studio_items import Item, Said, is_number, plain, read_item, shown
from corpus.annotations.importers.label_studio_min import as_task, is_row
from corpus.annotations.importers.reading import (
    Files,
    Importer,
    Told,
    UnreadableFile,
    UnreadableRow,
    decode,
    delivery_of,
    each_file,
    frame_ms,
    milliseconds,
)
from corpus.annotations.judgements import Delivery, Judgement, Refusal
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.terms import FILM_ID_PATTERN

TOOL = "label-studio/1"

MOST_MS = 10**10
"""115 days: no film lasts longer, and no judgement takes longer."""

_WHOLE = re.compile(r"[0-9]{1,11}")
_CSV_COLUMNS = (b"annotation_id", b"annotator", b"lead_time")


@dataclass(frozen=True)
class Work:
    """One rater's annotation of a task: `base` holds what its judgements have in common, `number` its id or 0."""

    base: Judgement
    task: str
    number: int
    unique_id: str | None
    data: Mapping[str, Any]
    result: list[Any]


def is_label_studio(files: Files) -> bool:
    """Whether all files are lists of tasks or of JSON_MIN's rows, or the tool's CSV (which is refused with a hint)."""
    return all(_is_json_export(content) or _is_csv_export(content) for content in files.values())


def _is_json_export(content: bytes) -> bool:
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"[") and (b'"annotation_id"' in content or (b'"annotations"' in content and b'"data"' in content))


def _is_csv_export(content: bytes) -> bool:
    first = content[:4096].removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    return not first.lstrip().startswith((b"[", b"{")) and all(column in first for column in _CSV_COLUMNS)


def read_label_studio(name: str, content: bytes, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Read one export; faults of the whole file and of single items are told in the delivery, never raised."""
    try:
        found = list(_read(_tasks(content), pseudonyms, told))
    except UnreadableFile as error:
        return Delivery(TOOL, fault=str(error))
    except RecursionError:
        return Delivery(TOOL, fault="the JSON is nested too deep")
    return delivery_of(TOOL, found)


def _tasks(content: bytes) -> list[Any]:
    if _is_csv_export(content):
        raise UnreadableFile("Label Studio's CSV does not say which answers are about the same region: export the project as JSON")
    tasks = _json(decode(content))
    if not isinstance(tasks, list):
        raise UnreadableFile("the JSON is not a list of tasks: export the project as JSON")
    return tasks


def _json(text: str) -> object:
    """The JSON, with numbers that cannot be (NaN, 1e999, a hundred digits) as text, so that only their items are refused."""
    try:
        parsed = json.loads(text, parse_constant=str, parse_float=_decimal, parse_int=_integer, object_pairs_hook=_unrepeated)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(parsed, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"line {error.lineno} is no JSON ({error.msg}): the file may be cut short") from error
    except UnicodeEncodeError as error:
        raise UnreadableFile("the JSON holds half a character (a lone surrogate)") from error
    return parsed


def _decimal(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= 30 else digits


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadableFile("the JSON holds a key twice in one object")
    return found


def _read(tasks: Iterable[Any], pseudonyms: Pseudonyms, told: Told) -> Iterator[Judgement | Refusal]:
    works: list[Work] = []
    for position, task in enumerate(tasks, start=1):
        for found in _works(task, f"task {_named(task, position)}", pseudonyms, told):
            if isinstance(found, Refusal):
                yield found
            else:
                works.append(found)
    for work in _with_passes(works):
        yield from _judged(work, told)


def _works(task: Any, ref: str, pseudonyms: Pseudonyms, told: Told) -> Iterator[Work | Refusal]:
    whole = as_task(task) if is_row(task) else task
    data = whole.get("data") if isinstance(whole, dict) else None
    annotations = whole.get("annotations") if isinstance(whole, dict) else None
    if not isinstance(data, dict) or not isinstance(annotations, list):
        yield Refusal(ref, "it is no task with data and annotations")
        return
    for position, annotation in enumerate(annotations, start=1):
        own_ref = f"{ref}, annotation {_named(annotation, position)}"
        try:
            work = _work(annotation, ref, own_ref, data, pseudonyms, told)
        except UnreadableRow as error:
            yield Refusal(own_ref, str(error))
        else:
            if work is not None:
                yield work


def _work(annotation: Any, task: str, ref: str, data: dict[str, Any], pseudonyms: Pseudonyms, told: Told) -> Work | None:
    """The annotation, or None where a rater skipped the task and left nothing."""
    if not isinstance(annotation, dict) or not isinstance(annotation.get("result"), list):
        raise UnreadableRow("it is no annotation with a result")
    if not annotation["result"]:
        if annotation.get("was_cancelled") is True:
            return None
        raise UnreadableRow("nothing is judged: the result is empty")
    number, unique_id = annotation.get("id"), annotation.get("unique_id")
    return Work(
        base=_base(annotation, ref, data, pseudonyms, told),
        task=task,
        number=number if isinstance(number, int) else 0,
        unique_id=unique_id if isinstance(unique_id, str) and unique_id else None,
        data=data,
        result=annotation["result"],
    )


def _base(annotation: dict[str, Any], ref: str, data: dict[str, Any], pseudonyms: Pseudonyms, told: Told) -> Judgement:
    base = replace(
        told.judgement(_film_id(data, told), pseudonyms.of(_rater(annotation.get("completed_by"), told)), ref),
        lead_time_ms=_lead_time_ms(annotation.get("lead_time")),
        status="skipped" if annotation.get("was_cancelled") is True else "submitted",
    )
    said = {"created_at": annotation.get("created_at"), "updated_at": annotation.get("updated_at"), "perspective": data.get("perspective")}
    return with_details(base, {name: _as_text(name, given) for name, given in said.items() if given is not None})


def _as_text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise UnreadableRow(f"{name} {shown(given)} is no text")
    return given


def _film_id(data: dict[str, Any], told: Told) -> str:
    named = data.get("film_id")
    if told.film_id is not None or named in (None, ""):
        media = data.get("video") or data.get("audio")
        return told.film_of(_media_name(media) if isinstance(media, str) else None)
    if not isinstance(named, str | int) or not FILM_ID_PATTERN.fullmatch(str(named)):
        raise UnreadableRow(f"film_id {shown(named)} of the task is no film's id: say which film it is with --film")
    return str(named)


def _media_name(address: str) -> str:
    """The file's name in an address; files of the tool's own storage stand behind `?d=`."""
    path, _, query = address.partition("?")
    return query.removeprefix("d=") if query.startswith("d=") else path


def _rater(completed_by: Any, told: Told) -> str:
    who = completed_by
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    if isinstance(who, int) and not isinstance(who, bool):
        return f"label-studio-user-{who}"
    name = who if isinstance(who, str) and who.strip() else told.annotator
    if name is None:
        raise UnreadableRow("completed_by names no rater: say who with --annotator")
    return name


def _lead_time_ms(seconds: Any) -> int | None:
    if seconds is None:
        return None
    if not is_number(seconds) or not 0 <= 1000 * seconds <= MOST_MS:
        raise UnreadableRow(f"lead_time {shown(seconds)} is not a time of 0 s or more")
    return milliseconds(seconds)


def _with_passes(works: list[Work]) -> list[Work]:
    """A rater's annotations of one task are passes, numbered as they were created (then by id), whatever their order in the file."""
    passes: Counter[tuple[str, str, str]] = Counter()
    numbered: dict[int, Work] = {}
    for place in sorted(range(len(works)), key=lambda place: (works[place].base.created_at or "", works[place].number)):
        work = works[place]
        key = (work.task, work.base.annotator_id, work.base.status)
        passes[key] += 1
        numbered[place] = replace(work, base=replace(work.base, pass_no=passes[key]))
    return [numbered[place] for place in range(len(works))]


def _judged(work: Work, told: Told) -> Iterator[Judgement | Refusal]:
    regions: dict[str | int, list[Item]] = {}
    for position, raw in enumerate(work.result, start=1):
        try:
            item = read_item(raw)
        except UnreadableRow as error:
            yield Refusal(f"{work.base.source_ref}, item {position}", str(error))
        else:
            regions.setdefault(item.region_id or position, []).append(item)
    timed = [items for items in regions.values() if any(item.has_time for item in items)]
    whole = [item for items in regions.values() if not any(item.has_time for item in items) for item in items]
    parts = len(timed) + bool(whole)
    for position, items in enumerate(timed, start=1):
        region_id = items[0].region_id
        name = f"region {plain(region_id or '') or f'#{position}'}"
        yield from _region(items, _part(work, name, region_id, parts), work.data, told)
    if whole:
        yield from _region(whole, _part(work, "whole task", "", parts), work.data, told)


def _part(work: Work, name: str, tool_id: str | None, parts: int) -> Judgement:
    """What the judgements of one of an annotation's `parts` share; the tool has one time for all of them, which is shared out evenly."""
    base = work.base
    return replace(
        base,
        source_ref=f"{base.source_ref}, {name}",
        lead_time_ms=None if base.lead_time_ms is None else round(base.lead_time_ms / parts),
        tool_id=None if work.unique_id is None or tool_id is None else f"{work.unique_id}/{tool_id}",
    )


def _region(items: list[Item], base: Judgement, data: Mapping[str, Any], told: Told) -> Iterator[Judgement | Refusal]:
    try:
        placed = _placed(items, base, data, told)
    except UnreadableRow as error:
        yield Refusal(base.source_ref, str(error))
        return
    said, refused = Said(told), 0
    for item in items:
        try:
            said.add(item)
        except UnreadableRow as error:
            refused += 1
            yield Refusal(f"{base.source_ref}, {plain(item.control) or 'a control'}", str(error))
    if said.labels or said.values:
        yield from said.judgements(placed)
    elif refused < len(items):
        yield Refusal(base.source_ref, "nothing is judged: there is no emotion and no value")


def _placed(items: list[Item], base: Judgement, data: Mapping[str, Any], told: Told) -> Judgement:
    """`base` with the unit or span that the items are about.

    Raises:
        UnreadableRow: they are about none, or about several.
    """
    timed = [item for item in items if item.has_time]
    if not timed:
        return _whole_task(base, data)
    of_audio = any(item.of_audio for item in items)
    places = [_frames(item, base, data, told) if "ranges" in item.value else _seconds(item, base, of_audio) for item in timed]
    if any(place != places[0] for place in places):
        raise UnreadableRow("its items tell different times")
    return places[0]


def _frames(item: Item, base: Judgement, data: Mapping[str, Any], told: Told) -> Judgement:
    ranges = item.value["ranges"]
    if not isinstance(ranges, list) or len(ranges) != 1 or not isinstance(ranges[0], dict):
        raise UnreadableRow("a region of the timeline has one range of frames, and this has not")
    start, end = (_frame(ranges[0].get(name), name, told) for name in ("start", "end"))
    if end < start:
        raise UnreadableRow(f"frame {end} is its end and {start} its start")
    fps = _fps(data.get("fps"), told)
    start_ms, end_ms = frame_ms(start, told, fps), frame_ms(end + 1, told, fps)
    return replace(base, start_ms=start_ms, end_ms=_within_a_film(start_ms, end_ms), time_basis="frame", fps_used=fps)


def _frame(number: Any, name: str, told: Told) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise UnreadableRow(f"{name} {shown(number)} is not the whole number of a frame")
    if number < told.first_frame:
        raise UnreadableRow(f"{name} {number} is before the film's first frame, {told.first_frame} (--first-frame tells its number)")
    return number


def _fps(named: Any, told: Told) -> float:
    if named in (None, ""):
        if told.fps is None:
            raise UnreadableRow("its frames have no time: neither the task's data (fps) nor --fps tell the frames a second")
        return told.fps
    try:
        fps = math.nan if isinstance(named, bool) else float(named)
    except (TypeError, ValueError):
        fps = math.nan
    # The tool takes fps below 1 for its inverse, so what it counted by is not what stands there.
    if not 1 <= fps <= 1000:
        raise UnreadableRow(f"the task's fps {shown(named)} are not 1 to 1000 frames a second")
    return fps


def _seconds(item: Item, base: Judgement, of_audio: bool) -> Judgement:
    start, end = item.value.get("start"), item.value.get("end")
    if not of_audio or (item.kind == "labels" and "text" in item.value):
        raise UnreadableRow("its start and end are not seconds of a sound: a region has neither channel nor original_length")
    if not is_number(start) or not is_number(end) or not 0 <= start <= end <= MOST_MS:
        raise UnreadableRow(f"{shown(start)} to {shown(end)} is not a time in seconds")
    start_ms, end_ms = milliseconds(start), milliseconds(end)
    return replace(base, start_ms=start_ms, end_ms=_within_a_film(start_ms, end_ms))


def _within_a_film(start_ms: int, end_ms: int) -> int:
    if not start_ms < end_ms <= MOST_MS:
        raise UnreadableRow(f"{start_ms} to {end_ms} ms is no span of a film")
    return end_ms


def _whole_task(base: Judgement, data: Mapping[str, Any]) -> Judgement:
    unit_id, start, end = data.get("unit_id"), data.get("start_ms"), data.get("end_ms")
    if isinstance(unit_id, bool | dict | list | float):
        raise UnreadableRow("the task's unit_id is no text")
    if unit_id in (None, "") and (start is None or end is None):
        raise UnreadableRow(
            "it is about the whole task, and which part of the film that is nobody says: give the tasks unit_id, or start_ms and end_ms"
        )
    named = replace(base, unit_id=None if unit_id in (None, "") else str(unit_id))
    if start is None and end is None:
        return named
    start_ms, end_ms = _whole(start, "start_ms"), _whole(end, "end_ms")
    return replace(named, start_ms=start_ms, end_ms=_within_a_film(start_ms, end_ms))


def _whole(number: Any, name: str) -> int:
    if isinstance(number, bool) or not _WHOLE.fullmatch(str(number)):
        raise UnreadableRow(f"the task's {name} {shown(number)} is not a whole number of 0 or more")
    return int(number)


def _named(thing: Any, position: int) -> str:
    """The tool's id of a task or annotation where it is plain, else its place in the file."""
    number = thing.get("id") if isinstance(thing, dict) else None
    return (plain(str(number)) if isinstance(number, str | int) else None) or f"#{position}"


IMPORTER = Importer("label-studio", "Label Studio (JSON, JSON_MIN)", is_label_studio, each_file(read_label_studio))
