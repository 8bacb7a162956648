"""The importers by format: a new format is a module beside this one and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus.annotations.importers.long_csv import read_long_csv
from corpus.annotations.judgements import Delivery
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import FeelmError


@dataclass(frozen=True)
class Importer:
    """A format's name, the file endings it is recognised by, and its reader."""

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, Pseudonyms], Delivery]


IMPORTERS: tuple[Importer, ...] = (Importer("long", (".csv", ".tsv", ".txt"), read_long_csv),)


def read_delivery(source: Path, pseudonyms: Pseudonyms, format_name: str | None = None) -> Delivery:
    """Read `source` by `format_name`, or by its ending; a file of no known format is a delivery with a fault.

    Raises:
        FeelmError: `format_name` is no format, or there is no such file.
    """
    if not source.is_file():
        raise FeelmError(f"there is no file {source}")
    if format_name is not None and format_name not in {importer.name for importer in IMPORTERS}:
        raise FeelmError(f"annotation format {format_name!r} is not known: use one of {', '.join(i.name for i in IMPORTERS)}")
    for importer in IMPORTERS:
        if format_name == importer.name or (format_name is None and source.suffix.casefold() in importer.suffixes):
            return importer.read(source, pseudonyms)
    known = sorted(suffix for importer in IMPORTERS for suffix in importer.suffixes)
    return Delivery(
        "none", source.suffix, fault=f"no importer reads {source.suffix or 'a file without ending'}: known are {', '.join(known)}"
    )
