"""Damage in words, and what a file's own structure tells of it."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.damage_judge import State, read_content, run_trial
from benchmarks.damaged import DAMAGES, KINDS, Kind, write_kind
from corpus.films.media.damage import CutOff, Damage, DamageLog
from corpus.films.media.structure import Structure, examine

CONTAINERS = {".mkv": "matroska,webm", ".webm": "matroska,webm", ".avi": "avi", ".mp4": "mov,mp4,m4a,3gp,3g2,mj2", ".ts": "mpegts"}


def test_damage_is_told_with_its_span_and_what_it_cost() -> None:
    log = DamageLog()
    log.note("pictures are lost", 2_463_000, 2_464_000, pictures=10)
    log.note("pictures cannot be decoded", 2_465_900, pictures=2)
    log.note("pictures are lost", 10_000, pictures=1)
    assert [str(place) for place in log.places()] == [
        "broken at 00:00:10 (1 picture): pictures are lost",
        "broken from 00:41:03 to 00:41:05 (12 pictures): pictures are lost; pictures cannot be decoded",
    ]
    assert str(CutOff(2_463_000, 6_720_000, "the rest is not in the file")) == "ends at 00:41:03 of 01:52:00: the rest is not in the file"


@given(st.lists(st.tuples(st.integers(0, 7_200_000), st.integers(0, 60_000)), min_size=1, max_size=300))
def test_every_fault_lies_in_a_place_or_is_counted(faults: list[tuple[int, int]]) -> None:
    log = DamageLog()
    for start_ms, length_ms in faults:
        log.note("fault", start_ms, start_ms + length_ms, pictures=1)
    places = log.places()
    outside = [f for f in faults if not any(p.start_ms <= f[0] and f[0] + f[1] <= p.end_ms for p in places)]
    assert len(places) <= 20
    assert sum(place.pictures for place in places) + len(outside) == len(faults)
    assert not outside or places[-1].what.endswith(f"and {len(outside)} more faults")
    assert list(places) == sorted(places, key=lambda place: place.start_ms)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kind, Path]:
    """One undamaged film of each kind."""
    return request.param, write_kind(tmp_path_factory.mktemp("whole"), request.param, seconds=4)


def test_an_undamaged_film_has_no_holes(whole: tuple[Kind, Path]) -> None:
    # libavformat covers Matroska's clusters by CRC-32, and WebM's not.
    assert examine(whole[1], CONTAINERS[whole[0].suffix]) == Structure(checksums=whole[1].suffix == ".mkv")


def test_making_a_film_leaves_how_this_process_is_scheduled_as_it_was(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    write_kind(tmp_path, next(kind for kind in KINDS if kind.video == "libsvtav1"), seconds=1)
    assert os.sched_getscheduler(0) == before


def test_a_film_of_each_kind_and_damage_is_refused_or_told_or_harmless(whole: tuple[Kind, Path], tmp_path: Path) -> None:
    kind, path = whole
    clean = read_content(path)
    assert clean.told == ()
    for number, (name, damage) in enumerate(DAMAGES.items()):
        damaged = tmp_path / f"damaged{kind.suffix}"
        damaged.write_bytes(damage(path.read_bytes(), np.random.default_rng([1, number])))
        outcome = run_trial(clean, damaged)
        assert outcome.state in (State.REFUSED, State.TOLD, State.HARMLESS), (name, outcome)


@pytest.mark.slow
def test_hundreds_of_damaged_films_never_crash_nor_hang_nor_pass_in_silence(whole: tuple[Kind, Path], tmp_path: Path) -> None:
    """Seven kinds of damage, ten seeds; films whose flipped bits nobody can see must still neither crash nor hang."""
    kind = whole[0]
    path = write_kind(tmp_path, kind)
    clean = read_content(path)
    states = []
    for number, damage in enumerate(DAMAGES.values()):
        for seed in range(10):
            damaged = tmp_path / f"damaged{kind.suffix}"
            damaged.write_bytes(damage(path.read_bytes(), np.random.default_rng([100 + seed, number])))
            states.append(run_trial(clean, damaged).state)
    assert State.CRASHED not in states
    assert State.HUNG not in states
    silent = sum(state in (State.SILENT_PICTURE, State.SILENT_SOUND) for state in states)
    # Of single flipped bits about one in twenty decodes to other valid pictures or sound; docs/limits.md has the shares.
    assert silent <= 3, states


def test_a_file_in_matroska_that_ends_early_is_known_although_it_declares_no_length(tmp_path: Path) -> None:
    path = write_kind(tmp_path, next(kind for kind in KINDS if kind.name == "mkv"), seconds=2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert examine(path, "matroska,webm").cut_off


def test_a_damaged_place_is_one_whether_told_once_or_twice() -> None:
    log = DamageLog()
    for _ in range(2):
        log.note("fault", 5000, 6000)
    assert log.places() == (Damage(5000, 6000, "fault"),)
