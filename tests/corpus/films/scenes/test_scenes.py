"""Scenes and units from shots and dialogue: boundaries where they belong, every millisecond in exactly one scene."""

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.contracts import SCENES, SHOTS, UNITS, UTTERANCES
from corpus.films.scenes.evidence import Line, Shot, weigh
from corpus.films.scenes.headings import Part
from corpus.films.scenes.scenes import Grouping, build_scenes, find_scenes
from corpus.films.scenes.units import addressees

KITCHEN, GARDEN, STREET = (np.eye(6)[[0, 2, 4]] * 0.8 + 0.2 / 6).tolist()
PARTS = [Part(f"INT. PLACE {part}", True) for part in range(8)]


def shot(start_ms: int, end_ms: int, place: list[float] | None, transition: str = "cut") -> Shot:
    return Shot(start_ms, end_ms, transition, None if place is None else np.array(place))


def line(start_ms: int, end_ms: int, part: int | None = None) -> Line:
    return Line(start_ms, end_ms, part)


def edges(found: Grouping) -> list[tuple[int, int]]:
    return [(scene.start_ms, scene.end_ms) for scene in found.scenes]


def test_a_scene_begins_at_the_shot_boundary_between_its_heading_and_the_last():
    shots = [shot(0, 4000, KITCHEN), shot(4000, 9000, KITCHEN), shot(9000, 15_000, GARDEN), shot(15_000, 20_000, GARDEN)]
    found = find_scenes(shots, [line(1000, 3000, 0), line(4500, 8000, 0), line(11_000, 13_000, 1), line(16_000, 18_000, 1)], PARTS[:2])
    assert edges(found) == [(0, 9000), (9000, 20_000)]
    assert [(scene.method, scene.heading) for scene in found.scenes] == [("start", "INT. PLACE 0"), ("screenplay", "INT. PLACE 1")]
    assert found.scenes[0].confidence is None and found.scenes[1].confidence == 1.0


def test_a_fade_between_the_lines_is_preferred_to_a_cut_that_changes_as_much():
    shots = [shot(0, 5000, KITCHEN), shot(5000, 7000, STREET), shot(7000, 12_000, GARDEN, "fade")]
    found = find_scenes(shots, [line(1000, 3000, 0), line(9000, 11_000, 1)], PARTS[:2])
    assert edges(found) == [(0, 7000), (7000, 12_000)] and 0.5 < (found.scenes[1].confidence or 0) < 1


def test_a_scene_begins_where_the_place_changes_and_not_at_its_second_shot():
    shots = [shot(0, 5000, KITCHEN), shot(5000, 7000, GARDEN), shot(7000, 12_000, GARDEN)]
    assert edges(find_scenes(shots, [line(1000, 3000, 0), line(9000, 11_000, 1)], PARTS[:2])) == [(0, 5000), (5000, 12_000)]


def test_two_scenes_under_the_same_heading_are_two():
    shots = [shot(0, 5000, KITCHEN), shot(5000, 10_000, GARDEN), shot(10_000, 15_000, KITCHEN)]
    parts = [Part("INT. KITCHEN", True), Part("EXT. GARDEN", True), Part("INT. KITCHEN", True)]
    found = find_scenes(shots, [line(1000, 3000, 0), line(6000, 8000, 1), line(11_000, 13_000, 2)], parts)
    assert [scene.heading for scene in found.scenes] == ["INT. KITCHEN", "EXT. GARDEN", "INT. KITCHEN"]


def test_one_stray_line_within_a_scene_starts_none():
    shots = [shot(0, 10_000, KITCHEN), shot(10_000, 20_000, GARDEN)]
    lines = [line(1000, 2000, 0), line(3000, 4000, 7), line(5000, 6000, 0), line(12_000, 14_000, 1)]
    assert edges(find_scenes(shots, lines, PARTS)) == [(0, 10_000), (10_000, 20_000)]


def test_without_a_shot_boundary_near_the_scene_begins_between_the_lines():
    found = find_scenes([shot(0, 30_000, KITCHEN)], [line(1000, 9000, 0), line(11_000, 20_000, 1)], PARTS[:2])
    assert edges(found) == [(0, 10_000), (10_000, 30_000)] and found.scenes[1].confidence is None


def test_a_written_scene_without_dialogue_is_placed_between_its_neighbours():
    shots = [shot(0, 20_000, KITCHEN), shot(20_000, 40_000, GARDEN), shot(40_000, 60_000, STREET)]
    parts = [Part("INT. KITCHEN", True), Part("EXT. GARDEN", False), Part("EXT. STREET", True)]
    found = find_scenes(shots, [line(1000, 19_000, 0), line(42_000, 50_000, 2)], parts)
    assert [(scene.heading, scene.start_ms) for scene in found.scenes] == [
        ("INT. KITCHEN", 0),
        ("EXT. GARDEN", 20_000),
        ("EXT. STREET", 40_000),
    ]
    assert found.unplaced == ()


@pytest.mark.parametrize("speaks", [True, False])
def test_a_written_scene_that_nothing_shows_is_told_as_unplaced(speaks: bool):
    """One shot boundary has no room for two scenes; and a scene of whose lines none was heard was cut."""
    shots = [shot(0, 20_000, KITCHEN), shot(20_000, 40_000, STREET)]
    parts = [Part("INT. KITCHEN", True), Part("EXT. GARDEN", speaks), Part("EXT. STREET", True)]
    found = find_scenes(shots, [line(1000, 19_000, 0), line(22_000, 30_000, 2)], parts)
    assert [scene.heading for scene in found.scenes] == ["INT. KITCHEN", "EXT. STREET"] and found.unplaced == ("EXT. GARDEN",)


def test_a_silent_opening_and_a_silent_end_of_the_screenplay_are_scenes_of_their_own():
    shots = [shot(0, 20_000, STREET), shot(20_000, 40_000, KITCHEN), shot(40_000, 60_000, GARDEN)]
    parts = [Part("EXT. STREET", False), Part("INT. KITCHEN", True), Part("EXT. GARDEN", False)]
    found = find_scenes(shots, [line(22_000, 38_000, 1)], parts)
    assert [(scene.heading, scene.start_ms) for scene in found.scenes] == [
        ("EXT. STREET", 0),
        ("INT. KITCHEN", 20_000),
        ("EXT. GARDEN", 40_000),
    ]


def test_a_film_that_moves_a_scene_forward_keeps_its_heading_there():
    shots = [shot(0, 10_000, KITCHEN), shot(10_000, 20_000, GARDEN), shot(20_000, 30_000, STREET)]
    found = find_scenes(shots, [line(1000, 9000, 0), line(11_000, 19_000, 2), line(21_000, 29_000, 1)], PARTS[:3])
    assert [scene.heading for scene in found.scenes] == ["INT. PLACE 0", "INT. PLACE 2", "INT. PLACE 1"] and found.unplaced == ()


def test_without_headings_shot_and_reverse_shot_are_one_scene_and_another_place_is_another():
    places = [KITCHEN, STREET, KITCHEN, STREET, GARDEN, GARDEN]
    shots = [shot(6000 * n, 6000 * n + 6000, place) for n, place in enumerate(places)]
    found = find_scenes(shots, [])
    assert edges(found) == [(0, 24_000), (24_000, 36_000)] and [scene.method for scene in found.scenes] == ["start", "picture"]
    assert (found.scenes[1].confidence or 0) > 0.5


def test_the_sound_places_a_scene_where_there_is_no_picture():
    shots = [shot(10_000 * n, 10_000 * n + 10_000, None) for n in range(6)]
    found = find_scenes(shots, [], (), np.array([1.0, 1.0, 12.0, 1.0, 1.0]))
    surest = max(found.scenes, key=lambda scene: scene.confidence or 0)
    assert (surest.start_ms, surest.method) == (30_000, "sound")


def test_a_boundary_never_rests_on_a_sound_that_the_film_does_not_have():
    shots = [shot(0, 20_000, KITCHEN), shot(20_000, 40_000, KITCHEN), shot(40_000, 60_000, GARDEN)]
    assert [weigh(shots, [], None).strongest(boundary) for boundary in (0, 1)] == ["picture", "picture"]


def test_a_line_over_the_boundary_keeps_the_scene_whole():
    shots = [shot(0, 20_000, KITCHEN), shot(20_000, 40_000, GARDEN)]
    assert edges(find_scenes(shots, [line(19_000, 21_000)])) == [(0, 40_000)]
    assert edges(find_scenes(shots, [line(19_000, 20_100)])) == [(0, 20_000), (20_000, 40_000)]


def test_one_shot_is_split_at_long_silence_only():
    film = [shot(0, 60_000, KITCHEN)]
    assert [s.method for s in find_scenes(film, [line(1000, 3000), line(5000, 6000)]).scenes] == ["start"]
    parted = find_scenes(film, [line(1000, 3000), line(43_000, 46_000)])
    assert edges(parted) == [(0, 23_000), (23_000, 60_000)] and parted.scenes[1].method == "gap"


def test_where_nothing_at_all_is_known_the_film_is_one_scene():
    assert edges(find_scenes([shot(4000 * n, 4000 * n + 4000, None) for n in range(30)], [])) == [(0, 120_000)]


def test_addressees_are_the_other_speaker_of_the_same_scene():
    speakers = ["anna", "anna", "ben", "cara", None, "cara", "ben"]
    scenes = ["a", "a", "a", "a", "a", "b", "c"]
    assert addressees(speakers, scenes) == ["ben", "ben", "anna", "ben", None, None, None]


times = st.lists(st.integers(100, 9000), min_size=1, max_size=12)


@settings(max_examples=80, deadline=None)
@given(times, st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 5000), st.sampled_from([None, 0, 1, 2, 3])), max_size=12))
def test_scenes_always_cover_the_film_without_gap_or_overlap(lengths: list[int], spoken: list[tuple[int, int, int | None]]):
    starts = np.cumsum([0, *lengths]).tolist()
    shots = [shot(a, b, [KITCHEN, GARDEN, STREET][n % 3]) for n, (a, b) in enumerate(pairwise(starts))]
    lines = [line(start, start + length, part) for start, length, part in sorted(spoken, key=lambda item: item[0])]
    scenes = find_scenes(shots, lines, PARTS[:4]).scenes
    assert scenes[0].start_ms == 0 and scenes[-1].end_ms == starts[-1]
    assert all(a.end_ms == b.start_ms for a, b in pairwise(scenes))
    assert all(scene.start_ms < scene.end_ms for scene in scenes)


SCRIPT = "INT. KITCHEN - DAY\n\nANNA\nHello Ben.\n\nBEN\nHello Anna.\n\nEXT. GARDEN - DAY\n\nANNA\nWhat a day.\n\nBEN\nIndeed.\n"
SPOKEN = [(1000, 2000, "anna", 4), (3000, 4000, "ben", 7), (9000, 10_000, "anna", 12), (12_000, 13_000, "ben", 15)]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Artifacts of a film with four shots of two colours; dialogue is written by the tests."""
    for name in ("film", "shots/thumbs", "soundtrack", "dialogue", "scenes"):
        (tmp_path / name).mkdir(parents=True)
    entry = {"film_id": "day", "title": "Day", "video": "/films/day.mp4", "screenplay": "screenplay.fountain"}
    (tmp_path / "film" / "film.json").write_text(json.dumps(entry))
    (tmp_path / "film" / "screenplay.fountain").write_text(SCRIPT)
    rows = []
    for index, colour in enumerate([(200, 40, 40), (190, 50, 40), (30, 160, 60), (30, 150, 50)]):
        grain = np.random.default_rng(index).normal(0, 25, (90, 160, 3))
        picture = (grain + colour).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "shots" / "thumbs" / f"{index:04d}.jpg"), picture)
        shot_id, start = f"day.shot{index:04d}", 4000 * index
        rows.append({"shot_id": shot_id, "film_id": "day", "index": index, "start_ms": start, "end_ms": start + 4000})
        rows[-1] |= {"transition": "cut" if index else "start", "thumbnail": f"thumbs/{index:04d}.jpg"}
    SHOTS.write(SHOTS.frame(rows), tmp_path / "shots" / "shots.parquet")
    return tmp_path


def speak(film: Path, spoken: list[tuple[int, int, str, int]], headings: bool) -> None:
    rows = [
        {"utterance_id": f"day.u{n:05d}", "film_id": "day", "index": n, "start_ms": start, "end_ms": end, "text": "x", "raw_text": "x"}
        | {"character_id": who, "source": "subtitles", "script_line": script_line if headings else None}
        | {"scene_heading": "INT. KITCHEN - DAY" if script_line < 9 else "EXT. GARDEN - DAY"}
        for n, (start, end, who, script_line) in enumerate(spoken)
    ]
    UTTERANCES.write(UTTERANCES.frame(rows), film / "dialogue" / "utterances.parquet")


def build(film: Path) -> tuple[object, pd.DataFrame, pd.DataFrame]:
    summary = build_scenes(film / "film", film / "shots", film / "soundtrack", film / "dialogue", film / "scenes")
    return summary, SCENES.read(film / "scenes" / "scenes.parquet"), UNITS.read(film / "scenes" / "units.parquet")


@pytest.mark.parametrize(("headings", "method"), [(True, "screenplay"), (False, "picture")])
def test_units_of_a_film_with_dialogue(film: Path, headings: bool, method: str):
    speak(film, SPOKEN, headings)
    summary, scenes, units = build(film)
    assert list(zip(scenes["start_ms"], scenes["end_ms"], scenes["method"], strict=True)) == [(0, 8000, "start"), (8000, 16_000, method)]
    told = [("int", "KITCHEN", "day"), ("ext", "GARDEN", "day")] if headings else [(None, None, None)] * 2
    assert (
        list(
            scenes[["setting", "place", "time_of_day"]]
            .astype(object)
            .where(scenes["heading"].notna(), None)
            .itertuples(index=False, name=None)
        )
        == told
    )
    said = units[units["level"] == "utterance"]
    assert list(said["scene_id"]) == ["day.scene000"] * 2 + ["day.scene001"] * 2
    assert list(said["addressee_id"]) == ["ben", "anna", "ben", "anna"] and list(said["position"]) == [0, 1, 2, 3]
    assert summary.n_units == {"scene": 2, "utterance": 4} and summary.missing is None


def test_units_of_a_film_without_dialogue_are_spans_within_shots(film: Path):
    UTTERANCES.write(UTTERANCES.empty(), film / "dialogue" / "utterances.parquet")
    shots = SHOTS.read(film / "shots" / "shots.parquet")
    shots.loc[3, "end_ms"] = 25_000
    SHOTS.write(shots, film / "shots" / "shots.parquet")
    summary, scenes, units = build(film)
    spans = units[units["level"] == "span"]
    assert (spans["end_ms"] - spans["start_ms"]).max() <= 4000
    assert list(spans["start_ms"])[:4] == [0, 4000, 8000, 12_000] and spans["end_ms"].iloc[-1] == 25_000
    assert (spans["end_ms"].to_numpy()[:-1] == spans["start_ms"].to_numpy()[1:]).all()
    assert set(spans["scene_id"]) == set(scenes["scene_id"]) and "no utterance" in summary.missing
