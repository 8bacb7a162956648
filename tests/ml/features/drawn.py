"""Crops of drawn heads as the scan aligns them: people of known looks, under any lamp, with any face."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from corpus.films.faces import align_crop
from corpus.maker.face import CENTRE_X, CENTRE_Y, HALF_HEIGHT, HEIGHT, POSES, WIDTH, FacePainter, Features, shade_head

ANN = Features(
    skin=(140, 172, 222),
    hair=(38, 54, 84),
    iris=(140, 105, 55),
    lips=(95, 80, 185),
    clothes=(120, 70, 50),
    hair_style="long",
    beard="none",
    half_width=0.74,
    jaw=0.72,
    eye_size=1.1,
    eye_gap=0.38,
    brow_thickness=1.0,
    nose_size=1.0,
    lip_fullness=1.2,
    freckles=False,
)
BOB = replace(ANN, skin=(98, 132, 186), hair=(24, 24, 30), hair_style="short", beard="full", jaw=0.82, brow_thickness=1.4)
EVE = replace(ANN, skin=(165, 190, 235), hair=(60, 118, 186), hair_style="bob", iris=(90, 125, 70), nose_size=1.15)
PERSONS = {"ann": ANN, "bob": BOB, "eve": EVE}
DAY, EVENING = ((-0.5, -0.5, 1.0), (248, 252, 255), 0.56), ((0.45, -0.5, 1.0), (205, 226, 255), 0.5)
LIGHTS = (DAY, EVENING)


@lru_cache(maxsize=64)
def crop(who: str, light: int = 0, emotion: str = "neutral") -> np.ndarray:
    """A crop uint8 (64, 64, 3) RGB of one of PERSONS under one of LIGHTS, before a grey wall."""
    features = PERSONS[who]
    head = shade_head(features, *LIGHTS[light])
    painted = FacePainter(head).paint(POSES[emotion])
    share = head.alpha[..., None] / 255
    picture = (painted * share + 120 * (1 - share)).round().astype(np.uint8)[..., ::-1]
    across, down = features.eye_gap * HALF_HEIGHT, CENTRE_Y - 0.1 * HALF_HEIGHT
    eyes = tuple(((CENTRE_X + side * across) / WIDTH, down / HEIGHT) for side in (-1, 1))
    return align_crop(np.ascontiguousarray(picture), (eyes[0], eyes[1]))
