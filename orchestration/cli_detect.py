"""`feelm detect`: the emotions of a film, a clip, a sound, a picture's faces or a text, and what each answer rests on."""

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from corpus.paths import Home
from corpus.terms import EMOTIONS, MODALITIES, FeelmError
from orchestration.console import Json, show

if TYPE_CHECKING:
    from ml.models.reasons import Effect, Why
    from service.detect import DetectedUnit, Detection


FIGURES = "valence, arousal"


def detect(
    what: Annotated[str, typer.Argument(help="A media file, a picture, a text file, or the text itself.")],
    subtitles: Annotated[Path | None, typer.Option(help="Subtitles of the media file.")] = None,
    language: Annotated[str | None, typer.Option(help="Declared language of what is said, as `en`; else it is recognised.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each answer rests on.")] = False,
    as_json: Json = False,
) -> None:
    """Recognise emotion in a film, a clip, a sound, a picture's faces or a text, with the champion model."""
    from service.detect import detect_file, detect_text

    home = Home.from_environment()
    path = Path(what)
    try:
        is_file = path.is_file()
    except OSError:  # a text too long to be a name
        is_file = False
    if not is_file and ("/" in what or path.suffix) and " " not in what.strip():
        raise FeelmError(f"there is no file {what}; a text of one word needs no '/' or '.'")
    detection = detect_file(home, path, subtitles, explain, language) if is_file else detect_text(home, what, explain, language)
    show(detection, detection_tables(detection), as_json)


def detection_tables(detection: "Detection") -> Group:
    """Detected emotions, a row a unit, and where they were asked for the reasons."""
    explained = [unit for unit in detection.units if unit.why is not None]
    reasons: list[RenderableType] = [_reasons(explained), REASONS_READ] if explained else []
    return Group(_detected(detection), *reasons)


def _detected(detection: "Detection") -> Table:
    table = Table(title=f"{detection.source} (trained on: {detection.trained_on})", title_justify="left")
    for name in ("time", "words", "emotion", "next best", FIGURES, "from"):
        table.add_column(name, justify="right" if name == FIGURES else "left")
    for unit in detection.units:
        ranked = sorted(zip(unit.probabilities, EMOTIONS, strict=True), reverse=True)
        best = f"{'uncertain' if unit.uncertain else ranked[0][1]} {ranked[0][0]:.2f}"
        next_best = f"{ranked[1][1]} {ranked[1][0]:.2f}"
        affect = f"{_signed(unit.valence)} {_signed(unit.arousal)}"
        table.add_row(_span(unit), Text(unit.text or "-"), best, next_best, affect, ", ".join(unit.modalities))
    told = [f"{modality}: {why}" for modality, why in detection.missing.items()]
    table.caption = "; ".join([*told, *_languages(detection)]) or None
    return table


def _languages(detection: "Detection") -> list[str]:
    """In which languages the words were read, and which are uncertain because the model does not know theirs."""
    read = sorted({unit.language for unit in detection.units if unit.read and unit.language})
    unread = sorted({unit.language for unit in detection.units if not unit.read and unit.language})
    told = [f"words read in {', '.join(read)}"] if read else []
    return [*told, f"uncertain: words in {', '.join(unread)}, which the model does not read"] if unread else told


def _signed(level: float | None) -> str:
    return "-" if level is None else f"{level:+.2f}"


def _span(unit: "DetectedUnit") -> str:
    if unit.place is not None:
        return f"at {unit.place.x + unit.place.width / 2:.0%}, {unit.place.y + unit.place.height / 2:.0%}"
    return f"{unit.start_ms / 1000:.1f}-{unit.end_ms / 1000:.1f} s" if unit.start_ms is not None and unit.end_ms is not None else "-"


REASONS_READ = Text(
    "Shares: what leaving the modality out takes from the odds, of what all do; below 0 it speaks against the emotion. Lines and moments "
    "of the face: by what factor the odds fall without them (of the face: in what it says alone).",
    style="dim",
)


def _reasons(units: "list[DetectedUnit]") -> Table:
    """Why each unit's emotion is named, narrow enough for 80 columns."""
    table = Table(title="Why", title_justify="left")
    for name in ("time", "emotion", *MODALITIES, "lines and moments"):
        table.add_column(name, justify="right" if name in MODALITIES else "left", no_wrap=name != "lines and moments", overflow="fold")
    for unit in units:
        assert unit.why is not None
        shares = {effect.name: effect.share for effect in unit.why.modalities}
        start = "-" if unit.start_ms is None else f"{unit.start_ms / 1000:.1f} s"
        table.add_row(start, unit.why.emotion, *(_share(shares, name) for name in MODALITIES), Text("\n".join(_moved(unit.why)) or "-"))
    return table


def _share(shares: dict[str, float | None], modality: str) -> str:
    share = shares.get(modality)
    return f"{100 * share:+.0f} %" if share is not None else "none" if modality in shares else "-"


def _moved(why: "Why") -> list[str]:
    lines = [f"{_factor(line)} {_at(line)}{textwrap.shorten(line.name, 60, placeholder='…')}" for line in why.lines]
    return lines + [f"{_factor(frame)} face at {(frame.t_ms or 0) / 1000:.1f} s" for frame in why.frames]


def _at(line: "Effect") -> str:
    return "" if line.t_ms is None else f"{line.t_ms / 1000:.1f} s: "


def _factor(effect: "Effect") -> str:
    """By what the odds are divided without it; below 1 they grow."""
    return f"{math.exp(effect.log_odds):.2f}x"
