"""Two files side by side: speaker, scene and line of each cue, and what stayed alone on either side."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corpus.dialogue.screenplay.scripted import align_files
from corpus.maker.screenplay import fountain
from corpus.maker.story import plan_stories
from corpus.terms import FeelmError
from orchestration.cli import app

SCRIPT = """Title: The Ships

INT. LAMP ROOM - NIGHT

ANNA
Forty-one ships. There were more of them last year.

BEN
I only count the ones that come back.

EXT. CLIFF - DAWN

ANNA (V.O.)
Nobody asked me whether I wanted to stay.

CARA
The lamp went out an hour ago, did you not notice?

ANNA
Everybody notices. [Nobody] climbs the stairs.
"""

SUBTITLES = """1
00:00:01,000 --> 00:00:03,000
Forty-one ships.

2
00:00:03,000 --> 00:00:05,000
There were more last year.

3
00:00:05,500 --> 00:00:06,000
[thunder]

4
00:00:06,000 --> 00:00:08,000
BEN: I count only the ones
that come back.

5
00:00:08,000 --> 00:00:09,000
Hush, gulls!

6
00:00:09,000 --> 00:00:11,000
- The lamp went out an hour ago.
- Everybody notices, nobody climbs the stairs!

7
00:00:12,000 --> 00:00:13,000
KEEPER: Coffee?
"""

GERMAN = """1
00:00:01,000 --> 00:00:03,000
Einundvierzig Schiffe.

2
00:00:03,000 --> 00:00:05,000
Letztes Jahr waren es mehr.

3
00:00:06,000 --> 00:00:08,000
Ich zähle nur die, die zurückkommen.
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    screenplay, subtitles = tmp_path / "ships.fountain", tmp_path / "ships.srt"
    screenplay.write_text(SCRIPT, encoding="utf-8")
    subtitles.write_text(SUBTITLES, encoding="utf-8")
    return screenplay, subtitles


def test_each_cue_has_speaker_scene_and_line(pair: tuple[Path, Path]):
    found = align_files(*pair)
    told = [(each.cue, each.speaker, each.scene, each.heading, each.script_line) for each in found.utterances]
    lamp, cliff = "INT. LAMP ROOM - NIGHT", "EXT. CLIFF - DAWN"
    assert told == [
        (1, "ANNA", 1, lamp, 6),
        (2, "ANNA", 1, lamp, 6),
        (4, "BEN", 1, lamp, 9),
        (5, None, None, None, None),
        (6, "CARA", 2, cliff, 17),
        (6, "ANNA", 2, cliff, 20),
        (7, "KEEPER", None, None, None),
    ]
    assert found.verdict == "aligned" and found.reason is None


def test_what_stayed_alone_is_told_on_both_sides(pair: tuple[Path, Path]):
    found = align_files(*pair)
    assert found.unmatched_cues == (5, 7)
    assert [(each.script_line, each.speaker, each.scene) for each in found.unmatched_speeches] == [(14, "ANNA", 2)]


def test_who_names_the_speaker_is_told(pair: tuple[Path, Path]):
    named_by = {each.cue: each.named_by for each in align_files(*pair).utterances}
    assert named_by == {1: "screenplay", 2: "screenplay", 4: "screenplay", 5: None, 6: "screenplay", 7: "subtitles"}


def test_the_command_prints_what_the_function_finds(pair: tuple[Path, Path]):
    result = CliRunner().invoke(app, ["screenplay", "align", *map(str, pair), "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["verdict"] == "aligned"
    assert [each["speaker"] for each in told["utterances"]] == ["ANNA", "ANNA", "BEN", None, "CARA", "ANNA", "KEEPER"]
    assert told["unmatched_speeches"][0]["text"] == "Nobody asked me whether I wanted to stay."


def test_the_command_shows_a_table_with_brackets_whole(pair: tuple[Path, Path]):
    result = CliRunner().invoke(app, ["screenplay", "align", *map(str, pair)], env={"COLUMNS": "200"})
    assert result.exit_code == 0 and "Nobody asked me whether I wanted to stay." in result.stdout and "KEEPER" in result.stdout


def test_another_language_is_refused_with_exit_code_1(pair: tuple[Path, Path], tmp_path: Path):
    german = tmp_path / "de.srt"
    german.write_text(GERMAN, encoding="utf-8")
    result = CliRunner().invoke(app, ["screenplay", "align", str(pair[0]), str(german), "--json"])
    assert result.exit_code == 1 and json.loads(result.stdout)["verdict"] == "refused"
    assert all(each.speaker is None for each in align_files(pair[0], german).utterances)


def test_a_made_film_finds_every_line_of_its_own_screenplay(tmp_path: Path):
    story = plan_stories(1, 7)[0]
    screenplay, subtitles = tmp_path / "made.fountain", tmp_path / "made.srt"
    screenplay.write_text(fountain(story), encoding="utf-8")
    blocks = [
        f"{n}\n00:00:{n // 2:02},{n % 2 * 500:03} --> 00:00:{n // 2:02},{n % 2 * 500 + 400}\n{line.text}\n"
        for n, line in enumerate(story.lines)
    ]
    subtitles.write_text("\n".join(blocks), encoding="utf-8")
    found = align_files(screenplay, subtitles)
    assert [each.speaker for each in found.utterances] == [story.characters[line.speaker].name.upper() for line in story.lines]
    assert [each.scene for each in found.utterances] == [line.scene + 1 for line in story.lines]


@pytest.mark.parametrize("suffix", [".fountain", ".txt", ".fdx", ".spmd"])
def test_damaged_screenplays_are_aligned_or_refused_with_a_reason(pair: tuple[Path, Path], tmp_path: Path, suffix: str):
    rng = random.Random(suffix)
    data = SCRIPT.encode()
    if suffix == ".fdx":
        rows = [f'<Paragraph Type="Dialogue"><Text>{line}</Text></Paragraph>' for line in SCRIPT.splitlines()]
        data = f'<FinalDraft><Content><Paragraph Type="Character"><Text>A</Text></Paragraph>{"".join(rows)}</Content></FinalDraft>'.encode()
    path = tmp_path / f"damaged{suffix}"
    for _ in range(60):
        damaged = bytearray(data[: rng.randint(0, len(data))])
        for _ in range(rng.randint(0, 12)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            found = align_files(path, pair[1])
        except FeelmError as error:
            assert path.name in str(error)
            continue
        assert (found.verdict == "refused") == (found.reason is not None)
