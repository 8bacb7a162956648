"""Paints the places where scenes play: procedural backdrops with light, colour and weather by time of day and mood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from corpus.maker.face import Colour, Picture
from corpus.maker.story import Scene

WIDTH, HEIGHT = 960, 540


@dataclass(frozen=True)
class Light:
    """How a scene is lit: the lamp's direction (x right, y down, z to the camera), its BGR tint, and the fill 0..1."""

    direction: tuple[float, float, float]
    tint: Colour
    ambient: float


_TIMES: dict[str, tuple[Colour, Colour, Colour, float]] = {
    "DAY": ((235, 190, 130), (250, 236, 214), (248, 252, 255), 0.56),
    "EVENING": ((130, 90, 110), (110, 160, 245), (205, 226, 255), 0.5),
    "NIGHT": ((58, 30, 18), (96, 60, 40), (232, 220, 212), 0.5),
}
"""Sky's zenith and horizon, the tint of light on faces, and its fill, by time of day."""

_GRADES: dict[str, tuple[float, float, float]] = {
    "celebration": (0.94, 1.03, 1.1),
    "quarrel": (0.93, 0.97, 1.07),
    "threat": (1.05, 0.99, 0.92),
    "loss": (1.05, 1.0, 0.94),
    "revelation": (1.02, 1.02, 1.02),
    "squalor": (0.91, 1.03, 0.98),
    "routine": (1.0, 1.0, 1.0),
}
"""Gains on blue, green and red by mood."""


def light_of(scene: Scene, rng: np.random.Generator) -> Light:
    """The scene's light on faces: by time of day, graded by mood, from a random side."""
    _, _, tint, ambient = _TIMES[scene.time_of_day]
    graded = tuple(int(np.clip(t * g, 0, 255)) for t, g in zip(tint, _GRADES[scene.mood], strict=True))
    side = -1.0 if rng.random() < 0.5 else 1.0
    return Light((side * float(rng.uniform(0.35, 0.6)), -0.5, 1.0), (graded[0], graded[1], graded[2]), ambient)


def paint_set(scene: Scene, rng: np.random.Generator) -> Picture:
    """The backdrop of a scene, HEIGHT x WIDTH BGR, graded and vignetted."""
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    _PAINTERS[scene.place](canvas, scene, rng)
    dim = {"DAY": 1.0, "EVENING": 0.9, "NIGHT": 0.78}[scene.time_of_day] * (0.88 if scene.rain else 1.0)
    return np.clip(canvas * (np.array(_GRADES[scene.mood]) * dim) * _vignette(), 0, 255).astype(np.uint8)


def _vignette() -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    return (1 - 0.3 * np.clip(np.sqrt(x**2 + y**2) - 0.35, 0, 1))[..., None]


def _gradient(canvas: Picture, top: Colour, bottom: Colour, first: int = 0, last: int | None = None) -> None:
    window = canvas[first:last]
    share = np.linspace(0, 1, len(window))[:, None, None]
    window[:] = (np.array(top) * (1 - share) + np.array(bottom) * share).astype(np.uint8)


def _glow(canvas: Picture, x: int, y: int, radius: int, colour: Colour, strength: float) -> None:
    left, top, right, bottom = max(x - radius, 0), max(y - radius, 0), min(x + radius, WIDTH), min(y + radius, HEIGHT)
    if left >= right or top >= bottom:
        return
    v, u = np.mgrid[top:bottom, left:right]
    fall = np.clip(1 - np.hypot(u - x, v - y) / radius, 0, 1)[..., None] ** 2 * strength
    window = canvas[top:bottom, left:right]
    window[:] = np.clip(window * (1 - 0.4 * fall) + np.array(colour) * fall, 0, 255).astype(np.uint8)


def _box(canvas: Picture, x: int, y: int, width: int, height: int, colour: Colour, edge: float = 0.75) -> None:
    cv2.rectangle(canvas, (x, y), (x + width, y + height), colour, -1)
    darker = tuple(int(c * edge) for c in colour)
    cv2.rectangle(canvas, (x, y), (x + width, y + height), darker, 2, cv2.LINE_AA)


def _sky(canvas: Picture, scene: Scene, rng: np.random.Generator, horizon: int) -> None:
    zenith, low, _, _ = _TIMES[scene.time_of_day]
    if scene.rain:
        zenith, low = (tuple(int(0.45 * c + 0.35 * sum(colour) / 3) for c in colour) for colour in (zenith, low))  # type: ignore[assignment]
    _gradient(canvas, zenith, low, 0, horizon)
    if scene.time_of_day == "NIGHT":
        for x, y in zip(rng.integers(0, WIDTH, 60), rng.integers(0, max(horizon - 40, 1), 60), strict=True):
            cv2.circle(canvas, (int(x), int(y)), 1, (200, 200, 210), -1, cv2.LINE_AA)
        cv2.circle(canvas, (int(rng.integers(100, 860)), 80), 26, (225, 238, 240), -1, cv2.LINE_AA)
        return
    if scene.time_of_day == "EVENING":
        _glow(canvas, int(rng.integers(150, 800)), horizon - 10, 260, (120, 190, 255), 0.9)
    for _ in range(7):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(20, max(horizon - 120, 30)))
        _glow(canvas, x, y, int(rng.integers(60, 120)), (250, 248, 246), 0.35)
        _glow(canvas, x + 50, y + 8, int(rng.integers(40, 90)), (250, 248, 246), 0.3)


def _window(canvas: Picture, scene: Scene, rng: np.random.Generator, x: int, y: int, width: int, height: int) -> None:
    outside = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    _sky(outside, scene, rng, HEIGHT)
    canvas[y : y + height, x : x + width] = cv2.resize(outside, (width, height), interpolation=cv2.INTER_AREA)
    frame = (205, 214, 220)
    for x0, y0, x1, y1 in ((x, y, x + width, y + height), (x, y, x + width // 2, y + height), (x, y, x + width, y + height // 2)):
        cv2.rectangle(canvas, (x0, y0), (x1, y1), frame, 7, cv2.LINE_AA)
    cv2.rectangle(canvas, (x - 14, y + height), (x + width + 14, y + height + 12), frame, -1)
    if scene.time_of_day != "NIGHT":
        _glow(canvas, x + width // 2, y + height // 2, max(width, height), (225, 240, 250), 0.25)


def _lamp(canvas: Picture, x: int, y: int) -> None:
    cv2.line(canvas, (x, y), (x, y + 150), (40, 44, 50), 5, cv2.LINE_AA)
    cv2.fillPoly(canvas, [np.array([[x - 34, y], [x + 34, y], [x + 22, y - 46], [x - 22, y - 46]])], (150, 210, 245), cv2.LINE_AA)
    _glow(canvas, x, y - 20, 190, (120, 200, 255), 0.55)


def _room(canvas: Picture, rng: np.random.Generator, wall: Colour, floor: Colour) -> None:
    shade = rng.uniform(0.9, 1.1)
    wall = tuple(int(np.clip(c * shade, 0, 255)) for c in wall)  # type: ignore[assignment]
    _gradient(canvas, tuple(int(c * 0.82) for c in wall), wall, 0, 400)  # type: ignore[arg-type]
    _gradient(canvas, tuple(int(c * 0.75) for c in floor), floor, 400)  # type: ignore[arg-type]
    cv2.rectangle(canvas, (0, 392), (WIDTH, 404), tuple(int(c * 0.6) for c in wall), -1)


def _kitchen(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _room(canvas, rng, (168, 196, 204), (96, 120, 140))
    for x in range(0, WIDTH, 40):
        cv2.line(canvas, (x, 250), (x, 330), (150, 176, 184), 1)
    for x in (40, 180, 700, 840):
        _box(canvas, x, 40, 120, 130, (120, 150, 170))
        cv2.circle(canvas, (x + 104, 150), 5, (70, 80, 90), -1, cv2.LINE_AA)
    _window(canvas, scene, rng, 370, 50, 230, 180)
    _box(canvas, 0, 330, WIDTH, 26, (90, 110, 130))
    for x in range(20, WIDTH, 160):
        _box(canvas, x, 356, 150, 184, (110, 138, 158))
    for x, colour in ((90, (60, 80, 190)), (250, (70, 140, 90)), (740, (160, 130, 60)), (860, (90, 100, 200))):
        _box(canvas, x, 288, 34, 42, colour)


def _living_room(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _room(canvas, rng, (120, 150, 184), (70, 84, 110))
    _window(canvas, scene, rng, 70, 60, 240, 230)
    for x, width in ((400, 110), (540, 90)):
        _box(canvas, x, 90, width, 90, (60, 80, 100))
        _painting(canvas[:, x + 8 : x + width - 8], rng)
    _bookcase(canvas, rng, 720, 60, 200, 330)
    _box(canvas, 330, 330, 330, 120, (70, 60, 130), 0.8)
    _box(canvas, 310, 360, 50, 100, (62, 54, 118), 0.8)
    _lamp(canvas, 680, 250)


def _painting(wall: Picture, rng: np.random.Generator) -> None:
    top, bottom = rng.integers((90, 110, 120), (200, 200, 210)), rng.integers((60, 70, 80), (110, 130, 150))
    _gradient(wall, tuple(top), tuple(bottom), 98, 172)


def _bookcase(canvas: Picture, rng: np.random.Generator, x: int, y: int, width: int, height: int) -> None:
    _box(canvas, x, y, width, height, (44, 62, 84))
    for shelf in range(y + 10, y + height - 50, 64):
        at = x + 8
        while at < x + width - 18:
            thick = int(rng.integers(9, 20))
            tall = int(rng.integers(36, 54))
            colour = tuple(int(c) for c in rng.integers((40, 50, 60), (110, 120, 170)))
            cv2.rectangle(canvas, (at, shelf + 54 - tall), (at + thick - 2, shelf + 54), colour, -1)
            at += thick
        cv2.rectangle(canvas, (x, shelf + 54), (x + width, shelf + 60), (34, 48, 66), -1)


def _office(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _room(canvas, rng, (186, 190, 190), (110, 108, 104))
    _window(canvas, scene, rng, 300, 40, 360, 230)
    for x in range(300, 660, 24):
        cv2.line(canvas, (x, 40), (x, 270), (200, 206, 208), 2)
    _bookcase(canvas, rng, 40, 80, 170, 310)
    _box(canvas, 730, 220, 130, 180, (120, 122, 124))
    for y in (240, 290, 340):
        _box(canvas, 742, y, 106, 42, (140, 142, 144))
    _box(canvas, 220, 350, 420, 24, (66, 92, 124))
    _box(canvas, 470, 270, 110, 74, (40, 40, 44))
    _glow(canvas, 525, 305, 90, (220, 190, 140), 0.4)


def _corridor(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _room(canvas, rng, (190, 196, 186), (150, 156, 150))
    centre = (480, 230)
    for corner in ((0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT)):
        cv2.line(canvas, corner, centre, (130, 138, 130), 3, cv2.LINE_AA)
    _box(canvas, 400, 160, 160, 150, (120, 130, 124))
    for side in (-1, 1):
        for depth in (330, 230):
            x = centre[0] + side * depth
            _box(canvas, x - 40, 150, 80, 250, (130, 120, 96))
    for y in (30, 90):
        cv2.ellipse(canvas, (480, y), (130 - y // 2, 10), 0, 0, 360, (245, 250, 250), -1, cv2.LINE_AA)
        _glow(canvas, 480, y, 220, (235, 245, 245), 0.45)


def _attic(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _room(canvas, rng, (70, 92, 116), (50, 66, 88))
    for x in range(-200, WIDTH + 200, 110):
        cv2.line(canvas, (x, 400), (480 + (x - 480) // 6, 0), (46, 62, 82), 14, cv2.LINE_AA)
    _window(canvas, scene, rng, 410, 70, 150, 150)
    for x, y, width, height in ((60, 300, 160, 120), (200, 340, 110, 80), (680, 290, 130, 130), (800, 340, 120, 90)):
        _box(canvas, x, y, width, height, tuple(int(c) for c in rng.integers((60, 90, 110), (100, 130, 160))))  # type: ignore[arg-type]
    _glow(canvas, 600, 40, 240, (110, 180, 240), 0.5)


def _cafe(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _room(canvas, rng, (84, 120, 168), (54, 70, 96))
    _window(canvas, scene, rng, 60, 70, 330, 240)
    _bookcase(canvas, rng, 600, 90, 280, 200)
    _box(canvas, 560, 300, 400, 110, (60, 80, 112))
    for x in (200, 470, 740):
        cv2.line(canvas, (x, 0), (x, 70), (30, 34, 40), 3)
        cv2.ellipse(canvas, (x, 80), (30, 18), 0, 180, 360, (40, 60, 160), -1, cv2.LINE_AA)
        _glow(canvas, x, 88, 130, (120, 205, 255), 0.6)


def _ground(canvas: Picture, scene: Scene, colour: Colour, horizon: int) -> None:
    dim = {"DAY": 1.0, "EVENING": 0.75, "NIGHT": 0.42}[scene.time_of_day]
    far = tuple(int(c * dim * 0.8) for c in colour)
    _gradient(canvas, far, tuple(int(c * dim) for c in colour), horizon)  # type: ignore[arg-type]


def _tree(canvas: Picture, rng: np.random.Generator, x: int, base: int, size: float, dim: float) -> None:
    cv2.rectangle(
        canvas, (x - int(8 * size), base - int(120 * size)), (x + int(8 * size), base), (int(36 * dim), int(52 * dim), int(70 * dim)), -1
    )
    for _ in range(16):
        dx, dy = rng.normal(0, 38 * size), rng.normal(-150 * size, 32 * size)
        green = (int(rng.integers(40, 70) * dim), int(rng.integers(95, 150) * dim), int(rng.integers(50, 95) * dim))
        cv2.circle(canvas, (int(x + dx), int(base + dy)), int(rng.integers(22, 40) * size), green, -1, cv2.LINE_AA)


def _park(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _sky(canvas, scene, rng, 330)
    _ground(canvas, scene, (70, 150, 105), 320)
    dim = {"DAY": 1.0, "EVENING": 0.7, "NIGHT": 0.4}[scene.time_of_day]
    for x in range(40, WIDTH, 130):
        _tree(canvas, rng, x + int(rng.integers(-30, 30)), int(rng.integers(320, 360)), float(rng.uniform(0.7, 1.25)), dim)
    cv2.fillPoly(canvas, [np.array([[430, 540], [620, 540], [540, 330], [510, 330]])], (150, 180, 200), cv2.LINE_AA)


def _forest(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _sky(canvas, scene, rng, 360)
    _ground(canvas, scene, (50, 84, 70), 350)
    dim = {"DAY": 0.85, "EVENING": 0.55, "NIGHT": 0.32}[scene.time_of_day]
    for depth in (0.5, 0.75, 1.0):
        for x in rng.integers(0, WIDTH, 9):
            tone = tuple(int(c * dim * depth + 40 * (1 - depth)) for c in (44, 62, 76))
            cv2.rectangle(canvas, (int(x), 0), (int(x + 34 * depth), int(330 + 130 * depth)), tone, -1)
    for _ in range(26):
        _tree(canvas, rng, int(rng.integers(0, WIDTH)), int(rng.integers(40, 160)), 0.8, dim * 0.8)


def _street(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _sky(canvas, scene, rng, 300)
    dim = {"DAY": 1.0, "EVENING": 0.65, "NIGHT": 0.34}[scene.time_of_day]
    x = -20
    while x < WIDTH:
        width, height = int(rng.integers(110, 190)), int(rng.integers(230, 370))
        tone = tuple(int(c * dim) for c in rng.integers((90, 100, 110), (160, 170, 190)))
        _box(canvas, x, 410 - height, width, height, tone)  # type: ignore[arg-type]
        _lit_windows(canvas, rng, x, 410 - height, width, height, scene.time_of_day != "DAY")
        x += width
    _ground(canvas, scene, (120, 118, 116), 408)
    _lamp(canvas, int(rng.integers(120, 840)), 270)


def _lit_windows(canvas: Picture, rng: np.random.Generator, x: int, y: int, width: int, height: int, dark: bool) -> None:
    for top in range(y + 16, y + height - 40, 44):
        for left in range(x + 12, x + width - 24, 36):
            lit = dark and rng.random() < 0.45
            colour = (110, 205, 250) if lit else ((60, 52, 48) if dark else (170, 150, 120))
            cv2.rectangle(canvas, (left, top), (left + 18, top + 26), colour, -1)


def _beach(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _sky(canvas, scene, rng, 270)
    _ground(canvas, scene, (170, 140, 70), 268)
    for _ in range(60):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(275, 400))
        cv2.line(canvas, (x, y), (x + int(rng.integers(20, 70)), y), (205, 190, 150), 1, cv2.LINE_AA)
    _ground(canvas, scene, (140, 190, 215), 400)
    cv2.ellipse(canvas, (480, 402), (700, 14), 0, 0, 360, (225, 225, 220), -1, cv2.LINE_AA)


def _harbour(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _sky(canvas, scene, rng, 280)
    _ground(canvas, scene, (130, 105, 70), 278)
    for x in (120, 420, 700):
        boat = x + int(rng.integers(-30, 30))
        hull = np.array([[boat, 300], [boat + 170, 300], [boat + 140, 345], [boat + 30, 345]])
        cv2.fillPoly(canvas, [hull], tuple(int(c) for c in rng.integers(40, 150, 3)), cv2.LINE_AA)
        cv2.line(canvas, (boat + 80, 300), (boat + 80, 130), (60, 70, 84), 5, cv2.LINE_AA)
        cv2.fillPoly(canvas, [np.array([[boat + 86, 140], [boat + 86, 280], [boat + 150, 280]])], (215, 222, 226), cv2.LINE_AA)
    for y in range(430, 540, 22):
        cv2.rectangle(canvas, (0, y), (WIDTH, y + 19), (66, 84, 104), -1)


def _rooftop(canvas: Picture, scene: Scene, rng: np.random.Generator) -> None:
    _sky(canvas, scene, rng, 380)
    dim = {"DAY": 0.9, "EVENING": 0.5, "NIGHT": 0.25}[scene.time_of_day]
    for x in range(0, WIDTH, 64):
        height = int(rng.integers(60, 200))
        tone = tuple(int(c * dim) for c in rng.integers((120, 110, 100), (170, 150, 140)))
        _box(canvas, x, 380 - height, 60, height, tone)  # type: ignore[arg-type]
        _lit_windows(canvas, rng, x, 380 - height, 60, height, scene.time_of_day != "DAY")
    _ground(canvas, scene, (110, 112, 118), 380)
    for x in range(0, WIDTH, 60):
        cv2.line(canvas, (x, 350), (x, 430), (70, 74, 80), 4, cv2.LINE_AA)
    cv2.line(canvas, (0, 350), (WIDTH, 350), (76, 80, 88), 8, cv2.LINE_AA)


_PAINTERS: dict[str, Callable[[Picture, Scene, np.random.Generator], None]] = {
    "kitchen": _kitchen,
    "living room": _living_room,
    "office": _office,
    "corridor": _corridor,
    "attic": _attic,
    "café": _cafe,
    "park": _park,
    "forest": _forest,
    "street": _street,
    "beach": _beach,
    "harbour": _harbour,
    "rooftop": _rooftop,
}
