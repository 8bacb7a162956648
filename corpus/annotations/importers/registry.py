"""The importers by format: a new format is a module beside this one and a line here."""

from __future__ import annotations

from pathlib import Path

from corpus.annotations.importers import long_csv
from corpus.annotations.importers.reading import Importer, Told, UnreadableFile, read_files
from corpus.annotations.judgements import Delivery
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import FeelmError

IMPORTERS: tuple[Importer, ...] = (long_csv.IMPORTER,)
"""In the order in which they are asked; the long table last, which takes any CSV so that it can say what it lacks."""


def read_delivery(source: Path, pseudonyms: Pseudonyms, told: Told | None = None) -> Delivery:
    """Read `source` by the format told, or by the one that recognises it; a file of no known format is a delivery with a fault.

    Raises:
        FeelmError: the format told is none, or there is no such file.
    """
    told = told or Told()
    if not source.is_file():
        raise FeelmError(f"there is no file {source}")
    by_name = {importer.name: importer for importer in IMPORTERS}
    if told.format is not None and told.format not in by_name:
        raise FeelmError(f"annotation format {told.format!r} is not known: use one of {', '.join(by_name)}")
    try:
        files = read_files(source)
        if not files:
            return Delivery("none", fault="the archive is empty: no rows")
        importer = by_name[told.format] if told.format else next((i for i in IMPORTERS if i.recognises(files)), None)
        if importer is None:
            named = f"{len(files)} files in it" if len(files) > 1 else source.suffix or "a file without ending"
            return Delivery("none", fault=f"no importer reads {named}: formats are {', '.join(by_name)}; --format says which it is")
        return importer.read(files, pseudonyms, told)
    except UnreadableFile as error:
        return Delivery("none", fault=str(error))
