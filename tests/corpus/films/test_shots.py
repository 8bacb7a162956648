import cv2
import numpy as np

from corpus.films.shots import SMALL, AdaptiveShotDetector, Shot, ShotBoundary, shots_between
from tests.corpus.films.conftest import texture

STEP_MS = 40
SIZE = (160, 96)


def _shot(seed: int, frames: int) -> np.ndarray:
    """A slow pan with noise over one texture: uint8 (frames, 96, 160, 3)."""
    wide = texture(seed, (SIZE[0] * 2, SIZE[1] * 2)).astype(np.int16)
    noise = np.random.default_rng(seed)
    views = [wide[k // 2 : k // 2 + SIZE[1], k : k + SIZE[0]] for k in range(frames)]
    return np.stack([np.clip(view + noise.normal(0, 4, view.shape), 0, 255) for view in views]).astype(np.uint8)


def _detect(frames: np.ndarray) -> list[ShotBoundary]:
    detector = AdaptiveShotDetector()
    for k, frame in enumerate(frames):
        detector.push(k * STEP_MS, cv2.resize(frame, SMALL, interpolation=cv2.INTER_AREA))
    return detector.finish()


def test_every_cut_is_found_on_its_frame_and_nothing_else() -> None:
    lengths = [50, 30, 20, 70, 25, 40, 33, 60]
    film = np.concatenate([_shot(seed, length) for seed, length in enumerate(lengths)])
    expected = [int(frame) * STEP_MS for frame in np.cumsum(lengths)[:-1]]
    assert [(found.t_ms, found.transition) for found in _detect(film)] == [(t_ms, "cut") for t_ms in expected]


def test_a_fade_through_black_is_one_boundary_in_the_dark() -> None:
    out, into = _shot(1, 60), _shot(2, 60)
    down = np.concatenate([np.ones(40), np.linspace(1, 0, 20)])[:, None, None, None]
    film = np.concatenate([out * down, np.zeros((6, *out.shape[1:])), into * down[::-1]]).astype(np.uint8)
    (found,) = _detect(film)
    assert found.transition == "fade"
    assert abs(found.t_ms - 63 * STEP_MS) <= 4 * STEP_MS


def test_a_dissolve_is_one_boundary_near_its_middle() -> None:
    out, into = _shot(3, 80), _shot(4, 80)
    share = np.linspace(0, 1, 20)[:, None, None, None]
    mixed = (out[60:] * (1 - share) + into[:20] * share).astype(np.uint8)
    (found,) = _detect(np.concatenate([out[:60], mixed, into[20:]]))
    assert found.transition == "dissolve"
    assert abs(found.t_ms - 70 * STEP_MS) <= 6 * STEP_MS


def test_a_flash_is_no_cut() -> None:
    film = _shot(5, 100)
    film[50:52] = 255 - (255 - film[50:52]) // 6
    assert _detect(film) == []


def test_a_light_that_goes_up_slowly_is_no_dissolve() -> None:
    film = (_shot(6, 100) * np.linspace(0.4, 1, 100)[:, None, None, None]).astype(np.uint8)
    assert _detect(film) == []


def test_a_film_of_a_few_frames_is_one_shot() -> None:
    assert _detect(_shot(7, 3)) == []
    assert shots_between([], 120) == [Shot(0, 0, 120, "start")]


def test_shots_cover_the_film_without_gaps() -> None:
    shots = shots_between([ShotBoundary(400, "cut", 1.0), ShotBoundary(900, "fade", 1.0), ShotBoundary(2000, "cut", 1.0)], 2000)
    assert [(shot.start_ms, shot.end_ms, shot.transition) for shot in shots] == [
        (0, 400, "start"),
        (400, 900, "cut"),
        (900, 2000, "fade"),
    ]
