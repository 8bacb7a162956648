"""Subtitles: every encoding, format and damage that real files bring."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.dialogue.subtitles.arrows import to_srt
from corpus.dialogue.subtitles.read import SIZE_LIMIT_BYTES, Cue, decode, parse_subtitles, read_subtitles
from corpus.terms import FeelmError

TWO_CUES = "1\n00:00:01,000 --> 00:00:02,500\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,000\nSecond line,\ngoing on.\n"


def times(data: str | bytes) -> list[tuple[int, int, str]]:
    raw = data.encode() if isinstance(data, str) else data
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in parse_subtitles(raw, "test").cues]


def reasons(faults: tuple) -> list[str]:
    return [fault.reason for fault in faults]


EXPECTED = [(1000, 2500, "Hello there."), (3000, 4000, "Second line, going on.")]


def test_plain_srt_is_read_with_lines_joined():
    assert times(TWO_CUES) == EXPECTED


@pytest.mark.parametrize(
    "damaged",
    [
        TWO_CUES.replace("\n", "\r\n"),
        TWO_CUES.replace(",000", ".000").replace(",500", ".500"),
        TWO_CUES.replace("\n\n2\n", "\n2\n"),
        TWO_CUES.replace("2,500\n", "2,500\n\n"),
        "garbage before\n\n" + TWO_CUES,
        TWO_CUES.replace("1\n00", "00").replace("2\n00:00:03", "00:00:03"),
        TWO_CUES.replace(" --> ", "-->"),
        TWO_CUES.replace("02,500", "02,500 X1:100 X2:200 Y1:10 Y2:20"),
        "\ufeff" + TWO_CUES,
    ],
    ids=["crlf", "dots", "no blank lines", "blank line before text", "header", "no numbers", "tight arrow", "coordinates", "bom"],
)
def test_damage_that_loses_text_in_plain_srt_readers_loses_none_here(damaged: str):
    assert times(damaged) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_encodings_give_the_same_text(encoding: str):
    text = "1\n00:00:01,000 --> 00:00:02,000\nÇa, c'était l'été où tu es né à Nîmes, être élevé près de la forêt.\n"
    assert times(text.encode(encoding))[0][2] == "Ça, c'était l'été où tu es né à Nîmes, être élevé près de la forêt."


def test_cyrillic_single_byte_is_detected():
    text = "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\nЯ не знаю, что тебе сказать об этом человеке.\n" for n in range(1, 8))
    assert times(text.encode("cp1251"))[0][2] == "Я не знаю, что тебе сказать об этом человеке."


def test_undecodable_bytes_still_become_text():
    assert decode(b"\x81\x8d\x8f")[0]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<i>Why</i> <font color='red'>me</font>?", "Why me?"),
        (r"{\an8}Up here", "Up here"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("Tom &amp; Ann", "Tom & Ann"),
        ("I <3 you", "I <3 you"),
        ("\u200eright\u202e", "right"),
    ],
)
def test_markup_is_taken_from_the_text_and_kept_in_the_raw_cue(raw: str, text: str):
    (cue,) = parse_subtitles(f"1\n00:00:01,000 --> 00:00:02,000\n{raw}\n".encode(), "test").cues
    assert cue.text == text


@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        ("[door slams]", "sound", "[door slams]"),
        ("(sighs)", "sound", "(sighs)"),
        ("♪ La la la ♪", "music", "La la la"),
        ("[laughs] Come in!", "speech", "Come in!"),
        ("(SIGHS) I know.", "speech", "I know."),
        ("I know (more or less).", "speech", "I know (more or less)."),
    ],
)
def test_sounds_and_music_are_told_from_speech(raw: str, kind: str, text: str):
    (cue,) = parse_subtitles(f"1\n00:00:01,000 --> 00:00:02,000\n{raw}\n".encode(), "test").cues
    assert (cue.kind, cue.text, cue.raw_text) == (kind, text, raw)


@pytest.mark.parametrize(
    ("raw", "speaker", "text"),
    [
        ("ANNA: Who is there?", "ANNA", "Who is there?"),
        ("OLD MAN (O.S.): Me.", "OLD MAN", "Me."),
        (">> ÉLISE: Oui.", "ÉLISE", "Oui."),
        ("Listen: I am here.", None, "Listen: I am here."),
        ("At 10:30 we leave.", None, "At 10:30 we leave."),
    ],
)
def test_a_speaker_in_capitals_is_parsed(raw: str, speaker: str | None, text: str):
    (cue,) = parse_subtitles(f"1\n00:00:01,000 --> 00:00:02,000\n{raw}\n".encode(), "test").cues
    assert (cue.speaker, cue.text) == (speaker, text)


def test_two_speakers_in_one_cue_become_two_cues_that_share_its_time():
    cues = parse_subtitles(b"1\n00:00:01,000 --> 00:00:03,000\n- ANNA: Yes!\n- No, never.\n", "test").cues
    assert [(cue.speaker, cue.text) for cue in cues] == [("ANNA", "Yes!"), (None, "No, never.")]
    assert cues[0].start_ms == 1000 and cues[0].end_ms == cues[1].start_ms and cues[1].end_ms == 3000
    assert cues[0].end_ms - 1000 < 3000 - cues[1].start_ms


def test_times_that_cannot_be_are_repaired_or_dropped_and_counted():
    data = (
        b"1\n00:00:05,000 --> 00:00:04,000\nBackwards.\n\n2\n-00:00:01,000 --> 00:00:02,000\nNegative.\n\n"
        b"3\n00:00:10,000 -->\nOpen end.\n\n4\n99:00:00,000 --> 99:00:01,000\nTomorrow.\n\n5\n00:00:20,000 --> 00:00:21,000\n\n"
    )
    found = parse_subtitles(data, "test")
    assert [(cue.text, cue.start_ms) for cue in found.cues] == [("Negative.", 0), ("Backwards.", 5000), ("Open end.", 10000)]
    assert all(cue.end_ms > cue.start_ms for cue in found.cues)
    assert sorted(reasons(found.dropped)) == ["later than 24 hours", "no text"]
    assert len(found.repaired) == 4


def test_a_repeated_cue_is_dropped_once():
    found = parse_subtitles((TWO_CUES + "\n3\n00:00:03,000 --> 00:00:04,000\nSecond line,\ngoing on.\n").encode(), "test")
    assert len(found.cues) == 2 and reasons(found.dropped) == ["repeats another cue"]


def test_many_cues_at_one_time_without_length_take_no_quadratic_time():
    block = "\n".join(f"{n}\n00:00:05,000 --> 00:00:04,000\nHi {n}\n" for n in range(1, 20_001))
    started = time.process_time()
    found = parse_subtitles(block.encode(), "test")
    assert len(found.cues) == 20_000 and time.process_time() - started < 8


def test_nul_and_control_characters_are_removed():
    assert times(TWO_CUES.replace("Hello", "Hel\x00lo\x07")) == EXPECTED


def test_webvtt_comments_styles_identifiers_and_voices():
    text = (
        "WEBVTT\n\nSTYLE\n::cue { color: red }\n\nNOTE not\na cue\n\nintro\n00:01.000 --> 00:02.500 align:start\n"
        "<v Roger Bingham>Hello <c.loud>there</c>.\n\nlast\n01:00:03.000 --> 01:00:04.000\nBye.\n"
    )
    found = parse_subtitles(text.encode(), "test")
    assert [(cue.start_ms, cue.end_ms, cue.speaker, cue.text) for cue in found.cues] == [
        (1000, 2500, "Roger Bingham", "Hello there."),
        (3_603_000, 3_604_000, None, "Bye."),
    ]


def test_ass_dialogue_with_names_overrides_and_comments():
    text = (
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,note\n"
        r"Dialogue: 0,0:00:01.00,0:00:02.50,Default,ANNA,0,0,0,,{\i1}Hello{\i0}\Nthere."
    )
    (cue,) = parse_subtitles(text.encode(), "test").cues
    assert (cue.start_ms, cue.end_ms, cue.speaker, cue.text) == (1000, 2500, "ANNA", "Hello there.")


def test_microdvd_frames_become_times():
    (cue,) = parse_subtitles(b"{1}{1}25\n{50}{100}{y:i}Hello|there.", "test").cues
    assert (cue.start_ms, cue.end_ms, cue.text) == (2000, 4000, "Hello there.")


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"just words", b"WEBVTT\n", b"<html><body>404</body></html>", b"{}", b"[[1]]"])
def test_a_file_without_a_cue_is_an_error(data: bytes):
    with pytest.raises(FeelmError, match="no cue in test"):
        parse_subtitles(data, "test")


def test_a_file_beyond_the_limit_or_absent_is_refused(tmp_path: Path):
    large = tmp_path / "large.srt"
    large.write_bytes(TWO_CUES.encode())
    os.truncate(large, SIZE_LIMIT_BYTES + 1)
    with pytest.raises(FeelmError, match="32000001 bytes"):
        read_subtitles(large)
    with pytest.raises(FeelmError, match="no subtitles at"):
        read_subtitles(tmp_path / "absent.srt")


WORDS = st.text(st.characters(categories=("Lu", "Ll", "Lo", "Nd"), include_characters=" ,.!?'"), min_size=1, max_size=60)


@st.composite
def cue_lists(draw: st.DrawFn) -> list[Cue]:
    gaps = draw(st.lists(st.tuples(st.integers(1, 9_000), st.integers(1, 9_000), WORDS), min_size=1, max_size=12))
    cues: list[Cue] = []
    clock = 0
    for number, (gap, length, words) in enumerate(gaps, start=1):
        text = " ".join(words.split()) or "x"
        cues.append(Cue(number, clock + gap, clock + gap + length, text, text))
        clock += gap + length
    return cues


@settings(max_examples=60, deadline=None)
@given(cue_lists())
def test_writing_and_reading_srt_gives_the_same_cues(cues: list[Cue]):
    back = parse_subtitles(to_srt(cues).encode(), "round trip")
    # A cue that is nothing but a number cannot be told from the number of the next one.
    kept = [cue for cue in cues if not cue.text.strip().isdecimal()]
    assert [(c.start_ms, c.end_ms, c.raw_text) for c in back.cues if not c.text.isdecimal()] == [
        (c.start_ms, c.end_ms, c.raw_text) for c in kept
    ]


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.text("0123456789:,.->\n {}[]<>WEBVT\x00é", max_size=300).map(str.encode)))
def test_arbitrary_bytes_never_fail_otherwise_than_with_a_clear_error(data: bytes):
    try:
        found = parse_subtitles(data, "fuzz")
    except FeelmError as error:
        assert "fuzz" in str(error)
    else:
        assert all(0 <= cue.start_ms < cue.end_ms and cue.text for cue in found.cues)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(TWO_CUES) - 1), st.binary(min_size=1, max_size=3))
def test_damage_inside_a_good_file_is_survived(position: int, junk: bytes):
    data = TWO_CUES.encode()
    try:
        found = parse_subtitles(data[:position] + junk + data[position + len(junk) :], "fuzz")
    except FeelmError as error:
        assert "fuzz" in str(error)
    else:
        assert all(0 <= cue.start_ms < cue.end_ms for cue in found.cues)


EXPECTED_CUES = {"sintel.srt": 26, "sintel_trailer.en.srt": 4, "TOS-en.srt": 76, "TOS-no.srt": 76, "TOS-ru.srt": 76, "captions.ar.vtt": 77}


def test_every_delivered_subtitle_file_is_read(shared_data: Path):
    paths = [path for path in sorted(shared_data.rglob("*")) if path.suffix in (".srt", ".vtt")]
    counts = {path.name: len(read_subtitles(path).cues) for path in paths}
    assert len(counts) >= 20 and min(counts.values()) >= 4
    assert {name: counts[name] for name in EXPECTED_CUES} == EXPECTED_CUES
