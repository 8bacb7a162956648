"""The team's settings, `params.yaml`, as typed values.

The file lies beside FEELM_HOME; where there is none, the one that comes with the project holds. A wrong key or value is an error
that names it, never a silent default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from corpus.annotations.delay import LONGEST_LAG_MS
from corpus.dialogue.recognise import Recognition
from corpus.films.catalogue.rights import settings_file
from corpus.films.shots.shots import ShotSetting
from corpus.paths import Home
from corpus.sources import PROJECT
from corpus.terms import DeclaredUse, FaceNetwork, FeelmError, Rights, TextEncoder


@dataclass(frozen=True)
class Params:
    """Typed `params.yaml`. `training` are numbers of its parts by "part.name"; `raw` keeps plain values by section for version stamps."""

    train_rights: frozenset[Rights]
    export_rights: frozenset[Rights]
    declared_use: DeclaredUse
    seed: int
    folds: int
    face_network: FaceNetwork
    training: dict[str, float]
    min_new_gold: int
    recognition: Recognition
    shots: ShotSetting
    text_encoder: TextEncoder
    trace_lag_ms: int
    raw: dict[str, Any]

    @classmethod
    def read(cls, home: Home) -> Params:
        """Read the settings that hold for this home.

        Raises:
            FeelmError: the file is not YAML or a value is missing or of the wrong kind.
        """
        path = settings_file(home)
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls(
                train_rights=frozenset(Rights(value) for value in raw["rights"]["train"]),
                export_rights=frozenset(Rights(value) for value in raw["rights"]["export"]),
                declared_use=DeclaredUse(raw["declared_use"]),
                seed=int(raw["training"]["seed"]),
                folds=int(raw["training"]["folds"]),
                face_network=FaceNetwork(raw["training"]["face_network"]),
                training=_numbers(raw["training"]),
                min_new_gold=int(raw["retrain"]["min_new_gold"]),
                recognition=Recognition(raw["dialogue"]["recognition"]),
                shots=ShotSetting(raw["scan"]["shots"]),
                text_encoder=TextEncoder(raw["text"]["encoder"]),
                trace_lag_ms=_lag_ms(raw["gold"]["trace_lag_ms"]),
                raw=raw,
            )
        except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
            raise FeelmError(f"{path}: {type(error).__name__}: {error}; compare it with {PROJECT / 'params.yaml'}") from error


def _numbers(training: dict[str, Any]) -> dict[str, float]:
    """What stands in the parts of `training`, by "part.name"."""
    parts = {name: values for name, values in training.items() if isinstance(values, dict)}
    return {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}


def _lag_ms(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= LONGEST_LAG_MS:
        raise ValueError(f"gold: trace_lag_ms {value!r} is not a whole number from 0 to {LONGEST_LAG_MS}")
    return value
