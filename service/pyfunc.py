"""The champion as MLflow serves it: `mlflow models serve` answers with the numbers of `/v1/detect`, and this never imports MLflow.

MLflow's `python_function` flavour names a module that loads a folder and an object that predicts; the registry writes its `MLmodel`
beside each version's model (`ml.models.signature`). A row is a turn; rows that name the same `dialogue` are one conversation, in their
order, and a row that names none is one by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.terms import PROBABILITY_COLUMNS, FeelmError
from ml.models.dialogue import Turn
from ml.models.registry import CARD_PART, MODEL_PART
from service.champion import Champion, origin_of
from service.turns import DetectedTurn, detected

if TYPE_CHECKING:
    import pandas as pd

TEXT, SPEAKER, DIALOGUE, LANGUAGE = "text", "speaker", "dialogue", "language"
TOLD = ("emotion", "confidence", "intensity", "valence", "arousal", "uncertain", "read", "language")


@dataclass(frozen=True)
class _Row:
    """A turn with where it stood, its dialogue and its declared language."""

    place: int
    turn: Turn
    dialogue: str | None
    language: str | None


class EmotionInText:
    """What MLflow asks: a version's champion, whose `predict` takes a table and gives one."""

    def __init__(self, champion: Champion) -> None:
        self.champion = champion

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """A row for each row of the table `model_input`, which has `text` and may have `speaker`, `dialogue` and `language`.

        Raises:
            FeelmError: there is no column `text`, or a row's is no text.
        """
        import pandas as pd

        rows = _rows(model_input)
        found: dict[int, DetectedTurn] = {}
        for own in _dialogues(rows):
            turns = [row.turn for row in own]
            (heard,) = self.champion.hear([turns], own[0].language)
            told = detected(self.champion, turns, heard).turns
            found |= {row.place: turn for row, turn in zip(own, told, strict=True)}
        return pd.DataFrame([self._told(found[place]) for place in range(len(rows))])

    def _told(self, turn: DetectedTurn) -> dict[str, object]:
        origin = self.champion.origin
        whose = {"model_version": origin.model_version, "trained_on": origin.trained_on, "declared_use": origin.declared_use}
        probabilities = dict(zip(PROBABILITY_COLUMNS, turn.probabilities, strict=True))
        return {name: getattr(turn, name) for name in TOLD} | probabilities | whose | {"caveat": origin.caveat}


def _load_pyfunc(path: str) -> EmotionInText:
    """Load a registered version's folder, the model with its card beside it; MLflow calls it by this name.

    Raises:
        FeelmError: the folder holds no model, or not the one that was written.
    """
    folder = Path(path)
    champion = Champion.load(folder / MODEL_PART)
    return EmotionInText(replace(champion, origin=origin_of(champion.model, folder / CARD_PART)))


def _rows(model_input: Any) -> list[_Row]:
    import pandas as pd

    table = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame({TEXT: _texts(model_input)})
    if TEXT not in table.columns:
        raise FeelmError(f"there is no column {TEXT!r}: give one, and {SPEAKER}, {DIALOGUE} and {LANGUAGE} where they are known")
    return [_row(place, row) for place, row in enumerate(table.to_dict("records"))]


def _texts(model_input: Any) -> Sequence[Any]:
    """The texts of a plain list or array."""
    return [model_input] if isinstance(model_input, str) else list(model_input)


def _row(place: int, row: Mapping[Any, Any]) -> _Row:
    text, speaker, dialogue, language = (_known(row.get(name)) for name in (TEXT, SPEAKER, DIALOGUE, LANGUAGE))
    if text is None or not text.strip():
        raise FeelmError(f"row {place} has no text")
    return _Row(place, Turn(text, speaker), dialogue, language)


def _known(value: Any) -> str | None:
    """Text, or None for what a table has where nothing is known."""
    return value if isinstance(value, str) else None if value is None or value != value else str(value)


def _dialogues(rows: Sequence[_Row]) -> list[list[_Row]]:
    by_name: dict[str, list[_Row]] = {}
    for row in rows:
        name = f"row {row.place}" if row.dialogue is None else f"dialogue {row.dialogue}"
        by_name.setdefault(name, []).append(row)
    return list(by_name.values())
