"""DVC records a home of which a part lies in the store alone, and has its own remote on a server that speaks S3."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from assets.snapshot import _fresh_targets, _record, _repository, build_snapshot, locked_stages, write_stage_list
from assets.store.cache import evict
from assets.store.places import HEAVY
from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.wanted import GOLD_LINKS, MODEL_LINKS
from tests.orchestration.stub_chain import work_through
from tests.stores import Place


@pytest.fixture
def taught(home: Home) -> Home:
    """The home with stand-ins of its model and cards."""
    work_through(home, (*GOLD_LINKS, *MODEL_LINKS[:-2]), [""])
    return home


def record(home: Home) -> dict[str, Any]:
    """What DVC's lock says of a home that is recorded anew."""
    workspace, root = Workspace(home), home.root.parent
    (root / "dvc.lock").unlink(missing_ok=True)
    write_stage_list(workspace)
    with _repository(workspace, root) as repo:
        _record(workspace, repo, _fresh_targets(workspace))
    return locked_stages(root)


def here(home: Home) -> list[str]:
    return [f"{name}/{path.name}" for name in HEAVY for path in sorted((home.data / name).iterdir())]


def test_the_lock_says_the_same_of_what_lies_in_the_store_alone(taught: Home, safe: Home) -> None:
    before = record(taught)
    assert {"film_scan@film-000", "voice_features@film-002", "training_set"} <= set(before)
    evict(Workspace(taught), 0)
    assert record(taught) == before and here(taught) == [], "nothing was fetched to say it"


def test_what_dvcs_cache_lacks_is_fetched(taught: Home, safe: Home) -> None:
    before = record(taught)
    evict(Workspace(taught), 0)
    shutil.rmtree(taught.root.parent / ".dvc" / "cache")
    assert record(taught) == before
    once = "face_features/film-000"  # all films' are the same there: with the first DVC's cache has them all
    assert set(here(taught)) == {f"{name}/{film}" for name in HEAVY[:2] + HEAVY[3:] for film in Workspace(taught).films} | {once}


def test_a_snapshot_is_pushed_to_the_server_and_read_back_whole(
    taught: Home, safe: Home, s3_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3_place.url
    monkeypatch.setenv("FEELM_DVC_REMOTE", f"{bucket}/dvc")
    monkeypatch.setenv("FEELM_DVC_ENDPOINT", s3_place.variables["FEELM_STORE_ENDPOINT"])
    record(taught)
    evict(Workspace(taught), 0)
    (tmp_path / "out").mkdir()
    summary = build_snapshot(Workspace(taught), tmp_path / "out")
    assert summary.n_outputs > 33 and not summary.kept_back
    assert sum("/dvc/files/md5/" in path for path in s3_place.paths()) > 33
