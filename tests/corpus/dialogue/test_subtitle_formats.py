"""Each subtitle format as it is really delivered, and what becomes of what is wrong in it."""

import warnings
from pathlib import Path

import pysubs2
import pytest

from corpus.dialogue.subtitles import read as subtitles
from corpus.dialogue.subtitles.arrows import to_srt
from corpus.dialogue.subtitles.read import SubtitleFile, parse_subtitles, read_subtitles
from corpus.terms import FeelmError


def read(text: str, name: str = "test", **options: float) -> SubtitleFile:
    return parse_subtitles(text.encode(), name, **options)


def times(found: SubtitleFile) -> list[tuple[int, int, str]]:
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in found.cues]


def told(found: SubtitleFile) -> list[tuple[int, str]]:
    return sorted((fault.number, fault.reason) for fault in (*found.dropped, *found.repaired))


def srt(*texts: str) -> str:
    return "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n\n" for n, text in enumerate(texts, start=1))


def test_real_files_read_as_pysubs2_reads_them(shared_data: Path):
    compared = 0
    for path in sorted(p for p in shared_data.rglob("*") if p.suffix in (".srt", ".vtt")):
        found = read_subtitles(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = pysubs2.load(str(path), encoding=found.encoding)
        said = [
            (e.start, e.end, " ".join(e.plaintext.split())) for e in sorted(other, key=lambda e: (e.start, e.end)) if e.plaintext.strip()
        ]
        ours = [(cue.start_ms, cue.end_ms, " ".join(cue.raw_text.replace("<i>", "").replace("</i>", "").split())) for cue in found.cues]
        assert found.overlaps >= 0 and found.n_events == len(other), path.name
        # Where two people speak in a cue, ours are two with the same text as delivered.
        assert [text for *_, text in dict.fromkeys((a, b) and (text, text) for a, b, text in ours)] == [
            text for *_, text in dict.fromkeys((text, text) for *_, text in said)
        ], path.name
        starts = {start for start, *_ in ours}
        assert {start for start, *_ in said} <= starts, path.name
        compared += 1
    assert compared >= 20


def test_arrows_and_stamps_that_people_and_programs_write():
    stamps = [
        "0:0:1,5 --> 0:0:2,25",
        "00:00:01.500 -> 00:00:02.250",
        "00:00:01,500 --&gt; 00:00:02,250",
        "00:00:01:500 --> 00:00:02:250",
        "00:01,500 —> 00:02,250",
        "  00 : 00 : 01 , 500  -->  00 : 00 : 02 , 250  X1:1 X2:2",
        "1:00:00:01,500 --> x",
    ]
    for stamp in stamps[:-1]:
        assert times(read(f"1\n{stamp}\nHi.\n")) == [(1500, 2250, "Hi.")], stamp
    with pytest.raises(FeelmError, match="no cue in test"):
        read(f"1\n{'9' * 30}:00:01 --> 00\nHi.\n")


def test_numbers_that_are_text_stay_and_numbers_of_cues_go():
    assert times(read("1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:03,000 --> 00:00:04,000\n7\n8\n")) == [
        (1000, 2000, "42"),
        (3000, 4000, "7 8"),
    ]
    assert times(read("00:00:01,000 --> 00:00:02,000\n42\n\n00:00:03,000 --> 00:00:04,000\nHi.\n")) == [
        (1000, 2000, "42"),
        (3000, 4000, "Hi."),
    ]


def test_line_ends_doubled_in_transfer_lose_nothing():
    text = "1\r\r\n00:00:01,000 --> 00:00:02,000\r\r\nOne\r\r\ntwo.\r\r\n\r\r\n2\r\r\n00:00:03,000 --> 00:00:04,000\r\r\nThree.\r\r\n"
    assert times(read(text)) == [(1000, 2000, "One two."), (3000, 4000, "Three.")]


def test_lost_line_ends_and_text_beside_the_times_are_mended_and_told():
    found = read("1 00:00:01,000 --> 00:00:02,000 Hello 2 00:00:03,000 --> 00:00:04,000 there\n")
    assert times(found) == [(1000, 2000, "Hello"), (3000, 4000, "there")]
    assert told(found) == [(1, "text on the line of its times"), (2, "text on the line of its times")]


def test_an_arrow_in_the_words_and_text_before_the_first_cue():
    found = read("Translated by nobody\n\n" + srt("He went --> that way."))
    assert [cue.text for cue in found.cues] == ["He went --> that way."]
    assert told(found) == [(0, "text before the first cue")]


def test_overlapping_cues_are_all_kept_and_counted():
    text = "1\n00:00:01,000 --> 00:00:09,000\nA sign\n\n2\n00:00:02,000 --> 00:00:03,000\nHi.\n\n3\n00:00:04,000 --> 00:00:05,000\nYes?\n"
    found = read(text)
    assert len(found.cues) == 3 and found.overlaps == 2 and not found.dropped


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("[door\nslams]", [("sound", None, "[door slams]")]),
        ("(music playing\nsoftly)", [("sound", None, "(music playing softly)")]),
        ("♪ la la ♪\nHello!", [("speech", None, "Hello!")]),
        ("♪ one\ntwo ♪", [("music", None, "one two")]),
        ("[♪ jazz ♪]", [("sound", None, "[♪ jazz ♪]")]),
        ("ANNA: Hi.\nBEN: Hello you.", [("speech", "ANNA", "Hi."), ("speech", "BEN", "Hello you.")]),
        ("Hello.\n- Hi.", [("speech", None, "Hello."), ("speech", None, "Hi.")]),
        ("a well\n- known man", [("speech", None, "a well known man")]),
        ("(sighs) I know.", [("speech", None, "I know.")]),
        ("- [laughs]\n- Stop.", [("speech", None, "Stop.")]),
        ("...", [("speech", None, "...")]),
        ("<i>Half a tag</i", [("speech", None, "Half a tag")]),
        (r"One\Ntwo", [("speech", None, "One two")]),
        ("<img src=x onerror=alert(1)>Hi", [("speech", None, "Hi")]),
    ],
)
def test_customs_of_subtitles_for_the_hard_of_hearing(raw: str, said: list[tuple[str, str | None, str]]):
    assert [(cue.kind, cue.speaker, cue.text) for cue in read(srt(raw)).cues] == said


def test_direction_marks_leave_the_words_and_stay_in_the_delivered_text():
    (cue,) = read(srt("\u202bשלום עולם.\u202c")).cues
    assert cue.text == "שלום עולם." and cue.raw_text == "\u202bשלום עולם.\u202c"
    assert "\u202bשלום" in to_srt([cue])


def test_webvtt_as_players_read_it():
    text = (
        "WEBVTT - Film\nKind: captions\nLanguage: sv\n\nREGION\nid:left\nwidth:40%\n\nNOTE\n00:00.000 --> 00:01.000\nhidden\n\n1\n"
        "00:01.000 --> 00:02.000 region:left align:start\n<v Ann>Hi <i>you</i>&nbsp;&amp; me\n<v.loud Ben>Hello "
        "<00:01.500><c.red>there</c>\n\n"
        "name of it\n00:03.000 --> 00:04.000\n<ruby>漢<rt>かん</rt></ruby>&lt;3\n\n"
        "00:05.000 --> 00:06.000\n\nafter a blank line\n\nSTYLE\n::cue {}\n"
    )
    found = read(text)
    assert (found.format, found.kind, found.n_events) == ("vtt", "dialogue", 4)
    assert [(cue.speaker, cue.text) for cue in found.cues] == [
        ("Ann", "Hi you & me"),
        ("Ben", "Hello there"),
        (None, "漢<3"),
        (None, "after a blank line"),
    ]
    assert told(found) == [(1, "in a comment")]


def test_chapters_and_descriptions_are_told_and_nobody_says_them(shared_data: Path):
    folder = shared_data / "elephants_dream_captions"
    for name, kind in (("chapters.en.vtt", "chapters"), ("descriptions.en.vtt", "descriptions")):
        found = read_subtitles(folder / name)
        assert found.kind == kind and {cue.kind for cue in found.cues} == {"note"}
    assert read("WEBVTT\nKind: descriptions\n\n00:01.000 --> 00:02.000\nA man.\n").kind == "descriptions"
    assert read_subtitles(folder / "captions.ar.vtt").kind == "dialogue"


ASS = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name\n\n[Events]\n"
ASS_FORMAT = "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"


def test_ass_overrides_layers_drawings_signs_and_a_damaged_line():
    found = read(
        ASS
        + ASS_FORMAT
        + r"""Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ann,0,0,0,,{\i1}Hi, you{\i0}\Nover{a note}\hthere
Dialogue: 1,0:00:01.00,0:00:02.00,Default,Ann,0,0,0,,{\blur3}Hi, you\Nover there
Dialogue: 0,0:00:03.00,0:00:04.00,Signs_top,,0,0,0,,{\pos(1,2)}EXIT
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\p1}m 0 0 l 9 9{\p0}
Dialogue: 0,0:00:0x.00,0:00:04.00,Default,,0,0,0,,bad time
Dialogue: 0,0:00:05.00,0:00:06.00,Karaoke,,0,0,0,,{\k20}so{\k30}ra
Comment: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,for the typesetter
Dialogue: short"""
    )
    assert (found.format, found.n_events) == ("ass", 8)
    assert [(cue.kind, cue.speaker, cue.text) for cue in found.cues] == [
        ("speech", "Ann", "Hi, you over there"),
        ("note", None, "EXIT"),
        ("music", None, "sora"),
    ]
    assert told(found) == [
        (2, "repeats another cue"),
        (4, "a drawing"),
        (5, "its times cannot be read"),
        (7, "in a comment"),
        (8, "its times cannot be read"),
    ]


def test_ssa_and_ass_with_other_orders_of_fields():
    found = read("[Events]\nFormat: Start, End, Actor, Text\nDialogue: 0:00:01.00,0:00:02.5,Ben,Well, yes.\n")
    assert [(cue.start_ms, cue.end_ms, cue.speaker, cue.text) for cue in found.cues] == [(1000, 2500, "Ben", "Well, yes.")]
    ssa = "[Script Info]\nScriptType: v4.00\n\n[V4 Styles]\n\n[Events]\n" + ASS_FORMAT.replace("Layer", "Marked")
    found = read(ssa + "Dialogue: Marked=0,0:00:01.00,0:00:02.00,Default,,0000,0000,0000,,Old one.\n")
    assert (found.format, times(found)) == ("ssa", [(1000, 2000, "Old one.")])


def test_microdvd_with_its_rate_the_films_or_an_assumed_one():
    assert times(read("{0}{0}23.976\n{24}{48}{y:i}/Hello|{c:$00ff}there\n")) == [(1001, 2002, "Hello there")]
    found = read("{24}{48}Hello\n", fps=24.0)
    assert times(found) == [(1000, 2000, "Hello")]
    assert told(found) == [(0, "no frame rate in the file: the film's 24.000 is taken")]
    assert told(read("{24}{48}Hello\n")) == [(0, "no frame rate in the file: 23.976 is assumed")]
    found = read("{1}{1}25\nrubbish\n{50}{}open\n", fps=24.0)
    assert times(found)[0][0] == 2000 and told(found) == [(0, "a line that is not microdvd"), (1, "no end: end set from its length")]


def test_mpl2_tmplayer_and_sami():
    assert times(read("[10][35]/Hello|there\n")) == [(1000, 3500, "Hello there")]
    assert times(read("00:00:01:Hello|there\n00:00:03:Next\n")) == [(1000, 1800, "Hello there"), (3000, 3800, "Next")]
    found = read(
        "<SAMI><!-- no --><BODY><SYNC Start=1000><P Class=ENCC>Hello<br>you<SYNC Start=1500><P Class=FRCC>Bonjour"
        "<SYNC Start=2000><P Class=ENCC>&nbsp;</BODY></SAMI>"
    )
    assert times(found) == [(1000, 2000, "Hello you")] and told(found) == [(2, "in another language of the file (FRCC)")]


TTML = (
    '<?xml version="1.0" encoding="UTF-16"?>\n<tt:tt xmlns:tt="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
    'xmlns:ttm="http://www.w3.org/ns/ttml#metadata" ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001" ttp:tickRate="10000000" '
    'xml:lang="en">'
    '<tt:head><ttm:title>Film</ttm:title><ttm:agent xml:id="a1"><ttm:name type="full">Anna</ttm:name></ttm:agent></tt:head>'
    '<tt:body begin="10s">'
    "<tt:div>%s</tt:div></tt:body></tt:tt>"
)


def test_ttml_ticks_frames_offsets_spans_people_and_places():
    found = read(
        TTML
        % (
            '<tt:p begin="10000000t" end="25000000t" ttm:agent="a1">Hello<tt:br/>\n  there &amp; <tt:span>you</tt:span>.</tt:p>'
            '<tt:p begin="00:00:03:12" dur="00:00:01.5">Frames.</tt:p>'
            '<tt:p><tt:span begin="5s" end="6s">One</tt:span> <tt:span begin="6s" end="7s">Two</tt:span></tt:p>'
            '<tt:p begin="zz" end="3s">Bad.</tt:p><tt:p begin="216f" end="240f" ttm:role="x-sound">bang</tt:p>'
            '<tt:p begin="0.005h" end="0.5m" xml:space="preserve">Kept\nlines</tt:p>'
        )
    )
    assert [(cue.start_ms, cue.end_ms, cue.speaker, cue.text) for cue in found.cues] == [
        (11_000, 12_500, "Anna", "Hello there & you."),
        (13_500, 15_000, None, "Frames."),
        (15_000, 16_000, None, "One"),
        (16_000, 17_000, None, "Two"),
        (19_009, 20_010, None, "bang"),
        (28_000, 40_000, None, "Kept lines"),
    ]
    assert (found.format, found.n_events) == ("ttml", 8)
    assert [cue.kind for cue in found.cues if cue.text == "bang"] == ["sound"]
    assert told(found) == [(3, "a paragraph that only holds timed parts"), (6, "its times cannot be read")]


def test_ttml_in_sequence_in_smpte_labels_and_in_the_old_namespace():
    sequence = '<tt xmlns="http://www.w3.org/2006/10/ttaf1"><body>'
    sequence += '<div timeContainer="seq"><p dur="2s">One</p><p begin="1s" dur="2s">Two</p></div></body></tt>'
    assert times(read(sequence)) == [(0, 2000, "One"), (3000, 5000, "Two")]
    head = '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:timeBase="smpte" ttp:frameRate="30" '
    drop = head + 'ttp:frameRateMultiplier="1000 1001" ttp:dropMode="dropNTSC"><body><div>'
    drop += '<p begin="01:00:00:00" end="01:00:01:00">Hi</p></div></body></tt>'
    assert times(read(drop))[0][0] == pytest.approx(3_600_000, abs=5)
    non_drop = drop.replace("dropNTSC", "nonDrop")
    assert times(read(non_drop))[0][0] == 3_603_600


def test_ttml_that_breaks_off_is_read_up_to_there_and_the_rest_is_counted():
    cues = "".join(f'<tt:p begin="{n}s" end="{n}.9s">Line {n}</tt:p>' for n in range(1, 9))
    whole = TTML % cues
    at = whole.index('<tt:p begin="5s"')
    found = read(whole[:at] + "<tt:p begin=5s" + whole[at:])
    assert [cue.text for cue in found.cues] == [f"Line {n}" for n in range(1, 5)]
    reasons = [fault.reason for fault in found.dropped]
    assert reasons == ["behind the place where the XML is broken"] * 5 and found.n_events == 9


def test_xml_bombs_and_bottomless_nesting_are_refused():
    with pytest.raises(FeelmError, match="entities"):
        read('<!DOCTYPE tt [<!ENTITY a "x">]><tt xmlns="http://www.w3.org/ns/ttml"><body/></tt>')
    with pytest.raises(FeelmError, match="deeper"):
        read('<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="0s" end="1s">' + "<span>" * 50_000)


def test_more_cues_than_any_film_has_are_refused(monkeypatch: pytest.MonkeyPatch):
    assert subtitles.CUE_LIMIT >= 200_000
    monkeypatch.setattr(subtitles, "CUE_LIMIT", 100)
    with pytest.raises(FeelmError, match="at most 100:"):
        read("\n".join(f"00:00:01,000 --> 00:00:02,000\n{n}\n" for n in range(101)))
