"""`feelm script` and `feelm advice` on the command line: what people see, what programs get, and faults in one line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration import cli_script, console
from orchestration.cli import app

TEXT = "Anna: I cried all night.\nBen: He is gone and I am alone.\n(a door)\nAnna: It is a blue car.\nBen: I love it here.\n"


@pytest.fixture
def paste(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    path = tmp_path / "scene.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def feelm(*arguments: str, given: str | None = None) -> str:
    done = CliRunner().invoke(app, list(arguments), input=given)
    assert done.exit_code == 0, done.output
    return done.stdout


def shown(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a person sees in a window of 110 columns."""
    seen = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=seen, width=110))
    feelm(*arguments)
    return seen.getvalue()


def test_programs_get_the_analysis_the_suggestions_and_the_what_if(paste: Path) -> None:
    arguments = ("script", str(paste), "--target", "joy", "--line", "4", "--change", "1=We won, we won!", "--change", "2=", "--json")
    told: dict[str, Any] = json.loads(feelm(*arguments))
    lines = told["analysis"]["scenes"][0]["lines"]
    assert [(line["line"], line["reading"]["emotion"]) for line in lines] == [(1, "sadness"), (2, "sadness"), (4, "neutral"), (5, "joy")]
    assert told["suggestions"]["place"] == 4 and told["suggestions"]["best"][0]["after"] > told["suggestions"]["probability"]
    (changed,) = told["what_if"]
    assert changed["lines"][0]["after"]["emotion"] == "joy" and changed["lines"][1]["after"] is None


def test_people_see_lines_arcs_characters_and_what_was_not_heard(paste: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, "script", str(paste), "--target", "fear", "--line", "4")
    for part in ("I cried all night.", "sadness", "arc of the scene", "Characters", "arc of Ben", "(a door)", "Towards fear at line 4"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 110


def test_without_a_line_the_end_of_the_last_scene_is_moved(paste: Path) -> None:
    told = json.loads(feelm("script", "-", "--target", "anger", "--json", given=f"{TEXT}***\nAnna: Here is your receipt.\n"))
    assert told["suggestions"]["place"] == 7 and len(told["analysis"]["scenes"]) == 2
    first = json.loads(
        feelm("script", "-", "--target", "anger", "--scene", "1", "--json", given=f"{TEXT}***\nAnna: Here is your receipt.\n")
    )
    assert first["suggestions"]["place"] == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--target", "bliss"), "no emotion 'bliss'"),
        (("--target", "joy", "--line", "3"), "no line is spoken at line 3"),
        (("--target", "joy", "--scene", "2"), "the script has 1"),
        (("--change", "3=Hello."), "no line is spoken at line 3"),
    ],
)
def test_a_fault_says_what_was_wrong(paste: Path, arguments: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(app, ["script", str(paste), *arguments])
    assert isinstance(done.exception, FeelmError) and told in str(done.exception)


def test_a_change_without_a_line_is_a_fault_of_the_command(paste: Path) -> None:
    done = CliRunner().invoke(app, ["script", str(paste), "--change", "Hello."])
    assert done.exit_code == 2 and "takes a line's number" in done.output


def test_a_file_that_is_not_there_or_far_too_long_is_refused(paste: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FeelmError, match="there is no file"):
        cli_script._text(paste.with_name("none.txt"))
    monkeypatch.setattr("service.script.read.LONGEST_SCRIPT_CHARACTERS", 10)
    with pytest.raises(FeelmError, match="at most 10 characters"):
        cli_script._text(paste)
