"""Who is present, when they spoke last and speak next: against a count by hand and by the definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.models.cast import PRESENT, present_characters, role_of


def cast_of_one_scene(*speakers: int):
    n = len(speakers)
    return present_characters(np.zeros(n, np.int64), np.arange(n), np.zeros(n, np.int64), np.array(speakers))


def test_the_speaker_comes_first_and_whoever_spoke_last_beside_them_is_the_addressee():
    cast = cast_of_one_scene(7, 8, 9, 7)
    assert cast.last.tolist() == [[0, -1, -1, -1], [1, 0, -1, -1], [2, 1, 0, -1], [3, 2, 1, -1]]
    assert cast.next.tolist() == [[3, -1, -1, -1], [-1, 3, -1, -1], [-1, -1, 3, -1], [-1, -1, -1, -1]]
    assert [role_of(place) for place in range(PRESENT)] == ["speaker", "addressee", "present", "present"]


def test_a_line_of_nobody_known_has_no_speaker_but_has_hearers():
    cast = cast_of_one_scene(7, -1, 7)
    assert cast.last[1].tolist() == [-1, 0, -1, -1] and cast.next[1].tolist() == [-1, 2, -1, -1]


def test_another_scene_has_its_own_cast():
    cast = present_characters(np.zeros(4, np.int64), np.arange(4), np.array([0, 0, 1, 1]), np.array([7, 8, 8, 7]))
    assert cast.last[2].tolist() == [2, -1, -1, -1] and cast.next[1].tolist() == [-1, -1, -1, -1]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(-1, 5)), max_size=25))
def test_it_is_what_a_search_over_the_scene_finds(units):
    sequence, scene, speaker = (np.array([unit[k] for unit in units], np.int64) for k in range(3))
    scene = np.sort(scene)
    place = np.arange(len(units))
    cast = present_characters(sequence, place, scene, speaker)
    for row in range(len(units)):
        others = [other for other in range(len(units)) if (sequence[other], scene[other]) == (sequence[row], scene[row])]
        past = [other for other in others if other < row and speaker[other] not in (-1, speaker[row])]
        known = sorted({int(speaker[other]): other for other in past}.values(), reverse=True)
        expected = [row if speaker[row] >= 0 else -1, *known][:PRESENT]
        assert cast.last[row].tolist() == expected + [-1] * (PRESENT - len(expected))
        for last, following in zip(cast.last[row].tolist(), cast.next[row].tolist(), strict=True):
            later = [other for other in others if other > row and last >= 0 and speaker[other] == speaker[last]]
            assert following == min(later, default=-1)
