"""`feelm serve`: its keys, and what it refuses to start with."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.cli import app
from service.api.keys import KeyRing
from service.api.settings import Limits, Settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path))
    return Home(tmp_path)


def feelm(*words: str) -> str:
    result = CliRunner().invoke(app, ["serve", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(home: Home) -> None:
    made = json.loads(feelm("keys", "add", "anna", "--json"))
    ring = KeyRing(Settings(home).folder)
    assert ring.name_of(made["key"]) == "anna"
    listed = feelm("keys", "list", "--json")
    assert [one["name"] for one in json.loads(listed)] == ["anna"]
    assert made["key"] not in listed and "sha256" not in listed
    feelm("keys", "revoke", "anna")
    assert ring.name_of(made["key"]) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_does_not_listen_where_others_reach_it_without_a_key(home: Home, host: str) -> None:
    with pytest.raises(FeelmError, match=r"there is no API key yet: make one with `feelm serve keys add NAME`"):
        feelm("--host", host)


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(FeelmError, match="choose another with --port"):
            feelm("--port", str(taken.getsockname()[1]))


def test_settings_reach_a_process_as_they_were_given(tmp_path: Path) -> None:
    settings = Settings(
        Home(tmp_path), "0.0.0.0", 80, 3, ("a.example",), tmp_path / "kept", open_metrics=False, limits=Limits(rate=1.5, body_bytes=7)
    )
    assert Settings.from_json(settings.to_json()) == settings
    assert Settings.from_json(Settings(Home(tmp_path)).to_json()) == Settings(Home(tmp_path))
