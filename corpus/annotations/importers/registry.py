"""The importers by format: a new format is a module beside this one and a line here."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from corpus.annotations.importers import (
    audformat,
    copies,
    elan,
    emotionml,
    label_studio,
    long_csv,
    nova,
    studyforrest,
    textgrid,
    traces,
    via3,
)
from corpus.annotations.importers.reading import Files, Importer, Told, UnreadableFile, joined, read_files
from corpus.annotations.judgements import Delivery
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.terms import FeelmError

IMPORTERS: tuple[Importer, ...] = (
    copies.IMPORTER,
    label_studio.IMPORTER,
    elan.IMPORTER,
    textgrid.IMPORTER,
    emotionml.IMPORTER,
    audformat.IMPORTER,
    via3.IMPORTER,
    nova.IMPORTER,
    studyforrest.IMPORTER,
    traces.IMPORTER,
    long_csv.IMPORTER,
)
"""In the order in which they are asked; the long table last, which takes any CSV so that it can say what it lacks."""


def read_delivery(source: Path, pseudonyms: Pseudonyms, told: Told | None = None) -> Delivery:
    """Read a file, an archive or a folder by the format told, or by the one that recognises it.

    Files of several formats are read each by its own where every one is recognised. A file of no known format is a delivery with a fault.

    Raises:
        FeelmError: the format told is none, or there is no such file.
    """
    told = told or Told()
    if not source.exists():
        raise FeelmError(f"there is no file {source}")
    by_name = {importer.name: importer for importer in IMPORTERS}
    if told.format is not None and told.format not in by_name:
        raise FeelmError(f"annotation format {told.format!r} is not known: use one of {', '.join(by_name)}")
    try:
        files = read_files(source)
    except UnreadableFile as error:
        return Delivery("none", fault=str(error))
    if not files:
        return Delivery("none", fault=f"{source.name} holds no files: no rows")
    importer = by_name[told.format] if told.format else _importer_of(files)
    return importer.read(files, pseudonyms, told) if importer else _read_mixed(files, pseudonyms, told)


def _importer_of(files: Files) -> Importer | None:
    return next((importer for importer in IMPORTERS if importer.recognises(files)), None)


def _read_mixed(files: Files, pseudonyms: Pseudonyms, told: Told) -> Delivery:
    """Each importer reads the files that it recognises by themselves, together: some formats need several."""
    by_importer: dict[Importer | None, dict[str, bytes]] = {}
    for name, content in files.items():
        by_importer.setdefault(_importer_of({name: content}), {})[name] = content
    unknown = [PurePosixPath(name).suffix or "no ending" for name in by_importer.pop(None, {})]
    if unknown:
        named = f"{len(unknown)} of {len(files)} files" if len(files) > 1 else "the file"
        endings, formats = ", ".join(sorted(set(unknown))), ", ".join(importer.name for importer in IMPORTERS)
        return Delivery("none", fault=f"no importer reads {named} ({endings}): formats are {formats}; --format says which it is")
    return joined([importer.read(own, pseudonyms, told) for importer, own in by_importer.items() if importer])
