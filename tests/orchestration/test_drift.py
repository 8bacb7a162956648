"""The check `drift` on the champion: what it warns of, that it never blocks, and that its job runs it alone."""

import dataclasses
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from corpus.contracts import UNIT_FEATURES
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home, write_json
from ml.models.grounds import Ground, GroundKind
from orchestration.definitions import defs
from orchestration.drift import nightly_drift
from pages.cards.model import GROUNDS_FILE
from tests.ml.artifacts import write_films

KNOWN = 12


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Home:
    found = Home(tmp_path_factory.mktemp("films") / ".feelm")
    write_films(found, 16, 24)
    return found


@pytest.fixture
def home(written: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Sixteen films, without pictures, of which the champion learned from the first twelve."""
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / ".feelm"))
    shutil.copytree(written.root, tmp_path / ".feelm", ignore=shutil.ignore_patterns("*crops*"))
    found, films = Home(tmp_path / ".feelm"), [f"film-{number:02d}" for number in range(16)]
    write_catalogue(found.catalogue, [Film(film, film, tmp_path / f"{film}.mp4", language="en") for film in films])
    grounds = [Ground(film, GroundKind.FILM, "cc0", "commercial", film, "the studio") for film in films[:KNOWN]]
    write_json(found.artifact("champion") / GROUNDS_FILE, [dataclasses.asdict(ground) for ground in grounds])
    return found


def run_drift(instance: dg.DagsterInstance | None = None) -> dg.AssetCheckEvaluation:
    """The job `drift`, in a Dagster that has never made anything; its one check."""
    result = defs.resolve_job_def("drift").execute_in_process(instance=instance or dg.DagsterInstance.ephemeral())
    assert result.success
    assert not result.get_asset_materialization_events()
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_films_of_the_same_kind_pass_and_each_nights_verdict_is_kept(home: Home, instance: dg.DagsterInstance):
    found = [run_drift(instance) for _ in range(2)][-1]
    assert found.passed and not found.blocking
    assert str(found.description).endswith("nothing has shifted beyond how films differ anyway")
    assert (found.metadata["known_films"].value, found.metadata["new_films"].value) == (12, 4)
    kept = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(dg.AssetKey("champion"), "drift"), limit=9)
    assert [record.status for record in kept] == [AssetCheckExecutionRecordStatus.SUCCEEDED] * 2


def test_a_voice_that_moved_in_the_new_films_is_a_warning_that_names_it_in_a_sentence_and_first_in_the_table(home: Home):
    for number in range(KNOWN, 16):
        path = home.artifact("voice_features", f"film-{number}") / "features.parquet"
        table = UNIT_FEATURES.read(path)
        UNIT_FEATURES.write(table.assign(level=table["level"] + np.float32(4)), path)
    found = run_drift()
    assert not found.passed and not found.blocking and found.severity is dg.AssetCheckSeverity.WARN
    assert "shifted are voice: level (PSI" in str(found.description)
    worst = [record.data for record in found.metadata["worst"].value.records]
    assert worst[0]["name"] == "voice: level" and worst[0]["shifted"] is True and worst[1]["shifted"] is False
    assert found.metadata["shifted"].value == 1


def test_a_damaged_table_is_a_warning_that_names_the_file(home: Home):
    path = home.artifact("face_features", "film-03") / "features.parquet"
    path.write_bytes(b"no parquet")
    found = run_drift()
    assert not found.passed and found.severity is dg.AssetCheckSeverity.WARN
    assert str(path) in str(found.description)


def test_without_a_champion_there_is_nothing_to_compare(home: Home):
    (home.artifact("champion") / GROUNDS_FILE).unlink()
    assert run_drift().description == "the model learned from no film"


def test_it_runs_each_night_by_itself():
    assert (nightly_drift.cron_schedule, nightly_drift.job_name) == ("0 4 * * *", "drift")
    assert nightly_drift.default_status is dg.DefaultScheduleStatus.RUNNING
