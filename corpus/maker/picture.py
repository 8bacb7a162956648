"""Renders a film's frames: backdrop, heads with their poses, camera, rain, fades and dissolves.

What does not change within a shot (backdrop, shading of heads) is drawn once; a frame then costs one warp of the backdrop and one
small warp and blend per face. Frames are 640 x 360 BGR at 24 per second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from corpus.maker import face, sets
from corpus.maker.acting import FRAME_RATE, act
from corpus.maker.face import FacePainter, Features, Head, Picture, Pose, blend, shade_head
from corpus.maker.performance import END_MS, Performance
from corpus.maker.shots import TITLE, WIDE, Shot, plan_shots
from corpus.maker.story import Framing, Transition

WIDTH, HEIGHT = 640, 360
_MARGIN = 1.06
_DISSOLVE_MS = 500
_FADE_MS = 380
_LEFT = 0
_PIVOT = 150.0


@dataclass(frozen=True)
class _Place:
    """Where a head stands in the frame: its centre in pixels and its scale."""

    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class _Actor:
    head: Head
    painter: FacePainter


class Renderer:
    """Renders one performance; iterate over `frames()`."""

    def __init__(self, performance: Performance) -> None:
        self._performance = performance
        self.shots = plan_shots(performance)
        self._poses = act(performance)
        story = performance.story
        rng = np.random.default_rng([story.seed, 7, story.index])
        self._sets = [sets.paint_set(scene.scene, rng) for scene in performance.scenes]
        lights = [sets.light_of(scene.scene, rng) for scene in performance.scenes]
        self._actors = [
            [_Actor(head, FacePainter(head)) for head in (shade_head(c.features, x.direction, x.tint, x.ambient) for c in story.characters)]
            for x in lights
        ]
        self._phase = rng.uniform(0, 2 * np.pi, (2, 3))
        self._rain = rng.uniform((0, 0), (WIDTH, HEIGHT), (70, 2))
        self._plates: dict[int, Picture] = {}

    @property
    def count(self) -> int:
        """Number of frames."""
        return round(self._performance.duration_ms * FRAME_RATE / 1000)

    def frames(self) -> Iterator[Picture]:
        """Every frame, HEIGHT x WIDTH BGR."""
        starts = [frame_at(shot.start_ms) for shot in self.shots]
        for frame in range(self.count):
            index = int(np.searchsorted(starts, frame, "right")) - 1
            yield self._transition(frame, index)

    def _transition(self, frame: int, index: int) -> Picture:
        at_ms = frame * 1000 / FRAME_RATE
        shot = self.shots[index]
        picture = self._shoot(frame, index)
        following = self.shots[index + 1] if index + 1 < len(self.shots) else None
        before = at_ms - shot.start_ms
        after = (following.start_ms if following else self._performance.duration_ms) - at_ms
        if shot.transition is Transition.DISSOLVE and before < _DISSOLVE_MS:
            earlier = self._shoot(frame, index - 1)
            return cv2.addWeighted(picture, before / _DISSOLVE_MS, earlier, 1 - before / _DISSOLVE_MS, 0)
        return _dimmed(picture, min(self._fade_in(shot, before), self._fade_out(following, after)))

    def _fade_in(self, shot: Shot, since_ms: float) -> float:
        if shot.framing == TITLE:
            return since_ms / (2 * _FADE_MS)
        return since_ms / _FADE_MS if shot.transition is Transition.FADE else 1.0

    def _fade_out(self, following: Shot | None, left_ms: float) -> float:
        if following is None:
            return left_ms / END_MS
        return left_ms / _FADE_MS if following.transition is Transition.FADE else 1.0

    def _shoot(self, frame: int, index: int) -> Picture:
        shot = self.shots[index]
        if shot.framing == TITLE:
            return self._title(frame)
        progress = (frame * 1000 / FRAME_RATE - shot.start_ms) / max(shot.end_ms - shot.start_ms, 1)
        zoom, pan = 1 + (shot.zoom - 1) * progress, shot.pan * (progress - 0.5)
        picture = self._backdrop(index, zoom, pan)
        if self._performance.scenes[shot.scene].scene.rain and self._outdoors(shot):
            self._fall(picture, frame)
        for actor, place in self._placed(shot):
            self._stand(picture, shot, actor, _moved(place, zoom, pan), frame)
        if shot.framing == Framing.OVER_SHOULDER.value:
            self._shoulder(picture, shot, pan)
        elif shot.framing == WIDE:
            self._table(picture, shot)
        return picture

    def _outdoors(self, shot: Shot) -> bool:
        return self._performance.scenes[shot.scene].scene.heading.startswith("EXT.")

    def _backdrop(self, index: int, zoom: float, pan: float) -> Picture:
        plate = self._plates.get(index)
        if plate is None:
            plate = self._plates[index] = _cut_plate(self._sets[self.shots[index].scene], self.shots[index])
        height, width = plate.shape[:2]
        if zoom == 1 and pan == 0:
            top, left = (height - HEIGHT) // 2, (width - WIDTH) // 2
            return plate[top : top + HEIGHT, left : left + WIDTH].copy()
        camera = np.array([[zoom, 0, WIDTH / 2 + pan - zoom * width / 2], [0, zoom, HEIGHT / 2 - zoom * height / 2]])
        return cv2.warpAffine(plate, camera, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _placed(self, shot: Shot) -> list[tuple[int, _Place]]:
        """Who stands where; the one in focus is drawn last."""
        side = -1 if shot.focus == _LEFT else 1
        if shot.framing == WIDE:
            return [(who, _Place(WIDTH / 2 + (-1, 1)[who] * 118, 204, 0.37)) for who in (1 - shot.focus, shot.focus)]
        if shot.framing == Framing.TWO.value:
            near, far = _Place(WIDTH / 2 + side * 122, 176, 0.64), _Place(WIDTH / 2 - side * 138, 204, 0.52)
            return [(1 - shot.focus, far), (shot.focus, near)]
        if shot.framing == Framing.OVER_SHOULDER.value:
            return [(shot.focus, _Place(WIDTH / 2 + side * 70, 160, 0.72))]
        return [(shot.focus, _Place(WIDTH / 2 + side * 34, 178, 0.92))]

    def _stand(self, picture: Picture, shot: Shot, who: int, place: _Place, frame: int) -> None:
        actor = self._actors[shot.scene][who]
        pose = Pose(*self._poses[who][min(frame, len(self._poses[who]) - 1)])
        seconds = frame / FRAME_RATE
        sway = np.sin(2 * np.pi * seconds * np.array([0.21, 0.17, 0.26]) + self._phase[who])
        trembling = 1.1 * max(pose.upper_lid * pose.brow_squeeze, 0) * np.sin(2 * np.pi * 9 * seconds)
        tilt = 2.2 * sway[0] + 7 * pose.asymmetry - 3 * min(pose.corner, 0) * (1 if who else -1)
        nearer = 1 + 0.05 * max(-pose.brow_inner, 0) - 0.03 * max(pose.upper_lid, 0)
        centre = _Place(
            place.x + (3 * sway[1] + trembling) * place.scale,
            place.y + (2.5 * sway[2] + 14 * pose.pitch) * place.scale,
            place.scale * nearer,
        )
        _composite(picture, actor.painter.paint(pose), actor.head.alpha, centre, float(tilt))

    def _shoulder(self, picture: Picture, shot: Shot, pan: float) -> None:
        """The listener's back of head and shoulder, dark, blurred and near, at the frame's edge."""
        side = -1 if shot.focus == _LEFT else 1
        layer = _back_of(self._performance.story.characters[1 - shot.focus].features)
        height, width = layer.shape[:2]
        left = round(WIDTH / 2 - side * 268 + 1.6 * pan - width / 2)
        first, last = max(left, 0), min(left + width, WIDTH)
        part = layer[:, first - left : last - left]
        blend(picture[HEIGHT - height :, first:last], part[..., :3], part[..., 3])

    def _table(self, picture: Picture, shot: Shot) -> None:
        colour = (46, 62, 84) if not self._outdoors(shot) else (58, 66, 70)
        cv2.rectangle(picture, (0, 314), (WIDTH, HEIGHT), colour, -1)
        cv2.rectangle(picture, (0, 314), (WIDTH, 319), tuple(int(c * 1.5) for c in colour), -1)

    def _fall(self, picture: Picture, frame: int) -> None:
        for x, y in self._rain:
            top = (round((x - 1.5 * frame) % WIDTH), round((y + 26 * frame) % HEIGHT))
            cv2.line(picture, top, (top[0] - 2, top[1] + 15), (205, 200, 195), 1, cv2.LINE_AA)

    def _title(self, frame: int) -> Picture:
        picture = cv2.resize(self._sets[0], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        picture = cv2.convertScaleAbs(cv2.GaussianBlur(picture, (0, 0), 9), alpha=0.28 + 0.0006 * frame)
        names = " and ".join(character.name for character in self._performance.story.characters)
        _write(picture, self._performance.story.title, 170, 1.05, (232, 238, 240))
        _write(picture, f"with {names}", 214, 0.55, (180, 190, 196))
        return picture


@lru_cache(maxsize=4)
def _back_of(features: Features) -> Picture:
    """A head and shoulders from behind, out of focus: BGRA, 250 x 330 pixels."""
    layer = np.zeros((250, 330, 4), np.uint8)
    layer[..., :3] = tuple(int(c * 0.4) for c in features.clothes)
    hair = (*(int(c * 0.4) for c in features.hair), 255)
    cv2.ellipse(layer, (165, 300), (152, 132), 0, 0, 360, (*layer[0, 0, :3].tolist(), 255), -1, cv2.LINE_AA)
    cv2.ellipse(layer, (165, 118), (80, 100), 0, 0, 360, hair, -1, cv2.LINE_AA)
    if features.hair_style in ("long", "bob", "curly"):
        cv2.ellipse(layer, (165, 150), (96, 112), 0, 0, 360, hair, -1, cv2.LINE_AA)
    if features.hair_style == "bun":
        cv2.ellipse(layer, (165, 30), (36, 28), 0, 0, 360, hair, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(layer, (0, 0), 3.2)


def frame_at(at_ms: float) -> int:
    """The first frame shown at or after a time."""
    return int(np.ceil(at_ms * FRAME_RATE / 1000 - 1e-6))


def _write(picture: Picture, text: str, y: int, size: float, colour: face.Colour) -> None:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_TRIPLEX, size, 1)
    cv2.putText(picture, text, ((WIDTH - width) // 2, y), cv2.FONT_HERSHEY_TRIPLEX, size, colour, 1, cv2.LINE_AA)


def _dimmed(picture: Picture, share: float) -> Picture:
    return picture if share >= 1 else cv2.convertScaleAbs(picture, alpha=max(share, 0.0))


def _moved(place: _Place, zoom: float, pan: float) -> _Place:
    """The camera moves near things a little more than the backdrop."""
    return _Place(WIDTH / 2 + (place.x - WIDTH / 2) * zoom + 1.3 * pan, HEIGHT / 2 + (place.y - HEIGHT / 2) * zoom, place.scale * zoom)


_VIEWS = {WIDE: (1.0, 0.0, 0.0), Framing.TWO.value: (1.3, 1.0, 0.12), Framing.OVER_SHOULDER.value: (1.7, 2.2, 0.5)}
_CLOSE_VIEW = (2.1, 4.0, 0.8)


def _cut_plate(backdrop: Picture, shot: Shot) -> Picture:
    """The part of a set behind a shot: nearer shots see less of it and less sharply, each person another side of it."""
    magnify, blur, aside = _VIEWS.get(shot.framing, _CLOSE_VIEW)
    width, height = sets.WIDTH / magnify, sets.HEIGHT / magnify
    free_x, free_y = sets.WIDTH - width, sets.HEIGHT - height
    side = -1 if shot.focus == _LEFT else 1
    left, top = round(free_x / 2 * (1 - side * aside)), round(free_y * 0.3)
    part = backdrop[top : top + round(height), left : left + round(width)]
    plate = cv2.resize(part, (round(WIDTH * _MARGIN), round(HEIGHT * _MARGIN)), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(plate, (0, 0), blur) if blur else plate


def _composite(picture: Picture, head: Picture, alpha: Picture, place: _Place, tilt_degrees: float) -> None:
    """Warp a head to its place and blend it in, touching only the pixels it covers."""
    half = face.WIDTH / 2 * place.scale * 1.12
    left, right = max(0, int(place.x - half)), min(WIDTH, int(place.x + half) + 1)
    top = max(0, int(place.y - (face.CENTRE_Y + 8) * place.scale))
    bottom = min(HEIGHT, int(place.y + (face.HEIGHT - face.CENTRE_Y) * place.scale) + 1)
    if left >= right or top >= bottom:
        return
    turn = cv2.getRotationMatrix2D((face.CENTRE_X, face.CENTRE_Y + _PIVOT), tilt_degrees, place.scale)
    turn[:, 2] += (place.x - left - face.CENTRE_X, place.y - top - face.CENTRE_Y)
    turn[:, 2] += (0, (place.scale - 1) * _PIVOT)
    size = (right - left, bottom - top)
    warped = cv2.warpAffine(head, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blend(picture[top:bottom, left:right], warped, cv2.warpAffine(alpha, turn, size, flags=cv2.INTER_LINEAR))
