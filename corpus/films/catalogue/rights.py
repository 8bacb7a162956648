"""What may be done with a film: one rule and one sentence for training and for export.

A film may always be analysed here. It is trained on, or leaves the team's machines in any form that reproduces it, only under rights
that `params.yaml` lists for that use; every refusal names the film and says what to change.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


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
