"""The drawn face: poses differ where they should, and the detector takes each for a face."""

from dataclasses import replace

import numpy as np
import pytest

from corpus.films.faces import FaceDetector
from corpus.maker.cast import cast
from corpus.maker.face import POSES, FacePainter, Pose, shade_head
from corpus.maker.story import TEMPERAMENTS
from corpus.weights import WeightError
from tests.emotions import WRITTEN

LAMP = (-0.5, -0.5, 1.0)


def _painter(seed: int) -> FacePainter:
    person = cast(np.random.default_rng(seed), list(TEMPERAMENTS))[0]
    return FacePainter(shade_head(person.features, LAMP, (248, 252, 255), 0.55))


def test_every_emotion_has_a_pose_and_none_looks_like_another():
    painter = _painter(1)
    faces = {emotion: painter.paint(POSES[emotion])[60:290, 60:260].astype(float) for emotion in WRITTEN}
    for first in WRITTEN:
        for second in WRITTEN:
            if first < second:
                assert np.abs(faces[first] - faces[second]).mean() > 1.5, (first, second)


def test_painting_leaves_the_head_as_it_was():
    painter = _painter(2)
    before = painter.paint(Pose())
    painter.paint(POSES["surprise"])
    assert np.array_equal(before, painter.paint(Pose()))


def test_the_mouth_opens_and_the_eyes_close():
    painter = _painter(3)
    rest = painter.paint(Pose())
    opened = painter.paint(Pose(mouth_open=1.0))
    blinking = painter.paint(Pose(blink=1.0))
    mouth, eyes = (slice(241, 298), slice(125, 196)), (slice(163, 194), slice(95, 140))
    assert np.abs(opened[mouth].astype(int) - rest[mouth]).mean() > 20
    assert np.array_equal(opened[eyes], rest[eyes])
    assert np.abs(blinking[eyes].astype(int) - rest[eyes]).mean() > 40 and blinking[eyes].std() < 0.8 * rest[eyes].std()


@pytest.mark.parametrize("seed", range(4))
def test_the_real_detector_takes_every_expression_of_anyone_for_a_face(seed):
    try:
        detector = FaceDetector()
    except WeightError as error:
        pytest.skip(str(error))
    person = cast(np.random.default_rng(seed), list(TEMPERAMENTS))[1]
    head = shade_head(replace(person.features), LAMP, (248, 252, 255), 0.55)
    painter = FacePainter(head)
    for emotion in WRITTEN:
        picture = np.full((360, 640, 3), (120, 110, 90), np.uint8)
        window, share = picture[:, 160:480], (head.alpha[:360] / 255.0)[..., None]
        window[:] = (painter.paint(POSES[emotion])[:360] * share + window * (1 - share)).astype(np.uint8)
        faces = detector.detect(np.ascontiguousarray(picture[:, :, ::-1]))
        assert len(faces) == 1 and faces[0].score > 0.6, emotion
