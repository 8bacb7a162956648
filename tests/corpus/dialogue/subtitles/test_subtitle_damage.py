"""Seeded damage to subtitles of every format: a clear error or cues, in bounded time, and nothing lost without being counted."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpus.dialogue.subtitles.read import SubtitleFile, parse_subtitles
from corpus.terms import FeelmError

LINES = [
    "Who is there?",
    "- ANNA: It's <i>me</i>.\n- Oh.",
    "[door slams]",
    "♪ la la ♪",
    "Ça va, l'été?",
    "42",
    "Я не знаю.",
    "שלום & <b>bye</b>",
] * 3


def clock(t_ms: int, point: str = ",") -> str:
    return f"{t_ms // 3_600_000:02d}:{t_ms // 60_000 % 60:02d}:{t_ms // 1000 % 60:02d}{point}{t_ms % 1000:03d}"


def srt() -> str:
    return "".join(f"{n}\n{clock(n * 2000)} --> {clock(n * 2000 + 1500)}\n{text}\n\n" for n, text in enumerate(LINES, 1))


def vtt() -> str:
    cues = (f"c{n}\n{clock(n * 2000, '.')} --> {clock(n * 2000 + 1500, '.')} line:0\n{text}\n\n" for n, text in enumerate(LINES, 1))
    return "WEBVTT\nKind: captions\n\nNOTE made\n\n" + "".join(cues)


def ass() -> str:
    head = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Text\n"
    said = (text.replace("\n", r"\N") for text in LINES)
    return head + "".join(
        f"Dialogue: 0,{clock(n * 2000, '.')},{clock(n * 2000 + 1500, '.')},Default,,{{\\i1}}{text}\n" for n, text in enumerate(said, 1)
    )


def microdvd() -> str:
    said = (text.replace("\n", "|") for text in LINES)
    return "{1}{1}25\n" + "".join(f"{{{n * 50}}}{{{n * 50 + 40}}}{text}\n" for n, text in enumerate(said, 1))


def mpl2() -> str:
    said = (text.replace("\n", "|") for text in LINES)
    return "".join(f"[{n * 20}][{n * 20 + 15}]{text}\n" for n, text in enumerate(said, 1))


def tmplayer() -> str:
    said = (text.replace("\n", "|") for text in LINES)
    return "".join(f"{clock(n * 2000)[:8]}:{text}\n" for n, text in enumerate(said, 1))


def sami() -> str:
    said = (text.replace("\n", "<br>") for text in LINES)
    return "<SAMI><BODY>\n" + "".join(f"<SYNC Start={n * 2000}><P Class=ENCC>{text}\n" for n, text in enumerate(said, 1)) + "</BODY></SAMI>"


def ttml() -> str:
    said = (re.sub(r"<.*?>", "", text).replace("&", "&amp;").replace("\n", "<br/>") for text in LINES)
    cues = (f'<p begin="{n * 2}s" dur="00:00:01.5">{text}</p>\n' for n, text in enumerate(said, 1))
    return '<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><body><div>\n' + "".join(cues) + "</div></body></tt>"


WRITERS = (srt, vtt, ass, microdvd, mpl2, tmplayer, sami, ttml)
JUNK = [
    "-->",
    "\x00",
    "\ufeff",
    "9" * 40,
    "-1",
    "99999999",
    "{",
    "}",
    "<",
    "</",
    "&#1114112;",
    "\u202e",
    "\n\n",
    "\r",
    "00:00:01,000 --> ",
    "\ud800",
]

Damage = Callable[[bytes, np.random.Generator], bytes]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for at in rng.integers(len(data), size=int(rng.integers(1, 40))):
        damaged[at] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    return data[: max(last, 1)] if rng.random() < 0.5 else data[first:]


def shuffled(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    return b"\n".join(lines[at] for at in rng.permutation(len(lines)))


def stuffed(data: bytes, rng: np.random.Generator) -> bytes:
    text = data.decode()
    for _ in range(int(rng.integers(1, 12))):
        at = int(rng.integers(len(text)))
        text = text[:at] + JUNK[int(rng.integers(len(JUNK)))] + text[at + int(rng.integers(3)) :]
    return text.encode("utf-8", "surrogatepass")


def renumbered(data: bytes, rng: np.random.Generator) -> bytes:
    """Every few numbers become others, some beyond all bounds."""

    def other(match: re.Match[bytes]) -> bytes:
        return match[0] if rng.random() < 0.9 else str(int(rng.integers(10 ** int(rng.integers(1, 18))))).encode()

    return re.sub(rb"\d+", other, data)


def reencoded(data: bytes, rng: np.random.Generator) -> bytes:
    encoding = ("utf-16", "utf-16-le", "utf-32", "cp1251", "latin-1", "shift_jis")[int(rng.integers(6))]
    return flipped(data.decode().encode(encoding, errors="replace"), rng)


DAMAGES: tuple[Damage, ...] = (flipped, truncated, shuffled, stuffed, renumbered, reencoded)


def check_whole(found: SubtitleFile) -> None:
    """Cues can be shown, and every number from 1 on stands for something that was kept, dropped or mended."""
    assert found.cues and all(0 <= cue.start_ms < cue.end_ms and cue.text for cue in found.cues)
    assert all("\x00" not in cue.text + cue.raw_text for cue in found.cues)
    assert [cue.start_ms for cue in found.cues] == sorted(cue.start_ms for cue in found.cues)
    kept, dropped = {cue.number for cue in found.cues}, {fault.number for fault in found.dropped} - {0}
    held = {fault.number for fault in found.repaired if fault.reason == "a paragraph that only holds timed parts"}
    assert kept | dropped | held == set(range(1, found.n_events + 1)) and not kept & dropped
    assert all(fault.reason for fault in (*found.dropped, *found.repaired))


def claims(text: str, format_: str) -> int:
    """Things that claim to be a cue, counted by the marks of the format alone."""
    text = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    if format_ in ("srt", "vtt"):
        return sum(line.count("-->") for line in text.split("\n") if "-->" in line and re.search(r"\d\s*[:.,]\s*\d", line))
    if format_ in ("ass", "ssa"):
        return sum(re.match(r"\s*(dialogue|comment)\s*:", line, re.IGNORECASE) is not None for line in text.split("\n"))
    return -1


def run_damage(seed: int) -> tuple[str, str]:
    """One trial; gives the format written and what came of it."""
    rng = np.random.default_rng(seed)
    writer, damage = WRITERS[seed % len(WRITERS)], DAMAGES[seed // len(WRITERS) % len(DAMAGES)]
    data = damage(writer().encode(), rng)
    started = time.process_time()
    try:
        found = parse_subtitles(data, "damaged")
    except FeelmError as error:
        assert "damaged" in str(error)
        return writer.__name__, "refused"
    finally:
        assert time.process_time() - started < 20, "a few kilobytes must never take seconds"
    check_whole(found)
    if damage in (flipped, truncated, shuffled) and found.encoding == "utf-8" and found.format in ("srt", "vtt", "ass", "ssa"):
        assert found.n_events >= claims(data.decode(), found.format) - _inside_one_line(data.decode())
    return writer.__name__, "read"


def _inside_one_line(text: str) -> int:
    """Arrows that share a line with another one: the line is one claim where no times stand before the second."""
    return sum(line.count("-->") - 1 for line in text.split("\n") if line.count("-->") > 1)


def test_undamaged_files_of_every_format_lose_nothing():
    for writer in WRITERS:
        found = parse_subtitles(writer().encode(), "whole")
        check_whole(found)
        assert found.n_events == len(LINES) and not found.dropped, writer.__name__
        assert "Who is there?" in {cue.text for cue in found.cues} and "42" in {cue.text for cue in found.cues}


@pytest.mark.parametrize("part", range(6))
def test_damage_is_read_or_refused_and_counted(part: int):
    outcomes = [run_damage(seed) for seed in range(part * 96, (part + 1) * 96)]
    assert len({writer for writer, _ in outcomes}) == len(WRITERS)
    assert sum(outcome == "read" for _, outcome in outcomes) > len(outcomes) // 2


@pytest.mark.slow
def test_much_damage_is_read_or_refused_and_counted():
    for seed in range(10_000, 30_000):
        run_damage(seed)


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "</",
        "{",
        "{\\",
        "[",
        "(",
        "♪",
        "-",
        "&",
        "A",
        "ANNA: ",
        " ",
        "\\N",
        "<v ",
        "0:",
        "#",
        "\n- a",
        "\nA: b",
        "\nword",
        "<rt>",
        "a:",
    ],
)
def test_one_character_repeated_without_end_takes_no_quadratic_time(piece: str):
    started = time.process_time()
    (cue,) = parse_subtitles(f"1\n00:00:01,000 --> 00:00:02,000\nx{piece * 60_000}\n".encode(), "long").cues
    assert cue.text and time.process_time() - started < 10


@pytest.mark.parametrize(
    "line", ["00:" * 60_000 + "-->", "0" * 200_000 + "-->", " " * 200_000 + "-->", "--" * 100_000 + ">", "1 " * 90_000 + "-->1:2"]
)
def test_a_line_of_times_without_end_takes_no_quadratic_time(line: str):
    started = time.process_time()
    found = parse_subtitles(f"{line}\nx\n\n1\n00:00:01,000 --> 00:00:02,000\nHi.\n".encode(), "long")
    assert found.cues[-1].text == "Hi." and time.process_time() - started < 10


def test_real_files_damaged_are_read_or_refused(shared_data: Path):
    paths = [path for path in sorted(shared_data.rglob("*")) if path.suffix in (".srt", ".vtt")]
    rng = np.random.default_rng(7)
    for path in paths:
        for damage in (flipped, truncated, shuffled):
            try:
                check_whole(parse_subtitles(damage(path.read_bytes(), rng), "damaged"))
            except FeelmError as error:
                assert "damaged" in str(error)
