"""Writes a film's screenplay in Fountain, as if before the shooting: some lines are worded a little otherwise than they are said."""

from __future__ import annotations

import re

import numpy as np

from corpus.maker.channels import Kind
from corpus.maker.story import Line, Scene, Story

_REWORDED = 0.18
_PARENTHETICAL = 0.22
_ACTION = 0.18

_SWAPS = (
    (r"\bI am\b", "I'm"),
    (r"\bI'm\b", "I am"),
    (r"\bdo not\b", "don't"),
    (r"\bdon't\b", "do not"),
    (r"\bIt is\b", "It's"),
    (r"\bcan't\b", "cannot"),
    (r"\bThat is\b", "That's"),
    (r"\bevery time\b", "each time"),
    (r"\bright now\b", "now"),
    (r"\bvery\b", "really"),
)

_PARENTHETICALS: dict[str, tuple[str, ...]] = {
    "neutral": ("evenly", "reading", "without looking up"),
    "joy": ("beaming", "laughing", "delighted"),
    "anger": ("shouting", "through her teeth", "furious"),
    "fear": ("whispering", "trembling", "looking around"),
    "sadness": ("quietly", "fighting tears", "barely audible"),
    "surprise": ("stunned", "wide-eyed", "turning around"),
    "disgust": ("wincing", "turning away", "with disgust"),
}

_MOOD_ACTIONS: dict[str, str] = {
    "celebration": "Glasses on the table. Somewhere a band is playing.",
    "quarrel": "They stand too close to each other.",
    "threat": "Something creaks. Neither of them moves.",
    "loss": "Nobody has slept. A coat hangs where it always hung.",
    "revelation": "An envelope lies open between them.",
    "squalor": "Dirt everywhere. Flies. A smell one can almost see.",
    "routine": "An ordinary hour of an ordinary day.",
}

_GESTURES = ("{name} looks away.", "{name} takes a step back.", "A long silence.", "{name} sits down.", "{name} turns to the light.")


def fountain(story: Story) -> str:
    """The screenplay's text: title page, scene headings, action, speakers, parentheticals, transitions."""
    rng = np.random.default_rng([story.seed, 10, story.index])
    parts = [f"Title: {story.title}\nCredit: made by\nAuthor: Feelm's film maker\nNotes: seed {story.seed}, film {story.index}\n"]
    for index, scene in enumerate(story.scenes):
        parts += _scene(rng, story, scene, [line for line in story.lines if line.scene == index])
    parts.append("> FADE OUT.\n")
    return "\n".join(parts)


def _scene(rng: np.random.Generator, story: Story, scene: Scene, lines: list[Line]) -> list[str]:
    names = " and ".join(character.name.upper() for character in story.characters)
    bridge = {"fade": ["> FADE TO:\n"], "dissolve": ["> DISSOLVE TO:\n"]}.get(scene.transition.value, [])
    weather = " Rain." if scene.rain else ""
    parts = [*bridge, f"{scene.heading}\n", f"{names}. {_MOOD_ACTIONS[scene.mood]}{weather}\n"]
    for line in lines:
        parts.append(_speech(rng, story, line))
        if rng.random() < _ACTION:
            gesture = _GESTURES[int(rng.integers(len(_GESTURES)))]
            parts.append(gesture.format(name=story.characters[line.addressee].name) + "\n")
    return parts


def _speech(rng: np.random.Generator, story: Story, line: Line) -> str:
    speaker = story.characters[line.speaker]
    rows = [speaker.name.upper()]
    # A screenplay would say how a masked line is meant only sometimes; giving it always would be a fourth channel.
    if line.kind in (Kind.CONSISTENT, Kind.FACE_MISLEADS) and rng.random() < _PARENTHETICAL:
        manner = _PARENTHETICALS[line.emotion][int(rng.integers(3))]
        rows.append(f"({manner.replace('her', 'his') if speaker.gender == 'man' else manner})")
    rows.append(_reworded(line.text) if rng.random() < _REWORDED else line.text)
    return "\n".join(rows) + "\n"


def _reworded(text: str) -> str:
    for pattern, other in _SWAPS:
        changed = re.sub(pattern, other, text, count=1)
        if changed != text:
            return changed
    first = text[0] if text.startswith(("I ", "I'")) else text[0].lower()
    return f"Well, {first}{text[1:]}"
