"""Colours keep contrast in light and dark and stay apart for eyes that see fewer of them."""

import re
from itertools import combinations

import numpy as np
import pytest

from corpus.terms import EMOTIONS
from pages.render import style_sheet

# Machado, Oliveira and Fernandes 2009, severity 1.0, in linear RGB.
VISION = {
    "typical": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]),
}
# Björn Ottosson 2020, Oklab from linear RGB.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
)


def themes() -> dict[str, dict[str, str]]:
    within, light, dark = r"prefers-color-scheme: dark\) \{\s*:root \{[^}]*\}", {}, {}
    sheet, colour = style_sheet(), r"--([a-z-]+): (#[0-9a-f]{6})"
    for block in re.findall(within, sheet):
        dark |= dict(re.findall(colour, block))
    light |= dict(re.findall(colour, re.sub(within, "", sheet)))
    return {"light": light, "dark": light | dark}


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft", "accent", "good", "bad"])
@pytest.mark.parametrize("ground", ["paper", "page", "sunk"])
def test_text_has_aa_contrast(theme: str, ink: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_emotion_colours_stand_out_from_the_paper(theme: str, emotion: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[emotion], colours["paper"]) >= 3


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", list(VISION))
def test_emotion_colours_stay_apart(theme: str, vision: str) -> None:
    colours = themes()[theme]
    lab = {name: np.cbrt(np.clip(VISION[vision] @ linear(colours[name]), 0, 1) @ TO_LMS.T) @ TO_LAB.T for name in EMOTIONS}
    apart = {pair: float(np.linalg.norm(lab[pair[0]] - lab[pair[1]])) for pair in combinations(EMOTIONS, 2)}
    assert min(apart.values()) >= 0.05, min(apart, key=lambda pair: apart[pair])
