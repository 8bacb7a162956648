"""The champion in memory: loaded once, asked by many, and replaced by the next one while it answers.

What is served is a folder of the home that promotion replaces as a whole. A look at its manifest tells that it did; the new model is loaded
beside the old one, which goes on answering whoever holds it, so that no request is dropped and none is answered by half of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from corpus.paths import Home
from corpus.terms import MADE, FeelmError
from ml.features.text.live import LineReader
from ml.models.dialogue import HeardTurns, Turn, hear
from ml.models.grounds import GroundKind
from ml.models.predict import EmotionModel, load_model
from pages.cards.model import read_card_grounds

ONLY_MADE_FILMS = "It was trained on films made by Feelm's film maker alone: of real people it knows nothing."


def champion_folder(home: Home) -> Path:
    """Where the model in use lies.

    Raises:
        FeelmError: there is none yet; the message says why, and what to do.
    """
    folder = home.artifact("champion")
    if not folder.is_dir():
        raise FeelmError(f"there is no champion model in {home.root}: `feelm demo` or `feelm run` trains one")
    if not (folder / "model.json").is_file():
        reasons = json.loads((folder / "decision.json").read_text(encoding="utf-8"))["reasons"]
        raise FeelmError(f"no model has passed the gate yet in {home.root}: {'; '.join(reasons)}")
    return folder


@dataclass(frozen=True)
class Origin:
    """What every answer carries: which model said it, what taught that, for which use it is declared, and what is to be minded."""

    model_version: str
    trained_on: str
    declared_use: str
    caveat: str | None


@dataclass(frozen=True)
class Champion:
    """A loaded model with what reads words for it; `manifest` is the content of its manifest.json, by which it is known."""

    model: EmotionModel
    lines: LineReader
    origin: Origin
    manifest: bytes

    @classmethod
    def load(cls, folder: Path) -> Champion:
        """Load the model of a champion's folder, and read a sentence with it, so that the first who asks does not wait.

        Raises:
            FeelmError: the folder holds no model, or not the one that was written.
        """
        manifest = (folder / "manifest.json").read_bytes()
        model = load_model(folder)
        champion = cls(model, _line_reader(model.facts.columns.text_encoder), origin_of(model, folder), manifest)
        champion.hear([[Turn("Good morning.", "a"), Turn("Good morning to you.", "b")]])
        return champion

    def hear(self, dialogues: Sequence[Sequence[Turn]], language: str | None = None) -> list[HeardTurns]:
        """What the model says of the turns of each dialogue."""
        return hear(self.model, self.lines, dialogues, language)


@lru_cache(maxsize=2)
def _line_reader(encoder: str) -> LineReader:
    """One for each encoder, so that the next champion finds the lines read."""
    return LineReader(encoder)


def origin_of(model: EmotionModel, folder: Path) -> Origin:
    """What answers of a model carry; `folder` holds its card's grounds.json where it has a card."""
    taught_by = [ground for ground in read_card_grounds(folder) if ground.kind is not GroundKind.WEIGHT]
    only_made = bool(taught_by) and all(ground.kind is GroundKind.FILM and MADE in ground.credit for ground in taught_by)
    facts = model.facts
    return Origin(model.version, ", ".join(sorted(facts.trained_on)), facts.declared_use, ONLY_MADE_FILMS if only_made else None)


class Standing:
    """The champion of a home as it stands now; `look` replaces it when another was promoted."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.champion = Champion.load(champion_folder(home))
        """Whom to ask; whoever holds it may go on asking it."""
        self._looking = Lock()

    def look(self, before: Callable[[Champion], None]) -> bool:
        """Load another champion where one stands there; True when it did. One that cannot be loaded leaves the present one in place.

        `before` is called with the other one before it takes the place.

        Raises:
            FeelmError: another stands there, and cannot be used.
        """
        with self._looking:
            folder = champion_folder(self.home)
            if (folder / "manifest.json").read_bytes() == self.champion.manifest:
                return False
            other = Champion.load(folder)
            before(other)
            self.champion = other
            return True
