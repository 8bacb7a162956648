"""What every importer is given: the delivered files as bytes, and what the one who delivers them says of them.

A delivery is one file, or a zip of several that belong together (NOVA's pairs, audformat's tables, one ELAN file a rater). Archives are
opened here, once, within bounds: nothing is unpacked onto the disk, and what does not fit is a fault of the delivery. Facts that a format
does not hold (which film, which rater, how many pictures a second) are told by the one who delivers, never guessed.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from corpus.annotations.judgements import Delivery, Judgement, Refusal, Trace
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.vocabulary import SCHEMES
from corpus.films.catalogue.names import slug
from corpus.terms import MODALITIES_SEEN, PERSPECTIVES, FeelmError, check_film_id

MOST_FILES = 2_000
MOST_BYTES = 256 * 1024 * 1024
MOST_RATIO = 200
"""What a packed byte may become; XML of a tool is packed to a tenth or a twentieth."""


class UnreadableFile(Exception):
    """A file as a whole cannot be read; the message says why and what to do."""


class UnreadableRow(Exception):
    """One row or region cannot be read; the message says why."""


@dataclass(frozen=True)
class Told:
    """What the one who delivers says of a delivery; None where nothing is said.

    `film_id` is the film of files that name none, or another one; `annotator` the rater of files that name none (a name, not a
    pseudonym); `fps` the pictures a second of times that are frames, `first_frame` the number of the film's first picture (0 or 1);
    `scheme` that of the emotion words; `scale` the ends of the rating scale of a dimension, such as {"intensity": (1, 5)}.
    """

    format: str | None = None
    film_id: str | None = None
    annotator: str | None = None
    character: str | None = None
    perspective: str = "portrayed"
    scheme: str = "feelm"
    modality_seen: str | None = None
    fps: float | None = None
    first_frame: int = 1
    scales: Mapping[str, tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        """Raises FeelmError where something told cannot be."""
        if self.film_id is not None:
            check_film_id(self.film_id)
        for name, allowed in (("perspective", PERSPECTIVES), ("scheme", tuple(SCHEMES)), ("modality_seen", (None, *MODALITIES_SEEN))):
            if getattr(self, name) not in allowed:
                raise FeelmError(f"{name} {getattr(self, name)!r} is none of {', '.join(map(str, allowed))}")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise FeelmError(f"{self.fps} pictures a second cannot be")
        if self.first_frame not in (0, 1):
            raise FeelmError(f"the first picture is number 0 or 1, not {self.first_frame}")
        for name, (low, high) in (self.scales or {}).items():
            if not low < high:
                raise FeelmError(f"the scale of {name} ends at {high}, where it begins at {low}")

    def film_of(self, media: str | None) -> str:
        """The film that was told, else the id that `feelm films add` gives to a film of the file name `media`.

        Raises:
            UnreadableRow: neither names a film.
        """
        if self.film_id is not None:
            return self.film_id
        name = PurePosixPath(media.replace("\\", "/")).name if media else ""
        film_id = slug(name.rsplit(".", 1)[0] if "." in name else name)
        if not film_id:
            raise UnreadableRow("no film is named: say which with --film")
        return film_id

    def judgement(self, film_id: str, annotator_id: str, source_ref: str) -> Judgement:
        """What is known of a judgement before it is read: what it is about, whose it is, and what was told of all."""
        return Judgement(
            film_id,
            annotator_id,
            source_ref,
            character_id=self.character,
            perspective=self.perspective,
            scheme=self.scheme,
            modality_seen=self.modality_seen,
        )


Files = Mapping[str, bytes]
"""The files of one delivery by name, in order of name; folders are parted by `/`."""

FileReader = Callable[[str, bytes, Pseudonyms, Told], Delivery]
FilesReader = Callable[[Files, Pseudonyms, Told], Delivery]


@dataclass(frozen=True)
class Importer:
    """A format: `recognises` tells by names and first bytes whether a delivery is of it, `read` reads one that is or is said to be.

    Neither raises for what a file holds: a file that cannot be read is a delivery with a fault.
    """

    name: str
    what: str
    recognises: Callable[[Files], bool]
    read: FilesReader


def read_files(source: Path) -> Files:
    """The file, the files of a zip, or those of a folder; hidden ones are left out.

    Raises:
        UnreadableFile: it is too large, or an archive that is damaged, locked, too large when unpacked, or reaches out of its folder.
    """
    if source.is_dir():
        return _of_folder(source)
    _check_size(source.stat().st_size)
    content = source.read_bytes()
    return _unpacked(content) if source.suffix.casefold() == ".zip" else {source.name: content}


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise UnreadableFile(f"the delivery has {size / 1e6:.0f} MB, {MOST_BYTES / 1e6:.0f} are the most: deliver it in parts")


def _of_folder(folder: Path) -> Files:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and not path.name.startswith("."))
    if len(paths) > MOST_FILES:
        raise UnreadableFile(f"the folder holds {len(paths)} files, {MOST_FILES} are the most")
    _check_size(sum(path.stat().st_size for path in paths))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _unpacked(content: bytes) -> Files:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and not _is_litter(member.filename)]
            _check_members(members)
            return {member.filename: _member(archive, member) for member in sorted(members, key=lambda member: member.filename)}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise UnreadableFile(f"the archive cannot be opened ({error}): pack it again, without a password") from error


def _is_litter(name: str) -> bool:
    """What systems put into archives beside the files."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name in (".DS_Store", "Thumbs.db")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_FILES:
        raise UnreadableFile(f"the archive holds {len(members)} files, {MOST_FILES} are the most")
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise UnreadableFile(f"the archive holds {max(names, key=names.count)!r} twice")
    for name in names:
        if ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name or PureWindowsPath(name).drive:
            raise UnreadableFile(f"the archive reaches out of its folder: {name!r}")
    whole = sum(member.file_size for member in members)
    packed = max(sum(member.compress_size for member in members), 1)
    if whole > MOST_BYTES or whole > MOST_RATIO * packed + 1_000_000:
        raise UnreadableFile(f"the archive's {packed} bytes become {whole}: that is no annotation")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        # One byte more than declared tells an archive that understates itself.
        content = stream.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise UnreadableFile(f"{member.filename!r} in the archive is not as long as it says")
    return content


def each_file(read: FileReader) -> FilesReader:
    """Reads every file of a delivery by itself and joins what came of them; with several files each reference names its own."""

    def read_all(files: Files, pseudonyms: Pseudonyms, told: Told) -> Delivery:
        if len(files) == 1:
            ((name, content),) = files.items()
            return read(name, content, pseudonyms, told)
        return joined([read(name, content, pseudonyms, told) for name, content in files.items()])

    return read_all


def joined(parts: Sequence[Delivery]) -> Delivery:
    """What came of several files as one delivery; a file that cannot be read is a fault of the whole.

    References say the number of a file, in order of name, and not its name, which may be a rater's.
    """
    tools = ", ".join(sorted({part.tool for part in parts}))
    faults = [f"file {number}: {part.fault}" for number, part in enumerate(parts, start=1) if part.fault is not None]
    if faults:
        return Delivery(tools, fault="; ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else ""))
    return united(tools, [_referred(f"file {number}", part) for number, part in enumerate(parts, start=1)])


def _referred(name: str, part: Delivery) -> Delivery:
    """The delivery with `name` before each of its references."""
    return replace(
        part,
        judgements=tuple(replace(j, source_ref=f"{name}, {j.source_ref}") for j in part.judgements),
        traces=tuple(replace(t, source_ref=f"{name}, {t.source_ref}") for t in part.traces),
        refusals=tuple(Refusal(f"{name}, {r.ref}", r.reason) for r in part.refusals),
        repairs=tuple(Refusal(f"{name}, {r.ref}", r.reason) for r in part.repairs),
    )


def united(tool: str, parts: Sequence[Delivery]) -> Delivery:
    """What came of parts without a fault as one delivery, the references as they are."""
    return Delivery(
        tool,
        rows_read=sum(part.rows_read for part in parts),
        judgements=tuple(judgement for part in parts for judgement in part.judgements),
        traces=tuple(trace for part in parts for trace in part.traces),
        refusals=tuple(refusal for part in parts for refusal in part.refusals),
        repairs=tuple(repair for part in parts for repair in part.repairs),
        unknown_columns=tuple(sorted({column for part in parts for column in part.unknown_columns})),
    )


def delivery_of(tool: str, read: Sequence[Judgement | Trace | Refusal], unknown_columns: Sequence[str] = ()) -> Delivery:
    """The delivery of a file, each of whose rows became a judgement or trace, or was refused."""
    return Delivery(
        tool,
        rows_read=len(read),
        judgements=tuple(item for item in read if isinstance(item, Judgement)),
        traces=tuple(item for item in read if isinstance(item, Trace)),
        refusals=tuple(item for item in read if isinstance(item, Refusal)),
        unknown_columns=tuple(unknown_columns),
    )


def csv_rows(text: str, delimiter: str = ",", *, skipinitialspace: bool = False) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that are not blank, each with the line on which it begins.

    Raises:
        UnreadableFile: a line cannot be split into cells.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=skipinitialspace)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(f"line {reader.line_num} cannot be split into cells ({error}): the file may be cut short") from error


def decode(raw: bytes) -> str:
    """Text of a delivered file in NFC: UTF-8 with or without a mark, or UTF-16 with one.

    Raises:
        UnreadableFile: it is empty, of another encoding, or binary.
    """
    if not raw.strip():
        raise UnreadableFile("the file is empty: no rows")
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8 (it may be Latin-1 or Windows-1252)" if encoding == "utf-8-sig" else "it was cut short: deliver it again"
        raise UnreadableFile(f"the file is not {encoding.removesuffix('-sig')} at line {line}: {hint}") from error
    if "\x00" in text:
        raise UnreadableFile("the file holds NUL characters: it is binary, or UTF-16 without its mark; save it as UTF-8")
    return unicodedata.normalize("NFC", text)


def decode_json(raw: bytes) -> object:
    """JSON as the standard has it: NaN, Infinity, numbers too large for a double, repeated keys and nesting without end are refused.

    Raises:
        UnreadableFile: it is none.
    """
    try:
        text = decode(raw)
        found: object = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_short, object_pairs_hook=_unrepeated)
        if "\\u" in text:
            # JSON can name halves of letters, which no table can hold.
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except UnicodeEncodeError as error:
        raise UnreadableFile("the JSON holds half of a letter (a lone surrogate): save the file again") from error
    except RecursionError as error:
        raise UnreadableFile("the JSON is nested too deep") from error
    except json.JSONDecodeError as error:
        raise UnreadableFile(f"line {error.lineno} is no JSON ({error.msg}): the file may be cut short") from error
    except ValueError as error:
        raise UnreadableFile(f"the JSON holds {error}") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name}, which is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{digits[:40]}, which is too large")
    return value


def _short(digits: str) -> int:
    if len(digits) > 30:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {max(names, key=names.count)!r} twice in one object")
    return found


def known_film_id(text: str) -> str:
    """`text`, which must be a film's id.

    Raises:
        UnreadableRow: it cannot be one.
    """
    try:
        return check_film_id(text)
    except FeelmError as error:
        raise UnreadableRow(str(error)) from error


def milliseconds(seconds: float) -> int:
    """Seconds as the nearest whole millisecond."""
    return round(seconds * 1000)


def frame_ms(frame: float, told: Told, fps: float) -> int:
    """Presentation time of a picture by its number, at a constant rate."""
    return round(1000 * (frame - told.first_frame) / fps)


_WORD = re.compile(r"[\s_]+")


def dimension_of(name: str) -> str | None:
    """The dimension that a tier, attribute or control is about by its name, exactly; `emotion` and `label` mean the category."""
    folded = _WORD.sub("_", unicodedata.normalize("NFC", name).strip().casefold())
    if folded in ("emotion", "emotions", "category", "label"):
        return "category"
    return folded if folded in ("intensity", "valence", "arousal", "dominance") else None
