"""Pictures for Dagster's metadata: they are there where there is something to show, and show it."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from assets.plots import plots
from corpus.contracts import FACE_COURSE, PEOPLE
from corpus.paths import Home
from tests.pages.sample import PERSONS, TALK, make_home


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Face features of a film with three persons."""
    return make_home(tmp_path).artifact("face_features", TALK)


def decoded(markdown: str) -> np.ndarray:
    head, _, data = markdown.partition("(data:image/png;base64,")
    assert head.startswith("![") and data.endswith(")")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data[:-1]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_persons_are_rows_of_a_contact_sheet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decoded(plots(folder, "face_features")["people"])
    monkeypatch.setattr("assets.plots.SHEET_PERSONS", 1)
    first = decoded(plots(folder, "face_features")["people"])
    assert len(PERSONS) == 3
    assert whole.shape[0] > 2 * first.shape[0]
    # The faces of the sample are noise; the space for names beside them is white.
    assert whole[:, : whole.shape[1] // 12].mean() > 200 > whole[:, whole.shape[1] // 3 : whole.shape[1] // 2].mean()


def test_the_sheet_stays_small_enough_for_the_event_log(folder: Path) -> None:
    assert sum(len(markdown) for markdown in plots(folder, "face_features").values()) < 400_000


def test_what_is_not_there_is_not_drawn(folder: Path, tmp_path: Path) -> None:
    (folder / "people_faces.safetensors").unlink()
    assert set(plots(folder, "face_features")) == {"expression"}
    FACE_COURSE.write(FACE_COURSE.empty(), folder / "course.parquet")
    PEOPLE.write(PEOPLE.empty(), folder / "people.parquet")
    assert plots(folder, "face_features") == {}
    assert plots(tmp_path, "face_features") == {} and plots(tmp_path, "text_features") == {}


def test_a_dollar_sign_in_a_name_is_no_formula(tmp_path: Path) -> None:
    folder = Home(make_home(tmp_path).root).artifact("face_features", TALK)
    people = PEOPLE.read(folder / "people.parquet")
    names = people["character_id"].where(people["character_id"] != "mara", r"$\frac{$")
    PEOPLE.write(people.assign(character_id=names), folder / "people.parquet")
    assert decoded(plots(folder, "face_features")["people"]).size
