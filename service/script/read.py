"""A pasted scene or script as scenes of turns, each with its speaker and with the line of the paste where it begins.

Screenplays in Fountain or in plain text are read as those of films are; beside them `NAME: line`, and bare lines of which it is not
known who speaks. Whatever nobody speaks, and whatever could not be read, is told with its line and the reason, so that nothing goes
missing unseen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from corpus.dialogue.screenplay.headings import is_heading
from corpus.dialogue.screenplay.read import LINE_LIMIT, ScriptElement, read_screenplay_text
from corpus.terms import FeelmError
from ml.features.text.cues import has_words
from ml.models.dialogue import Turn

LONGEST_SCRIPT_CHARACTERS = 500_000
"""A screenplay of two hours has some 200,000."""

MOST_TURNS = 2_000
"""A film of two hours has some 1,200 speeches."""

MOST_TURNS_OF_SCENE = 500
"""A longer scene is read in parts of so many turns."""

LONG_SPEECH_WORDS = 60
"""A speech goes on as another turn at the first end of a sentence after so many words."""

LONG_LINE = 500
"""A longer line loses its runs of blanks, in which patterns would search for long; no column is so wide."""

SHOWN_CHARACTERS = 80

_NAMED = re.compile(r"^([^\W\d_][\w .'’#&/-]{0,38}?)\s*(?:[(（][^()（）]*[)）])?\s*[:：](?:\s+|(?<=：))(\S.*)$")
_MOST_NAME_WORDS = 4
_BREAK = re.compile(r"^(?:-{3,}|\*{3,}|={3,}|_{3,}|#{1,3}|(?:\*\s+){2,}\*|~{3,})$")
_DASH = re.compile(r"^[-–—•]\s*(?=\S)")
_MANNER = re.compile(r"^\(([^()]*)\)\s*|\s*\[[^\[\]]*\]")
_SENTENCE_END = re.compile(r"[.!?…][\"”'’)]*$")
_XML = re.compile(r"\A\s*<\?xml|\A\s*<FinalDraft", re.IGNORECASE)


class Layout(StrEnum):
    """How a paste is set: as a screenplay (Fountain or plain), as `NAME: line`, or as lines alone."""

    SCREENPLAY = "screenplay"
    NAMED = "named"
    LINES = "lines"


@dataclass(frozen=True)
class ScriptTurn:
    """What somebody says in one go; `line` counts lines of the paste from 1, `speaker` is as the script writes it."""

    text: str
    speaker: str | None
    line: int


@dataclass(frozen=True)
class ScriptScene:
    """Turns under one `heading` (None where the script has none); `line` is the heading's, or that of the first turn."""

    heading: str | None
    line: int
    turns: tuple[ScriptTurn, ...]

    @property
    def spoken(self) -> tuple[Turn, ...]:
        """The turns as the model hears them."""
        return tuple(Turn(turn.text, turn.speaker) for turn in self.turns)

    @property
    def characters(self) -> tuple[str, ...]:
        """Who speaks, in the order of their first lines."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns if turn.speaker is not None))

    def at(self, line: int) -> int:
        """The place in `turns` of what begins in a line of the paste.

        Raises:
            FeelmError: no turn begins there.
        """
        found = next((place for place, turn in enumerate(self.turns) if turn.line == line), None)
        if found is None:
            raise FeelmError(f"no line is spoken at line {line}: they begin at {', '.join(str(turn.line) for turn in self.turns)}")
        return found


@dataclass(frozen=True)
class Unspoken:
    """A line of the paste that is no part of what is analysed: its number, how it begins, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Script:
    """A paste as it was understood."""

    layout: Layout
    scenes: tuple[ScriptScene, ...]
    unspoken: tuple[Unspoken, ...]

    def scene_of(self, line: int) -> ScriptScene:
        """The scene in which a turn begins in this line of the paste.

        Raises:
            FeelmError: no turn begins there.
        """
        for scene in self.scenes:
            if any(turn.line == line for turn in scene.turns):
                return scene
        raise FeelmError(f"no line is spoken at line {line} of the script: give the number of a line in which somebody begins to speak")


@dataclass(frozen=True)
class _Piece:
    """A line of the paste as it was understood: `kind` is heading, said, or why it is not spoken."""

    kind: str
    text: str
    line: int
    speaker: str | None = None
    begins: bool = True


HEADING, SAID = "heading", "said"
ACTION, MANNER, NAME, WORDLESS, FURNITURE = (
    "a stage direction",
    "how it is said",
    "a name",
    "it has no words",
    "no part of a scene: a title, a note, a page's number",
)


def read_script(text: str) -> Script:
    """Scenes and turns of a pasted scene or script.

    Raises:
        FeelmError: nothing is spoken in it, or it is too long.
    """
    lines = _lines(text)
    named, spoken = _is_named(lines), None if _is_named(lines) else _screenplay(lines)
    layout = Layout.NAMED if named else Layout.SCREENPLAY if spoken is not None else Layout.LINES
    pieces = list(spoken) if spoken is not None else list(_named(lines) if named else _bare(lines))
    scenes = tuple(_scenes(pieces))
    count = sum(len(scene.turns) for scene in scenes)
    if not count:
        raise FeelmError("nobody speaks in the script: paste a scene in Fountain, as a screenplay, as `NAME: line`, or line by line")
    if count > MOST_TURNS:
        raise FeelmError(f"the script has {count} speeches, more than {MOST_TURNS}: give it in parts")
    return Script(layout, scenes, tuple(_unspoken(lines, pieces)))


def _lines(text: str) -> list[str]:
    """Lines without signs that no one sees."""
    if len(text) > LONGEST_SCRIPT_CHARACTERS:
        raise FeelmError(f"the script has {len(text)} characters, more than {LONGEST_SCRIPT_CHARACTERS}: give it in parts")
    if _XML.match(text):
        raise FeelmError(
            "the script is XML (Final Draft): export it as Fountain or plain text, or add the file to a film as its screenplay"
        )
    plain = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    lines = ["".join(" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in line) for line in plain.split("\n")]
    if long := next((number for number, line in enumerate(lines, start=1) if len(line) > LINE_LIMIT), None):
        raise FeelmError(f"line {long} of the script has {len(lines[long - 1])} signs: break it into lines of at most {LINE_LIMIT}")
    return [line if len(line) <= LONG_LINE else " ".join(line.split()) for line in lines]


def _name_of(line: str) -> tuple[str, str] | None:
    """The speaker and the words of `NAME: words`."""
    match = _NAMED.match(" ".join(line.split()))
    if match is None or len(match.group(1).split()) > _MOST_NAME_WORDS or is_heading(line):
        return None
    return match.group(1).strip(), match.group(2)


def _is_named(lines: Sequence[str]) -> bool:
    """Whether most lines name their speaker before a colon, or as many as there are stretches between blank lines."""
    filled = [line for line in lines if line.strip() and not is_heading(line) and not _BREAK.match(line.strip())]
    names = [found[0] for line in filled if (found := _name_of(line)) is not None]
    stretches = sum(bool(line.strip()) and not before.strip() for line, before in zip(lines, ["", *lines], strict=False))
    return bool(names) and (len(names) >= 0.5 * len(filled) or len(names) >= max(2, 0.7 * stretches))


def _screenplay(lines: Sequence[str]) -> list[_Piece] | None:
    """The paste as a screenplay; None where that finds nothing spoken."""
    if not any(has_words(line) for line in lines):
        return None
    try:
        elements = read_screenplay_text("\n".join(lines), "paste.txt")
    except FeelmError:  # the lines were checked before: what is left is that it has no dialogue
        return None
    return list(_pieces(elements))


_KINDS = {"heading": HEADING, "action": ACTION, "parenthetical": MANNER, "character": NAME, "dialogue": SAID}


def _pieces(elements: Sequence[ScriptElement]) -> Iterator[_Piece]:
    begins = True
    for element in elements:
        kind = _KINDS[element.kind] if element.kind != "dialogue" or element.character else ACTION
        yield _Piece(kind, element.text, element.line, element.character if kind == SAID else None, begins)
        begins = kind != SAID


def _named(lines: Sequence[str]) -> Iterator[_Piece]:
    """`NAME: words`; a line without a name right below goes on with the speech."""
    speaker: str | None = None
    for number, raw in enumerate(lines, start=1):
        line, found = raw.strip(), _name_of(raw)
        if not line or _BREAK.match(line) or is_heading(line):
            speaker = None
            if line:
                yield _Piece(HEADING, "" if _BREAK.match(line) else line, number)
        elif found is not None:
            speaker = found[0]
            yield _Piece(SAID, _MANNER.sub(" ", found[1]).strip(), number, speaker)
        elif speaker is not None and not line.startswith(("(", "[")):
            yield _Piece(SAID, line, number, speaker, begins=False)
        else:
            yield _Piece(MANNER if speaker is not None else ACTION, line, number)


def _bare(lines: Sequence[str]) -> Iterator[_Piece]:
    """Each line a turn of which it is not known who speaks."""
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if _BREAK.match(line) or (line and is_heading(line)):
            yield _Piece(HEADING, "" if _BREAK.match(line) else line, number)
        elif line.startswith(("(", "[")) and line.endswith((")", "]")):
            yield _Piece(ACTION, line, number)
        elif line:
            yield _Piece(SAID, _DASH.sub("", line), number)


def _scenes(pieces: Sequence[_Piece]) -> Iterator[ScriptScene]:
    heading: _Piece | None = None
    said: list[_Piece] = []
    for piece in [*pieces, _Piece(HEADING, "", 0)]:
        if piece.kind == SAID:
            said.append(piece)
        elif piece.kind == HEADING:
            yield from _scene(heading, said)
            heading, said = piece, []


def _scene(heading: _Piece | None, said: Sequence[_Piece]) -> Iterator[ScriptScene]:
    turns = [turn for turn in _turns(said) if has_words(turn.text)]
    for begin in range(0, len(turns), MOST_TURNS_OF_SCENE):
        own = tuple(turns[begin : begin + MOST_TURNS_OF_SCENE])
        named = heading.text or None if heading is not None else None
        yield ScriptScene(named, heading.line if heading is not None and not begin else own[0].line, own)


def _turns(said: Sequence[_Piece]) -> Iterator[ScriptTurn]:
    """Lines of one speech joined, a long speech parted where a sentence ends."""
    open_turn: ScriptTurn | None = None
    for piece in said:
        long = open_turn is not None and len(open_turn.text.split()) >= LONG_SPEECH_WORDS and _SENTENCE_END.search(open_turn.text)
        words = " ".join(piece.text.split())
        if open_turn is not None and not piece.begins and not long:
            open_turn = ScriptTurn(f"{open_turn.text} {words}", open_turn.speaker, open_turn.line)
            continue
        if open_turn is not None:
            yield open_turn
        open_turn = ScriptTurn(words, piece.speaker, piece.line)
    if open_turn is not None:
        yield open_turn


def _unspoken(lines: Sequence[str], pieces: Sequence[_Piece]) -> Iterator[Unspoken]:
    """Every line that is not blank and that nobody speaks, but for headings and names."""
    by_line: dict[int, _Piece] = {}
    for piece in pieces:
        by_line[piece.line] = piece if piece.kind == SAID or piece.line not in by_line else by_line[piece.line]
    for number, line in enumerate(lines, start=1):
        reason = by_line[number].kind if number in by_line else FURNITURE
        if reason == SAID and not has_words(by_line[number].text):
            reason = WORDLESS
        if line.strip() and reason not in (SAID, HEADING, NAME):
            yield Unspoken(number, line.strip()[:SHOWN_CHARACTERS], reason)
