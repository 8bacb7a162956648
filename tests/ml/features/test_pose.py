"""Posture: known bodies give known angles and distances, only what is seen counts, speeds are per second, a real man stands as he does."""

import cv2
import numpy as np
import pytest

from corpus.terms import FeelmError
from ml.features.face.pose import (
    ELBOWS,
    EYES,
    GESTURE,
    HIPS,
    NOSE,
    POSTURE,
    SHOULDERS,
    WRISTS,
    Bodies,
    BodyChunk,
    PostureExtractor,
    gesture,
    posture,
    read_bodies,
    shoulder_width,
)

ALL = [NOSE, *EYES, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS]


def body(*, seen: list[int] = ALL, facing: bool = True, **moved: tuple[float, float]) -> Bodies:
    """One person whose shoulders are 0.2 picture heights apart; `moved` shifts points by name, as left_wrist=(0.1, 0)."""
    points = np.zeros((33, 2), np.float32)
    points[NOSE], points[list(EYES)] = (0.8, 0.2), [(0.78, 0.18), (0.82, 0.18)]
    for pair, y, apart in ((SHOULDERS, 0.3, 0.1), (ELBOWS, 0.4, 0.12), (WRISTS, 0.5, 0.1), (HIPS, 0.6, 0.06)):
        points[list(pair)] = [(0.8 - apart, y), (0.8 + apart, y)]
    names = {"nose": NOSE} | {f"{side}_{part}": pair[s] for part, pair in PAIRS.items() for s, side in enumerate(("right", "left"))}
    for name, shift in moved.items():
        points[names[name]] += shift
    if not facing:
        points[:, 0] = 1.6 - points[:, 0]
    mask = np.zeros((1, 33), bool)
    mask[0, seen] = True
    return Bodies(points[None], np.zeros((1, 33), np.float32), mask, np.ones(1, np.float32))


PAIRS = {"eye": EYES, "shoulder": SHOULDERS, "elbow": ELBOWS, "wrist": WRISTS, "hip": HIPS}


def measured(**changes) -> dict[str, float]:
    return dict(zip(POSTURE, posture(body(**changes))[0].tolist(), strict=True))


def test_a_body_at_rest_has_the_known_measures():
    expected = {"head_tilt": 0, "shoulder_tilt": 0, "shoulder_turn": 0, "lean": 0, "neck": 0.5, "openness": 1.2, "hand_height": -1}
    expected |= {"hand_to_face": np.hypot(0.1, 0.3) / 0.2, "arms_crossed": -1}
    assert measured() == pytest.approx(expected, abs=1e-5)


def test_each_measure_moves_the_way_it_says():
    assert measured(left_shoulder=(0, 0.04))["shoulder_tilt"] == pytest.approx(np.degrees(np.arctan2(0.04, 0.2)), abs=0.01)
    assert measured(left_eye=(0, 0.02))["head_tilt"] == pytest.approx(np.degrees(np.arctan2(0.02, 0.04)), abs=0.01)
    assert measured(left_hip=(-0.1, 0), right_hip=(-0.1, 0))["lean"] == pytest.approx(np.degrees(np.arctan2(0.1, 0.3)), abs=0.01)
    assert measured(left_wrist=(0, -0.4))["hand_height"] == pytest.approx(1, abs=1e-5)
    assert measured(left_wrist=(-0.1, -0.3))["hand_to_face"] == pytest.approx(0, abs=1e-5)
    assert measured(left_wrist=(-0.15, 0), right_wrist=(0.15, 0))["arms_crossed"] == pytest.approx(0.5, abs=1e-5)
    assert measured(left_wrist=(0.3, 0), right_wrist=(-0.3, 0))["openness"] == pytest.approx(4, abs=1e-5)
    assert measured(nose=(0, 0.05))["neck"] == pytest.approx(0.25, abs=1e-5)


def test_from_behind_arms_at_rest_are_not_crossed_and_leans_keep_their_side():
    behind = measured(facing=False)
    assert behind["arms_crossed"] == pytest.approx(-1, abs=1e-5) and behind["shoulder_tilt"] == pytest.approx(0, abs=1e-5)
    # The left shoulder lies left in the picture now: lowered, the line leans to the left.
    assert measured(facing=False, left_shoulder=(0, 0.04))["shoulder_tilt"] < -5


def test_what_is_not_seen_is_not_measured():
    close = measured(seen=[NOSE, *EYES, *SHOULDERS])
    known = {name for name, value in close.items() if not np.isnan(value)}
    assert known == {"head_tilt", "shoulder_tilt", "shoulder_turn", "neck"}
    one_hand = measured(seen=[NOSE, *EYES, *SHOULDERS, WRISTS[1]])
    assert one_hand["hand_height"] == pytest.approx(-1, abs=1e-5) and np.isnan(one_hand["arms_crossed"])
    assert np.isnan(posture(body(seen=[]))).all()


def test_a_turned_shoulder_line_keeps_its_width_by_its_depth():
    one = body()
    depth = one.depth.copy()
    depth[0, SHOULDERS[1]] = 0.2
    turned = Bodies(one.points, depth, one.seen, one.confidence)
    assert shoulder_width(turned)[0] == pytest.approx(np.hypot(0.2, 0.2)) and posture(turned)[0, 2] == pytest.approx(45, abs=0.01)


def several(*ones: Bodies) -> Bodies:
    return Bodies(*(np.concatenate([getattr(one, name) for one in ones]) for name in ("points", "depth", "seen", "confidence")))


def test_hands_are_as_fast_as_they_move_beside_the_shoulders_and_only_within_a_track():
    still, raised = body(), body(left_wrist=(0, -0.2), **dict.fromkeys(("right_wrist", "left_shoulder", "right_shoulder"), (0.1, 0)))
    found = gesture(several(still, still, raised, still), np.array([0, 0, 500, 2500]), np.array([0, 1, 0, 0]))
    assert np.isnan(found[[0, 1, 3]]).all()
    # In half a second the shoulders went 0.1 of 0.2; the left wrist 0.2 up while they went 0.1 aside.
    assert dict(zip(GESTURE, found[2].tolist(), strict=True)) == pytest.approx(
        {"hand_speed": np.hypot(0.1, 0.2) / 0.2 / 0.5, "body_speed": 1.0}, abs=1e-4
    )


@pytest.fixture(scope="module")
def chaplin(shared_data):
    """Two bodies of Chaplin's clip, found and cut out as a scan does: JPEGs, boxes."""
    from corpus.films.faces import FaceDetector, body_crop
    from corpus.films.media.decode import VideoPass, fitted

    video, detector = VideoPass(shared_data / "misc_clips" / "chaplin.mp4"), FaceDetector()
    jpegs, boxes = [], []
    for frame in video:
        if frame.index in (168, 204):
            picture = frame.rgb(*fitted(video.facts, 640))
            crop, box = body_crop(picture, detector.detect(picture)[0])
            jpegs.append(cv2.imencode(".jpg", crop[:, :, ::-1])[1].tobytes())
            boxes.append(box)
    return tuple(jpegs), np.array(boxes)


def test_standing_men_are_seen_to_stand_with_their_arms_down(need_weights, chaplin):
    need_weights("pose-landmarks", "blazeface-full-range")
    jpegs, boxes = chaplin
    block = PostureExtractor().extract(BodyChunk(np.array([7000, 8500]), jpegs, boxes))
    for row in block.values:
        values = dict(zip(POSTURE, row.tolist(), strict=True))
        assert abs(values["shoulder_tilt"]) < 20 and abs(values["lean"]) < 15 and abs(values["head_tilt"]) < 25
        assert values["hand_height"] < -0.5 and 0.15 < values["neck"] < 1
    assert (block.confidence > 0.9).all() and block.start_ms.tolist() == [7000, 8500]


def test_the_same_body_elsewhere_in_the_picture_is_held_the_same(need_weights, chaplin):
    need_weights("pose-landmarks")
    jpegs, boxes = chaplin
    crops = np.stack([cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) for jpeg in jpegs])
    here, there = (posture(read_bodies(crops, where)) for where in (boxes, boxes * 0.5 + (0.2, 0.1, 0, 0)))
    assert np.allclose(here, there, atol=1e-3, equal_nan=True)


def test_crops_that_are_no_pictures_are_told(need_weights):
    need_weights("pose-landmarks")
    with pytest.raises(FeelmError, match="crop 0 of 1 of a body is no picture"):
        PostureExtractor().extract(BodyChunk(np.zeros(1), (b"junk",), np.zeros((1, 4))))


def test_a_chunk_is_known_by_its_pictures_times_and_places():
    extractor, one = PostureExtractor(), BodyChunk(np.zeros(1), (b"a",), np.zeros((1, 4)))
    others = [BodyChunk(np.ones(1), (b"a",), np.zeros((1, 4))), BodyChunk(np.zeros(1), (b"b",), np.zeros((1, 4)))]
    others.append(BodyChunk(np.zeros(1), (b"a",), np.ones((1, 4))))
    assert len({extractor.digest(chunk) for chunk in (one, *others)}) == 4


@pytest.mark.gpu
def test_a_gpu_finds_the_points_that_the_cpu_finds(need_weights, chaplin):
    need_weights("pose-landmarks")
    jpegs, boxes = chaplin
    crops = np.stack([cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) for jpeg in jpegs])
    cpu, gpu = read_bodies(crops, boxes), read_bodies(crops, boxes, device="cuda")
    assert np.abs(cpu.points - gpu.points).max() < 0.005 and (cpu.seen == gpu.seen).all()
