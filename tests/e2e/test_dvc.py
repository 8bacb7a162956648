"""DVC beside Dagster: the same stages, the same bytes; and a registered model made again from what both recorded."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from assets.reproduction import put_data, run_link
from assets.versions import SNAPSHOT_PART, registered_version
from corpus.paths import Home, content_version
from ml.models import registry
from tests.conftest import REPOSITORY
from tests.e2e.conftest import SEED, feelm

pytestmark = pytest.mark.long

FILM = f"made-{SEED}-02"
OF_FILM = ("film", "dialogue", "scenes", "face_features", "voice_features", "text_features", "scene_features")
"""The stages of a film that read its subtitles, or what comes of them."""


@pytest.fixture
def home(small_root: Path) -> Home:
    return Home(small_root / ".feelm")


def dvc(root: Path, *arguments: str) -> str:
    """What DVC prints; its stages find `feelm` beside this Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "FEELM_HOME": str(root / ".feelm"), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ran(told: str) -> list[str]:
    """The stages that `dvc repro` says it ran."""
    return re.findall(r"Running stage '([^']+)'", told)


def recorded(root: Path) -> dict[str, str]:
    """The md5 of every output in dvc.lock."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def test_dvc_repro_after_a_run_does_nothing(small_root: Path) -> None:
    assert feelm(small_root, "run").returncode == 0  # batches that other tests delivered are gone
    told = dvc(small_root, "repro")
    assert ran(told) == [] and "up to date" in told


@pytest.mark.slow
def test_dvc_repro_does_nothing_while_a_refused_batch_waits_nor_when_it_was_taken_away(small_root: Path, home: Home) -> None:
    first, *rows = (small_root / "made" / "annotations.csv").read_text().splitlines()
    refused = home.inbox / "refused.csv"
    try:
        refused.write_text("\n".join([first, rows[0].replace(rows[0].split(",")[first.split(",").index("emotion")], "happyish")]) + "\n")
        assert list(json.loads(feelm(small_root, "run", "--json").stdout)["refused"]) == ["refused"]
        assert ran(dvc(small_root, "repro")) == []
    finally:
        refused.unlink()
    assert feelm(small_root, "run").returncode == 0
    assert ran(dvc(small_root, "repro")) == []


def test_code_and_data_of_a_registered_model_are_put_into_a_fresh_folder_and_its_report_comes_out_the_same(
    home: Home, tmp_path: Path
) -> None:
    """The model itself is taken from the cache here; the slow test below trains it."""
    version = registered_version(home, None)
    snapshot = registry.check_files(home, version) / SNAPSHOT_PART
    fresh = Home(tmp_path / "again" / ".feelm")
    assert put_data(home, snapshot, fresh, REPOSITORY) == 2 + 3 * 5
    for name, key in (("training_set", None), ("gold_labels", None), ("face_features", FILM), ("scenes", FILM)):
        assert content_version(fresh.artifact(name, key)) == content_version(home.artifact(name, key))
    shutil.copytree(home.artifact("emotion_model"), fresh.artifact("emotion_model"))
    run_link(REPOSITORY, fresh, "validation_report")
    assert content_version(fresh.artifact("validation_report")) == content_version(home.artifact("validation_report"))


@pytest.mark.slow
def test_a_registered_model_is_made_again_byte_for_byte(small_root: Path, tmp_path: Path) -> None:
    done = feelm(small_root, "reproduce", "--out", str(tmp_path / "again"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert made["is_same"] and made["changes"] == [] and made["other_packages"] == {}
    assert [one["artifact"] for one in made["artifacts"]] == ["emotion_model", "validation_report"]


@pytest.mark.slow
def test_dvc_alone_makes_everything_from_the_films_on_byte_for_byte_as_dagster_did(small_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "by-dvc"
    (root / ".feelm").mkdir(parents=True)
    shutil.copyfile(small_root / "params.yaml", root / "params.yaml")
    shutil.copytree(small_root / "made", root / "made")
    shutil.copytree(small_root / ".feelm" / "inbox", root / ".feelm" / "inbox")
    shutil.copyfile(small_root / ".feelm" / "annotators.json", root / ".feelm" / "annotators.json")  # the key of the pseudonyms
    for arguments in (("films", "add", "made"), ("prepare",)):
        assert feelm(root, *arguments).returncode == 0
    dvc(root, "init", "--no-scm")
    dvc(root, "repro")
    made, dagsters = recorded(root), recorded(small_root)  # which may hold batches that other tests took away
    assert made.items() <= dagsters.items()
    assert {path for path in dagsters if "/annotation_" not in path} <= made.keys()


@pytest.mark.slow
def test_other_subtitles_make_dvc_run_that_films_stages_alone_and_what_comes_out_is_what_dagster_makes(
    small_root: Path, tmp_path: Path
) -> None:
    kept, subtitles = tmp_path / "kept", small_root / "made" / FILM / f"{FILM}.srt"
    shutil.copytree(small_root, kept, symlinks=True)
    try:
        assert subtitles.is_file()
        shown = subtitles.read_text().replace("00:00:0", "00:00:0", 1).replace("!", ".").replace("?", ".")
        subtitles.write_text(shown)
        told = dvc(small_root, "repro")
        of_films = [name for name in ran(told) if "@" in name]
        assert {name.partition("@")[2] for name in of_films} == {FILM}
        assert {name.partition("@")[0] for name in of_films} <= set(OF_FILM)
        by_dvc = recorded(small_root)
        _put_back(kept, small_root)
        subtitles.write_text(shown)
        assert feelm(small_root, "run").returncode == 0
        assert recorded(small_root) == by_dvc
    finally:
        _put_back(kept, small_root)


def _put_back(kept: Path, root: Path) -> None:
    """Have a folder be as it was, in its own place and with the times of its files."""
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(kept, root, symlinks=True, dirs_exist_ok=True)
