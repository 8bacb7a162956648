"""What the champion suggests to raters: the film's own lines on the proxy's frames, and nothing where there is no champion."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from assets.workspace import Workspace
from corpus.annotations.importers.label_studio import IMPORTER
from corpus.annotations.importers.reading import Told
from corpus.annotations.label_studio_server import TASK_KEY
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import UNITS
from corpus.paths import Home
from corpus.terms import EMOTIONS, UnitLevel
from orchestration.label_studio import SERVED_AT, film_tasks
from orchestration.label_studio_tool import Places

pytestmark = pytest.mark.long

QUIET = Console(quiet=True)


@pytest.fixture
def workspace(small_root: Path) -> Workspace:
    return Workspace(Home(small_root / ".feelm"))


def test_suggestions_are_the_films_lines_that_the_champion_is_sure_of(workspace: Workspace, tmp_path: Path):
    film_id = sorted(workspace.films)[0]
    (task,) = film_tasks(workspace, [film_id], SERVED_AT, True, QUIET)
    data, (prediction,) = task["data"], task["predictions"]
    assert data["film_id"] == film_id
    assert (Places(workspace.home).films / data["video"].removeprefix(SERVED_AT)).is_file()
    assert prediction["model_version"].startswith("feelm-emotion champion ")

    # Taken over as they are, they are read as judgements of these lines.
    taken = {"id": 1, "data": data, "annotations": [{"id": 1, "completed_by": 1, "result": prediction["result"]}]}
    delivery = IMPORTER.read({"e.json": json.dumps([taken]).encode()}, Pseudonyms(tmp_path / "a.json"), Told())
    assert not delivery.refusals
    units = UNITS.read(workspace.home.artifact("scenes", film_id) / "units.parquet")
    lines = units[units["level"] == UnitLevel.UTTERANCE.value]
    frame_ms = 1000 / data["fps"]
    assert 0 < len(delivery.judgements) <= len(lines)
    for judgement in delivery.judgements:
        near = (abs(lines["start_ms"] - judgement.start_ms) <= frame_ms) & (abs(lines["end_ms"] - judgement.end_ms) <= frame_ms)
        assert near.any()
        assert judgement.emotion in EMOTIONS
        assert judgement.character_id in set(lines.loc[near, "character_id"].dropna()) | {None}


def test_raters_who_should_judge_unswayed_get_the_film_alone(workspace: Workspace):
    for task in film_tasks(workspace, [], SERVED_AT, False, QUIET):
        assert set(task) == {"data"}
        assert task["data"][TASK_KEY].startswith(task["data"]["film_id"])


def test_without_a_champion_nothing_is_suggested(workspace: Workspace, tmp_path: Path):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.catalogue.write_bytes(workspace.home.catalogue.read_bytes().replace(b"../made", str(workspace.home.root.parent / "made").encode()))
    films = Workspace(home).films
    (task,) = film_tasks(Workspace(home), [sorted(films)[0]], SERVED_AT, True, QUIET)
    assert set(task) == {"data"}
