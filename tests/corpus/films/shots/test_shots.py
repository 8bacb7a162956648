"""Both detectors on films whose shots are known, frame by frame."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scenedetect.common import FrameTimecode
from scenedetect.detector import SceneDetector
from scenedetect.detectors import AdaptiveDetector, ThresholdDetector

from corpus.films.shots import best, fast
from corpus.films.shots.best import Trace, boundaries
from corpus.films.shots.listing import list_shots
from corpus.films.shots.measures import is_flat, small_picture
from corpus.films.shots.network import load_network
from corpus.films.shots.shots import SMALL, Shot, ShotBoundary, ShotDetector, ShotSetting, shot_detector, shots_between
from corpus.weights import WeightError, weight_path
from tests.corpus.films.conftest import FilmMaker, texture

STEP_MS = 40
SIZE = (160, 96)

NewDetector = Callable[[], ShotDetector]


def _needs_network() -> None:
    try:
        weight_path("transnetv2")
    except WeightError as error:
        pytest.skip(str(error))


@pytest.fixture(params=list(ShotSetting))
def new_detector(request: pytest.FixtureRequest) -> NewDetector:
    """A maker of detectors of each setting."""
    if request.param is ShotSetting.BEST:
        _needs_network()
    return lambda: shot_detector(request.param)


def shot(seed: int, frames: int) -> np.ndarray:
    """A slow pan with noise over one texture: uint8 (frames, 96, 160, 3)."""
    wide = texture(seed, (SIZE[0] * 2, SIZE[1] * 2)).astype(np.int16)
    noise = np.random.default_rng(seed)
    views = [wide[k // 2 : k // 2 + SIZE[1], k : k + SIZE[0]] for k in range(frames)]
    return np.stack([np.clip(view + noise.normal(0, 4, view.shape), 0, 255) for view in views]).astype(np.uint8)


def detect(detector: ShotDetector, frames: np.ndarray, times_ms: list[int] | None = None) -> list[ShotBoundary]:
    for k, frame in enumerate(frames):
        detector.push(times_ms[k] if times_ms else k * STEP_MS, small_picture(frame))
    return detector.finish()


def test_every_cut_is_found_on_its_frame_and_nothing_else(new_detector: NewDetector) -> None:
    lengths = [50, 30, 20, 45, 25, 40, 33]
    film = np.concatenate([shot(seed, length) for seed, length in enumerate(lengths)])
    expected = [int(frame) * STEP_MS for frame in np.cumsum(lengths)[:-1]]
    assert [(found.t_ms, found.transition) for found in detect(new_detector(), film)] == [(t_ms, "cut") for t_ms in expected]


def test_frames_of_any_length_keep_their_own_times(new_detector: NewDetector) -> None:
    lengths = [40, 35, 45]
    film = np.concatenate([shot(seed, length) for seed, length in enumerate(lengths)])
    times = np.cumsum(np.random.default_rng(3).integers(15, 90, len(film))).tolist()
    assert [found.t_ms for found in detect(new_detector(), film, times)] == [times[40], times[75]]


def test_a_fade_through_black_is_one_boundary_in_the_dark(new_detector: NewDetector) -> None:
    out, into = shot(1, 60), shot(2, 60)
    down = np.concatenate([np.ones(40), np.linspace(1, 0, 20)])[:, None, None, None]
    film = np.concatenate([out * down, np.zeros((6, *out.shape[1:])), into * down[::-1]]).astype(np.uint8)
    (found,) = detect(new_detector(), film)
    assert found.transition == "fade"
    assert abs(found.t_ms - 63 * STEP_MS) <= 4 * STEP_MS


def test_a_cut_to_black_and_back_is_one_cut(new_detector: NewDetector) -> None:
    film = np.concatenate([shot(1, 60), np.zeros((10, SIZE[1], SIZE[0], 3)), shot(2, 60)]).astype(np.uint8)
    (found,) = detect(new_detector(), film)
    assert found.transition == "cut"
    assert 60 * STEP_MS <= found.t_ms <= 70 * STEP_MS


def test_a_film_that_comes_from_black_and_goes_into_black_is_one_shot(new_detector: NewDetector) -> None:
    light = np.concatenate([np.zeros(5), np.linspace(0, 1, 15), np.ones(60), np.linspace(1, 0, 15), np.zeros(5)])[:, None, None, None]
    assert detect(new_detector(), (shot(8, 100) * light).astype(np.uint8)) == []


@pytest.mark.parametrize("frames", [1, 2])
def test_a_flash_is_no_cut(new_detector: NewDetector, frames: int) -> None:
    film = shot(5, 100)
    film[50 : 50 + frames] = 255 - (255 - film[50 : 50 + frames]) // 6
    assert detect(new_detector(), film) == []


@pytest.mark.parametrize("frames", [1, 2])
def test_a_flash_into_plain_white_is_no_cut(new_detector: NewDetector, frames: int) -> None:
    film = shot(5, 100)
    film[50 : 50 + frames] = 255
    assert detect(new_detector(), film) == []


def test_plain_white_that_gives_the_picture_back_is_a_flash_and_one_that_does_not_is_a_cut() -> None:
    """As measured on a bright moving scene: the network half believes in a cut, the picture before comes back."""
    middle, within, step, lasting = (np.full(100, value) for value in (0.001, 0.002, 0.004, 1.5))
    flat = np.zeros(100, bool)
    middle[49:52], within[49:52], step[50], step[52], flat[50:52] = (0.34, 0.3, 0.6), (0.23, 0.25, 0.42), 0.243, 0.239, True
    back, new = lasting.copy(), lasting.copy()
    back[[50, 52]], new[[50, 52]] = 0.05, 0.9
    t_ms = np.arange(100) * 40
    assert boundaries(Trace(t_ms, middle, within, step, back, flat)) == []
    assert [found.transition for found in boundaries(Trace(t_ms, middle, within, step, new, flat))] == ["cut"]


def test_a_fast_pan_is_no_cut(new_detector: NewDetector) -> None:
    wide = texture(9, (SIZE[0] * 4, SIZE[1]))
    film = np.stack([wide[:, 5 * k : 5 * k + SIZE[0]] for k in range(96)])
    assert detect(new_detector(), film) == []


def test_a_light_that_goes_up_slowly_is_no_boundary(new_detector: NewDetector) -> None:
    film = (shot(6, 100) * np.linspace(0.4, 1, 100)[:, None, None, None]).astype(np.uint8)
    assert detect(new_detector(), film) == []


@pytest.mark.parametrize("frames", [0, 1, 2, 26])
def test_a_film_of_a_few_frames_is_one_shot(new_detector: NewDetector, frames: int) -> None:
    assert detect(new_detector(), shot(7, 30)[:frames]) == []


def test_a_dissolve_is_one_boundary_near_its_middle() -> None:
    _needs_network()
    out, into = shot(3, 80), shot(4, 80)
    share = np.linspace(0, 1, 20)[:, None, None, None]
    mixed = (out[60:] * (1 - share) + into[:20] * share).astype(np.uint8)
    (found,) = detect(shot_detector(ShotSetting.BEST), np.concatenate([out[:60], mixed, into[20:]]))
    assert found.transition == "dissolve"
    assert abs(found.t_ms - 70 * STEP_MS) <= 6 * STEP_MS


class _Echo(torch.nn.Module):
    """A network that answers with each frame's own first pixel."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures[:, :, 0, 0, :2].float()


@pytest.mark.parametrize("frames", [1, 24, 99, 100, 101, 125, 126, 150, 325])
def test_every_frame_gets_its_own_answer_whatever_the_films_length(monkeypatch: pytest.MonkeyPatch, frames: int) -> None:
    monkeypatch.setattr(best, "load_network", lambda *_: _Echo())
    monkeypatch.setattr(best, "weight_path", lambda _: None)
    detector = best.TrainedShotDetector()
    pictures = np.random.default_rng(frames).integers(0, 8, (frames, SMALL[1], SMALL[0], 3), dtype=np.uint8)
    for k, picture in enumerate(pictures):
        detector.push(k, picture)
    trace = detector.trace()
    expected = 1 / (1 + np.exp(-pictures[:, 0, 0, :2].astype(np.float64)))
    assert np.column_stack([trace.middle, trace.within]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.long
def test_windows_give_what_one_long_run_gives() -> None:
    _needs_network()
    film = np.stack([small_picture(frame) for seed, length in enumerate([90, 106, 4, 60]) for frame in shot(seed + 20, length)])
    detector = best.TrainedShotDetector()
    for k, picture in enumerate(film):
        detector.push(k * STEP_MS, picture)
    trace = detector.trace()
    padded = np.concatenate([film[:1].repeat(best.MARGIN, axis=0), film, film[-1:].repeat(best.MARGIN, axis=0)])
    with torch.inference_mode():
        network = load_network(weight_path(best.WEIGHT))
        whole = torch.sigmoid(network(torch.from_numpy(padded)[None]))[0, best.MARGIN : -best.MARGIN].numpy()
    assert whole[:, 0].max() > 0.5
    assert np.abs(np.column_stack([trace.middle, trace.within]) - whole).max() < 0.1


def test_a_missing_network_is_one_line_that_says_how_to_fetch_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEELM_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightError, match=r"weight transnetv2 is not in .*: run `feelm weights fetch transnetv2`"):
        shot_detector(ShotSetting.BEST)


def test_black_and_white_pictures_are_flat_and_others_are_not() -> None:
    width, height = SMALL
    black, grey = np.zeros((height, width, 3), dtype=np.uint8), np.full((height, width, 3), 128, dtype=np.uint8)
    assert [is_flat(picture) for picture in (black, 255 - black, grey, small_picture(texture(1)))] == [True, True, False, False]


def test_shots_cover_the_film_without_gaps() -> None:
    shots = shots_between([ShotBoundary(400, "cut", 0.9), ShotBoundary(900, "fade", 0.8), ShotBoundary(2000, "cut", 0.7)], 2000)
    assert shots == [Shot(0, 0, 400, "start", 1.0), Shot(1, 400, 900, "cut", 0.9), Shot(2, 900, 2000, "fade", 0.8)]
    assert shots_between([], 120) == [Shot(0, 0, 120, "start", 1.0)]


def _three_shots() -> Iterator[np.ndarray]:
    yield from (cv2.resize(frame, (320, 180)) for seed in (1, 2, 3) for frame in shot(seed, 40))


@pytest.mark.parametrize("setting", list(ShotSetting))
def test_the_shots_of_a_file_come_from_one_pass(film_maker: FilmMaker, setting: ShotSetting) -> None:
    if setting is ShotSetting.BEST:
        _needs_network()
    found = list_shots(film_maker("three.mp4", list(_three_shots()), [STEP_MS * k for k in range(120)]), setting)
    assert [(one.start_ms, one.end_ms, one.transition) for one in found.shots] == [
        (0, 1600, "start"),
        (1600, 3200, "cut"),
        (3200, found.duration_ms, "cut"),
    ]
    assert found.damage == ()


def _mixed_film() -> np.ndarray:
    """Cuts, a dip into black, a white flash and a fast pan: uint8 (frames, 96, 160, 3)."""
    first, second, third = (shot(seed, 60) for seed in (1, 2, 3))
    fade = np.linspace(1, 0, 12)[:, None, None, None]
    out, back = (first[-1] * fade).astype(np.uint8), (second[0] * fade[::-1]).astype(np.uint8)
    flash = np.full((2, *first.shape[1:]), 250, np.uint8)
    return np.concatenate([first, out, np.zeros((6, *first.shape[1:]), np.uint8), back, second, third[:30], flash, third[30:], shot(4, 40)])


@pytest.mark.parametrize("stops", [(1,), (57, 58), (24, 99, 100, 171), (150,)])
@pytest.mark.long
def test_a_detector_goes_on_where_another_one_was(new_detector: NewDetector, stops: tuple[int, ...]) -> None:
    film = _mixed_film()
    detector, logs = new_detector(), []
    for k, frame in enumerate(film):
        if k in stops:
            saved = detector.save()
            logs.append(saved.log)
            detector = new_detector()
            detector.restore(logs, saved.now)
        detector.push(k * STEP_MS, small_picture(frame))
    assert detector.finish() == detect(new_detector(), film)


def test_the_fast_detector_finds_what_pyscenedetect_finds_picture_by_picture() -> None:
    """Its measures are kept and judged at the end; the package's own detectors are fed the pictures one by one."""
    film = [small_picture(frame) for frame in _mixed_film()]
    detector = fast.FastShotDetector()
    for k, picture in enumerate(film):
        detector.push(k * STEP_MS, picture)
    seen = detector._log.all()
    adaptive = AdaptiveDetector(fast.RATIO_MINIMUM, fast.MINIMUM_SHOT_FRAMES, fast.WINDOW_FRAMES, fast.CONTENT_MINIMUM)
    black = ThresholdDetector(fast.DARK_LEVEL, fast.MINIMUM_SHOT_FRAMES)
    white = ThresholdDetector(
        fast.BRIGHT_LEVEL, fast.MINIMUM_SHOT_FRAMES, method=ThresholdDetector.Method.CEILING, min_out_length=fast.BRIGHT_FRAMES
    )

    def found(*detectors: SceneDetector) -> set[int]:
        numbered = [(FrameTimecode(k, fast.NOMINAL_RATE), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)) for k, picture in enumerate(film)]
        return {cut.frame_num for one in detectors for number, picture in numbered for cut in one.process_frame(number, picture)}

    cuts, fades = found(adaptive), found(black, white)
    assert len(cuts) >= 2 and fades
    assert fast._cuts(seen["content"]) == cuts
    assert fast._fades(seen["level"]) == fades
