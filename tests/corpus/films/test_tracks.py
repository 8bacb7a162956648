import numpy as np

from corpus.films.tracks import find_tracks

RIGHT, LEFT = (0.03, 0.03), (0.07, 0.03)


def _rows(*seen: tuple[int, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Times and faces of a tenth of the picture, from (time, left edge, score)."""
    faces = [(x, 0.3, 0.1, 0.1, score, x + 0.03, 0.33, x + 0.07, 0.33) for _, x, score in seen]
    return np.array([t_ms for t_ms, *_ in seen], np.int64), np.array(faces, np.float64).reshape(-1, 9)


def _found(*seen: tuple[int, float, float], starts_ms: tuple[int, ...] = (0,)) -> list[tuple[int, int, int]]:
    tracks = find_tracks(*_rows(*seen), list(starts_ms))
    return list(zip(tracks.rows.tolist(), tracks.shots.tolist(), tracks.tracks.tolist(), strict=True))


def test_two_faces_are_two_tracks_numbered_by_when_they_begin() -> None:
    seen = [(0, 0.6, 0.9), (200, 0.6, 0.9), (200, 0.1, 0.9), (400, 0.1, 0.9), (400, 0.61, 0.9)]
    assert _found(*seen) == [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 0, 1), (4, 0, 0)]


def test_a_cut_ends_every_track() -> None:
    seen = [(0, 0.1, 0.9), (200, 0.1, 0.9), (400, 0.1, 0.9), (600, 0.1, 0.9)]
    assert _found(*seen, starts_ms=(0, 400)) == [(0, 0, 0), (1, 0, 0), (2, 1, 0), (3, 1, 0)]


def test_what_is_seen_once_or_only_for_a_moment_or_faintly_is_no_face() -> None:
    assert _found((0, 0.1, 0.9)) == []
    assert _found((0, 0.1, 0.9), (80, 0.1, 0.9)) == []
    assert _found((0, 0.1, 0.7), (200, 0.1, 0.7), (400, 0.1, 0.7)) == []
    assert len(_found((0, 0.1, 0.9), (80, 0.1, 0.9), (160, 0.1, 0.9))) == 3


def test_a_faint_face_goes_on_with_a_track_and_begins_none() -> None:
    assert _found((0, 0.1, 0.9), (200, 0.1, 0.5), (400, 0.1, 0.9)) == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]
    assert _found((0, 0.1, 0.5), (200, 0.1, 0.5), (400, 0.1, 0.5)) == []
    assert _found((0, 0.5, 0.5), (200, 0.1, 0.9), (400, 0.1, 0.9)) == [(1, 0, 0), (2, 0, 0)]


def test_a_film_without_faces_has_no_tracks() -> None:
    tracks = find_tracks(*_rows(), [0, 1000])
    assert len(tracks) == 0 and tracks.count == 0
