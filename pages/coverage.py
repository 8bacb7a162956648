"""What was measured: of how many lines and scenes each modality has features, and in the stages' words why not of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from corpus.terms import UnitLevel
from pages.charts import Bar, interval_bar
from pages.render import percent

if TYPE_CHECKING:
    from pages.material import Material

MODALITIES = {"face_features": "Face", "voice_features": "Voice", "text_features": "Words", "scene_features": "Picture and sound"}


@dataclass(frozen=True)
class Covered:
    """Units of one level: how many there are and of how many there are features."""

    level: str
    units: int
    present: int

    @property
    def share(self) -> float:
        """Share of the units, 0..1."""
        return self.present / self.units

    @property
    def bar(self) -> Markup:
        """The share as a bar."""
        return interval_bar(Bar(self.share, css="k-fused"), None, f"{percent(self.share)} of the {self.level}")


@dataclass(frozen=True)
class Coverage:
    """One modality: by level what is covered, in the order of the page's levels, and why the rest is not."""

    modality: str
    covered: tuple[Covered, ...]
    reason: str


LEVELS = {UnitLevel.UTTERANCE: "lines", UnitLevel.SPAN: "spans", UnitLevel.SCENE: "scenes"}


def read_coverage(material: Material) -> tuple[Coverage, ...]:
    """Each modality whose stage ran; empty where there are no units."""
    if material.units is None:
        return ()
    found = []
    for artifact, name in MODALITIES.items():
        present = material.present.get(artifact)
        if present is not None:
            covered = tuple(_covered(material, level, present) for level in LEVELS)
            found.append(Coverage(name, tuple(one for one in covered if one.units), material.reasons.get(artifact, "")))
    return tuple(found)


def _covered(material: Material, level: UnitLevel, present: frozenset[str]) -> Covered:
    assert material.units is not None
    ids = material.units["unit_id"][material.units["level"] == level.value]
    return Covered(LEVELS[level], len(ids), sum(unit_id in present for unit_id in ids))
