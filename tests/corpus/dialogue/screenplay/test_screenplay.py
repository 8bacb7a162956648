"""Screenplays: elements in order, each with its line, character and scene."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.dialogue.screenplay.read import character_slug, read_screenplay, speeches
from corpus.terms import FeelmError

FOUNTAIN = """Title: The Door
Credit: Written by
Author: Nobody

INT. KITCHEN - NIGHT #1#

Anna waits. /* cut
this */ The clock ticks. [[slow]]

ANNA (V.O.)
(whispering)
Who is *there*?
I can hear you.

BEN
It's me.

CUT TO:

EXT. GARDEN - DAY

!BOOM
The door falls.

ÉLISE (CONT'D)
Run!

@McCoy
Wait.

INT. KITCHEN - NIGHT

ANNA
Late.
"""

FDX = """<?xml version="1.0" encoding="UTF-8"?>
<FinalDraft DocumentType="Script"><Content>
<Paragraph Type="Scene Heading"><Text>INT. KITCHEN - NIGHT</Text></Paragraph>
<Paragraph Type="Action"><Text>Anna waits.</Text></Paragraph>
<Paragraph Type="Character"><Text>ANNA (V.O.)</Text></Paragraph>
<Paragraph Type="Parenthetical"><Text>(whispering)</Text></Paragraph>
<Paragraph Type="Dialogue"><Text>Who is </Text><Text Style="Italic">there</Text><Text>?</Text></Paragraph>
<Paragraph Type="Transition"><Text>CUT TO:</Text></Paragraph>
</Content></FinalDraft>"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_fountain_elements_stand_on_their_lines(tmp_path: Path):
    elements = read_screenplay(write(tmp_path, "s.fountain", FOUNTAIN))
    lines = FOUNTAIN.splitlines()
    for element in (e for e in elements if e.kind != "action"):
        first_word = element.text.split()[0].strip("*(")
        assert first_word.lower() in lines[element.line - 1].lower(), element
    assert [e.text for e in elements if e.kind == "heading"] == ["INT. KITCHEN - NIGHT", "EXT. GARDEN - DAY", "INT. KITCHEN - NIGHT"]


def test_speeches_carry_character_scene_and_first_line(tmp_path: Path):
    said = speeches(read_screenplay(write(tmp_path, "s.fountain", FOUNTAIN)))
    assert [(s.character, s.text, s.line, s.scene) for s in said] == [
        ("ANNA", "Who is there? I can hear you.", 12, 0),
        ("BEN", "It's me.", 16, 0),
        ("ÉLISE", "Run!", 26, 1),
        ("McCoy", "Wait.", 29, 1),
        ("ANNA", "Late.", 34, 2),
    ]
    assert said[2].heading == "EXT. GARDEN - DAY"


def test_notes_and_struck_text_are_left_out(tmp_path: Path):
    elements = read_screenplay(write(tmp_path, "s.fountain", FOUNTAIN))
    assert all("slow" not in e.text and "cut this" not in e.text and "/*" not in e.text for e in elements)


def test_final_draft_keeps_styled_words(tmp_path: Path):
    elements = read_screenplay(write(tmp_path, "s.fdx", FDX))
    assert [(e.kind, e.text, e.line) for e in elements] == [
        ("heading", "INT. KITCHEN - NIGHT", 1),
        ("action", "Anna waits.", 2),
        ("character", "ANNA (V.O.)", 3),
        ("parenthetical", "(whispering)", 4),
        ("dialogue", "Who is there?", 5),
    ]
    assert speeches(elements)[0].character == "ANNA"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("s.pdf", FOUNTAIN, "unknown kind"),
        ("s.fountain", "", "no dialogue"),
        ("s.fountain", "INT. ROOM - DAY\n\nNobody speaks.\n", "no dialogue"),
        ("s.fdx", FDX[:-40], "not whole"),
        ("s.fdx", "<!DOCTYPE a [<!ENTITY b 'c'>]>" + FDX, "XML entities"),
    ],
)
def test_what_is_no_screenplay_is_refused_with_a_reason(tmp_path: Path, name: str, text: str, told: str):
    with pytest.raises(FeelmError, match=told):
        read_screenplay(write(tmp_path, name, text))


@pytest.mark.parametrize(
    ("name", "slug"),
    [("ANNA", "anna"), ("ANNA MARÍA (V.O.)", "anna-maria"), ("Dr. O'Neil", "dr-oneil"), ("GUARD #2", "guard-2"), ("ДМИТРИЙ", "дмитрии")],
)
def test_character_slugs(name: str, slug: str):
    assert character_slug(name) == slug


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([*FOUNTAIN.splitlines(), "/*", "*/", "[[", "]]", "=", "~la", "> x <", "^", "()", "@", "."]), max_size=25))
def test_any_order_of_lines_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, lines: list[str]):
    path = write(tmp_path_factory.mktemp("any"), "s.fountain", "\n".join(lines))
    try:
        elements = read_screenplay(path)
    except FeelmError:
        return
    assert [e.line for e in elements] == sorted(e.line for e in elements)
    assert all(1 <= e.line <= len(lines) for e in elements)
