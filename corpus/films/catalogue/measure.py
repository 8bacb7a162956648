"""What a film file holds, measured without decoding more than one picture: length, tracks, tags, and whether it is whole.

A file that was cut off still declares its full length in its header; every packet is therefore read, and the last one's time compared
with what the file declares. Pictures broken in the middle only show when they are decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from corpus.films.media.damage import clock
from corpus.films.media.probe import MediaFacts, open_media, packets_of, probe

CUT_OFF_MS = 2000
CUT_OFF_SHARE = 0.01


@dataclass(frozen=True)
class Measured:
    """`ends_ms` is the end of the last packet of picture or sound, from the first picture; tags are the container's own."""

    facts: MediaFacts
    ends_ms: int
    title: str | None
    year: int | None

    @property
    def cut_off(self) -> str | None:
        """What is wrong with the file's length, None where it is whole or declares none."""
        declared = self.facts.declared_duration_ms
        if declared is None or declared - self.ends_ms <= max(CUT_OFF_MS, declared * CUT_OFF_SHARE):
            return None
        return f"ends at {clock(self.ends_ms)} of {clock(declared)}: the file is cut off, get it again"

    @property
    def language(self) -> str | None:
        """Language tag of the main sound track, None where it has none."""
        return next((track.language for track in sorted(self.facts.audio, key=lambda track: track.secondary)), None)

    @property
    def words(self) -> str:
        """Length, picture and tracks in one line."""
        facts = self.facts
        sound = ", ".join(f"{track.codec}{f' ({track.language})' if track.language else ''}" for track in facts.audio)
        inside = ", ".join(f"{track.kind}{f' ({track.language})' if track.language else ''}" for track in facts.subtitles)
        parts = [clock(self.ends_ms), f"{facts.display_width}x{facts.display_height} {facts.video_codec}", f"sound {sound or 'none'}"]
        return ", ".join(parts) + (f", subtitle tracks inside: {inside}" if inside else "")


def measure(path: Path) -> Measured:
    """Measure a film file; every packet is read, one picture decoded.

    Raises:
        MediaError: not a film.
    """
    facts = probe(path)
    with open_media(path) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
        year = next((tags[key][:4] for key in ("date", "year", "date_released") if tags.get(key, "")[:4].isdecimal()), None)
        ends_s = _last_packet_s(container, facts)
    return Measured(
        facts=facts,
        ends_ms=max(round((ends_s - facts.origin_s) * 1000), 0),
        title=tags.get("title", "").strip() or None,
        year=int(year) if year is not None and 1880 <= int(year) <= 2039 else None,
    )


def _last_packet_s(container: av.container.InputContainer, facts: MediaFacts) -> float:
    kept = {facts.video_index, *(track.index for track in facts.audio)}
    ends_s = facts.origin_s
    try:
        for packet in packets_of(container, *(stream for stream in container.streams if stream.index in kept)):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size:
                ends_s = max(ends_s, float((time + (packet.duration or 0)) * packet.time_base))
    except FFmpegError:  # what comes after damage that ends the reading is not there for any later stage either
        return ends_s
    return ends_s
