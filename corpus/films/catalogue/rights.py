"""What may be done with a film: one rule and one sentence for training and for export.

A film may always be analysed here. It is trained on, or leaves the team's machines in any form that reproduces it, only under rights
that `params.yaml` lists for that use; every refusal names the film and says what to change. Showing a film to others, on the service's
pages or as files, is such an export.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from corpus.paths import Home
from corpus.sources import PROJECT
from corpus.terms import FeelmError, Rights


class Use(StrEnum):
    """What needs a right, named like the list under `rights:` in params.yaml."""

    TRAIN = "train"
    EXPORT = "export"


_DEED = {Use.TRAIN: "trained on", Use.EXPORT: "exported"}


def refusal(use: Use, film_id: str, title: str, rights: str, allowed: Collection[str]) -> str | None:
    """Why a film of these rights may not be put to a use, naming the film; None where it may.

    `allowed` are the rights that params.yaml lists under `rights: {train: [...], export: [...]}` for that use.
    """
    if rights in allowed:
        return None
    return (
        f"film {film_id} ({title}) has rights {str(rights)!r}: it may be analysed, not {_DEED[use]}; "
        f"state its rights in films.yaml, or list {str(rights)!r} under rights: {use.value}: in params.yaml"
    )


def settings_file(home: Home) -> Path:
    """The team's `params.yaml`: beside FEELM_HOME, else the one that comes with the project."""
    return next(path for path in (home.root.parent / "params.yaml", PROJECT / "params.yaml") if path.is_file())


def allowed_rights(home: Home, use: Use) -> frozenset[Rights]:
    """The rights under which this team puts a film to a use.

    Raises:
        FeelmError: the settings are not YAML, or do not list rights for the use.
    """
    import yaml  # the rule itself is asked on machines that have torch, numpy and safetensors alone

    path = settings_file(home)
    try:
        return frozenset(Rights(value) for value in yaml.safe_load(path.read_text(encoding="utf-8"))["rights"][use.value])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        told = f"{path}: {type(error).__name__}: {error}; compare it with {PROJECT / 'params.yaml'}"
        raise FeelmError(f"{told}, which lists rights under rights: {use.value}:") from error
