"""The data set for programs: Croissant 1.0, a JSON-LD file that names its files with sha256, fields with types, and how it came.

It is built and judged by mlcroissant: a description that is not valid, or whose files are not the ones it names, is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.contracts import Column, TableSchema
from corpus.paths import file_digest, write_json
from corpus.terms import FeelmError

CROISSANT_FILE = "croissant.json"
PARQUET = "application/x-parquet"


@dataclass(frozen=True)
class DescribedTable:
    """A Parquet file of the data set: its name, its schema and what a row is."""

    file: str
    schema: TableSchema
    about: str


@dataclass(frozen=True)
class Description:
    """What the file says of the whole; `collection`, `biases`, `protocol`, `limits`, `uses` and `platforms` are its RAI fields."""

    name: str
    about: str
    version: str
    address: str
    licences: Sequence[str]
    citation: str
    published: str | None
    collection: str
    biases: str
    protocol: str
    limits: Sequence[str]
    uses: Sequence[str]
    platforms: Sequence[str]
    tables: Sequence[DescribedTable]


def write_croissant(description: Description, folder: Path) -> None:
    """Describe the tables that lie in `folder` in its croissant.json, and have it judged.

    Raises:
        FeelmError: what was written is no valid Croissant 1.0.
    """
    write_json(folder / CROISSANT_FILE, _metadata(description, folder))
    check_croissant(folder / CROISSANT_FILE)


def check_croissant(path: Path) -> None:
    """Have mlcroissant judge a description and read the first row of each of its tables.

    Raises:
        FeelmError: it is no valid Croissant 1.0, or a file is not the one that it describes.
    """
    import mlcroissant as mlc

    try:
        described = mlc.Dataset(jsonld=str(path))
        for records in described.metadata.record_sets:
            next(iter(described.records(records.id)), None)
    except Exception as error:
        raise FeelmError(f"{path} is no valid Croissant 1.0 ({type(error).__name__}: {error}): run the stage dataset_card again") from error


def _metadata(description: Description, folder: Path) -> Mapping[str, Any]:
    import mlcroissant as mlc

    files = [
        mlc.FileObject(
            id=table.file,
            name=table.file,
            description=table.about,
            content_url=table.file,
            content_size=f"{(folder / table.file).stat().st_size} B",
            encoding_formats=[PARQUET],
            sha256=file_digest(folder / table.file),
        )
        for table in description.tables
    ]
    metadata = mlc.Metadata(
        name=description.name,
        description=description.about,
        version=description.version,
        url=description.address,
        license=list(description.licences),
        cite_as=description.citation,
        date_published=_date(description.published),
        creators=[mlc.Organization(name="The team that runs Feelm")],
        distribution=files,
        record_sets=[_record_set(table) for table in description.tables],
        data_collection=description.collection,
        data_biases=description.biases,
        data_annotation_protocol=description.protocol,
        data_limitations=list(description.limits),
        data_use_cases=list(description.uses),
        data_annotation_platform=list(description.platforms),
    )
    said: Mapping[str, Any] = metadata.to_json()
    return {**said, **({"datePublished": description.published} if description.published else {})}


def _date(day: str | None) -> Any:
    from datetime import datetime

    return None if day is None else datetime.fromisoformat(day)


def _record_set(table: DescribedTable) -> Any:
    import mlcroissant as mlc

    name = Path(table.file).stem
    fields = [_field(name, table.file, column) for column in table.schema.columns]
    return mlc.RecordSet(id=name, name=name, description=table.about, key=f"{name}/{table.schema.key[0]}", fields=fields)


def _field(table: str, file: str, column: Column) -> Any:
    import mlcroissant as mlc

    source = mlc.Source(file_object=file, extract=mlc.Extract(column=column.name))
    return mlc.Field(id=f"{table}/{column.name}", name=column.name, description=told(column), data_types=_type(column), source=source)


def _type(column: Column) -> str:
    import mlcroissant as mlc

    if column.dtype == "string":
        return str(mlc.DataType.TEXT)
    if column.dtype == "bool":
        return str(mlc.DataType.BOOL)
    return str(mlc.DataType.FLOAT if column.dtype.startswith("float") else mlc.DataType.INTEGER)


def told(column: Column) -> str:
    """A column's description with unit, values and whether it may be empty."""
    unit = f" [{column.unit}]" if column.unit else ""
    values = f"; one of {', '.join(column.allowed)}" if column.allowed else ""
    return f"{column.description}{unit}{values}{'; may be empty' if column.nullable else ''}"
