"""`feelm script` and `feelm advice`: what a scene on paper does line by line, what would move it, and how a film's scenes go together."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.console import Json, rows_table, show

if TYPE_CHECKING:
    from service.champion import Champion
    from service.script.advice import FilmAdvice
    from service.script.analyse import CharacterReading, LineReading, Said, SceneAnalysis, ScriptAnalysis
    from service.script.course import Course
    from service.script.read import Script, ScriptScene
    from service.script.suggest import Suggestions, WhatIf

BARS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 40
SHOWN_UNSPOKEN = 8


def script(
    file: Annotated[Path, typer.Argument(help="A scene or script: Fountain, plain screenplay, `NAME: line` or bare lines; - reads stdin.")],
    target: Annotated[str, typer.Option(help="Suggest what moves a line, or a scene's end, towards this emotion.")] = "",
    strength: Annotated[float | None, typer.Option(help="How strongly, as a probability; else as far as can be.")] = None,
    line: Annotated[int | None, typer.Option(min=1, help="The line of the file to move; else the end of a scene.")] = None,
    scene: Annotated[int | None, typer.Option(min=1, help="Whose end to move, counted from 1; else the last.")] = None,
    change: Annotated[list[str] | None, typer.Option(help="What if a line were another: `28=Other words.`, `28=` leaves it out.")] = None,
    language: Annotated[str | None, typer.Option(help="Two-letter code of the script's language, else it is found out.")] = None,
    as_json: Json = False,
) -> None:
    """Read a script with the champion model: its arc, flat and contradictory spots, how lines may be read, and what would move it."""
    from service.champion import Champion, champion_folder
    from service.script.analyse import analyse
    from service.script.read import read_script

    read = read_script(_text(file))
    changes = _changes(change or [])
    home = Home.from_environment()
    champion = Champion.load(champion_folder(home))
    analysis = analyse(champion, read, language)
    value: dict[str, Any] = {"analysis": analysis}
    shown: list[RenderableType] = [_analysis(analysis, file.name)]
    if changes:
        found = _what_if(champion, read, changes, language)
        value["what_if"] = found
        shown += [_what_if_table(one) for one in found]
    if target:
        moved = _suggest(home, champion, read, target, strength, line, scene, language)
        value["suggestions"] = moved
        shown.append(_suggestions(moved))
    show(value, Group(*shown), as_json)


def advice(film: Annotated[str, typer.Argument(help="A film of this home.")], as_json: Json = False) -> None:
    """Where picture or sound of a film's scenes go another way than its own scenes of the same emotion."""
    from service.script.advice import advise_film

    found = advise_film(Home.from_environment(), film)
    show(found, _advice(found), as_json)


def _text(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    if not file.is_file():
        raise FeelmError(f"there is no file {file}: give a script in Fountain or plain text, or - to read it from stdin")
    from corpus.dialogue.subtitles.read import decode
    from service.script.read import LONGEST_SCRIPT_CHARACTERS

    if file.stat().st_size > 4 * LONGEST_SCRIPT_CHARACTERS:
        raise FeelmError(f"{file} has {file.stat().st_size} bytes: give a script of at most {LONGEST_SCRIPT_CHARACTERS} characters")
    return decode(file.read_bytes())[0]


def _changes(given: Sequence[str]) -> dict[int, str | None]:
    changes: dict[int, str | None] = {}
    for one in given:
        number, sign, words = one.partition("=")
        if not sign or not number.strip().isdigit():
            raise typer.BadParameter(f"--change takes a line's number, =, and its words, such as `28=Not today.`; not {one!r}")
        changes[int(number)] = words.strip() or None
    return changes


def _what_if(champion: "Champion", read: "Script", changes: dict[int, str | None], language: str | None) -> list["WhatIf"]:
    """Each changed scene."""
    from service.script.suggest import what_if

    by_scene: dict[int, tuple[ScriptScene, dict[int, str | None]]] = {}
    for number, words in changes.items():
        own = read.scene_of(number)
        by_scene.setdefault(own.turns[0].line, (own, {}))[1][number] = words
    return [what_if(champion, own, of_scene, language) for own, of_scene in by_scene.values()]


def _suggest(
    home: Home,
    champion: "Champion",
    read: "Script",
    emotion: str,
    strength: float | None,
    line: int | None,
    scene: int | None,
    language: str | None,
) -> "Suggestions":
    from service.respond.film_lines import FilmLines
    from service.script.suggest import Target, suggest

    if scene is not None and scene > len(read.scenes):
        raise FeelmError(f"there is no scene {scene}: the script has {len(read.scenes)}")
    own = read.scene_of(line) if line is not None else read.scenes[(scene or len(read.scenes)) - 1]
    return suggest(champion, own, Target(emotion, strength), line, language, FilmLines.read(home, champion.lines))


def _analysis(analysis: "ScriptAnalysis", name: str) -> Group:
    parts: list[RenderableType] = []
    for number, scene in enumerate(analysis.scenes, start=1):
        parts += [_scene(scene, number), *_findings(scene), Text("")]
    if len(analysis.scenes) > 1:
        parts += [_course("the whole script", analysis.course)]
    if analysis.characters:
        parts.append(_characters(analysis.characters))
    parts += _not_spoken(analysis)
    caveat = f" {analysis.origin.caveat}" if analysis.origin.caveat else ""
    parts.append(Text(f"{name}, read as {analysis.layout.value}; model trained on {analysis.origin.trained_on}.{caveat}", style="dim"))
    return Group(*parts)


def _scene(scene: "SceneAnalysis", number: int) -> Group:
    title = f"Scene {number}{f': {scene.heading}' if scene.heading else ''}"
    columns = ["line", "who", "words", "reads as", "or", "valence", "then feels"]
    table = rows_table(title, columns, [_line(line) for line in scene.lines])
    return Group(table, _course("the scene", scene.course))


def _line(line: "LineReading") -> list[str]:
    reading = line.reading
    named = f"{reading.emotion} {reading.confidence:.2f}{' ?' if reading.uncertain else ''}"
    other = _said(line.alternatives[0]) if line.alternatives else ""
    then = f"{line.foreseen.who}: {line.foreseen.emotion}" if line.foreseen.who is not None else line.foreseen.emotion
    return [str(line.line), reading.speaker or "", reading.text, named, other, f"{line.valence:+.2f}".replace("-", "−"), then]


def _said(said: "Said") -> str:
    return f"{said.emotion} {said.probability:.2f}"


def _course(of: str, course: "Course") -> Text:
    """The arc as bars from -1 to 1."""
    if not course.valence:
        return Text(f"  {of} has one line: no arc", style="dim")
    step = len(course.valence) / BAR_WIDTH
    heights = [course.valence[int((i + 0.5) * step)] for i in range(BAR_WIDTH)]
    bars = "".join(BARS[min(int((height + 1) / 2 * len(BARS)), len(BARS) - 1)] for height in heights)
    turns = ", ".join(f"{point.kind} at line {point.line} ({point.valence:+.2f})" for point in course.turning)
    shape = course.shape.replace("_", " ") if course.shape is not None else f"{course.lines} lines draw no shape"
    return Text(f"  arc of {of} {bars} {shape}; {turns or 'no turn'}".replace("(-", "(−"))


def _findings(scene: "SceneAnalysis") -> Iterator[Text]:
    for flat in scene.flat:
        intensity = f", intensity by {flat.intensity_range:.2f}" if flat.intensity_range is not None else ""
        told = f"lines {flat.first}–{flat.last} ({flat.lines}) stay {flat.emotion}: valence moves by {flat.valence_range:.2f}{intensity}"
        yield Text(f"  flat           {told}")
    for spot in scene.contradictory:
        words, around = f"the words say {_said(spot.words)}", f"the scene around them leans to {_said(spot.scene)}"
        valences = f"valence {spot.words_valence:+.2f} against {spot.scene_valence:+.2f}".replace("-", "−")
        yield Text(f"  contradictory  line {spot.line}: {words}, {around} ({valences})")
    for unsure in scene.unsure:
        yield Text(f"  unsure         line {unsure.line}: {unsure.why}; {', '.join(map(_said, unsure.between))}")
    for line in scene.lines:
        for tip in line.tips:
            yield Text(f"  tips           line {line.line} would read as {tip.emotion} without line {tip.line} (“{tip.text}”)")


def _characters(characters: Sequence["CharacterReading"]) -> Group:
    columns = ["character", "lines", "mostly", "mean valence", "shape"]
    rows = [[one.name, str(one.lines), one.emotion, f"{one.valence:+.2f}".replace("-", "−"), one.course.shape or "-"] for one in characters]
    return Group(rows_table("Characters", columns, rows), *(_course(one.name, one.course) for one in characters))


def _not_spoken(analysis: "ScriptAnalysis") -> list[RenderableType]:
    if not analysis.unspoken:
        return []
    rows = [[str(one.line), one.text, one.reason] for one in analysis.unspoken[:SHOWN_UNSPOKEN]]
    rest = len(analysis.unspoken) - len(rows)
    more: list[RenderableType] = [Text(f"  and {rest} more (--json has them all)", style="dim")] if rest else []
    return [rows_table("Not heard, since nobody speaks it", ["line", "what stands there", "why"], rows), *more]


def _what_if_table(found: "WhatIf") -> Group:
    rows = [
        [
            str(one.line),
            one.text,
            f"{one.before.emotion} {one.before.confidence:.2f}" if one.before is not None else "-",
            f"{one.after.emotion} {one.after.confidence:.2f}" if one.after is not None else "left out",
            f"{one.moved:.2f}" if one.moved is not None else "-",
        ]
        for one in found.lines
    ]
    table = rows_table("What if", ["line", "words", "before", "after", "moved"], rows)
    return Group(Text(""), table, _course("before", found.before), _course("after ", found.after), Text(f"  {found.told}"))


def _suggestions(found: "Suggestions") -> Group:
    from service.script.suggest import about

    wished = f"{found.target.emotion}{f' at {found.target.strength:.2f}' if found.target.strength is not None else ''}"
    rows = [
        [
            str(one.line),
            one.text,
            f"quotes “{one.film}”" if one.film is not None else about(one.ways),
            f"{one.before:.2f} → {one.after:.2f}",
            f"{one.reading.emotion}{'' if one.reaches else ' (not yet)'}",
        ]
        for one in found.best
    ]
    title = f"Towards {wished} at line {found.place}: “{found.reading.text}”"
    table: list[RenderableType] = [rows_table(title, ["line", "instead", "how", found.target.emotion, "reads as"], rows)] if rows else []
    return Group(Text(""), *table, Text(found.told))


def _advice(found: "FilmAdvice") -> Group:
    rows = [[str(s.number), s.heading or "", f"{s.emotion} {s.probability:.2f}", *_figures(s.values)] for s in found.scenes]
    columns = ["scene", "heading", "reads as", "shots s", "motion", "light", "dBFS", "beat"]
    said = [Text(f"• {one.text}") for one in found.advice] or [Text("Of the scenes that could be compared none stands apart.")]
    left = [Text(f"  not compared: {why}", style="dim") for why in found.not_compared]
    return Group(rows_table(found.title, columns, rows), *said, *left)


def _figures(values: Any) -> list[str]:
    digits = {"shot_length_s": 1, "motion": 3, "brightness": 2, "loudness": 0, "tempo_bpm": 0}
    return [f"{values[name]:.{n}f}".replace("-", "−") if name in values else "-" for name, n in digits.items()]
