"""Pastes of every layout: who says what in which line, and what is told of the rest."""

import time

import pytest

from corpus.terms import FeelmError
from service.script import read
from service.script.read import Layout, Script, read_script

FOUNTAIN = """Title: The Crossing

INT. TERMINAL - NIGHT

Rain. ANNA waits.

ANNA
You said eight.

BEN
(softly)
I know.
The road was closed.

EXT. FERRY - DAWN

ANNA
We made it!
"""
COLUMNS = """INT. HOUSE - DAY

                    ANNA
          I hate this house and all that
          is in it.

                    BEN
              (quietly)
          So leave.

He goes.

                    ANNA
          Wait!
"""


def said(script: Script) -> list[tuple[int, str | None, str]]:
    return [(turn.line, turn.speaker, turn.text) for scene in script.scenes for turn in scene.turns]


def test_fountain_is_read_into_scenes_with_the_line_of_each_speech() -> None:
    script = read_script(FOUNTAIN)
    assert script.layout is Layout.SCREENPLAY
    assert [(scene.heading, scene.line) for scene in script.scenes] == [("INT. TERMINAL - NIGHT", 3), ("EXT. FERRY - DAWN", 15)]
    assert said(script) == [
        (8, "ANNA", "You said eight."),
        (12, "BEN", "I know. The road was closed."),
        (18, "ANNA", "We made it!"),
    ]
    lines = FOUNTAIN.splitlines()
    assert all(lines[line - 1].startswith(text.split(".")[0].rstrip("!")) for line, _, text in said(script))


def test_what_nobody_speaks_is_told_with_its_line_and_the_reason() -> None:
    assert [(one.line, one.text, one.reason) for one in read_script(FOUNTAIN).unspoken] == [
        (1, "Title: The Crossing", read.FURNITURE),
        (5, "Rain. ANNA waits.", read.ACTION),
        (11, "(softly)", read.MANNER),
    ]


def test_a_screenplay_in_columns_is_read_by_them() -> None:
    script = read_script(COLUMNS)
    assert said(script) == [(4, "ANNA", "I hate this house and all that is in it."), (9, "BEN", "So leave."), (14, "ANNA", "Wait!")]
    assert [one.text for one in script.unspoken] == ["(quietly)", "He goes."]


def test_names_before_a_colon_are_the_speakers_even_of_two_lines() -> None:
    script = read_script("Anna: I'm fine.\r\nBen: (softly) No, you aren't.\r\nYou never are.\r\n\r\n[door slams]\r\n")
    assert script.layout is Layout.NAMED
    assert said(script) == [(1, "Anna", "I'm fine."), (2, "Ben", "No, you aren't. You never are.")]
    assert [(one.line, one.reason) for one in script.unspoken] == [(5, read.ACTION)]


def test_a_time_or_an_address_is_no_name() -> None:
    script = read_script("We meet at 10:30 then.\nLook at https://example.org now.\nSee you.")
    assert script.layout is Layout.LINES and [speaker for _, speaker, _ in said(script)] == [None, None, None]


def test_bare_lines_are_turns_of_nobody_known_and_a_rule_parts_scenes() -> None:
    script = read_script("Where were you?\n- At home.\n***\n...\nI love it here.\n")
    assert script.layout is Layout.LINES
    assert [[turn.text for turn in scene.turns] for scene in script.scenes] == [["Where were you?", "At home."], ["I love it here."]]
    assert [(one.line, one.reason) for one in script.unspoken] == [(4, read.WORDLESS)]


def test_a_long_speech_goes_on_as_another_turn_where_a_sentence_ends() -> None:
    speech = "\n".join(f"This is sentence number {number} of what she says." for number in range(12))
    first, second, _ = said(read_script(f"ANNA: Listen.\n{speech}\n\nBEN: Yes.\n"))
    assert (first[0], second[0]) == (1, 9) and first[1] == second[1] == "ANNA"
    assert second[2].startswith("This is sentence number 7") and len(first[2].split()) >= read.LONG_SPEECH_WORDS


def test_a_scene_without_end_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MOST_TURNS_OF_SCENE", 4)
    script = read_script("\n".join(f"I say the number {number}." for number in range(10)))
    assert [len(scene.turns) for scene in script.scenes] == [4, 4, 2]
    assert [scene.line for scene in script.scenes] == [1, 5, 9]


def test_signs_that_nobody_sees_change_no_line() -> None:
    script = read_script("\ufeffAnna: Hello\x00 there.\nBen: Good \x1b[31mmorning.\ud800\n")
    assert [line for line, _, _ in said(script)] == [1, 2]
    assert all(sign.isprintable() for _, _, text in said(script) for sign in text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nobody speaks"),
        ("...\n***\n(a door)\n", "nobody speaks"),
        ("<?xml version='1.0'?><FinalDraft></FinalDraft>", "is XML"),
        ("a " * 300_000, "more than 500000: give it in parts"),
        ("short\n" + "a" * 6000, "line 2 of the script has 6000 signs"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, told: str) -> None:
    with pytest.raises(FeelmError, match=told):
        read_script(text)


def test_long_runs_of_blanks_cost_no_time() -> None:
    began = time.process_time()
    script = read_script(("a" + " " * 4900 + "1 b\n") * 90)
    assert time.process_time() - began < 10  # a search that goes back over every blank took minutes
    assert {turn.text for turn in script.scenes[0].turns} == {"a 1 b"}


def test_more_speeches_than_are_read_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MOST_TURNS", 3)
    with pytest.raises(FeelmError, match="has 4 speeches, more than 3"):
        read_script("One thing.\nTwo things.\nThree things.\nFour things.")


def test_a_line_in_which_nobody_begins_to_speak_is_told_with_those_that_are() -> None:
    script = read_script(FOUNTAIN)
    assert script.scene_of(18) is script.scenes[1] and script.scenes[0].at(12) == 1
    with pytest.raises(FeelmError, match="at line 5"):
        script.scene_of(5)
    with pytest.raises(FeelmError, match="they begin at 8, 12"):
        script.scenes[0].at(18)
