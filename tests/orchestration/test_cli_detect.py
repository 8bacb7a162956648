"""`feelm detect --explain` with a tiny model that was trained here."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from corpus.paths import Home
from corpus.weights import verify
from orchestration import console
from orchestration.cli import app
from orchestration.cli_detect import detection_tables
from service.detect import Detection, detect_text
from tests.ml.artifacts import write_films
from tests.ml.conftest import train

DIALOGUE = "Get out of my house!\nI will never leave you.\nThen I shall call somebody.\nCall whom you like."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose champion learned three films of made-up features."""
    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")
    home = Home(tmp_path_factory.mktemp("home"))
    train(home, write_films(home, 3, 8), [])
    shutil.copytree(home.artifact("emotion_model"), home.artifact("champion"))
    return home


@pytest.fixture
def text(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    (tmp_path / "dialogue.txt").write_text(DIALOGUE)
    return tmp_path / "dialogue.txt"


def feelm(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_each_unit_says_in_json_what_its_emotion_rests_on(text: Path) -> None:
    units: list[dict[str, Any]] = json.loads(feelm("detect", str(text), "--explain", "--json"))["units"]
    assert [unit["text"] for unit in units] == DIALOGUE.splitlines()
    for unit in units:
        (modality,) = unit["why"]["modalities"]
        assert modality["name"] == "text" and abs(modality["share"]) == 1
        assert unit["why"]["frames"] == [] and unit["why"]["unseen"] is False
        assert all(line["name"] in DIALOGUE and line["name"] != unit["text"] for line in unit["why"]["lines"])


def test_without_being_asked_nothing_is_explained(text: Path) -> None:
    assert all(unit["why"] is None for unit in json.loads(feelm("detect", str(text), "--json"))["units"])


def test_the_table_of_reasons_fits_80_columns_and_names_what_is_not_there(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "_width", 80)
    told = feelm("detect", str(text), "--explain")
    reasons = told[told.index("Why") :]
    assert max(len(line) for line in told.splitlines()) <= 80
    assert all(name in reasons for name in ("face", "voice", "text", "lines and moments"))
    assert reasons.count("100 %") == 4
    assert "face: only text was given" in " ".join(told.split())


def test_words_in_brackets_are_no_markup(home: Home) -> None:
    detection: Detection = detect_text(home, "[red]Stop![/]\nNo. [door slams]", explain=True)
    screen = Console(width=80, record=True, file=io.StringIO())
    screen.print(detection_tables(detection))
    assert "[red]Stop![/]" in screen.export_text()
