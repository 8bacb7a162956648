"""`feelm store`: what it says, and the whole way there and back."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from corpus.paths import content_version
from corpus.terms import FeelmError
from orchestration.cli import app
from tests.orchestration.stub_chain import put_stand_ins, stub_home, work_through_films
from tests.stores import Place


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["store", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_artifacts_go_up_away_and_come_back(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEELM_STORE")
    put_stand_ins(monkeypatch)
    home = stub_home(tmp_path / "team", 1)
    work_through_films(home)
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    monkeypatch.setenv("FEELM_STORE", place.url)
    before = {path: content_version(path) for path in home.data.glob("*/*")}
    assert (told("status")["to_send"], told("status")["stored"]) == (11, 0)
    assert len(told("push")["artifacts"]) == 11
    assert told("verify", "--deep")["faults"] == []
    assert sorted(told("evict", "--to-gb", "0")["artifacts"]) == [
        f"{name}/film-000" for name in ("face_features", "faces", "soundtrack", "voice_features")
    ]
    assert (told("status")["stored"], told("status")["evicted"], told("status")["cached_bytes"]) == (11, 4, 0)
    assert len(told("fetch", "--film", "film-000")) == 4
    assert {path: content_version(path) for path in home.data.glob("*/*")} == before


def test_what_is_lost_is_told_in_a_line(file_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_stand_ins(monkeypatch)
    home = stub_home(tmp_path / "team", 1)
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    work_through_films(home)
    shutil.rmtree(tmp_path / "elsewhere" / "objects")
    shutil.rmtree(home.data)
    with pytest.raises(FeelmError, match=r"\d+ files in the store cannot be mended from here"):
        CliRunner().invoke(app, ["store", "verify"], catch_exceptions=False)


def test_without_a_store_or_a_bound_it_is_said_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path))
    for name in ("FEELM_STORE", "FEELM_CACHE_GB"):
        monkeypatch.delenv(name, raising=False)
    for command, variable in (("push", "FEELM_STORE"), ("verify", "FEELM_STORE"), ("evict", "FEELM_CACHE_GB")):
        with pytest.raises(FeelmError, match=variable):
            CliRunner().invoke(app, ["store", command], catch_exceptions=False)
