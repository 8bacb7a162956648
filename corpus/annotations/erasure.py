"""Erases a person who judged, and nothing that rests on the judgements.

Artifacts hold pseudonyms only; a name stands in the map of annotators and in the files as they were delivered. The map forgets it, and each
delivered file that holds judgements of the person, or the name anywhere (a refused row, a file's author), is replaced by its copy without
names, which gives the same rows: gold, models and their data versions stay as they are.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from corpus.annotations.batches import InboxFile, scan_inbox
from corpus.annotations.importers.reading import Told, read_files
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.sidecars import drop_dead_records, read_rejection, read_told, write_rejection, write_told
from corpus.paths import Home, read_json, write_bytes
from corpus.terms import FeelmError


@dataclass(frozen=True)
class Erasure:
    """What was done: the pseudonym that stays, the delivered files that became copies, and where the name may still be read.

    `named_files` are deliveries whose file name, or the reason of whose rejection, holds the name, `notes` the ids of judgements whose
    note does: people decide about both.
    """

    pseudonym: str
    replaced: tuple[str, ...]
    named_files: tuple[str, ...]
    notes: tuple[str, ...]


def forget(home: Home, name: str) -> Erasure:
    """Forget the rater of a name or pseudonym.

    Raises:
        FeelmError: nobody of that name was met, or a delivered file was not read as it lies there.
    """
    known = Pseudonyms(home.root / "annotators.json")
    pseudonym, name = known.forget(name)
    delivered = scan_inbox(home)
    unread = [item.path.name for item in delivered if item.is_news]
    if unread:
        raise FeelmError(f"{', '.join(unread)} in the inbox may name the rater and was not read yet: `feelm annotations import` it first")
    replaced = [item for item in delivered if pseudonym in _raters(home, item) or _names(item.path, name)]
    for item in replaced:
        _replace_by_copy(item.path, (home.batch(item.batch_id) / "source.jsonl").read_bytes())
    drop_dead_records(home.inbox)
    known.save()
    named = tuple(item.path.name for item in delivered if _holds(item.path.stem, name) or _holds(_why_rejected(item.path), name))
    return Erasure(pseudonym, tuple(item.path.name for item in replaced), named, _notes(home, name))


def _replace_by_copy(path: Path, copy: bytes) -> None:
    rejection = read_rejection(path)
    write_told(path, Told(format="copy"), hashlib.sha256(copy).hexdigest())
    write_bytes(path, copy)
    if rejection is not None:
        write_rejection(path, rejection)


def _why_rejected(path: Path) -> str:
    rejection = read_rejection(path)
    return (rejection.reason if rejection else None) or ""


def _raters(home: Home, item: InboxFile) -> list[str]:
    """Of a file that could not be read nothing is known, so it counts as naming everybody; there is no copy to replace it by."""
    summary = read_json(home.batch(item.batch_id) / "summary.json")
    if not (home.batch(item.batch_id) / "source.jsonl").is_file():
        raise FeelmError(f"{item.path.name} in the inbox could not be read and may name the rater: mend it or take it away, then forget")
    return list(summary["raters"])


def _names(path: Path, name: str) -> bool:
    """Whether the delivered file, or what was told of it, holds the name: as text, or as JSON and XML write letters beyond ASCII."""
    if _holds(read_told(path).annotator or "", name):
        return True
    written = {name, json.dumps(name)[1:-1], name.encode("ascii", "xmlcharrefreplace").decode()}
    texts = (_text(content) for content in read_files(path).values())
    return any(_holds(text, form) for text in texts for form in written)


def _text(content: bytes) -> str:
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return unicodedata.normalize("NFC", content.decode(encoding, errors="replace"))


def _notes(home: Home, name: str) -> tuple[str, ...]:
    path: Path = home.artifact("annotations") / "annotations.parquet"
    if not path.is_file():
        return ()
    table = pd.read_parquet(path, columns=["annotation_id", "note"])
    noted = table[table["note"].notna()]
    return tuple(noted.loc[noted["note"].map(lambda note: _holds(note, name)).astype(bool), "annotation_id"])


def _holds(text: str, name: str) -> bool:
    return name.strip().casefold() in text.casefold()
