"""When a face answers a line, and whose it is."""

import numpy as np
import pytest

from corpus.contracts import UNITS
from ml.features.face.listening import REACTION_MS, choose_listener, listening_times


def unit(name: str, start_ms: int | None, end_ms: int | None, scene: str | None = "s1", level: str = "utterance") -> dict[str, object]:
    return {"unit_id": name, "film_id": "film", "level": level, "start_ms": start_ms, "end_ms": end_ms, "scene_id": scene}


def test_a_line_is_answered_from_its_middle_until_the_next_of_its_scene_begins() -> None:
    units = UNITS.frame(
        [
            unit("b", 3000, 4000),
            unit("a", 0, 2000),
            unit("far", 20_000, 21_000),
            unit("other scene", 21_500, 22_000, "s2"),
            unit("scene", 0, 22_000, level="scene"),
            unit("no time", None, None),
        ]
    )
    from_ms, until_ms = listening_times(units)
    assert from_ms.tolist() == pytest.approx([3500, 1000, 20_500, 21_750, np.nan, np.nan], nan_ok=True)
    assert until_ms.tolist() == pytest.approx([4000 + REACTION_MS, 3000, 21_000, 22_000, np.nan, np.nan], nan_ok=True)


def test_a_line_that_is_cut_in_is_answered_for_no_negative_time() -> None:
    from_ms, until_ms = listening_times(UNITS.frame([unit("a", 0, 4000), unit("b", 500, 1000)]))
    assert (until_ms >= from_ms).all()


SEEN = {"one": np.array([4, 5]), "two": np.array([1, 2, 3]), "three": np.array([6])}


def test_the_addressee_is_taken_by_name_from_all_tracks_of_theirs() -> None:
    found = choose_listener(SEEN, {"one": "bob", "three": "bob", "two": "eve"}, None, "ann", "bob")
    assert found is not None and found.rows.tolist() == [4, 5, 6] and found.character == "bob"


def test_without_an_addressee_whoever_is_seen_longest_and_does_not_speak_listens() -> None:
    found = choose_listener(SEEN, {"one": "bob"}, "two", "ann", None)
    assert found is not None and found.rows.tolist() == [4, 5] and found.character == "bob"


def test_a_third_person_answers_nothing_where_the_addressee_is_known() -> None:
    found = choose_listener(SEEN, {"two": "eve", "one": "ann"}, None, "ann", "bob")
    assert found is not None and found.rows.tolist() == [6] and found.character is None


def test_the_speaker_alone_is_no_listener() -> None:
    assert choose_listener({"one": np.array([1])}, {"one": "ann"}, None, "ann", "bob") is None
    assert choose_listener({"one": np.array([1])}, {}, "one", None, None) is None
    assert choose_listener({}, {}, None, "ann", "bob") is None
