"""What DVC is told: which links, where to, and what never leaves."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.lock import LockError
from dvc.repo import Repo

from assets.ancestry import FILM_OUTPUTS
from assets.chain import STAGES, Cause, is_fresh, why_stale
from assets.recorded import recorded
from assets.snapshot import _fresh_targets, _kept_here, _record, _repository, _verify, build_snapshot, write_stage_list
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home, content_version, write_json
from corpus.sources import PROJECT
from corpus.terms import FeelmError
from orchestration.wanted import GOLD_LINKS, MODEL_LINKS
from tests.orchestration.stub_chain import put_stand_ins, stub_home, work_through, work_through_films

LINKS = ("film", "film_scan", "dialogue", "scenes", "face_features")
WHOLE = ("annotations", "gold_labels", "training_set", "emotion_model", "validation_report", "dataset_card", "model_card")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    home = Home(tmp_path / "home")
    films = [Film("free", "Free", tmp_path / "free.mp4", rights="cc0"), Film("held", "Held", tmp_path / "held.mp4", rights="unknown")]
    write_catalogue(home.catalogue, films)
    stages = {**{f"{link}@{film.film_id}": {} for link in LINKS for film in films}, **{name: {} for name in WHOLE}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    return Workspace(home)


def _teach(workspace: Workspace, *film_ids: str) -> None:
    _teach_into(workspace.home.artifact("training_set"), *film_ids)


def _teach_into(training_set: Path, *film_ids: str) -> None:
    facts = {"corpora": {}, "gold_version": None, "licences": {}, "declared_uses": {}}
    write_json(training_set / "manifest.json", {"films": {i: {} for i in film_ids}, **facts})


def test_a_film_that_may_not_be_exported_is_named_with_what_to_change(workspace: Workspace) -> None:
    told = workspace.not_exported()
    assert set(told) == {"held"}
    assert "held (Held)" in told["held"] and "not exported" in told["held"] and "params.yaml" in told["held"]


def test_no_link_that_shows_such_a_film_again_leaves(workspace: Workspace) -> None:
    _teach(workspace, "free")
    assert set(_kept_here(workspace, workspace.home.root.parent, {"held"})) == {f"{link}@held" for link in LINKS}


def test_a_training_set_that_holds_its_words_stays_too(workspace: Workspace) -> None:
    _teach(workspace, "free", "held")
    kept = _kept_here(workspace, workspace.home.root.parent, {"held"})
    assert "training_set" in kept and "emotion_model" not in kept


def test_everything_leaves_where_every_film_may(workspace: Workspace) -> None:
    assert _kept_here(workspace, workspace.home.root.parent, set()) == []


def test_no_section_of_the_settings_is_named_like_a_list_of_the_stages(workspace: Workspace) -> None:
    write_stage_list(workspace)
    listing = json.loads((workspace.home.root / "stages.json").read_text())
    settings = yaml.safe_load((PROJECT / "params.yaml").read_text())
    assert not set(listing) & set(settings), "DVC merges params.yaml into the variables that dvc.yaml ranges over"


def test_a_home_may_have_any_name_and_dvc_finds_its_artifacts(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").unlink()
    write_stage_list(workspace)
    with _repository(workspace, workspace.home.root.parent) as repo:
        stages = {stage.addressing.rpartition(":")[2]: stage for stage in repo.index.stages}
    assert [Path(str(out.fs_path)) for out in stages["model_card"].outs] == [workspace.home.artifact("model_card")]


def test_a_second_home_of_another_name_in_the_same_folder_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    write_stage_list(workspace)
    other = Home(tmp_path / "other")
    write_catalogue(other.catalogue, [])
    with pytest.raises(FeelmError, match=r"dvc.yaml is of the home home, not of other: give FEELM_HOME a folder of its own"):
        write_stage_list(Workspace(other))


HOLDER = """
import sys, time
from dvc.repo import Repo
with Repo(sys.argv[1]) as repo, repo.lock:
    print("held", flush=True)
    time.sleep(6)
"""


def test_recording_waits_for_whoever_holds_dvcs_lock_where_dvc_itself_gives_up(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").unlink()
    write_stage_list(workspace)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with _repository(workspace, tmp_path) as repo, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with Repo(str(tmp_path)) as impatient, pytest.raises(LockError), impatient.lock:
            pass
        assert holder.poll() is None, "DVC gives up after three seconds"
        assert _record(workspace, repo, set()) == 0
    assert holder.returncode == 0


def test_what_was_not_made_by_the_code_that_stands_there_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_stand_ins(monkeypatch)
    home = stub_home(tmp_path, 2)
    work_through_films(home)
    work_through(home, (*GOLD_LINKS, *MODEL_LINKS[:-2]), [""])
    before = _fresh_targets(Workspace(home))
    assert {"text_features@film-000", "text_features@film-001", "scenes@film-000", "model_card"} <= before
    edited = dataclasses.replace(STAGES["text_features"], modules=("ml.features.voice",))
    monkeypatch.setitem(STAGES, "text_features", edited)
    assert before - _fresh_targets(Workspace(home)) == {"text_features@film-000", "text_features@film-001"}
    shutil.rmtree(home.artifact("model_card"))
    with pytest.raises(FeelmError, match="model_card is not up to date"):
        _fresh_targets(Workspace(home))


def test_a_link_that_ran_anew_is_recorded_anew_even_where_the_same_came_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise `dvc repro` would run it again: dvc.lock says of which code and inputs each output was made."""
    put_stand_ins(monkeypatch)
    home = stub_home(tmp_path, 2)
    work_through_films(home)
    work_through(home, (*GOLD_LINKS, *MODEL_LINKS[:-1]), [""])
    before = content_version(home.artifact("training_set"))
    for look in (Workspace, recorded):
        assert is_fresh(look(home), "dataset_snapshot")
    monkeypatch.setitem(STAGES, "scene_features", dataclasses.replace(STAGES["scene_features"], modules=("ml.features.voice",)))
    work_through(home, ("scene_features",), ["film-000"])
    for look in (Workspace, recorded):
        assert is_fresh(look(home), "training_set") and content_version(home.artifact("training_set")) == before
        assert [(reason.cause, reason.names) for reason in why_stale(look(home), "dataset_snapshot")] == [(Cause.INPUTS, ("recorded",))]


def chosen(workspace: Workspace) -> tuple[str, dict[str, str]]:
    """Name and configuration of DVC's remote, as the file says that `dvc` reads too."""
    with _repository(workspace, workspace.home.root.parent) as repo:
        config = repo.config.load_one("repo")
    name = config["core"]["remote"]
    return name, dict(config["remote"][name])


def test_the_remote_is_a_folder_of_the_home_until_the_environment_names_one(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ("store", {"url": str(workspace.home.root / "remote")})
    assert chosen(workspace) == here
    monkeypatch.setenv("FEELM_DVC_REMOTE", "s3://films/feelm")
    monkeypatch.setenv("FEELM_DVC_ENDPOINT", "https://objects.example.org")
    assert chosen(workspace) == ("team", {"url": "s3://films/feelm", "endpointurl": "https://objects.example.org"})
    monkeypatch.delenv("FEELM_DVC_REMOTE")
    assert chosen(workspace) == here


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    """A folder of which DVC has pushed an artifact of two files to the folder `remote`."""
    with Repo.init(str(tmp_path), no_scm=True) as repo, repo.config.edit() as config:
        config["core"] |= {"analytics": False, "remote": "store"}
        config["remote"]["store"] = {"url": str(tmp_path / "remote")}
    (tmp_path / "artifact").mkdir()
    for name in ("one", "two"):
        (tmp_path / "artifact" / name).write_text(name * 1000)
    with Repo(str(tmp_path)) as repo:
        repo.add([str(tmp_path / "artifact")])
        repo.push()
    return tmp_path


def objects(root: Path) -> list[Path]:
    return [path for path in sorted((root / "remote" / "files" / "md5").rglob("*")) if path.is_file() and path.suffix != ".dir"]


def test_a_whole_remote_gives_back_what_it_was_given(pushed: Path) -> None:
    _verify(pushed, None)
    assert len(objects(pushed)) == 2 and not list((pushed / ".dvc" / "tmp").glob("verify-*"))


def test_a_remote_that_lost_a_file_of_an_artifact_is_told(pushed: Path) -> None:
    objects(pushed)[0].unlink()
    with pytest.raises(FeelmError, match="did not give back what was pushed"):
        _verify(pushed, None)


def test_a_remote_that_lost_the_listing_of_an_artifact_or_everything_is_told(pushed: Path) -> None:
    (listing,) = (pushed / "remote").rglob("*.dir")
    listing.unlink()
    with pytest.raises(FeelmError, match=rf"did not give back 1 objects, such as {listing.parent.name}{listing.name}"):
        _verify(pushed, None)
    shutil.rmtree(pushed / "remote")
    with pytest.raises(FeelmError, match="did not give back"):
        _verify(pushed, None)


def test_a_remote_that_altered_an_object_is_told_with_the_object(pushed: Path) -> None:
    altered = objects(pushed)[0]
    altered.chmod(0o644)
    altered.write_bytes(b"x" * altered.stat().st_size)
    with pytest.raises(FeelmError, match=rf"gave back 1 objects altered, such as {altered.parent.name}{altered.name}"):
        _verify(pushed, None)
    assert not list((pushed / ".dvc" / "tmp").glob("verify-*"))


def test_what_dvc_unpickles_lies_in_the_home(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_SITE_CACHE_DIR", raising=False)
    root = workspace.home.root.parent
    with _repository(workspace, root) as repo:
        assert Path(repo.site_cache_dir).is_relative_to(workspace.home.root / "cache" / "dvc")
    with Repo(str(root)) as as_by_hand:
        assert as_by_hand.site_cache_dir == repo.site_cache_dir
    assert "DVC_SITE_CACHE_DIR" not in os.environ


def test_a_remote_that_a_team_chose_with_dvc_itself_stays(workspace: Workspace) -> None:
    with _repository(workspace, workspace.home.root.parent) as repo, repo.config.edit() as config:
        config["remote"]["own"] = {"url": "/somewhere"}
        config["core"]["remote"] = "own"
    assert chosen(workspace)[0] == "own"


def test_a_remotes_address_with_credentials_is_refused_without_repeating_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEELM_DVC_REMOTE", "s3://key:secret@films/feelm")
    with pytest.raises(FeelmError, match="AWS_ACCESS_KEY_ID") as refused:
        chosen(workspace)
    assert "secret" not in str(refused.value)


def test_films_that_may_not_be_exported_are_recorded_and_never_pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build_training_set(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
        _teach_into(outs["training_set"], "film-000", "film-001")
        return outs["training_set"]

    put_stand_ins(monkeypatch)
    monkeypatch.setitem(STAGES, "training_set", dataclasses.replace(STAGES["training_set"], build=build_training_set))
    home = stub_home(tmp_path, 2)
    settings = tmp_path / "params.yaml"
    settings.write_text(settings.read_text().replace("export: [cc0]", "export: []"))
    work_through_films(home)
    work_through(home, (*GOLD_LINKS, *MODEL_LINKS[:-2]), [""])
    out = tmp_path / "snapshot"
    out.mkdir()
    summary = build_snapshot(Workspace(home), out)
    assert set(summary.kept_back) == {"film-000", "film-001"}
    pushed = {f"{path.parent.name}{path.name}" for path in (home.root / "remote" / "files" / "md5").rglob("*") if path.is_file()}
    of_films = {content_version(home.artifact(name, film_id)) for name in FILM_OUTPUTS - {"film_report"} for film_id in summary.kept_back}
    kept = of_films | {content_version(home.artifact("training_set"))}
    assert not pushed & kept and content_version(home.artifact("emotion_model")) in pushed
    assert kept <= set(json.loads((out / "snapshot.json").read_text())["outputs"].values())
