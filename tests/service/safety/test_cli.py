"""What a person records, takes over and hands out from the command line."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.cli import app
from service.safety.escalation import Escalation, Queue

UNTIL = (datetime.now(UTC).date() + timedelta(days=10)).isoformat()
BASIS = ["--context", "workplace", "--input", "voice", "--subject", "employee", "--ground", "safety"]
BASIS += ["--who", "Dr. Ada", "--why", "Fatigue of drivers is watched", "--until", UNTIL]


@pytest.fixture
def feelm(tmp_path, monkeypatch):
    monkeypatch.setenv("FEELM_HOME", str(tmp_path))
    monkeypatch.delenv("FEELM_ESCALATION_WEBHOOK", raising=False)

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def test_a_basis_is_recorded_listed_and_ended(feelm):
    basis = json.loads(feelm("use-basis", "add", *BASIS, "--json"))
    assert basis["who"] == "Dr. Ada" and [one["id"] for one in json.loads(feelm("use-basis", "list", "--json"))] == [basis["id"]]
    feelm("use-basis", "end", basis["id"], "--who", "Dr. Ada")
    assert json.loads(feelm("use-basis", "list", "--json")) == []


def test_a_word_that_there_is_not_is_told(feelm):
    with pytest.raises(FeelmError, match="church"):
        feelm("use-basis", "add", "--context", "church", *BASIS[2:])
    with pytest.raises(FeelmError, match="no state"):
        feelm("escalations", "list", "--state", "lost")


def test_escalations_are_listed_taken_and_undelivered_ones_end_in_an_error(feelm, tmp_path):
    one = Escalation.new("support", "c-1", "danger", ["evidence"], "route")
    Queue(Home(tmp_path), None).add(one)
    assert [held["id"] for held in json.loads(feelm("escalations", "list", "--json"))] == [one.id]
    assert "1 wait" in feelm("escalations", "deliver", code=1)
    assert "Ada" in feelm("escalations", "take", one.id, "--who", "Ada")
    assert json.loads(feelm("escalations", "list", "--state", "waiting", "--json")) == []
    feelm("escalations", "deliver")


def test_the_bundle_is_written_where_it_is_asked_for(feelm, tmp_path):
    told = json.loads(feelm("compliance", "--out", str(tmp_path / "out"), "--json"))
    assert (tmp_path / "out" / "manifest.json").is_file() and told["folder"] == str(tmp_path / "out")
    assert any(piece["lacking"] for piece in told["pieces"])
