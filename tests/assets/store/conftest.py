"""A home whose films were worked through by stand-ins whose heavy artifacts are read by the links after them."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from assets.chain import STAGES
from assets.store.objects import Store
from assets.store.pushing import push
from assets.workspace import Workspace
from corpus.paths import Home, write_json
from tests.orchestration.stub_chain import STAND_INS, put_stand_ins, stub_home, work_through_films
from tests.stores import Place

HEAVY_BYTES = 20_000
"""Of each film's soundtrack, and half of it of each film's faces."""


def build_scan(workspace: Workspace, key: str, outs: dict[str, Path]) -> Any:
    """As the stand-in does, with sound and crops that are the film's own."""
    summary = STAND_INS["film_scan"](workspace, key, outs)
    seed = hashlib.sha256(key.encode()).digest()
    (outs["soundtrack"] / "sound.flac").write_bytes(seed * (HEAVY_BYTES // len(seed)))
    (outs["faces"] / "crops.bin").write_bytes(seed[::-1] * (HEAVY_BYTES // len(seed) // 2))
    return summary


def build_voice_features(workspace: Workspace, key: str, outs: dict[str, Path]) -> Any:
    """Made of the sound itself."""
    sound = (workspace.home.artifact("soundtrack", key) / "sound.flac").read_bytes()
    write_json(outs["voice_features"] / "content.json", hashlib.sha256(sound).hexdigest())
    return outs["voice_features"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of three films with their features; FEELM_STORE is not set while they are made."""
    monkeypatch.delenv("FEELM_STORE", raising=False)
    put_stand_ins(monkeypatch)
    for name, build in (("film_scan", build_scan), ("voice_features", build_voice_features)):
        monkeypatch.setitem(STAGES, name, dataclasses.replace(STAGES[name], build=build))
    made = stub_home(tmp_path / "team", 3)
    work_through_films(made)
    return made


@pytest.fixture
def safe(home: Home, file_place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home all of whose artifacts are in a store, which is a folder."""
    return _pushed(home, file_place, monkeypatch)


@pytest.fixture
def safe_anywhere(home: Home, place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same with each kind of store."""
    return _pushed(home, place, monkeypatch)


def _pushed(home: Home, place: Place, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)
    push(Workspace(home), Store.required())
    return home
