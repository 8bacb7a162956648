"""What the catalogue declares of a film's groups makes the report stale, and nothing else of a curator's notes does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assets.chain import STAGES, group_versions
from assets.snapshot import write_stage_list
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Character, Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from corpus.terms import ArcShape


def workspace(root: Path, film: Film) -> Workspace:
    home = Home(root)
    write_catalogue(home.catalogue, [film])
    return Workspace(home)


@pytest.mark.parametrize(
    ("declared", "stale"),
    [
        ({"culture": "Sámi"}, True), ({"genres": ("drama",)}, True), ({"characters": (Character("Ben", gender="man"),)}, True),
        ({"characters": (Character("Ben", "Duane Jones"),)}, True), ({"characters": (Character("Ben"),)}, False),
        ({"arc": ArcShape.ICARUS}, False), ({"attribution": "me"}, False),
    ],
)  # fmt: skip
def test_the_report_is_stale_after_what_declares_a_group(tmp_path: Path, declared: dict[str, object], stale: bool) -> None:
    film = Film("a", "A", tmp_path / "a.mp4", language="en")
    before = STAGES["validation_report"].inputs(workspace(tmp_path / "one", film), "")
    after = STAGES["validation_report"].inputs(workspace(tmp_path / "two", replace(film, **declared)), "")
    assert set(before) == {"training_set", "gold_labels", "emotion_model", "robustness", "a/groups"}
    assert (before != after) == stale


def test_dvc_is_told_of_the_groups(tmp_path: Path) -> None:
    given = workspace(tmp_path / "home", Film("a", "A", tmp_path / "a.mp4", language="en"))
    write_stage_list(given)
    assert json.loads((given.home.root / "stages.json").read_text())["groups"] == group_versions(given)
