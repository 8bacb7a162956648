"""Who is who: tracks of one person are found again under another lamp, and named by who speaks; nobody is named by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

import ml.features.people.find
from corpus.contracts import FACES, PEOPLE, UNITS
from corpus.weights import WeightError
from ml.features.people.find import SHEET_FACES, People, find_people, people_table, write_people
from tests.ml.features.drawn import crop

EMOTIONS = ("neutral", "joy", "anger", "sadness")


@pytest.fixture(autouse=True)
def weights(need_weights) -> None:
    need_weights("face-identity")


Film = tuple[pd.DataFrame, np.ndarray, pd.DataFrame]


def film(*turns: tuple[str, str]) -> Film:
    """Turns of one second (speaker, who is seen: names joined by "+"), one track a face and turn, five pictures each; the lamp changes
    every four turns."""
    faces, crops, units = [], [], []
    for turn, (speaker, seen) in enumerate(turns):
        start = 1000 * turn
        units.append({"unit_id": f"u{turn}", "film_id": "f", "level": "utterance", "start_ms": start, "end_ms": start + 1000})
        units[-1] |= {"character_id": speaker, "position": turn}
        for place, who in enumerate(seen.split("+")):
            for picture in range(5):
                box = {"x": place / 2, "y": 0.2, "width": 0.2, "height": 0.3, "score": 0.9, "crop_row": len(crops)}
                faces.append({"film_id": "f", "shot_id": f"s{turn}", "track_id": f"s{turn}.{place}", "t_ms": start + 200 * picture} | box)
                crops.append(crop(who, turn // 4 % 2, EMOTIONS[(turn + picture) % 4]))
    return FACES.frame(faces), np.stack(crops), UNITS.frame(units)


SOLO = [("ann", "ann"), ("bob", "bob")] * 4
TOGETHER = [("ann", "ann+bob"), ("bob", "bob+ann")]


def seen_in(turns: list[tuple[str, str]]) -> dict[str, str]:
    """Who each track truly is."""
    return {f"s{turn}.{place}": who for turn, (_, seen) in enumerate(turns) for place, who in enumerate(seen.split("+"))}


def test_each_track_is_named_and_the_listener_is_not_named_after_the_speaker() -> None:
    turns = [*SOLO, *TOGETHER, ("ann", "bob"), ("bob", "ann+bob"), ("ann", "bob+ann")]
    found = find_people(*film(*turns))
    assert found.character == seen_in(turns)
    assert found.agreement is not None and found.agreement > 0.85
    assert set(found.certainty) == set(found.character) and min(found.certainty.values()) >= 0.7


def test_a_person_keeps_one_id_under_every_lamp_and_two_persons_two() -> None:
    turns = [*SOLO, *TOGETHER, ("eve", "eve+ann"), ("eve", "eve"), ("eve", "eve+bob"), ("eve", "eve")]
    found = find_people(*film(*turns))
    ids = {who: {found.person[track] for track, each in seen_in(turns).items() if each == who} for who in ("ann", "bob", "eve")}
    assert all(len(each) == 1 for each in ids.values()) and len(set.union(*ids.values())) == 3
    # Ann and Bob are seen longer than Eve.
    assert ids["eve"] == {"f.person03"}
    assert min(found.likeness.values()) > 0.6


def test_a_stranger_is_a_person_without_a_name() -> None:
    found = find_people(*film(*SOLO, *TOGETHER, ("ann", "eve+ann"), ("bob", "eve+bob")))
    assert "s10.0" not in found.character and "s11.0" not in found.character
    assert found.person["s10.0"] == found.person["s11.0"] == "f.person03"
    assert found.character["s0.0"] == "ann"


def test_a_dissolve_does_not_part_one_person_into_two() -> None:
    turns = [*SOLO, *TOGETHER, ("ann", "ann")]
    faces, crops, units = film(*turns)
    again = faces[faces["track_id"] == "s10.0"].iloc[-2:].assign(track_id="s10.1", x=0.6)
    seen_twice = pd.concat([faces, again], ignore_index=True)
    found = find_people(seen_twice, np.concatenate([crops, crops[-2:]]), units)
    assert found.person["s10.0"] == found.person["s10.1"] and set(found.person.values()) == {"f.person01", "f.person02"}


def test_nobody_is_named_where_faces_do_not_tell_who_speaks() -> None:
    seen = np.random.default_rng(1).choice(["ann", "bob"], 16)
    found = find_people(*film(*[(speaker, who) for (speaker, _), who in zip(SOLO * 2, seen, strict=True)], *TOGETHER))
    assert found.character == {} and found.certainty == {}
    assert found.agreement is not None and found.agreement < 0.65
    assert len(set(found.person.values())) == 2


def test_a_narrator_who_is_never_seen_lends_his_name_to_nobody() -> None:
    turns = [("narrator", "ann"), ("narrator", "bob"), ("ann", "ann"), ("bob", "bob")] * 4 + [("narrator", "ann+bob")] * 2
    assert "narrator" not in find_people(*film(*turns)).character.values()


def test_one_character_or_no_faces_need_no_names() -> None:
    assert find_people(*film(*[("ann", "ann")] * 8)).character == {}
    faces, crops, units = film(*SOLO)
    assert find_people(faces.iloc[:0], crops[:0], units) == People({}, None)


def test_without_the_weight_colours_alone_tell_people_apart_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: object, **_kwargs: object) -> np.ndarray:
        raise WeightError("weight face-identity is not there")

    monkeypatch.setattr(ml.features.people.find, "embed_chosen", gone)
    turns = [*SOLO, *TOGETHER]
    found = find_people(*film(*turns))
    assert found.character == seen_in(turns)
    assert found.missing == "persons are told apart by colour alone: weight face-identity is not there"


def test_tracks_beyond_those_compared_with_each_other_go_to_whom_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [*SOLO, *TOGETHER, *SOLO]
    whole = find_people(*film(*turns))
    monkeypatch.setattr(ml.features.people.find, "MOST_TRACKS", 12)
    assert find_people(*film(*turns)).character == whole.character == seen_in(turns)


def test_the_same_film_gives_the_same_people() -> None:
    turns = [*SOLO, *TOGETHER]
    assert find_people(*film(*turns)) == find_people(*film(*turns))


def test_tables_and_faces_are_written_for_a_contact_sheet(tmp_path: Path) -> None:
    turns = [*SOLO, *TOGETHER, ("ann", "eve+ann")]
    faces, crops, units = film(*turns)
    found = find_people(faces, crops, units)
    write_people(found, faces, crops, tmp_path)
    table = PEOPLE.read(tmp_path / "people.parquet")
    assert dict(zip(table["track_id"], table["person_id"], strict=True)) == found.person
    first = table.set_index("track_id").loc["s1.0"]
    assert (first["start_ms"], first["end_ms"], first["n_faces"], first["character_id"]) == (1000, 1800, 5, "bob")
    assert table["start_ms"].is_monotonic_increasing
    sheet = load_file(tmp_path / "people_faces.safetensors")
    assert sheet["crops"].shape == (3, SHEET_FACES, 64, 64, 3) and sheet["t_ms"].shape == (3, SHEET_FACES)
    persons = {track: int(name[-2:]) - 1 for track, name in found.person.items()}
    for row, moments in enumerate(sheet["t_ms"]):
        shown = moments[moments >= 0]
        assert (np.diff(shown) > 0).all() and len(shown) == min(SHEET_FACES, sum(5 for each in persons.values() if each == row))
        for place, t in enumerate(shown):
            there = faces.index[(faces["t_ms"] == t) & (faces["track_id"].map(persons) == row)]
            assert any((crops[face] == sheet["crops"][row, place]).all() for face in there)


def test_nobody_gives_an_empty_table(tmp_path: Path) -> None:
    faces, crops, _ = film(*SOLO)
    write_people(People({}, None), faces.iloc[:0], crops[:0], tmp_path)
    assert len(PEOPLE.read(tmp_path / "people.parquet")) == 0
    assert len(load_file(tmp_path / "people_faces.safetensors")["t_ms"]) == 0
    assert len(people_table(People({}, None), faces)) == 0
