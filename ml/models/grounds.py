"""What a model rests on: the films and corpora that taught it and the pretrained weights that read them, each with its terms.

A model may be used for what the narrowest of these allows. Cards list them, and the gate and a rollback name those that stand in the
way of a use.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from corpus.paths import Home
from corpus.terms import DeclaredUse, FaceNetwork, TextEncoder
from corpus.weights import FACE_BACKBONE, WEIGHTS
from ml.models.training_set import Manifest

USES = tuple(use.value for use in DeclaredUse)
"""From the narrowest to the widest."""

CORPUS_LANGUAGE = "en"
"""Every public corpus that can be added is in English."""

MOST_NAMED = 6
"""Grounds of one kind that a sentence names."""


class GroundKind(StrEnum):
    """What a ground is."""

    FILM = "film"
    CORPUS = "corpus"
    WEIGHT = "weight"


@dataclass(frozen=True)
class Ground:
    """One thing that a model rests on: its terms, what it is (`about`), and where it comes from or whom to name (`credit`).

    `language` is of what is said in it, where it is known.
    """

    name: str
    kind: GroundKind
    licence: str
    declared_use: str
    about: str
    credit: str
    language: str | None = None


def read_grounds(home: Home, manifest: Manifest, text_encoder: str, face_network: str) -> list[Ground]:
    """Films and corpora of a training set, then the weights: of the text encoders the one that read the words, a backbone where one is."""
    return [*_films(home, manifest), *_corpora(home, manifest), *weight_grounds(text_encoder, face_network)]


def weight_grounds(text_encoder: str, face_network: str) -> list[Ground]:
    """The pretrained weights that features and networks come from."""
    others = {encoder.value for encoder in TextEncoder} - {text_encoder}
    if face_network != FaceNetwork.LITE0:
        others.add(FACE_BACKBONE)
    return [
        Ground(weight.name, GroundKind.WEIGHT, weight.licence, weight.declared_use.value, weight.purpose, weight.origin)
        for weight in WEIGHTS
        if weight.name not in others
    ]


def _films(home: Home, manifest: Manifest) -> list[Ground]:
    return [_film(_facts(home.artifact("film", name) / "film.json"), name, manifest) for name in sorted(manifest.films)]


def _film(facts: dict[str, Any], name: str, manifest: Manifest) -> Ground:
    credit = "; ".join(str(facts[key]) for key in ("attribution", "rights_ref") if facts.get(key))
    about = str(facts.get("title") or name)
    return Ground(name, GroundKind.FILM, manifest.licences[name], manifest.declared_uses[name], about, credit, facts.get("language"))


def _corpora(home: Home, manifest: Manifest) -> list[Ground]:
    return [
        Ground(
            name,
            GroundKind.CORPUS,
            manifest.licences[name],
            manifest.declared_uses[name],
            "public corpus",
            str(_facts(home.corpus(name) / "summary.json").get("credit") or ""),
            CORPUS_LANGUAGE,
        )
        for name in sorted(manifest.corpora)
    ]


def _facts(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return facts


def allows(use: str, wanted: str) -> bool:
    """Whether something that is declared for `use` may be used for `wanted`."""
    return USES.index(use) >= USES.index(wanted)


def narrower(grounds: Collection[Ground], wanted: str) -> list[Ground]:
    """The grounds that do not allow the use."""
    return [ground for ground in grounds if not allows(ground.declared_use, wanted)]


def named(grounds: Sequence[Ground]) -> str:
    """Grounds in words, by kind: `weights expression-fer (research), minilm (internal); corpus meld (research)`."""
    parts = []
    for kind in GroundKind:
        own = [f"{ground.name} ({ground.declared_use})" for ground in grounds if ground.kind is kind]
        if own:
            more = f" and {len(own) - MOST_NAMED} more" if len(own) > MOST_NAMED else ""
            word = kind.value if len(own) == 1 else {"corpus": "corpora"}.get(kind.value, f"{kind.value}s")
            parts.append(f"{word} {', '.join(own[:MOST_NAMED])}{more}")
    return "; ".join(parts)
