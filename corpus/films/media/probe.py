"""What a media file is: its streams, clock, shape and tracks, measured rather than believed.

Files are opened with a whitelist of containers and with the `file` protocol alone, so that a playlist or a list of other files in the
clothes of a film is refused before it can name a second file or an address. The first picture is decoded, because only a decoded
picture proves that the file is a film, and because its presentation time is the origin of every time in Feelm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.stream import Disposition

from corpus.terms import FeelmError

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf,wav,flac,mp3,aac"
"""Demuxers that may open a film or a recording; playlists (hls, dash, concat, sdp) and picture sequences are none of them."""

OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}

MAXIMUM_SIDE = 8192
MAXIMUM_HOURS = 24
FIRST_PICTURE_PACKETS = 2000

TRACK_DURATION = re.compile(r"\d{1,3}:\d\d:\d\d(\.\d+)?")

BITMAP_SUBTITLES = frozenset({"dvdsub", "dvd_subtitle", "pgssub", "hdmv_pgs_subtitle", "dvbsub", "dvb_subtitle", "xsub"})


READ_AS_TEXT = frozenset({"subrip", "srt", "text", "ass", "ssa", "mov_text", "webvtt"})
"""Subtitle codecs whose packets are the text of cues."""

_COMMENTARY = re.compile(r"\b(commentary|comments?|songs?|lyrics|karaoke|descriptions?|signs)\b", re.IGNORECASE)
_FORCED = re.compile(r"\bforced\b", re.IGNORECASE)
_HEARING_IMPAIRED = re.compile(r"\b(sdh|cc|hi|hearing)\b", re.IGNORECASE)


class MediaError(FeelmError):
    """A media file that cannot be used: not a film, damaged beyond use, or beyond the limits."""


@dataclass(frozen=True)
class AudioTrack:
    """One audio stream; `start_ms` is its first sample's time against the first picture (negative: it starts before)."""

    index: int
    codec: str
    channels: int
    rate_hz: int
    language: str | None
    start_ms: int
    secondary: bool


@dataclass(frozen=True)
class SubtitleTrack:
    """One embedded subtitle stream, `kind` text or bitmap.

    `secondary` are commentary, songs and descriptions, `forced` the lines of strangers alone; told by flags or, where writers forget
    those, by the track's title.
    """

    index: int
    codec: str
    language: str | None
    kind: str
    title: str | None = None
    default: bool = False
    forced: bool = False
    hearing_impaired: bool = False
    secondary: bool = False


@dataclass(frozen=True)
class MediaFacts:
    """What a probe tells of a film.

    `width` and `height` are those of the coded picture; `display_width` and `display_height` those of the picture as shown, with the
    sample aspect and `rotation` (degrees counter-clockwise to show it upright) applied. `origin_s` is the first picture's presentation
    time in the container's clock, `declared_duration_ms` what the container claims from there.
    """

    container: str
    video_index: int
    video_codec: str
    pixel_format: str
    width: int
    height: int
    display_width: int
    display_height: int
    sample_aspect: str
    rotation: int
    interlaced: bool
    declared_fps: float | None
    declared_duration_ms: int | None
    origin_s: float
    audio: tuple[AudioTrack, ...]
    subtitles: tuple[SubtitleTrack, ...]

    @property
    def has_pictures(self) -> bool:
        """False for a recording."""
        return self.width > 0


def open_media(path: Path, hwaccel: HWAccel | None = None) -> av.container.InputContainer:
    """Open a media file for reading under the whitelists; its pictures are decoded by `hwaccel` where one is given.

    Raises:
        MediaError: no such file, or not one of the containers.
    """
    if not path.is_file():
        raise MediaError(f"no file at {path}: give the path of a film")
    try:
        return av.open(str(path.resolve()), options=dict(OPEN_OPTIONS), metadata_errors="replace", hwaccel=hwaccel)
    except (FFmpegError, ValueError, OSError) as error:
        raise MediaError(
            f"{path} cannot be read as a film ({_reason(error)}): give a whole mp4, mov, mkv, webm, avi, mpeg, ogg or flv file"
        ) from error


def packets_of(container: av.container.InputContainer, *streams: av.stream.Stream) -> Iterator[av.Packet]:
    """Packets of some streams, the empty ones that drain the decoders at the end.

    Damage can bring up streams in the middle of a file that nobody announced; PyAV's demuxer then falls over an index and is begun anew
    from where it stands.

    Raises:
        FFmpegError, OSError: the file cannot be read on.
    """
    while True:
        try:
            yield from container.demux(*streams)
        except IndexError:
            continue
        return


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def choose_video(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    """The film's picture: the largest video stream that is no attached picture, the first of equals."""
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic and s.codec_context is not None]
    return max(films, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index), default=None)


def probe(path: Path) -> MediaFacts:
    """Measure a media file.

    Raises:
        MediaError: not a film, no picture that can be decoded, or beyond the limits (8192 pixels a side, 24 hours).
    """
    with open_media(path) as container:
        stream = choose_video(container)
        if stream is None:
            raise MediaError(f"{path} has no video stream: give a film, not sound or a picture alone")
        _check_side(path, stream.codec_context.width, stream.codec_context.height)
        frame = _first_frame(path, container, stream)
        _check_side(path, frame.width, frame.height)
        origin_s = float(frame.time) if frame.time is not None else float((stream.start_time or 0) * stream.time_base)
        return _facts(path, container, stream, frame, origin_s)


def probe_sound(path: Path) -> MediaFacts:
    """Measure a media file of which only the sound is wanted: a film, or a file without pictures, whose clock begins with its sound.

    Raises:
        MediaError: neither film nor sound.
    """
    with open_media(path) as container:
        if choose_video(container) is not None:
            return probe(path)
        sounds = [s for s in container.streams.audio if s.codec_context is not None]
        if not sounds:
            raise MediaError(f"{path} has neither picture nor sound: give a film or a recording")
        origin_s = float((sounds[0].start_time or 0) * sounds[0].time_base)
        duration_ms = None if container.duration is None else max(round(container.duration / av.time_base * 1000), 0)
        return MediaFacts(
            container=container.format.name,
            video_index=-1,
            video_codec="none",
            pixel_format="none",
            width=0,
            height=0,
            display_width=0,
            display_height=0,
            sample_aspect="1:1",
            rotation=0,
            interlaced=False,
            declared_fps=None,
            declared_duration_ms=duration_ms,
            origin_s=round(origin_s, 6),
            audio=tuple(_audio_track(s, origin_s) for s in sounds),
            subtitles=tuple(_subtitle_track(s) for s in container.streams.subtitles if s.codec_context is not None),
        )


def _check_side(path: Path, width: int, height: int) -> None:
    if max(width, height) > MAXIMUM_SIDE:
        raise MediaError(f"{path} has pictures of {width}x{height}: at most {MAXIMUM_SIDE} pixels a side are read")


def _first_frame(path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> av.VideoFrame:
    reason = "no picture in it"
    try:
        for count, packet in enumerate(packets_of(container, stream)):
            try:
                for frame in packet.decode():
                    return frame
            except FFmpegError as error:
                reason = _reason(error)
            if count > FIRST_PICTURE_PACKETS:
                break
    except (FFmpegError, OSError) as error:
        reason = _reason(error)
    raise MediaError(f"{path}: no picture can be decoded ({reason}): the file is damaged or not a film, get it again")


def _facts(
    path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream, frame: av.VideoFrame, origin_s: float
) -> MediaFacts:
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    aspect = aspect if Fraction(1, 8) <= aspect <= 8 else Fraction(1)
    rotation = round(frame.rotation / 90) * 90 % 360
    width, height = max(round(frame.width * aspect), 1), frame.height
    rate = stream.average_rate or stream.guessed_rate
    return MediaFacts(
        container=container.format.name,
        video_index=stream.index,
        video_codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        width=frame.width,
        height=frame.height,
        display_width=height if rotation in (90, 270) else width,
        display_height=width if rotation in (90, 270) else height,
        sample_aspect=f"{aspect.numerator}:{aspect.denominator}",
        rotation=rotation,
        interlaced=bool(frame.interlaced_frame),
        declared_fps=round(float(rate), 4) if rate else None,
        declared_duration_ms=_declared_duration_ms(path, container, stream, origin_s),
        origin_s=round(origin_s, 6),
        audio=tuple(_audio_track(s, origin_s) for s in container.streams.audio if s.codec_context is not None),
        subtitles=tuple(_subtitle_track(s) for s in container.streams.subtitles if s.codec_context is not None),
    )


def _declared_duration_ms(
    path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream, origin_s: float
) -> int | None:
    tag = stream.metadata.get("DURATION", "")
    if stream.duration is not None:
        seconds = float(((stream.start_time or 0) + stream.duration) * stream.time_base) - origin_s
    elif TRACK_DURATION.fullmatch(tag):
        hours, minutes, rest = tag.split(":")
        seconds = int(hours) * 3600 + int(minutes) * 60 + float(rest) - origin_s
    elif container.duration is not None and not container.streams.subtitles:
        # A container's length is that of its longest track: a subtitle track may outlast the film.
        seconds = (container.duration + (container.start_time or 0)) / av.time_base - origin_s
    else:
        return None
    if seconds > MAXIMUM_HOURS * 3600:
        raise MediaError(f"{path} claims to last {seconds / 3600:.0f} hours: at most {MAXIMUM_HOURS} are read, mend its header")
    return max(round(seconds * 1000), 0)


def _language(stream: av.stream.Stream) -> str | None:
    return None if stream.language in (None, "", "und") else stream.language


def _audio_track(stream: av.audio.stream.AudioStream, origin_s: float) -> AudioTrack:
    start_s = float(stream.start_time * stream.time_base) if stream.start_time is not None else origin_s
    secondary = Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.dub
    return AudioTrack(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        channels=stream.codec_context.channels,
        rate_hz=stream.codec_context.sample_rate,
        language=_language(stream),
        start_ms=round((start_s - origin_s) * 1000),
        secondary=bool(stream.disposition & secondary),
    )


def _subtitle_track(stream: av.subtitles.stream.SubtitleStream) -> SubtitleTrack:
    codec = stream.codec_context.codec.canonical_name
    title = stream.metadata.get("title") or None
    beside = Disposition.comment | Disposition.lyrics | Disposition.karaoke | Disposition.descriptions | Disposition.metadata
    return SubtitleTrack(
        index=stream.index,
        codec=codec,
        language=_language(stream),
        kind="bitmap" if codec in BITMAP_SUBTITLES else "text",
        title=title,
        default=bool(stream.disposition & Disposition.default),
        forced=bool(stream.disposition & Disposition.forced) or _FORCED.search(title or "") is not None,
        hearing_impaired=bool(stream.disposition & Disposition.hearing_impaired) or _HEARING_IMPAIRED.search(title or "") is not None,
        secondary=bool(stream.disposition & beside) or _COMMENTARY.search(title or "") is not None,
    )
