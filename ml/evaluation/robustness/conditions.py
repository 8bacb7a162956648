"""What is done to films before they are read again: the kinds of disturbance, the doses of each, and the modalities that it meets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Disturbance(StrEnum):
    """A kind of disturbance."""

    NOISE = "noise"
    MUSIC = "music"
    LAUGHTER = "laughter"
    MISHEARD = "misheard words"
    TYPOS = "typing errors"
    BLUR = "blurred faces"
    DARK = "dark faces"
    SMALL = "small faces"
    DESYNC = "late words"


@dataclass(frozen=True)
class Kind:
    """What a dose of a disturbance means, which modalities it meets, and the doses that are tried."""

    dose: str
    touches: tuple[str, ...]
    doses: tuple[float, ...]


_BED = ("voice",)
KINDS: dict[Disturbance, Kind] = {
    Disturbance.NOISE: Kind("dB of sound over pink noise", _BED, (20, 10, 0)),
    Disturbance.MUSIC: Kind("dB of sound over music", _BED, (10, 0)),
    Disturbance.LAUGHTER: Kind("dB of sound over an audience's laughter", _BED, (10, 0)),
    Disturbance.MISHEARD: Kind("share of words that a recogniser gets wrong", ("text",), (0.1, 0.2, 0.4)),
    Disturbance.TYPOS: Kind("share of longer words typed wrong", ("text",), (0.1, 0.3)),
    Disturbance.BLUR: Kind("standard deviation of the blur in pixels of 64", ("face",), (1, 2, 4)),
    Disturbance.DARK: Kind("share of the light that is left", ("face",), (0.25, 0.05)),
    Disturbance.SMALL: Kind("width of the face in pixels", ("face",), (24, 12)),
    Disturbance.DESYNC: Kind("seconds by which the words are late", ("face", "voice"), (-2, -1, -0.5, 0.5, 1, 2)),
}


@dataclass(frozen=True)
class Condition:
    """One dose of a disturbance."""

    disturbance: Disturbance
    dose: float

    @property
    def name(self) -> str:
        """As a row is called."""
        return f"{self.disturbance.value} {self.dose:g}"

    @property
    def touches(self) -> tuple[str, ...]:
        """The modalities that it meets."""
        return KINDS[self.disturbance].touches


def conditions_of(disturbances: tuple[Disturbance, ...] = tuple(Disturbance)) -> list[Condition]:
    """Every dose of the disturbances."""
    return [Condition(one, dose) for one in disturbances for dose in KINDS[one].doses]
