"""Takes the text subtitles out of a film's container, on the film's clock.

The packets are the delivered cues: their text is written as it is, with the times of the packets, into one file a track, which the
readers of delivered subtitles then read like any other. Nothing is decoded, and a packet is written as soon as it comes.

Sources: Matroska's subtitle mappings (https://www.matroska.org/technical/subtitles.html); ISO/IEC 14496-17 (text in MP4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import av
from av.error import FFmpegError

from corpus.dialogue.language import base_code
from corpus.dialogue.subtitles.read import CUE_LIMIT, SIZE_LIMIT_BYTES
from corpus.films.media.probe import READ_AS_TEXT, MediaFacts, SubtitleTrack, open_media, packets_of
from corpus.paths import read_json, write_json

FILE = "text_tracks.json"
ASS_HEADER = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@dataclass(frozen=True)
class TextTrack:
    """One subtitle track: `file` beside it has its text (null where it has none), `fault` says what is wrong with it."""

    track: SubtitleTrack
    file: str | None
    n_cues: int
    fault: str | None

    def __str__(self) -> str:
        language = f", {self.track.language}" if self.track.language else ""
        return f"track {self.track.index} ({self.track.codec}{language})"


def extract_text_tracks(path: Path, facts: MediaFacts, out: Path) -> tuple[TextTrack, ...]:
    """Write `subtitles.<index>[.<language>].<srt|ass>` for each text track of a film into `out`; tracks of pictures are named.

    Times are the film's: its first picture is 0, cues before it have negative times.

    Raises:
        MediaError: the film cannot be opened.
    """
    textual = [track for track in facts.subtitles if track.codec in READ_AS_TEXT]
    unread = [TextTrack(track, None, 0, _told_unread(track)) for track in facts.subtitles if track.codec not in READ_AS_TEXT]
    if not textual:
        return tuple(unread)
    with open_media(path) as container, ExitStack() as files:
        writers = {track.index: _Writer(track, out, facts.origin_s, files) for track in textual}
        fault = _copy(container, writers)
    return tuple(sorted([*unread, *(writer.finish(fault) for writer in writers.values())], key=lambda found: found.track.index))


def choose_text_track(tracks: Iterable[TextTrack], language: str | None) -> TextTrack | None:
    """The track with the dialogue: in the film's language where marked, rather without sound descriptions, the longest of equals.

    Commentary, songs and forced tracks (the lines of strangers alone) are none.
    """
    usable = [found for found in tracks if found.file and found.n_cues and not found.track.secondary and not found.track.forced]
    code = base_code(language or "")
    return min(
        usable,
        key=lambda found: (
            bool(code) and base_code(found.track.language or "") != code,
            found.track.hearing_impaired,
            not found.track.default,
            -found.n_cues,
            found.track.index,
        ),
        default=None,
    )


def _told_unread(track: SubtitleTrack) -> str:
    where = f"in track {track.index} ({track.codec})"
    if track.kind == "bitmap":
        return f"bitmap subtitles {where}: no text without optical character recognition"
    return f"subtitles {where} are in a form that is not read"


def _copy(container: av.container.InputContainer, writers: dict[int, _Writer]) -> str | None:
    """Hand every packet to its track's writer; returns what broke it off."""
    streams = [stream for stream in container.streams.subtitles if stream.index in writers]
    try:
        for packet in packets_of(container, *streams):
            if packet.size:
                writers[packet.stream.index].write(packet)
    except (FFmpegError, OSError) as error:
        return f"the track breaks off ({error})"
    return None


class _Writer:
    """Writes one track's packets as they come."""

    def __init__(self, track: SubtitleTrack, out: Path, origin_s: float, files: ExitStack) -> None:
        ass = track.codec in ("ass", "ssa")
        language = f".{base_code(track.language)}" if track.language and track.language.isalpha() else ""
        self._track = track
        self._name = f"subtitles.{track.index}{language}.{'ass' if ass else 'srt'}"
        self._origin_s = origin_s
        self._file: IO[str] = files.enter_context((out / self._name).open("w", encoding="utf-8"))
        self._block: Callable[[int, float, float | None, str], str] = _ass_line if ass else _srt_block
        self._size = self._file.write(ASS_HEADER) if ass else 0
        self._written = 0
        self._fault: str | None = None

    def write(self, packet: av.Packet) -> None:
        text = _packet_text(bytes(packet), self._track.codec)
        if not text.strip() or self._fault:
            return
        if self._written >= CUE_LIMIT or self._size > SIZE_LIMIT_BYTES // 4:
            self._fault = f"more than {self._written} cues: the rest is left out"
            return
        if packet.pts is None or packet.time_base is None:
            self._fault = "a packet without a time"
            return
        start_s = float(packet.pts * packet.time_base) - self._origin_s
        end_s = start_s + float(packet.duration * packet.time_base) if packet.duration else None
        self._written += 1
        self._size += self._file.write(self._block(self._written, start_s, end_s, text))

    def finish(self, fault: str | None) -> TextTrack:
        return TextTrack(self._track, self._name, self._written, self._fault or fault)


def _packet_text(data: bytes, codec: str) -> str:
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
        if data[:2] in (b"\xfe\xff", b"\xff\xfe"):
            return data.decode("utf-16", errors="replace")
    return data.decode("utf-8", errors="replace").replace("\x00", "")


def _srt_block(number: int, start_s: float, end_s: float | None, text: str) -> str:
    lines = "\n".join(line for line in re.split(r"\r\n|\r|\n", text) if line.strip()).replace("-->", "→")
    end = _stamp(end_s, ",") if end_s is not None else ""
    return f"{number}\n{_stamp(start_s, ',')} --> {end}\n{lines}\n\n"


def _ass_line(number: int, start_s: float, end_s: float | None, text: str) -> str:
    """Matroska's form is `ReadOrder,Layer,Style,...`: the order goes, the times come after the layer."""
    fields = re.sub(r"\r\n|\r|\n", r"\\N", text.strip()).split(",", 2)
    layer, rest = (fields[1], fields[2]) if len(fields) == 3 else ("0", f"Default,,0,0,0,,{text}")
    end = _stamp(end_s, ".") if end_s is not None else ""
    return f"Dialogue: {layer},{_stamp(start_s, '.')},{end},{rest}\n"


def _stamp(t_s: float, point: str) -> str:
    t_ms = round(abs(t_s) * 1000)
    sign = "-" if t_s < 0 and t_ms else ""
    return f"{sign}{t_ms // 3_600_000:02d}:{t_ms // 60_000 % 60:02d}:{t_ms // 1000 % 60:02d}{point}{t_ms % 1000:03d}"


def write_text_tracks(path: Path, facts: MediaFacts, shots_dir: Path) -> None:
    """Extract a film's text tracks into the artifact `shots`, with a list of all tracks.

    Raises:
        MediaError: the film cannot be opened.
    """
    write_json(shots_dir / FILE, [asdict(found) for found in extract_text_tracks(path, facts, shots_dir)])


def read_text_tracks(shots_dir: Path) -> tuple[TextTrack, ...]:
    """The tracks that were written into the artifact `shots`.

    Raises:
        FeelmError: the scan has not told of them.
    """
    return tuple(TextTrack(**{**found, "track": SubtitleTrack(**found["track"])}) for found in read_json(shots_dir / FILE))
