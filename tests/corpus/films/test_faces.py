from pathlib import Path

import cv2
import numpy as np
import pytest

from corpus.films.faces import (
    FAINT_MINIMUM,
    SCORE_MINIMUM,
    Detection,
    FaceDetector,
    FaceTracker,
    align_crop,
    body_crop,
    eyes_to_align,
    overlap,
)
from corpus.films.media.decode import VideoPass, fitted
from corpus.weights import WeightError


def _face(x: float, y: float = 0.3, size: float = 0.1, score: float = 0.9) -> Detection:
    return Detection(x, y, size, size, score, (x + 0.03, y + 0.03), (x + 0.07, y + 0.03))


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    try:
        return FaceDetector()
    except WeightError as error:
        pytest.skip(str(error))


def test_two_faces_that_pass_each_other_keep_their_tracks() -> None:
    tracker = FaceTracker()
    numbers = [tracker.push(200 * k, [_face(0.1 + 0.05 * k, 0.3), _face(0.6 - 0.05 * k, 0.36)][:: 1 if k % 2 else -1]) for k in range(11)]
    right = [pair[0] if k % 2 else pair[1] for k, pair in enumerate(numbers)]
    assert len(set(right)) == 1
    assert all(set(pair) == {0, 1} for pair in numbers)


def test_a_face_missed_for_a_moment_is_the_same_face_and_after_long_another() -> None:
    tracker = FaceTracker()
    assert tracker.push(0, [_face(0.1)]) == [0]
    assert tracker.push(200, []) == []
    assert tracker.push(600, [_face(0.11)]) == [0]
    assert tracker.push(1600, [_face(0.11)]) == [1]


def test_a_face_elsewhere_is_another_face() -> None:
    tracker = FaceTracker()
    assert tracker.push(0, [_face(0.1)]) == [0]
    assert tracker.push(200, [_face(0.6)]) == [1]
    assert tracker.push(400, [_face(0.1, size=0.3), _face(0.6)]) == [2, 1]


def test_after_a_cut_numbers_begin_again() -> None:
    tracker = FaceTracker()
    tracker.push(0, [_face(0.1), _face(0.5)])
    tracker.reset()
    assert tracker.push(200, [_face(0.5)]) == [0]


def test_a_faint_face_goes_on_with_a_track_and_begins_none() -> None:
    tracker = FaceTracker()
    faint = (FAINT_MINIMUM + SCORE_MINIMUM) / 2
    assert tracker.follow(0, [_face(0.1, score=faint)]) == [None]
    assert tracker.follow(200, [_face(0.1)]) == [0]
    assert tracker.follow(400, [_face(0.7, score=faint), _face(0.11, score=faint)]) == [None, 0]
    # A clear face is matched before a faint one that lies nearer.
    assert tracker.follow(600, [_face(0.12, score=faint), _face(0.14)]) == [None, 0]


@pytest.mark.parametrize("angle", [-40, 0, 25])
@pytest.mark.parametrize("scale", [0.5, 1.7, 3.6])
def test_an_aligned_crop_has_the_eyes_in_their_places(angle: int, scale: float) -> None:
    picture = np.zeros((360, 640, 3), np.uint8)
    turn = np.deg2rad(angle)
    along = np.array([np.cos(turn), np.sin(turn)]) * 20 * scale
    centre = np.array([300.0, 180.0])
    eyes = [centre - along, centre + along]
    for eye, colour in zip(eyes, [(255, 0, 0), (0, 255, 0)], strict=True):
        cv2.circle(picture, tuple(int(v) for v in eye.round()), max(round(3 * scale), 2), colour, -1)
    crop = align_crop(picture, tuple((x / 640, y / 360) for x, y in eyes))  # type: ignore[arg-type]
    assert crop.shape == (64, 64, 3)
    for channel, x in ((0, 0.345), (1, 0.655)):
        place = np.argwhere(crop[..., channel] > 128).mean(axis=0) / 64 + 0.5 / 64
        assert np.abs(place - [0.36, x]).max() < 0.02


@pytest.mark.parametrize("angle", [0, 25, -40])
def test_eyes_too_near_each_other_for_their_box_are_moved_apart_on_their_line_before_a_crop_is_scaled_by_them(angle: int) -> None:
    turn, size = np.deg2rad(angle), np.array([640, 360])
    along = np.array([np.cos(turn), np.sin(turn)])
    middle = np.array([300.0, 180.0])

    def eyes_of(apart_px: float) -> tuple[np.ndarray, np.ndarray]:
        right, left = ((middle + side * along * apart_px / 2) / size for side in (-1, 1))
        face = Detection(0.4, 0.4, 0.1, 0.2, 1, tuple(right), tuple(left))
        found = eyes_to_align(face, 640, 360)
        return np.array(found[0]) * size, np.array(found[1]) * size

    # A box of 64 pixels: its eyes are 25.6 apart at least.
    for given, expected in ((30, 30), (26, 26), (12, 25.6), (0.5, 25.6)):
        right, left = eyes_of(given)
        assert left - right == pytest.approx(along * expected, abs=1e-6)
        assert (left + right) / 2 == pytest.approx(middle)
    assert np.isfinite(eyes_of(0.0)).all()


def test_a_body_is_cut_so_that_what_lies_in_the_picture_is_where_its_box_says() -> None:
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[200:210, 400:410, 0] = 255
    crop, (x, y, width, height) = body_crop(picture, _face(0.55, 0.2, 0.1), size=224)
    assert crop.shape == (224, 224, 3)
    # Ten face heights, square in pixels, reaching over the edges.
    assert height == pytest.approx(1.0) and width * 640 == pytest.approx(height * 360)
    place = np.argwhere(crop[..., 0] > 128).mean(axis=0) / 224 + 0.5 / 224
    assert [x + place[1] * width, y + place[0] * height] == pytest.approx([405 / 640, 205 / 360], abs=0.003)


def test_what_a_body_crop_shows_beyond_the_picture_is_black() -> None:
    crop, (_, y, _, height) = body_crop(np.full((360, 640, 3), 200, np.uint8), _face(0.4, 0.3, 0.2), size=224)
    bottom = round((1 - y) / height * 224)
    assert (crop[bottom + 2 :] == 0).all() and (crop[bottom - 4, 112] == 200).all()


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0.0, 0.0, 2.0, 2.0])
    others = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    assert overlap(box, others) == pytest.approx([1.0, 2 / 6, 0.0])


def test_the_actress_is_found_in_every_picture_and_no_one_else(detector: FaceDetector, shared_data: Path) -> None:
    video = VideoPass(shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4")
    size = fitted(video.facts, 640)
    found = [detector.detect(frame.rgb(*size)) for frame in video if frame.index % 12 == 0]
    assert [len(faces) for faces in found] == [1] * len(found)


def test_all_five_faces_of_a_photograph_are_found_with_their_eyes(detector: FaceDetector, shared_data: Path) -> None:
    picture = cv2.imread(str(shared_data / "pexels_actress" / "multi_face.jpg"))[:, :, ::-1]
    faces = detector.detect(np.ascontiguousarray(picture))
    assert len(faces) == 5
    for face in faces:
        assert face.x < face.right_eye[0] < face.left_eye[0] < face.x + face.width
        assert face.y < face.right_eye[1] < face.y + 0.6 * face.height


def test_an_upright_and_a_wide_picture_give_the_same_face(detector: FaceDetector, shared_data: Path) -> None:
    picture = cv2.imread(str(shared_data / "pexels_actress" / "single_face.jpg"))[:, :, ::-1].copy()
    width = picture.shape[1]
    (alone,) = detector.detect(picture)
    wide = cv2.copyMakeBorder(picture, 0, 0, width // 2, width // 2, cv2.BORDER_CONSTANT)
    (framed,) = detector.detect(wide)
    moved = [(framed.x * 2 - 0.5), framed.y, framed.width * 2, framed.height]
    assert moved == pytest.approx([alone.x, alone.y, alone.width, alone.height], abs=0.03)


def test_noise_holds_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
