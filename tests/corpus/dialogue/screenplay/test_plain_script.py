"""Plain-text screenplays: columns, pages and revisions, scripts without columns, plays, and which of them a .txt is."""

import random
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.dialogue.screenplay.headings import SceneHeading, is_heading, parse_heading
from corpus.dialogue.screenplay.read import read_screenplay, speeches
from corpus.terms import FeelmError

COLUMNS = """<b><pre>
                              THE LIGHTHOUSE
                           Rev. 5/3/93                           1.

<b>12   INT. LAMP ROOM - NIGHT                                        12
</b>
     The lamp turns. ANNA counts
     the ships, and Ben sleeps.

                         ANNA (V.O.)
                    (to herself,
                     quietly)
               Forty-one. There were more
               of them last year, before            *
               the storm.                           *

                              (MORE)

THE LIGHTHOUSE - Rev. 5/3/93                                      2.

CONTINUED: (2)

                         ANNA (CONT'D)
               But nobody asked me.

     BANG! A shutter.

                         BEN
               What was that?

                                                          3.

               I was asleep. Is it 1969
               already?

                                                     CUT TO:

13   EXT. CLIFF - DAWN

     Wind.
                         McCOY'S WIFE
               Nineteen.
               12.

THE LIGHTHOUSE - Rev. 5/3/93                                      4.
THE LIGHTHOUSE - Rev. 5/3/93                                      5.
"""

FLUSH = """INT. KITCHEN - DAY

Anna pours tea.

ANNA
(smiling)
You came back.
I knew you would.

BEN
Only for the tea. STOP
THAT!

SUDDENLY the door.

CUT TO:

EXT. GARDEN - NIGHT

ANNA (O.S.)
Ben?
"""

PLAY = """ACT I
SCENE 2

ANNA: You came back.
I knew: you would.
BEN (laughing): Only for the tea.

The door opens.

ANNA: (softly) Who is there?
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def said(path: Path) -> list[tuple[str, str, int]]:
    return [(speech.character, speech.text, speech.line) for speech in speeches(read_screenplay(path))]


def test_columns_pages_and_revisions(tmp_path: Path):
    path = write(tmp_path, "s.txt", COLUMNS)
    lines = dict(enumerate(COLUMNS.splitlines(), start=1))
    found = said(path)
    assert [(who, text) for who, text, _ in found] == [
        ("ANNA", "Forty-one. There were more of them last year, before the storm."),
        ("ANNA", "But nobody asked me."),
        ("BEN", "What was that? I was asleep. Is it 1969 already?"),
        ("McCOY'S WIFE", "Nineteen. 12."),
    ]
    assert all(text.split()[0] in lines[line] for _, text, line in found)
    elements = read_screenplay(path)
    assert [element.text for element in elements if element.kind == "heading"] == ["INT. LAMP ROOM - NIGHT", "EXT. CLIFF - DAWN"]
    assert [element.text for element in elements if element.kind == "parenthetical"] == ["(to herself,", "quietly)"]
    assert not any("Rev. 5/3/93" in element.text and element.scene is not None for element in elements)


def test_a_script_without_columns_is_read_by_its_blank_lines(tmp_path: Path):
    assert said(write(tmp_path, "s.txt", FLUSH)) == [
        ("ANNA", "You came back. I knew you would.", 7),
        ("BEN", "Only for the tea. STOP THAT!", 11),
        ("ANNA", "Ben?", 21),
    ]


def test_a_script_set_in_double_lines_is_read_as_one_set_in_single_lines(tmp_path: Path):
    single = COLUMNS.replace("12.\n", "Twelve.\n")
    double = "\n\n".join(line for line in single.splitlines() if line.strip())
    assert [entry[:2] for entry in said(write(tmp_path, "d.txt", double))] == [
        entry[:2] for entry in said(write(tmp_path, "s.txt", single))
    ]


def test_a_play_names_its_speakers_before_a_colon(tmp_path: Path):
    path = write(tmp_path, "s.txt", PLAY)
    assert said(path) == [
        ("ANNA", "You came back. I knew: you would.", 4),
        ("BEN", "Only for the tea.", 6),
        ("ANNA", "Who is there?", 10),
    ]
    assert next(element.heading for element in read_screenplay(path) if element.kind == "dialogue") == "SCENE 2"


def test_a_play_in_a_script_without_capitals(tmp_path: Path):
    text = "安娜：你回来了。\n本（笑）：只为了茶。\n安娜：谁在那里？\n"
    assert [entry[:2] for entry in said(write(tmp_path, "s.txt", text))] == [
        ("安娜", "你回来了。"),
        ("本", "只为了茶。"),
        ("安娜", "谁在那里？"),
    ]


def test_a_colon_behind_the_name_is_no_part_of_it(tmp_path: Path):
    text = "INT. HALL - DAY\n\nANNA:\nWho is there?\n\nBEN (O.S.):\nMe.\n\nCUT TO:\nTHE GARDEN\n"
    assert [entry[:2] for entry in said(write(tmp_path, "s.txt", text))] == [("ANNA", "Who is there?"), ("BEN", "Me.")]


def test_tabs_stand_for_columns_too(tmp_path: Path):
    text = "INT. HALL - DAY\n\nIt is late.\n\n\t\t\tANNA\n\t\t(low)\n\tWho is\n\tthere?\n\nNobody.\n\n\t\t\tBEN\n\tMe.\n"
    assert [entry[:2] for entry in said(write(tmp_path, "s.txt", text))] == [("ANNA", "Who is there?"), ("BEN", "Me.")]


def test_a_name_of_several_words_and_small_letters(tmp_path: Path):
    text = "INT. HALL - DAY\n\nMacDONALD and the 2nd GUARD\nHalt!\n\nMRS. VAN DER BERG\nNo.\n"
    assert [entry[:2] for entry in said(write(tmp_path, "s.txt", text))] == [
        ("MacDONALD and the 2nd GUARD", "Halt!"),
        ("MRS. VAN DER BERG", "No."),
    ]


def test_fountain_in_a_txt_is_read_as_fountain(tmp_path: Path):
    text = "Title: The Door\n\nINT. HALL - DAY\n\n@McCoy\nWait, *please*. [[later]]\n\n!BOOM\nThe door falls.\n"
    assert said(write(tmp_path, "s.txt", text)) == [("McCoy", "Wait, please.", 6)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_found_as_in_subtitles(tmp_path: Path, encoding: str):
    path = tmp_path / "s.txt"
    path.write_bytes("INT. CAFÉ - DAY\n\nÉLISE\nÇa va très bien, déjà vu à Noël.\n\nRENÉ\nVoilà, c'est ça.\n".encode(encoding))
    assert [entry[:2] for entry in said(path)] == [("ÉLISE", "Ça va très bien, déjà vu à Noël."), ("RENÉ", "Voilà, c'est ça.")]


@pytest.mark.parametrize("suffix", [".txt", ".fountain"])
def test_lines_are_counted_as_editors_count_them(tmp_path: Path, suffix: str):
    text = "INT. HALL - DAY\r\n\r\n\fIt is\x0blate.\r\n\r\nANNA\r\nWho is\u2028there?\r\n"
    path = tmp_path / f"s{suffix}"
    path.write_bytes(text.encode())
    assert said(path) == [("ANNA", "Who is there?", 6)]


@pytest.mark.parametrize("suffix", [".txt", ".fountain"])
@pytest.mark.parametrize(
    "line", ["A" + " " * 4000 + "b", "A" + "(" * 4000, "INT. A" + " #1" * 1500, "A " * 2400 + ":", "<b" * 2000, "[[" * 2000]
)
def test_long_lines_are_read(tmp_path: Path, suffix: str, line: str):
    text = "INT. HALL - DAY\n\nANNA\nWho?\n\n" + f"{line}\n\n" * 20
    assert said(write(tmp_path, f"s{suffix}", text))[0] == ("ANNA", "Who?", 4)


def test_lines_that_no_screenplay_has_are_refused(tmp_path: Path):
    with pytest.raises(FeelmError, match=r"line 4 of screenplay s\.txt has 5001 signs"):
        read_screenplay(write(tmp_path, "s.txt", "INT. HALL - DAY\n\nANNA\n" + "w" * 5001))


def test_prose_is_no_screenplay(tmp_path: Path):
    with pytest.raises(FeelmError, match="no dialogue"):
        read_screenplay(write(tmp_path, "s.txt", "It was a dark night.\nRain fell.\n\nNobody spoke at all.\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INT. GUMP HOUSE - NIGHT", SceneHeading(True, False, "GUMP HOUSE", "night")),
        ("EXT GARDEN -- LATE AFTERNOON", SceneHeading(False, True, "GARDEN", "afternoon")),
        ("INT./EXT. CAR - MOVING - DAY", SceneHeading(True, True, "CAR - MOVING", "day")),
        ("I/E BUS – CONTINUOUS", SceneHeading(True, True, "BUS", None)),
        ("12A  EST. NEW YORK - DAWN - LATER  12A", SceneHeading(False, True, "NEW YORK", "dawn")),
        ("INT. KITCHEN - NIGHT #1#", SceneHeading(True, False, "KITCHEN", "night")),
        ("INT. KÜCHE - NACHT", SceneHeading(True, False, "KÜCHE", "night")),
        ("INT. X-RAY ROOM", SceneHeading(True, False, "X-RAY ROOM", None)),
        ("EXT. DAY CARE", SceneHeading(False, True, "DAY CARE", None)),
        ("THE MOON", SceneHeading(False, False, "THE MOON", None)),
        ("", SceneHeading(False, False, "", None)),
    ],
)
def test_headings_tell_place_and_time(text: str, expected: SceneHeading):
    assert parse_heading(text) == expected


@pytest.mark.parametrize("text", ["INTERIOR MONOLOGUE", "EXTRA TIME", "Estimated: 12", "I / we"])
def test_words_that_begin_like_headings_are_none(text: str):
    assert not is_heading(text)


WORDS = ["the", "rain", "never", "stops", "here", "Anna", "forty", "ships", "don't", "understand", "café", "yes", "well"]
NAMES = ["ANNA", "BEN", "MRS. GREY", "GUARD #2", "ÉLISE", "O'NEIL", "DR. WU"]
PLACES = ["KITCHEN", "GARDEN", "LAMP ROOM", "ROAD TO ROME"]


def made_screenplay(seed: int) -> list[tuple[str, list[tuple[str, str]]]]:
    """Scenes with heading and speeches (name, text)."""
    rng = random.Random(seed)

    def sentence() -> str:
        return (" ".join(rng.choices(WORDS, k=rng.randint(1, 25)))).capitalize() + rng.choice([".", "!", "?", "..."])

    def scene() -> tuple[str, list[tuple[str, str]]]:
        heading = f"{rng.choice(['INT', 'EXT', 'INT./EXT'])}. {rng.choice(PLACES)} - {rng.choice(['DAY', 'NIGHT'])}"
        return heading, [(rng.choice(NAMES), sentence()) for _ in range(rng.randint(1, 8))]

    return [scene() for _ in range(rng.randint(2, 5))]


def wrapped(text: str, blanks: int, width: int = 34) -> str:
    rows = [""]
    for word in text.split():
        rows = [*rows, word] if len(rows[-1]) + len(word) >= width else [*rows[:-1], f"{rows[-1]} {word}".strip()]
    return "\n".join(" " * blanks + row for row in rows)


def as_fountain(scenes, _) -> str:
    return "Title: Made\n\n" + "".join(f"{h}\n\nRain.\n\n" + "".join(f"@{who}\n{text}\n\n" for who, text in said) for h, said in scenes)


def as_flush(scenes, _) -> str:
    return "".join(f"{h}\n\nIt rains.\n\n" + "".join(f"{who}\n{wrapped(text, 0)}\n\n" for who, text in said) for h, said in scenes)


def as_columns(scenes, rng: random.Random) -> str:
    margin, dialogue, name = rng.choice([(0, 10, 22), (5, 15, 25), (15, 25, 37)])

    def block(who: str, text: str) -> str:
        extension = rng.choice(["", "", " (V.O.)", " (CONT'D)", " (O.S.)"])
        manner = f"{' ' * (dialogue + 6)}(quietly)\n" if rng.random() < 0.2 else ""
        page = f"\n{' ' * 60}{rng.randint(2, 120)}.\n\n" if rng.random() < 0.2 else "\n"
        return f"{' ' * name}{who}{extension}\n{manner}{wrapped(text, dialogue)}\n{page}"

    def scene(heading: str, said) -> str:
        return f"{' ' * margin}{heading}\n\n{' ' * margin}It rains on everyone.\n\n" + "".join(block(*each) for each in said)

    return "".join(scene(heading, said) for heading, said in scenes)


def as_final_draft(scenes, _) -> str:
    rows = []
    for heading, said in scenes:
        rows.append(("Scene Heading", heading))
        rows += [row for who, text in said for row in (("Character", who), ("Dialogue", text))]
    body = "".join(f'<Paragraph Type="{kind}"><Text>{escape(text)}</Text></Paragraph>' for kind, text in rows)
    return f'<?xml version="1.0" encoding="UTF-8"?><FinalDraft DocumentType="Script"><Content>{body}</Content></FinalDraft>'


@pytest.mark.parametrize(
    ("write_as", "suffix"),
    [(as_fountain, ".fountain"), (as_fountain, ".txt"), (as_flush, ".txt"), (as_columns, ".txt"), (as_final_draft, ".fdx")],
)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_same_screenplay_is_read_from_every_format(tmp_path_factory: pytest.TempPathFactory, write_as, suffix: str, seed: int):
    scenes = made_screenplay(seed)
    text = write_as(scenes, random.Random(seed))
    found = speeches(read_screenplay(write(tmp_path_factory.mktemp("made"), f"s{suffix}", text)))
    assert [(s.character, s.text, s.heading, s.scene) for s in found] == [
        (who, said, heading, number) for number, (heading, lines) in enumerate(scenes) for who, said in lines
    ]
    if suffix != ".fdx":
        lines = text.splitlines()
        assert all(s.text.split()[0] in lines[s.line - 1] for s in found)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=400),
        st.lists(st.sampled_from([*COLUMNS.splitlines(), *PLAY.splitlines(), "\f", "\t(x", ")"]), max_size=40).map("\n".join),
    )
)
@example("A\n0\n=\n0\n\nA")
def test_any_text_is_read_or_refused_and_its_lines_exist(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.mktemp("any") / "s.txt"
    path.write_bytes(text.encode("utf-8", errors="replace"))
    try:
        elements = read_screenplay(path)
    except FeelmError:
        return
    n_lines = path.read_text(encoding="utf-8").count("\n") + 1
    assert [element.line for element in elements] == sorted(element.line for element in elements)
    assert all(1 <= element.line <= n_lines for element in elements)
