"""The exporters by format: a new format is a module beside this one and a line here."""

from __future__ import annotations

from pathlib import Path

from corpus.annotations.exporters import audformat, elan, emotionml, label_studio, long_csv
from corpus.annotations.exporters.writing import Exporter, Judged
from corpus.paths import write_bytes
from corpus.terms import FeelmError

EXPORTERS: tuple[Exporter, ...] = (
    long_csv.EXPORTER,
    label_studio.EXPORTER,
    elan.EXPORTER,
    emotionml.EXPORTER,
    audformat.EXPORTER,
)


def exporter_named(name: str) -> Exporter:
    """The exporter of a format.

    Raises:
        FeelmError: there is none.
    """
    for exporter in EXPORTERS:
        if exporter.name == name:
            return exporter
    raise FeelmError(f"format {name!r} is not written: use one of {', '.join(exporter.name for exporter in EXPORTERS)}")


def export(exporter: Exporter, judged: Judged, folder: Path) -> list[Path]:
    """Write the files of a format into `folder`, each whole or not at all; their paths, in order of name."""
    written = []
    for name, content in sorted(exporter.write(judged).items()):
        write_bytes(folder / name, content)
        written.append(folder / name)
    return written
