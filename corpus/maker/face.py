"""Draws a head whose face moves: shaded skin from a height map, and features from a pose of named muscles.

A head is shaded once per light (normals of a height map under a lamp, so that a detector trained on photographs takes it for a
face); each frame only brows, eyes, folds and mouth are drawn over a copy of it. A pose is a vector of muscle-like actions, after the
upper and lower face action units of Ekman & Friesen (1978): each emotion is one such vector, and expressions are mixtures of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Curve = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 320, 520
CENTRE_X, CENTRE_Y = 160.0, 196.0
HALF_HEIGHT = 122.0
_SHIFT = 4
_MAX_FOLD = 0.55
_FAINT = 0.06
_ALONG_LID = np.linspace(-1, 1, 17)
_LID_ARCH = (1 - _ALONG_LID**2) ** 0.7
_ALONG_BROW = np.linspace(0, 1, 12)
_ALONG_LIPS = np.linspace(-1, 1, 21)
_CREASED = (slice(112, 232), slice(84, 236))


class Pose(NamedTuple):
    """Muscle actions, mostly -1..1 where 0 is rest; `mouth_open`, `upper_lid` above 0 and `blink` are 0..1."""

    brow_inner: float = 0.0
    brow_outer: float = 0.0
    brow_squeeze: float = 0.0
    upper_lid: float = 0.0
    lower_lid: float = 0.0
    cheek: float = 0.0
    nose_wrinkle: float = 0.0
    corner: float = 0.0
    mouth_width: float = 0.0
    mouth_open: float = 0.0
    upper_lip: float = 0.0
    lip_press: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    pitch: float = 0.0
    asymmetry: float = 0.0
    blink: float = 0.0


POSES: dict[str, Pose] = {
    "neutral": Pose(),
    "joy": Pose(0.15, 0.2, -0.1, -0.1, 0.6, 1.0, 0.0, 1.0, 0.65, 0.24, 0.35),
    "anger": Pose(-1.0, 0.25, 1.0, 0.1, 0.65, 0.0, 0.35, -0.45, -0.25, 0.0, 0.0, 0.9, 0.0, 0.0, 0.25),
    "fear": Pose(1.0, 0.35, 0.75, 0.8, 0.15, 0.0, 0.0, -0.45, 0.6, 0.3, -0.1, 0.0, 0.15, 0.0, -0.15),
    "sadness": Pose(1.0, -0.65, 0.45, -0.5, 0.1, 0.1, 0.0, -1.0, -0.25, 0.0, 0.0, 0.25, 0.0, 0.65, 0.55),
    "surprise": Pose(1.0, 1.15, -0.2, 1.0, -0.2, -0.1, 0.0, 0.0, -0.55, 0.85, 0.0, 0.0, 0.0, -0.1, -0.35),
    "disgust": Pose(-0.55, 0.15, 0.6, -0.4, 0.8, 0.35, 1.0, -0.55, -0.1, 0.1, 1.0, 0.0, 0.1, 0.15, -0.1, 0.5),
}


@dataclass(frozen=True)
class Features:
    """What makes a head one person's: proportions are shares of the head's half height, colours BGR."""

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    clothes: Colour
    hair_style: str
    beard: str
    half_width: float
    jaw: float
    eye_size: float
    eye_gap: float
    brow_thickness: float
    nose_size: float
    lip_fullness: float
    freckles: bool


@dataclass(frozen=True)
class Head:
    """A shaded head without brows, eyes and mouth: BGR, its alpha, the body's layer under it, and the person."""

    features: Features
    skin: Picture
    alpha: Picture
    shade: npt.NDArray[np.float32]


@lru_cache(maxsize=1)
def _grid() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return (x - CENTRE_X) / HALF_HEIGHT, (y - CENTRE_Y) / HALF_HEIGHT


def _pair(x: float, y: float, width: float, height: float) -> npt.NDArray[np.float32]:
    """A blob on each side of the face."""
    both: npt.NDArray[np.float32] = _blob(-x, y, width, height) + _blob(x, y, width, height)
    return both


def _blob(x: float, y: float, width: float, height: float) -> npt.NDArray[np.float32]:
    u, v = _grid()
    return np.exp(-(((u - x) / width) ** 2) - ((v - y) / height) ** 2)


def _stripes(heights: tuple[float, ...], width: float, thickness: float) -> npt.NDArray[np.float32]:
    return np.sum([_blob(0, y, width, thickness) for y in heights], axis=0)


def _outline(features: Features) -> Curve:
    """The head's contour as (n, 2) pixels: an ellipse whose lower half narrows towards the jaw."""
    angle = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    u, v = np.cos(angle), np.sin(angle)
    taper = 1 - (1 - features.jaw) * np.clip(v, 0, None) ** 2.2
    wide = np.sign(u) * np.abs(u) ** 0.86
    return np.stack([CENTRE_X + wide * features.half_width * taper * HALF_HEIGHT, CENTRE_Y + v * HALF_HEIGHT], 1)


def _relief(features: Features) -> npt.NDArray[np.float32]:
    """Height of the face over the picture plane, in half heights."""
    u, v = _grid()
    wide = features.half_width * (1 - (1 - features.jaw) * np.clip(v, 0, 1) ** 2.2)
    relief = 0.75 * np.sqrt(np.clip(1 - (u / wide) ** 2 * 0.96 - v**2 * 0.9, 0.0, 1))
    size = features.nose_size
    relief += 0.09 * size * _blob(0, 0.0, 0.085, 0.22) + 0.17 * size * _blob(0, 0.21, 0.10 * size, 0.13)
    relief += 0.05 * _pair(0.10 * size, 0.25, 0.05, 0.06)
    eye = features.eye_gap
    relief += 0.05 * _pair(eye, -0.33, 0.24, 0.08) - 0.10 * _pair(eye, -0.12, 0.19, 0.12)
    relief += 0.055 * _pair(0.45, 0.17, 0.2, 0.17)
    relief += 0.07 * _blob(0, 0.86, 0.2, 0.14) - 0.04 * _blob(0, 0.69, 0.2, 0.05) + 0.05 * _blob(0, 0.52, 0.24, 0.12)
    return cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 2.0)


def _lambert(relief: npt.NDArray[np.float32], light: tuple[float, float, float]) -> npt.NDArray[np.float32]:
    dy, dx = np.gradient(relief * HALF_HEIGHT)
    lamp = np.array(light) / np.linalg.norm(light)
    length = np.sqrt(dx**2 + dy**2 + 1)
    return np.clip((-dx * lamp[0] - dy * lamp[1] + lamp[2]) / length, 0, 1).astype(np.float32)


def shade_head(features: Features, light: tuple[float, float, float], tint: Colour, ambient: float) -> Head:
    """Shade a head once for a shot's light.

    `light` points towards the lamp (x right, y down, z to the camera), `tint` is its BGR colour, `ambient` 0..1 its fill.
    """
    lit = _lambert(_relief(features), light)
    shade = ambient + (1.12 - ambient) * lit
    blush = 0.5 * _pair(0.42, 0.22, 0.18, 0.13) + 0.35 * _blob(0, 0.22, 0.12, 0.1)
    skin = np.array(features.skin, np.float32) * (np.array(tint, np.float32) / 255)
    warm = np.stack([1 - 0.22 * blush, 1 - 0.2 * blush, 1 + 0.05 * blush], -1)
    picture = skin * warm * shade[..., None]
    picture += 60 * (np.clip(lit, 0, 1) ** 14 * _blob(-0.1 * np.sign(light[0]), -0.45, 0.5, 0.6))[..., None]
    picture -= 26 * _pair(features.eye_gap, -0.14, 0.22, 0.11)[..., None]
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    _draw_back_hair(canvas, alpha, features, tint)
    return _with_front(canvas, alpha, np.clip(picture, 0, 255).astype(np.uint8), features, tint, shade)


def _fixed(curve: Curve) -> npt.NDArray[np.int32]:
    return np.round(np.asarray(curve) * (1 << _SHIFT)).astype(np.int32)


def _fill(canvas: Picture, curve: Curve, colour: Colour | int) -> None:
    cv2.fillPoly(canvas, [_fixed(curve)], colour, cv2.LINE_AA, _SHIFT)


def _cover(canvas: Picture, alpha: Picture, curve: Curve, colour: Colour) -> None:
    """Fill a part of the head, which is then not seen through."""
    _fill(canvas, curve, colour)
    _fill(alpha, curve, 255)


def blend(window: Picture, over: Picture, mask: Picture) -> None:
    """Lay BGR `over` on `window`, in place, as far as `mask` (255: wholly) lets it."""
    share = cv2.merge([mask] * 3)
    window[:] = cv2.add(cv2.multiply(over, share, scale=1 / 255), cv2.multiply(window, cv2.bitwise_not(share), scale=1 / 255))


def _stroke(canvas: Picture, curve: Curve, colour: Colour | int, thickness: int) -> None:
    cv2.polylines(canvas, [_fixed(curve)], False, colour, thickness, cv2.LINE_AA, _SHIFT)


def _scaled(colour: Colour, factor: float) -> Colour:
    blue, green, red = (int(np.clip(c * factor, 0, 255)) for c in colour)
    return blue, green, red


def _tinted(colour: Colour, tint: Colour, factor: float = 1.0) -> Colour:
    blue, green, red = (int(np.clip(c * t / 255 * factor, 0, 255)) for c, t in zip(colour, tint, strict=True))
    return blue, green, red


def _ellipse(x: float, y: float, width: float, height: float, start: float = 0, stop: float = 360) -> Curve:
    """Points of an ellipse given in half heights from the head's centre, as pixels; degrees clockwise from the right."""
    angle = np.radians(np.linspace(start, stop, 48))
    return np.stack([CENTRE_X + (x + width * np.cos(angle)) * HALF_HEIGHT, CENTRE_Y + (y + height * np.sin(angle)) * HALF_HEIGHT], 1)


_BACK_HAIR = {"long": (0.98, 1.12, 0.22), "bob": (0.95, 0.98, 0.02), "curly": (1.02, 0.98, -0.08)}


def _draw_back_hair(canvas: Picture, alpha: Picture, features: Features, tint: Colour) -> None:
    dark = _tinted(features.hair, tint, 0.62)
    if features.hair_style in _BACK_HAIR:
        width, height, drop = _BACK_HAIR[features.hair_style]
        shape = _ellipse(0, drop, width * features.half_width / 0.76, height)
        _cover(canvas, alpha, shape, dark)
    if features.hair_style == "bun":
        _cover(canvas, alpha, _ellipse(0, -1.08, 0.34, 0.28), dark)
    _draw_body(canvas, alpha, features, tint)


def _draw_body(canvas: Picture, alpha: Picture, features: Features, tint: Colour) -> None:
    neck = np.array([[-0.34, 0.55], [0.34, 0.55], [0.37, 1.22], [-0.37, 1.22]]) * HALF_HEIGHT + (CENTRE_X, CENTRE_Y)
    right = np.array([[0.3, 1.04], [0.42, 1.12], [0.8, 1.24], [1.08, 1.38], [1.2, 1.62], [1.28, 2.1], [1.31, 2.7]])
    outline = np.concatenate([_smooth(right), _smooth(right * (-1, 1))[::-1]])
    body = outline * HALF_HEIGHT + (CENTRE_X, CENTRE_Y)
    ears = [_ellipse(side * features.half_width * 0.99, 0.0, 0.11, 0.2) for side in (-1, 1)]
    for shape, colour in ((neck, _tinted(features.skin, tint, 0.62)), (body, _tinted(features.clothes, tint, 0.9))):
        _cover(canvas, alpha, shape, colour)
    for ear in ears:
        _cover(canvas, alpha, ear, _tinted(features.skin, tint, 0.72))
    _fill(canvas, _ellipse(0, 1.1, 0.38, 0.16), _tinted(features.skin, tint, 0.66))
    _stroke(canvas, _ellipse(0, 1.1, 0.39, 0.17, 0, 180), _tinted(features.clothes, tint, 0.6), 3)


def _with_front(canvas: Picture, alpha: Picture, face: Picture, features: Features, tint: Colour, shade: npt.NDArray[np.float32]) -> Head:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    _fill(mask, _outline(features), 255)
    beard = _beard_mask(features)
    if beard is not None:
        hair = np.array(_tinted(features.hair, tint, 0.9), np.float32) * shade[..., None]
        face = (face * (1 - beard[..., None]) + hair * beard[..., None]).astype(np.uint8)
    if features.freckles:
        face = _freckled(face)
    share = (mask / 255.0).astype(np.float32)[..., None]
    canvas = (face * share + canvas * (1 - share)).astype(np.uint8)
    alpha = np.maximum(alpha, mask)
    _draw_front_hair(canvas, alpha, features, tint)
    return Head(features, canvas, alpha, shade)


def _freckled(face: Picture) -> Picture:
    face = face.copy()
    for x, y in np.random.default_rng(5).normal((0, 0.2), (0.28, 0.07), (34, 2)):
        point = (round(CENTRE_X + x * HALF_HEIGHT), round(CENTRE_Y + y * HALF_HEIGHT))
        cv2.circle(face, point, 1, (face[point[1], point[0]] * 0.82).tolist(), -1, cv2.LINE_AA)
    return face


def _beard_mask(features: Features) -> npt.NDArray[np.float32] | None:
    if features.beard == "none":
        return None
    u, v = _grid()
    cheek = 1 / (1 + np.exp(-(v - 0.42 - 0.1 * np.cos(u * 4)) * 30))
    mouth = np.clip(1.15 * _blob(0, 0.53, 0.27, 0.10), 0, 1)
    strength = 0.85 if features.beard == "full" else 0.28
    return (strength * cheek * (1 - mouth)).astype(np.float32)


def _hairline(features: Features) -> Curve:
    """The fringe: from ear to ear over the forehead, then back over the crown."""
    wide = features.half_width
    dip = {"short": -0.60, "long": -0.56, "bob": -0.50, "curly": -0.55, "bun": -0.66, "side": -0.58, "buzz": -0.66}[features.hair_style]
    part = {"side": 0.35, "long": 0.0, "bob": 0.2}.get(features.hair_style, 0.1)
    temple = -0.12 if features.hair_style in ("long", "bob", "curly") else -0.26
    inner = np.array([[-wide * 1.0, temple], [-wide * 0.86, -0.42], [-0.3, dip], [part - 0.1, dip - 0.12], [part, dip - 0.16]])
    right = np.array([[part + 0.1, dip - 0.1], [0.42, dip + 0.04], [wide * 0.88, -0.4], [wide * 1.0, temple]])
    crown_height = {"buzz": 1.03, "curly": 1.2}.get(features.hair_style, 1.1)
    angle = np.radians(np.linspace(0, -180, 30))
    crown = np.stack([np.cos(angle) * wide * 1.07, np.sin(angle) * (crown_height + temple) + temple], 1)
    return np.concatenate([_smooth(np.concatenate([inner, right])), crown]) * HALF_HEIGHT + (CENTRE_X, CENTRE_Y)


def _smooth(points: Curve, count: int = 40) -> Curve:
    """A Catmull-Rom-like resampling: cubic through the points by arc length."""
    step = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, step[-1], count)
    slope = np.gradient(points, step, axis=0)
    index = np.clip(np.searchsorted(step, at, "right") - 1, 0, len(points) - 2)
    width = (step[index + 1] - step[index])[:, None]
    t = ((at - step[index])[:, None]) / width
    a, b = points[index], points[index + 1]
    hermite = (1 + 2 * t) * (1 - t) ** 2 * a + t * (1 - t) ** 2 * width * slope[index]
    return hermite + t**2 * (3 - 2 * t) * b + t**2 * (t - 1) * width * slope[index + 1]


def _draw_front_hair(canvas: Picture, alpha: Picture, features: Features, tint: Colour) -> None:
    _cover(canvas, alpha, _hairline(features), _tinted(features.hair, tint))
    if features.hair_style == "curly":
        rng = np.random.default_rng(3)
        for angle in np.linspace(-3.3, 0.15, 22):
            x, y = np.cos(angle) * features.half_width * 1.08, np.sin(angle) * 1.02
            curl = _ellipse(float(x), float(y), *(0.13 + 0.03 * rng.random(2)))
            _cover(canvas, alpha, curl, _tinted(features.hair, tint, 0.8 + 0.3 * rng.random()))
    for lane in np.linspace(-0.7, 0.7, 9):
        strand = _ellipse(0, -0.45, features.half_width * abs(lane) + 0.12, 0.5, 200 if lane < 0 else 280, 260 if lane < 0 else 340)
        _stroke(canvas, strand, _tinted(features.hair, tint, 1.35), 1)


class FacePainter:
    """Draws one head's poses; the shaded head stays untouched."""

    def __init__(self, head: Head) -> None:
        self._head = head
        eye = head.features.eye_gap
        folds = (
            0.45 * _pair(0.075, -0.33, 0.022, 0.1),
            0.4 * (_stripes((-0.08, -0.02, 0.04), 0.11, 0.018) + _pair(0.17, 0.14, 0.03, 0.1)),
            0.3 * _stripes((-0.55, -0.49, -0.43), 0.36, 0.014),
            0.25 * _pair(eye, 0.03, 0.15, 0.025),
        )
        self._creases = [np.ascontiguousarray(fold[_CREASED], dtype=np.float32) for fold in folds]
        self._dark = _scaled(self._skin_at(0, 0.4), 0.35)
        self._fold = _scaled(self._skin_at(0, 0.4), 0.62)

    def _skin_at(self, x: float, y: float) -> Colour:
        blue, green, red = self._head.skin[round(CENTRE_Y + y * HALF_HEIGHT), round(CENTRE_X + x * HALF_HEIGHT)]
        return int(blue), int(green), int(red)

    def paint(self, pose: Pose) -> Picture:
        """The head with this pose, BGR of HEIGHT x WIDTH; its alpha is the head's."""
        canvas = self._head.skin.copy()
        self._darken(canvas, pose)
        shift = pose.pitch * 0.05
        for side in (-1, 1):
            self._eye(canvas, pose, side, shift)
        for side in (-1, 1):
            self._brow(canvas, pose, side, shift)
        self._nose(canvas, pose, shift)
        self._folds(canvas, pose, shift)
        self._mouth(canvas, pose, shift)
        return canvas

    def _darken(self, canvas: Picture, pose: Pose) -> None:
        """Frown lines, the wrinkled nose, the furrowed forehead and the bags under squinting eyes."""
        forehead = max(pose.brow_inner, 0) * max(pose.brow_outer, 0)
        strengths = (max(pose.brow_squeeze, 0), max(pose.nose_wrinkle, 0), forehead, max(pose.lower_lid, 0))
        amount = sum(crease * np.float32(s) for crease, s in zip(self._creases, strengths, strict=True) if s > _FAINT)
        if isinstance(amount, int):
            return
        keep = cv2.convertScaleAbs(1 - np.minimum(amount, np.float32(_MAX_FOLD)), alpha=255)
        canvas[_CREASED] = cv2.multiply(canvas[_CREASED], cv2.merge([keep, keep, keep]), scale=1 / 255)

    def _at(self, points: Curve) -> Curve:
        return points * HALF_HEIGHT + (CENTRE_X, CENTRE_Y)

    def _lids(self, pose: Pose, side: int, shift: float) -> tuple[Curve, Curve]:
        """Upper and lower lid of one eye, in half heights, from the nose outwards."""
        size = self._head.features.eye_size
        uneven = 1 - 0.5 * pose.asymmetry * (side > 0)
        openness = (1 + 0.62 * max(pose.upper_lid, 0) + 0.62 * min(pose.upper_lid, 0)) * (1 - pose.blink)
        upper = 0.105 * size * max(openness, 0.02) * uneven
        lower = 0.062 * size * (1 - 0.62 * max(pose.lower_lid, 0)) * (1 - 0.75 * pose.blink)
        droop = 0.025 * min(pose.brow_outer, 0) - 0.02 * max(-pose.brow_inner, 0)
        t = _ALONG_LID
        x = side * (self._head.features.eye_gap + t * 0.178 * size)
        arch = _LID_ARCH
        base = -0.10 + shift - droop * t
        return np.stack([x, base - upper * arch - 0.012 * t], 1), np.stack([x, base + lower * arch - 0.012 * t], 1)

    def _eye(self, canvas: Picture, pose: Pose, side: int, shift: float) -> None:
        upper, lower = (self._at(lid) for lid in self._lids(pose, side, shift))
        almond = np.concatenate([upper, lower[::-1]])
        left, top = np.floor(almond.min(0) - 3).astype(int)
        right, bottom = np.ceil(almond.max(0) + 4).astype(int)
        window = canvas[top:bottom, left:right]
        ball = self._eyeball(window.shape, pose, side, shift, (left, top))
        mask = np.zeros(window.shape[:2], np.uint8)
        _fill(mask, almond - (left, top), 255)
        blend(window, ball, mask)
        _stroke(canvas, lower, self._fold, 1)
        _stroke(canvas, upper, self._dark, 3)
        crease = np.add(upper, (0, -6 - 3 * max(pose.upper_lid, 0)))
        _stroke(canvas, crease[2:-1], self._fold, 1)

    def _eyeball(self, shape: tuple[int, ...], pose: Pose, side: int, shift: float, origin: tuple[int, int]) -> Picture:
        features = self._head.features
        ball = np.full(shape, (228, 232, 234), np.uint8)
        centre = self._at(np.array([side * features.eye_gap + pose.gaze_x * 0.07, -0.115 + shift + pose.gaze_y * 0.035])) - origin
        radius = 0.098 * features.eye_size * HALF_HEIGHT
        ball[: max(2, round(shape[0] * 0.3))] = (190, 194, 198)
        point = tuple(int(c) for c in _fixed(centre))
        for share, colour in ((1.0, _scaled(features.iris, 0.55)), (0.84, features.iris), (0.46, (18, 14, 14))):
            cv2.circle(ball, point, int(radius * share * (1 << _SHIFT)), colour, -1, cv2.LINE_AA, _SHIFT)
        glint = tuple(int(c) for c in _fixed(np.add(centre, (-0.3 * radius, -0.38 * radius))))
        cv2.circle(ball, glint, int(2.6 * (1 << _SHIFT)), (255, 255, 255), -1, cv2.LINE_AA, _SHIFT)
        return ball

    def _brow(self, canvas: Picture, pose: Pose, side: int, shift: float) -> None:
        features = self._head.features
        t = _ALONG_BROW
        inner = -0.315 - 0.115 * pose.brow_inner + 0.02 * max(pose.brow_squeeze, 0)
        outer = -0.315 - 0.11 * pose.brow_outer
        start = features.eye_gap - 0.2 - 0.05 * pose.brow_squeeze
        x = side * (start + t * (0.42 + 0.03 * pose.brow_squeeze))
        y = inner + (outer - inner) * t - 0.055 * np.sin(np.pi * np.clip(t * 1.1, 0, 1)) * (1 - 0.5 * max(-pose.brow_inner, 0)) + shift
        thick = features.brow_thickness * (0.034 - 0.022 * t)
        line = np.concatenate([np.stack([x, y - thick], 1), np.stack([x, y + thick], 1)[::-1]])
        colour = _scaled(features.hair, 0.55) if sum(features.hair) > 220 else features.hair
        _fill(canvas, self._at(line), colour)

    def _nose(self, canvas: Picture, pose: Pose, shift: float) -> None:
        lift = -0.03 * max(pose.nose_wrinkle, 0) + shift * 0.8
        size = self._head.features.nose_size
        for side in (-1, 1):
            nostril = _ellipse(side * 0.075 * size, 0.30 + lift, 0.036 * size, 0.02)
            _fill(canvas, nostril, self._dark)
            wing = _ellipse(side * 0.135 * size, 0.26 + lift, 0.05, 0.065, -70 if side > 0 else 110, 90 if side > 0 else 250)
            _stroke(canvas, wing, self._fold, 1)

    def _folds(self, canvas: Picture, pose: Pose, shift: float) -> None:
        strength = max(pose.cheek, pose.nose_wrinkle * 0.9, -pose.corner * 0.5)
        if strength < 0.25:
            return
        for side in (-1, 1):
            points = np.add([[0.19, 0.26 - 0.03 * pose.nose_wrinkle], [0.31, 0.38], [0.37 + 0.05 * pose.cheek, 0.52]], (0, shift))
            _stroke(canvas, self._at(_smooth(points * (side, 1), 12)), self._fold, 1 if strength < 0.7 else 2)

    def _mouth(self, canvas: Picture, pose: Pose, shift: float) -> None:
        lips = _Lips(pose, self._head.features, shift)
        inner_top, inner_bottom = self._at(lips.inner_top), self._at(lips.inner_bottom)
        colour = self._lip_colour()
        darker = _scaled(colour, 0.8)
        _fill(canvas, np.concatenate([self._at(lips.outer_top), inner_top[::-1]]), darker)
        _fill(canvas, np.concatenate([self._at(lips.outer_bottom), inner_bottom[::-1]]), colour)
        if lips.gap > 0.012:
            self._cavity(canvas, inner_top, inner_bottom, lips)
        _stroke(canvas, inner_top, self._dark, 1 if lips.gap > 0.012 else 2)
        below = self._at(np.add(lips.outer_bottom, (0, 0.035)))
        _stroke(canvas, below[5:-5], self._fold, 1)

    def _lip_colour(self) -> Colour:
        shade = self._head.shade[round(CENTRE_Y + 0.53 * HALF_HEIGHT), round(CENTRE_X)]
        blue, green, red = (int(np.clip(c * (0.35 + 0.65 * shade), 0, 255)) for c in self._head.features.lips)
        return blue, green, red

    def _cavity(self, canvas: Picture, top: Curve, bottom: Curve, lips: _Lips) -> None:
        hole = np.concatenate([top, bottom[::-1]])
        _fill(canvas, hole, (34, 22, 58))
        teeth = top + (bottom - top) * min(0.5, 0.035 / lips.gap)
        _fill(canvas, np.concatenate([top[1:-1], teeth[1:-1][::-1]]), (222, 228, 230))
        if lips.gap > 0.09:
            tongue = bottom + (top - bottom) * 0.32
            _fill(canvas, np.concatenate([bottom[4:-4], tongue[4:-4][::-1]]), (86, 70, 168))


class _Lips:
    """The four curves of the mouth, in half heights, left to right, and the gap between the lips."""

    def __init__(self, pose: Pose, features: Features, shift: float) -> None:
        t = _ALONG_LIPS
        width = 0.27 * (1 + 0.32 * pose.mouth_width)
        uneven = 0.04 * pose.asymmetry * t
        corner = -0.095 * pose.corner * np.abs(t) ** 1.7 + 0.045 * pose.corner - uneven
        centre = 0.525 + shift * 0.6
        self.gap = 0.26 * max(pose.mouth_open, 0.0)
        opening = (1 - t**2) ** 0.62 * self.gap
        lift = 0.05 * max(pose.upper_lip, 0) * (1 - t**2)
        full = 0.058 * features.lip_fullness * (1 - 0.65 * max(pose.lip_press, 0)) * (1 - 0.2 * max(pose.mouth_width, 0))
        bow = (1 - np.abs(t) ** 2.2) * (1 - 0.22 * np.exp(-((t / 0.14) ** 2)))
        x = width * t
        top, bottom = centre + corner - lift - opening * 0.32, centre + corner + opening * 0.68
        self.inner_top, self.inner_bottom = np.stack([x, top], 1), np.stack([x, bottom], 1)
        self.outer_top = np.stack([x * 1.03, top - full * bow], 1)
        self.outer_bottom = np.stack([x * 1.02, bottom + 1.25 * full * (1 - np.abs(t) ** 2.2)], 1)
