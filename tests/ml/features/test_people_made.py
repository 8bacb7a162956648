"""Who is who in made films, whose truth is known: every face is somebody, and nobody changes into somebody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from corpus.contracts import FACES, UNITS
from corpus.films.catalogue.entries import Film
from corpus.films.prepare import prepare_film
from corpus.films.shots.shots import ShotSetting
from corpus.maker.films import make_films
from corpus.maker.truth import Truth, read_truth
from ml.features.people import find_people

pytestmark = pytest.mark.slow


def true_person(truth: Truth, t_ms: int, middle: float) -> str | None:
    """Whose face it is: the one in the shot, of two the left or right one; None in a dissolve, which shows two shots."""
    shot = next((shot for shot in truth.shots if shot.start_ms <= t_ms < shot.end_ms), None)
    if shot is None or not shot.seen or (shot.transition == "dissolve" and t_ms < shot.start_ms + 500):
        return None
    left, right = (person.character_id for person in truth.people)
    return shot.seen[0] if len(shot.seen) == 1 else (left if middle < 0.5 else right)


def true_tracks(truth: Truth, faces: pd.DataFrame) -> dict[str, str]:
    """Whose each track mostly is, of those that are told."""
    middles = faces["x"] + faces["width"] / 2
    told = [true_person(truth, t, middle) for t, middle in zip(faces["t_ms"], middles, strict=True)]
    named = faces.assign(who=told).dropna(subset="who")
    return {str(track): str(rows["who"].mode()[0]) for track, rows in named.groupby("track_id")}


@pytest.mark.parametrize("seed", [7, 41])
def test_nobody_changes_into_somebody_else_in_a_made_film(seed: int, tmp_path: Path, need_weights) -> None:
    need_weights("face-identity", "blazeface-full-range")
    (folder,) = make_films(tmp_path / "made", 1, seed, workers=1)
    name, at = folder.name, tmp_path / "film"
    film = Film(name, name, folder / f"{name}.mp4", language="en", subtitles=folder / f"{name}.srt", screenplay=folder / f"{name}.fountain")
    prepare_film(film, lambda artifact: at / artifact, shots=ShotSetting.FAST)
    faces = FACES.read(at / "faces" / "faces.parquet")
    crops = load_file(at / "faces" / "crops.safetensors")["crops"][faces["crop_row"].to_numpy()]
    found = find_people(faces, crops, UNITS.read(at / "scenes" / "units.parquet"))
    truth = true_tracks(read_truth(folder / "truth.json"), faces)
    persons = {who: {found.person[track] for track, each in truth.items() if each == who} for who in set(truth.values())}
    assert len(truth) > 20 and len(persons) == 2
    assert sorted(map(len, persons.values())) == [1, 1] and not set.intersection(*persons.values())
    named = [found.character[track] == who for track, who in truth.items() if track in found.character]
    assert np.mean(named) == 1 and len(named) > 0.4 * len(truth)
