"""Who is who: tracks go to the character they resemble, also when the camera shows the listener."""

import numpy as np
import pandas as pd

from corpus.contracts import FACES, UNITS
from ml.features.people import find_people

PORTRAITS = {who: np.random.default_rng(seed).integers(0, 255, (8, 8, 3)) for seed, who in enumerate(("ann", "bob", "eve"))}


def film(*turns: tuple[str, str], noise: float = 20.0) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Turns of one second (speaker, who is seen: names joined by "+"), one track a face and turn, five pictures each."""
    rng = np.random.default_rng(7)
    faces, crops, units = [], [], []
    for turn, (speaker, seen) in enumerate(turns):
        start = 1000 * turn
        units.append({"unit_id": f"u{turn}", "film_id": "f", "level": "utterance", "start_ms": start, "end_ms": start + 1000})
        units[-1] |= {"character_id": speaker, "position": turn}
        for place, who in enumerate(seen.split("+")):
            for picture in range(5):
                box = {"x": place / 2, "y": 0.2, "width": 0.2, "height": 0.3, "score": 0.9, "crop_row": len(crops)}
                faces.append({"film_id": "f", "shot_id": f"s{turn}", "track_id": f"s{turn}.{place}", "t_ms": start + 200 * picture} | box)
                crops.append(np.kron(PORTRAITS[who], np.ones((8, 8, 1))) + rng.normal(0, noise, (64, 64, 3)))
    return FACES.frame(faces), np.stack(crops).clip(0, 255).astype(np.uint8), UNITS.frame(units)


SOLO = [("ann", "ann"), ("bob", "bob")] * 4


def test_each_track_is_named_and_the_listener_is_not_named_after_the_speaker():
    found = find_people(*film(*SOLO, ("ann", "bob"), ("bob", "ann+bob"), ("ann", "bob+ann")))
    expected = {f"s{turn}.0": who for turn, (who, _) in enumerate(SOLO)}
    assert found.character == expected | {"s8.0": "bob", "s9.0": "ann", "s9.1": "bob", "s10.0": "bob", "s10.1": "ann"}
    assert found.agreement is not None and found.agreement > 0.85


def test_a_stranger_stays_unnamed():
    found = find_people(*film(*SOLO, ("ann", "eve"), noise=5))
    assert "s8.0" not in found.character and found.character["s0.0"] == "ann"


def test_nobody_is_named_where_likeness_does_not_tell_who_speaks():
    shuffled = [(speaker, np.random.default_rng(i).choice(["ann", "bob"])) for i, (speaker, _) in enumerate(SOLO * 2)]
    found = find_people(*film(*shuffled))
    assert found.character == {} and found.agreement is not None and found.agreement < 0.65


def test_one_character_or_no_faces_need_no_names():
    assert find_people(*film(*[("ann", "ann")] * 8)).character == {}
    faces, crops, units = film(*SOLO)
    assert find_people(faces.iloc[:0], crops[:0], units).agreement is None
