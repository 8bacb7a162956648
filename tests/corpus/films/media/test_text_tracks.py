"""Text subtitles inside films: taken out whole, on the film's clock, and the right one chosen."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from corpus.dialogue.subtitles.read import read_subtitles
from corpus.films.media.probe import SubtitleTrack, probe
from corpus.films.media.text_tracks import TextTrack, choose_text_track, extract_text_tracks

HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, "
    b"OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, "
    b"Alignment, MarginL, MarginR, MarginV, Encoding\r\nStyle: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,"
    b"2,10,10,10,1\r\n\r\n[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
LINES = [(1000, 2400, "Hello <i>you</i>,\nover there."), (2500, 3500, "Über uns, 42 Frösche."), (3600, 3900, "42")]
PACKETS = {
    "subrip": lambda n, text: text.encode(),
    "webvtt": lambda n, text: text.encode(),
    "mov_text": lambda n, text: len(text.encode()).to_bytes(2, "big") + text.encode(),
    "ass": lambda n, text: f"{n},0,Default,Ann,0,0,0,,{text}".replace("\n", r"\N").encode(),
}


def film(path: Path, tracks: list[tuple[str, str, str, Disposition]], *, first_ms: int = 0) -> Path:
    """Four seconds of grey from `first_ms` on, with LINES as tracks of (codec, language, title, disposition)."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p")
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        streams = []
        for codec, language, title, disposition in tracks:
            stream = container.add_stream(codec)
            stream.codec_context.subtitle_header = HEADER
            stream.time_base = Fraction(1, 1000)
            stream.metadata.update({"language": language, "title": title})
            stream.disposition = disposition
            streams.append((stream, PACKETS[codec]))
        for index in range(100):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index, np.uint8))
            frame.pts, frame.time_base = first_ms + index * 40, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for number, (start, end, text) in enumerate(LINES):
            for stream, packed in streams:
                packet = av.Packet(packed(number, text))
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.pts = packet.dts = first_ms + start
                packet.duration = end - start
                container.mux(packet)
    return path


@pytest.mark.parametrize(("codec", "suffix"), [("subrip", "mkv"), ("ass", "mkv"), ("webvtt", "mkv"), ("mov_text", "mp4")])
@pytest.mark.parametrize("first_ms", [0, 1400])
def test_embedded_text_is_taken_out_whole_on_the_films_clock(tmp_path: Path, codec: str, suffix: str, first_ms: int):
    path = film(tmp_path / f"film.{suffix}", [(codec, "deu", "", Disposition(0))], first_ms=first_ms)
    facts = probe(path)
    assert facts.origin_s == pytest.approx(first_ms / 1000)
    (found,) = extract_text_tracks(path, facts, tmp_path)
    assert found.fault is None and found.n_cues == 3 and found.file == f"subtitles.1.de.{'ass' if codec == 'ass' else 'srt'}"
    read = read_subtitles(tmp_path / found.file)
    assert [(cue.start_ms, cue.end_ms) for cue in read.cues] == [(start, end) for start, end, _ in LINES]
    assert [cue.text for cue in read.cues] == ["Hello you, over there.", "Über uns, 42 Frösche.", "42"]
    assert read.cues[0].speaker == ("Ann" if codec == "ass" else None) and not read.dropped


def test_several_tracks_are_told_apart_and_the_films_own_dialogue_is_chosen(tmp_path: Path):
    tracks = [
        ("subrip", "eng", "Director's commentary", Disposition(0)),
        ("subrip", "eng", "", Disposition.forced),
        ("subrip", "eng", "English SDH", Disposition(0)),
        ("ass", "fra", "", Disposition.default),
        ("subrip", "eng", "", Disposition(0)),
    ]
    path = film(tmp_path / "film.mkv", tracks)
    found = extract_text_tracks(path, probe(path), tmp_path)
    assert [track.n_cues for track in found] == [3] * 5

    def chosen(language: str | None, without: int = 0) -> int:
        track = choose_text_track(found[: 5 - without], language)
        assert track is not None
        return track.track.index

    assert chosen("en") == 5 and chosen("fr") == 4 and chosen(None) == 4 and chosen("de") == 4
    assert chosen("en", without=1) == 3
    assert choose_text_track(found[:2], "en") is None


def test_tracks_of_pictures_are_named_as_not_readable(shared_data: Path, tmp_path: Path):
    path = shared_data / "popeye_1936" / "Title T00-1.mkv"
    (found,) = extract_text_tracks(path, probe(path), tmp_path)
    assert found.file is None and found.fault == (
        "bitmap subtitles in track 1 (dvd_subtitle): no text without optical character recognition"
    )
    assert list(tmp_path.iterdir()) == [] and choose_text_track([found], "en") is None


def test_a_film_without_subtitles_has_no_track(shared_data: Path, tmp_path: Path):
    path = shared_data / "pexels_actress" / "face_noface.mov"
    assert extract_text_tracks(path, probe(path), tmp_path) == ()


def test_an_empty_track_is_not_chosen():
    empty = TextTrack(SubtitleTrack(2, "subrip", "eng", "text", default=True), "subtitles.2.en.srt", 0, None)
    assert choose_text_track([empty], "en") is None


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_film_gives_what_can_be_read_and_never_fails_otherwise(tmp_path: Path, seed: int):
    path = film(tmp_path / "film.mkv", [("subrip", "eng", "", Disposition(0))])
    facts = probe(path)
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for at in rng.integers(len(data) // 4, len(data), 30):
        data[at] = rng.integers(256)
    path.write_bytes(data[: int(rng.integers(len(data) // 2, len(data)))])
    for found in extract_text_tracks(path, facts, tmp_path):
        assert found.n_cues <= 3 and (found.file is None or (tmp_path / found.file).is_file())
