"""The look of a face: it stays under another lamp and parts people who are coloured otherwise."""

import numpy as np
import pytest

from ml.features.people.likeness import Look, lit, look_of
from tests.ml.features.drawn import crop


def far(one: Look, other: Look) -> np.ndarray:
    """Distances of tone and hue."""
    return np.array([np.linalg.norm(one.tone - other.tone), np.linalg.norm(one.hue - other.hue)])


def track(who: str, light: int, *emotions: str) -> np.ndarray:
    return np.stack([crop(who, light, emotion) for emotion in emotions])


@pytest.mark.parametrize("other", ["bob", "eve"])
def test_another_lamp_and_another_face_change_a_look_less_than_another_person(other: str) -> None:
    day, evening = look_of(track("ann", 0, "neutral", "joy", "neutral")), look_of(track("ann", 1, "sadness", "neutral", "anger"))
    stranger = look_of(track(other, 0, "neutral", "joy", "neutral"))
    assert (far(day, evening) < 0.6 * far(day, stranger)).any()
    assert far(day, evening).sum() < far(day, stranger).sum()


def test_a_coloured_lamp_leaves_tone_and_hue_as_they_are_and_shows_in_the_skin() -> None:
    crops = track("ann", 0, "neutral")
    lamp = np.array([0.9, 0.7, 0.5])
    under_lamp = (((crops / 255) ** 2.2 * lamp) ** (1 / 2.2) * 255).round().astype(np.uint8)
    plain, coloured = look_of(crops), look_of(under_lamp)
    stranger = far(plain, look_of(track("bob", 0, "neutral")))
    assert (far(plain, coloured) < (0.15 * stranger[0], 0.3 * stranger[1])).all()
    assert np.allclose(coloured.skin - plain.skin, np.log(lamp), atol=0.05)


def test_a_mirrored_face_looks_the_same() -> None:
    crops = track("bob", 1, "neutral", "joy")
    assert far(look_of(crops), look_of(crops[:, :, ::-1])).max() < 1e-5


def test_what_stands_beside_the_head_does_not_count() -> None:
    crops = track("ann", 0, "neutral")
    moved = crops.copy()
    moved[:, :12, :8] = moved[:, :12, -8:] = 255
    assert far(look_of(crops), look_of(moved)).max() < 1e-6


def test_pictures_in_the_dark_of_a_fade_are_passed_over() -> None:
    bright = track("ann", 0, "neutral", "joy", "sadness")
    fading = np.concatenate([(bright * 0.05).astype(np.uint8)] * 3 + [bright])
    assert lit(fading).tolist() == [9, 10, 11]
    assert far(look_of(fading), look_of(bright)).max() == 0
