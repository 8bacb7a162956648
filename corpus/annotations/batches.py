"""From delivered files to one table of judgements.

One file is one batch: read, told apart row by row, and kept with a copy that holds no names. The union of accepted batches keeps, for
each judgement, the latest revision; a file delivered twice adds nothing, and a file replaced under its name replaces its batch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from corpus.annotations.exported_twice import Exports, of_older_exports
from corpus.annotations.importers.copies import copy_of
from corpus.annotations.importers.reading import Told, UnreadableFile, read_files
from corpus.annotations.importers.registry import read_delivery
from corpus.annotations.judgements import Delivery, Refusal, Trace, annotation_rows, trace_table
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.sidecars import read_rejection, read_told, rejection_path, told_of_another, told_path, write_told
from corpus.arrivals import is_named_whole
from corpus.contracts import ANNOTATIONS, TRACES
from corpus.paths import Home, file_digest, replacing, write_json
from corpus.terms import FeelmError


@dataclass(frozen=True)
class BatchSummary:
    """What was read from one delivered file; `missing` says why nothing was, `told_left_out` what was told of another file of its name."""

    batch_id: str
    tool: str
    rows_read: int
    judgements: int
    refused: int
    repaired: int
    annotation_rows: int
    traces: int
    films: list[str]
    raters: list[str]
    unknown_columns: list[str]
    missing: str | None
    told_left_out: str | None = None


@dataclass(frozen=True)
class Batch:
    """One delivery as tables: ANNOTATIONS and TRACES, what was refused and repaired, the copy without names, and the summary."""

    annotations: pd.DataFrame
    traces: pd.DataFrame
    refusals: tuple[Refusal, ...]
    repairs: tuple[Refusal, ...]
    copy: bytes | None
    summary: BatchSummary


@dataclass(frozen=True)
class AnnotationsSummary:
    """The union of accepted batches: judgements per dimension, and how many rows a later delivery superseded."""

    batches: list[str]
    rows: int
    superseded: int
    traces: int
    raters: int
    films: list[str]
    by_dimension: dict[str, int]
    missing: str | None


@dataclass(frozen=True)
class InboxFile:
    """A file in the inbox. `version` changes with the file (a sensor's cursor); `is_news`: its batch is not built, or older than it."""

    path: Path
    batch_id: str
    version: str
    is_news: bool


def build_batch(source: Path, batch_id: str, pseudonyms: Path, out: Path) -> BatchSummary:
    """Import `source` as batch `batch_id` into the folder `out`.

    Writes annotations.parquet (ANNOTATIONS), traces.parquet (TRACES), import.json (what was refused or repaired, with line and reason),
    the copy without names and summary.json. What was told of the file is read from beside it, and what was told of an earlier one of its
    name is left out and named. A file that cannot be read gives a batch of no rows that says why, for the gate to refuse.

    Raises:
        FeelmError: there is no such file, or the format told is none.
    """
    known = Pseudonyms(pseudonyms)
    delivery = read_delivery(source, known, read_told(source))
    known.save()
    batch = tables_of(delivery, batch_id)
    ANNOTATIONS.write(batch.annotations, out / "annotations.parquet")
    TRACES.write(batch.traces, out / "traces.parquet")
    if batch.copy is not None:
        (out / "source.jsonl").write_bytes(batch.copy)
    summary = dataclasses.replace(batch.summary, told_left_out=_left_out(source))
    write_json(
        out / "import.json",
        {
            "tool": delivery.tool,
            "fault": delivery.fault,
            "rows_read": delivery.rows_read,
            "judgements": summary.judgements,
            "unknown_columns": summary.unknown_columns,
            "told_left_out": summary.told_left_out,
            "refused": [dataclasses.asdict(refusal) for refusal in batch.refusals],
            "repaired": [dataclasses.asdict(repair) for repair in batch.repairs],
        },
    )
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _left_out(source: Path) -> str | None:
    options = ", ".join(told_of_another(source))
    told = f"what was told of an earlier file of this name ({options}) does not hold of this one"
    return f"{told}: `feelm annotations import` it with what does" if options else None


def tables_of(delivery: Delivery, batch_id: str) -> Batch:
    """The delivery's judgements as tables, repeated ones counted once and contradicting ones refused."""
    copy = copy_of(delivery)
    sha256 = hashlib.sha256(copy or b"").hexdigest()
    sifted = _sift(delivery, batch_id, sha256)
    annotations = ANNOTATIONS.frame(sifted.rows)
    traces = TRACES.to_arrow(trace_table(sifted.traces, batch_id, delivery.tool, sha256)).to_pandas()
    summary = BatchSummary(
        batch_id=batch_id,
        tool=delivery.tool,
        rows_read=delivery.rows_read,
        judgements=sifted.judgements + len(sifted.traces),
        refused=len(sifted.refusals),
        repaired=len(sifted.repairs),
        annotation_rows=len(annotations),
        traces=len(sifted.traces),
        films=sorted({*annotations["film_id"], *traces["film_id"]}),
        raters=sorted({*annotations["annotator_id"], *traces["annotator_id"]}),
        unknown_columns=list(delivery.unknown_columns),
        missing=delivery.fault or ("no rows" if delivery.rows_read == 0 else None),
    )
    return Batch(annotations, traces, tuple(sifted.refusals), tuple(sifted.repairs), copy, summary)


@dataclass
class _Sifted:
    """Rows of ANNOTATIONS and traces that stay, the number of judgements behind the rows, and what was told of the others."""

    rows: list[dict[str, object]]
    judgements: int
    traces: list[Trace]
    refusals: list[Refusal]
    repairs: list[Refusal]


def _sift(delivery: Delivery, batch_id: str, sha256: str) -> _Sifted:
    """Repeated judgements are counted once; what contradicts an earlier one, or is a second trace of one thing, is refused."""
    kept: dict[object, dict[str, object]] = {}
    sifted, exports = _Sifted([], 0, [], list(delivery.refusals), list(delivery.repairs)), Exports()
    for judgement in delivery.judgements:
        rows = list(annotation_rows(judgement, batch_id, delivery.tool, sha256))
        earlier = [kept.get(row["annotation_id"]) for row in rows]
        conflict = next((old for old, new in zip(earlier, rows, strict=True) if old and old.get("value_raw") != new.get("value_raw")), None)
        if (other := exports.other(judgement)) is not None:
            reason = f"{other} holds the annotation too, JSON beside JSON_MIN: deliver one of them"
            sifted.refusals.append(Refusal(judgement.source_ref, reason))
        elif conflict is not None:
            reason = f"contradicts {conflict['source_ref']}: the same rater, pass, span and emotion with another value"
            sifted.refusals.append(Refusal(judgement.source_ref, reason))
        elif all(old is not None for old in earlier):
            sifted.repairs.append(Refusal(judgement.source_ref, f"repeats {earlier[0] and earlier[0]['source_ref']}: counted once"))
        else:
            kept.update((row["annotation_id"], row) for old, row in zip(earlier, rows, strict=True) if old is None)
            sifted.judgements += 1
    sifted.rows = list(kept.values())
    _sift_traces(delivery, sifted)
    return sifted


def _sift_traces(delivery: Delivery, sifted: _Sifted) -> None:
    first: dict[tuple[object, ...], Trace] = {}
    for trace in delivery.traces:
        earlier = first.setdefault(trace.key, trace)
        if earlier is not trace:
            reason = f"another trace of the film, rater and dimension of {earlier.source_ref}: say which pass or character it is"
            sifted.refusals.append(Refusal(trace.source_ref, reason))
    sifted.traces = list(first.values())


def build_annotations(batch_dirs: Sequence[Path], out: Path) -> AnnotationsSummary:
    """Unite accepted batches, given in order of delivery, into annotations.parquet (ANNOTATIONS), traces.parquet (TRACES) and summary.json.

    A judgement (group_id) that several batches hold is taken whole from one of them: the one changed last where all say when
    (`updated_at`, else `created_at`), else the last delivered. So an edited label supersedes the old one. Of an annotation of Label
    Studio the latest export stays whole, in whatever form it came; of a trace the last delivered.
    """
    tables = [ANNOTATIONS.read(folder / "annotations.parquet").assign(order=order) for order, folder in enumerate(batch_dirs)]
    united = pd.concat(tables, ignore_index=True) if tables else ANNOTATIONS.empty().assign(order=0)
    latest = _latest(united[~of_older_exports(united)]).drop(columns="order").sort_values("annotation_id", kind="stable")
    table = ANNOTATIONS.write(latest, out / "annotations.parquet")
    traces = TRACES.write(_latest_traces(batch_dirs), out / "traces.parquet")
    summary = AnnotationsSummary(
        batches=sorted(table["batch_id"].unique()),
        rows=len(table),
        superseded=len(united) - len(table),
        traces=int(traces["trace_id"].nunique()),
        raters=len({*table["annotator_id"], *traces["annotator_id"]}),
        films=sorted({*table["film_id"], *traces["film_id"]}),
        by_dimension={str(name): int(n) for name, n in table["dimension"].value_counts().sort_index().items()},
        missing=None if len(table) or len(traces) else "no accepted annotations",
    )
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _latest(united: pd.DataFrame) -> pd.DataFrame:
    """Of each judgement the rows of the batch that revised it last."""
    changed = united["updated_at"].fillna(united["created_at"])
    facts = united[["group_id", "order"]].assign(changed=changed, dated=changed.notna())
    revisions = facts.groupby(["group_id", "order"], sort=False, as_index=False).agg(changed=("changed", "max"), dated=("dated", "all"))
    dated = revisions.groupby("group_id")["dated"].transform("all")
    revisions["when"] = revisions["changed"].where(dated, "")
    last = revisions.sort_values(["group_id", "when", "order"], kind="stable").drop_duplicates("group_id", keep="last")
    return united.merge(last[["group_id", "order"]], on=["group_id", "order"])


def _latest_traces(batch_dirs: Sequence[Path]) -> pd.DataFrame:
    tables = [TRACES.read(folder / "traces.parquet").assign(order=order) for order, folder in enumerate(batch_dirs)]
    if not tables:
        return TRACES.empty()
    united = pd.concat(tables, ignore_index=True)
    last = united.groupby("trace_id")["order"].transform("max")
    return united[united["order"] == last].drop(columns="order").sort_values(["trace_id", "t_ms"], kind="stable")


def batch_id_of(file_name: str) -> str:
    """The batch id of a delivered file: its name as a slug, with a digest where the slug says less than the name."""
    name = file_name.removesuffix(".csv")
    slug = re.sub(r"[^a-z0-9_]+", "-", name.casefold()).strip("-_")[:48]
    if slug == name:
        return slug
    return f"{slug}-{hashlib.sha256(file_name.encode()).hexdigest()[:8]}".lstrip("-")


def scan_inbox(home: Home) -> list[InboxFile]:
    """All files delivered to the inbox, in order of name; hidden and unfinished ones are left alone."""
    if not home.inbox.is_dir():
        return []
    return [_inbox_file(path, home) for path in sorted(home.inbox.iterdir()) if path.is_file() and is_named_whole(path)]


def deliver(source: Path, home: Home, name: str | None = None, told: Told | None = None) -> InboxFile:
    """Copy a file, or a folder as one archive, into the inbox in one step, so that nobody reads half of it.

    It gets its own or another `name`; what is `told` of it is kept beside it. A rejection holds where the same file comes again with the
    same things told.

    Raises:
        FeelmError: there is no such file or folder.
    """
    if not source.exists():
        raise FeelmError(f"there is no file {source}")
    target = home.inbox / (name or (f"{source.name}.zip" if source.is_dir() else source.name))
    with replacing(target) as temporary:
        if source.is_dir():
            _pack(source, temporary)
        else:
            shutil.copyfile(source, temporary)
        if told is not None and told != Told():
            write_told(target, told, file_digest(temporary))
        else:
            told_path(target).unlink(missing_ok=True)
    if read_rejection(target) is None:
        rejection_path(target).unlink(missing_ok=True)
    return _inbox_file(target, home)


def _pack(folder: Path, archive: Path) -> None:
    """The folder's files as a zip; the same files give the same bytes."""
    try:
        files = read_files(folder)
    except UnreadableFile as error:
        raise FeelmError(f"{folder} cannot be delivered: {error}") from error
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _inbox_file(path: Path, home: Home) -> InboxFile:
    facts = path.stat()
    batch_id = batch_id_of(path.name)
    record = home.batch(batch_id) / "import.json"
    is_news = not record.is_file() or facts.st_mtime_ns > record.stat().st_mtime_ns
    return InboxFile(path, batch_id, f"{facts.st_size}-{facts.st_mtime_ns}", is_news)
