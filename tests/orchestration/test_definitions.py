"""The graph does not change by accident, and loads without anything heavy."""

import subprocess
import sys
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._utils.schedules import schedule_execution_time_iterator

from assets.chain import STAGES
from corpus.sources import PROJECT
from orchestration.checks import ALL_CHECKS
from orchestration.definitions import ALL_ASSETS, defs
from tests.conftest import REPOSITORY

CORPORA = (
    "xed", "xed_text_features", "meld", "meld_text_features", "emorynlp", "emorynlp_text_features", "ravdess", "ravdess_voice_features",
    "crema_d",
)  # fmt: skip
DEPENDENCIES: dict[str, set[str]] = {
    "film": set(),
    "video": set(),
    "shots": {"video"},
    "faces": {"video"},
    "soundtrack": {"video"},
    "dialogue": {"film", "soundtrack", "shots"},
    "scenes": {"film", "shots", "soundtrack", "dialogue"},
    "face_features": {"faces", "scenes"},
    "voice_features": {"soundtrack", "scenes"},
    "text_features": {"film", "dialogue", "scenes"},
    "scene_features": {"shots", "faces", "soundtrack", "scenes"},
    "annotation_batches": set(),
    "annotations": {"annotation_batches"},
    "gold_labels": {"annotations", "scenes"},
    **{name: set() for name in CORPORA},
    "training_set": {"gold_labels", "film", "scenes", "face_features", "voice_features", "text_features", *CORPORA},
    "emotion_model": {"training_set"},
    "validation_report": {"training_set", "gold_labels", "emotion_model"},
    "dataset_card": {"training_set", "gold_labels", "annotations"},
    "model_card": {"training_set", "gold_labels", "emotion_model", "validation_report"},
    "dataset_snapshot": {"training_set", "emotion_model", "validation_report", "dataset_card", "model_card"},
    "champion": {"emotion_model", "validation_report", "model_card", "dataset_snapshot"},
    "film_report": {
        "film", "shots", "faces", "soundtrack", "dialogue", "scenes", "face_features", "voice_features", "text_features", "scene_features",
        "annotations", "gold_labels", "champion",
    },
    "report": {
        "film", "shots", "scenes", "annotation_batches", "annotations", "gold_labels", "validation_report", "dataset_card", "model_card",
        "champion", "film_report",
    },
}  # fmt: skip


def dependencies() -> dict[str, set[str]]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys} for key in graph.get_all_asset_keys()}


def test_the_graph_is_the_one_that_was_designed() -> None:
    assert dependencies() == DEPENDENCIES


def test_definitions_are_loadable_and_hold_the_named_jobs() -> None:
    dg.Definitions.validate_loadable(defs)
    assert {job.name for job in defs.resolve_all_job_defs()} == {
        "__ASSET_JOB", "film_chain", "annotation_intake", "gold", "retrain", "film_pages", "report_page", "film_batch", "drift",
    }  # fmt: skip


def test_nothing_is_done_by_itself_before_a_team_says_so() -> None:
    """Alerts are switched on by naming a target; without one the sensor does nothing."""
    stopped, running = dg.DefaultSensorStatus.STOPPED, dg.DefaultSensorStatus.RUNNING
    sensors = {sensor.name: (sensor.default_status, tuple(target.job_name for target in sensor.targets)) for sensor in defs.sensors or ()}
    assert sensors == {
        "film_library": (stopped, ("film_chain", "film_batch")),
        "annotation_inbox": (stopped, ("annotation_intake", "gold")),
        "retraining": (stopped, ("retrain", "film_pages", "report_page")),
        "label_studio_export": (stopped, ("annotation_intake",)),
        "alerts": (running, ()),
    }


def test_schedules_retrain_weekly_when_switched_on_and_look_for_drift_each_night() -> None:
    schedules = {one.name: (one.cron_schedule, one.default_status.value) for one in defs.schedules or ()}
    assert schedules == {"weekly_retraining": ("0 3 * * 0", "STOPPED"), "nightly_drift": ("0 4 * * *", "RUNNING")}


@pytest.mark.parametrize(("name", "apart_s"), [("weekly_retraining", 7 * 86_400), ("nightly_drift", 86_400)])
def test_no_tick_is_doubled_or_left_out_where_clocks_are_put_on_or_back(name: str, apart_s: int) -> None:
    schedule = next(one for one in defs.schedules or () if one.name == name)
    for before in (datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)):
        ticks = schedule_execution_time_iterator(before.timestamp(), schedule.cron_schedule, schedule.execution_timezone)  # type: ignore[attr-defined]
        assert {int((later - tick).total_seconds()) for tick, later in pairwise(islice(ticks, 12))} == {apart_s}


def test_batches_films_dialogue_and_features_are_checked_and_the_champion_for_drift() -> None:
    checked = {key.asset_key.to_user_string() for checks in ALL_CHECKS for key in checks.check_keys}
    assert {key.to_user_string() for key in defs.resolve_asset_graph().asset_check_keys} >= {"champion:drift"}
    assert checked == {"annotation_batches", "shots", "dialogue", "face_features", "voice_features", "text_features"}


def test_versions_given_to_dagster_have_one_width() -> None:
    versions = {version for asset in ALL_ASSETS for version in asset.code_versions_by_key.values()}
    assert {len(version) for version in versions if version} == {32}
    assert None not in versions


def test_assets_can_be_picked_by_the_link_that_makes_them_by_what_it_is_about_and_by_what_dvc_records() -> None:
    tags = {key.to_user_string(): asset.tags_by_key[key] for asset in ALL_ASSETS for key in asset.keys}
    own = {name: {key.removeprefix("feelm/"): value for key, value in of.items() if key.startswith("feelm/")} for name, of in tags.items()}
    assert own["faces"] == {"link": "film_scan", "scope": "film", "dvc": "recorded"}
    assert own["meld_text_features"] == {"link": "corpus", "scope": "corpus", "dvc": "recorded"}
    assert own["report"] == {"link": "report", "scope": "whole", "dvc": "not_recorded"}
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert {of["link"] for of in own.values() if of["dvc"] == "recorded"} == set(stages) - {"annotation_gate"}


def test_every_link_has_an_asset_or_is_the_gate() -> None:
    made = set(dependencies())
    outputs = {output for stage in STAGES.values() for output in stage.outputs}
    assert outputs - made == {"annotation_decisions", "corpus", "text", "voice", "reports"}


ALONE = """
import sys

def watch(event, facts):
    if event.startswith("socket.") and event != "socket.__new__":
        raise PermissionError(f"{event} {facts}")
    if event == "open" and "/dev/nvidia" in str(facts[0]):
        raise PermissionError(f"{event} {facts}")

sys.addaudithook(watch)
import dagster
from orchestration.definitions import defs
dagster.Definitions.validate_loadable(defs)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(peak) * 1024 / 1e6, *sorted(sys.modules))
"""


Loaded = tuple[float, set[str], list[Path]]


@pytest.fixture(scope="module")
def loaded_alone(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The definitions, loaded in an empty folder without environment, network and GPU: peak MB, modules, what lies in the folder then."""
    folder = tmp_path_factory.mktemp("nowhere")
    environment = {"PYTHONPATH": str(REPOSITORY), "HOME": str(folder)}
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak_mb, *modules = done.stdout.split()
    return float(peak_mb), set(modules), list(folder.rglob("*"))


def test_definitions_load_without_network_gpu_credentials_or_data(
    loaded_alone: Loaded,
) -> None:
    assert loaded_alone[2] == []


def test_loading_the_definitions_takes_less_than_200_mb(loaded_alone: Loaded) -> None:
    assert loaded_alone[0] < 200


def test_loading_the_definitions_imports_nothing_heavy(loaded_alone: Loaded) -> None:
    assert not {"torch", "cv2", "av", "librosa", "mlflow", "great_expectations", "dvc", "sklearn", "scipy", "mlcroissant"} & loaded_alone[1]
