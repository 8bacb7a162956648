"""Faces in every frame: held on to where they are half hidden, looked for anew where they are lost."""

from pathlib import Path

import numpy as np
import pytest
import torch

from corpus.films.face_following import LOOK_MS, FaceFollower
from corpus.films.face_network import TorchNetwork, area_weights
from corpus.films.faces import Detection, FaceDetector, letterbox
from corpus.films.media.decode import VideoPass, fitted
from corpus.weights import WeightError, weight_path


@pytest.fixture(scope="module")
def weights() -> None:
    try:
        for name in ("blazeface-full-range", "blazeface-short-range"):
            weight_path(name)
    except WeightError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[tuple[int, np.ndarray]]:
    """Time and picture of the actress's frames in which a hand is before her face (2 s to 6 s)."""
    video = VideoPass(shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4")
    size = fitted(video.facts, 640)
    return [(frame.t_ms, frame.rgb(*size)) for frame in video if 2000 <= frame.t_ms < 6000]


class _Counting:
    """Stands for a detector and tells how often it was asked."""

    def __init__(self, real: FaceDetector) -> None:
        self.real, self.asked = real, 0

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        self.asked += 1
        return self.real.detect(rgb)


def test_the_actress_is_one_track_in_every_frame_and_her_eyes_stay_where_the_whole_picture_has_them(weights, frames) -> None:
    follower, detector = FaceFollower(), FaceDetector(score_minimum=0.4)
    apart = []
    for t_ms, picture in frames:
        followed = follower.push(t_ms, picture)
        assert [number for number, _ in followed] == [0]
        (whole,) = detector.detect(picture)
        face = followed[0][1]
        between = np.hypot(*(np.subtract(whole.left_eye, whole.right_eye) * (640, 360)))
        apart.append(np.abs((np.array([face.right_eye, face.left_eye]) - [whole.right_eye, whole.left_eye]) * (640, 360)).max() / between)
    # A tenth of the eyes' distance is two pixels of the aligned crop.
    assert np.median(apart) < 0.1 and np.percentile(apart, 95) < 0.2


def test_the_whole_picture_is_searched_now_and_then_and_when_the_face_is_gone(weights, frames) -> None:
    follower = FaceFollower()
    counting = _Counting(follower._everywhere)
    follower._everywhere = counting  # type: ignore[assignment]
    for t_ms, picture in frames[:48]:
        follower.push(t_ms, picture)
    assert counting.asked == pytest.approx(2000 / LOOK_MS, abs=2)
    before, (t_ms, picture) = counting.asked, frames[48]
    assert follower.push(t_ms, np.zeros_like(picture)) == []
    assert follower.push(t_ms + 1, picture)[0][0] == 0
    assert counting.asked == before + 2


def test_after_a_shot_boundary_tracks_begin_anew(weights, frames) -> None:
    follower = FaceFollower()
    t_ms, picture = frames[0]
    follower.push(t_ms, picture)
    follower.reset()
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    ((number, face),) = follower.push(t_ms + 40, mirrored)
    assert number == 0 and face.x + face.width / 2 < 0.5


def _agree(one: list[Detection], other: list[Detection]) -> None:
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        assert a.score == pytest.approx(b.score, abs=0.03)
        ours, theirs = ([f.x, f.y, f.x + f.width, f.y + f.height, *f.right_eye, *f.left_eye] for f in (a, b))
        # A grey level more or less at the network's input may bring another anchor into the mean that a box is.
        assert ours == pytest.approx(theirs, abs=0.04 * b.height)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_torch_finds_the_faces_that_litert_finds_in_pictures_of_two_sizes(weights, frames, shared_data, device) -> None:
    import cv2

    photograph = cv2.cvtColor(cv2.imread(str(shared_data / "pexels_actress" / "multi_face.jpg")), cv2.COLOR_BGR2RGB)
    pictures = [picture for _, picture in frames[::12]] + [photograph]
    by_torch = FaceDetector()
    by_torch._network = TorchNetwork(weight_path("blazeface-full-range"), device)
    for ours, theirs in zip(by_torch.detect_all(pictures), FaceDetector().detect_all(pictures), strict=True):
        _agree(ours, theirs)


def test_pictures_are_averaged_by_the_area_that_they_share() -> None:
    weights = area_weights(5, 2)
    assert weights.tolist() == [pytest.approx([0.4, 0.4, 0.2, 0, 0]), pytest.approx([0, 0, 0.2, 0.4, 0.4])]


def test_both_runtimes_see_the_same_input_to_within_a_grey_level(frames) -> None:
    from corpus.films.face_network import _letterboxed
    from corpus.films.faces import letterbox_place

    picture = frames[0][1]
    square = np.empty((192, 192, 3), np.float32)
    letterbox(picture, square)
    ours = _letterboxed(torch.from_numpy(picture[None]), letterbox_place(640, 360))[0].permute(1, 2, 0).numpy()
    difference = np.abs(ours - square) * 127.5
    assert difference.max() <= 1.01 and difference.mean() < 0.2
