"""MLflow serves a registered version with the numbers of `/v1/detect`, by its own server."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from assets.versions import CARD_PART
from corpus.paths import Home
from corpus.terms import EMOTIONS, FeelmError
from ml.models import registry
from service.champion import Champion
from service.pyfunc import _load_pyfunc
from service.turns import detect_turns, turns_of_text
from tests.loopback import free_port

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).resolve().parents[2]
UP_S = 180
TALK = (("How dare you!", "anna"), ("I am so sorry.", "ben"))


@pytest.fixture(scope="module")
def version(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the champion, registered."""
    there = Home(tmp_path_factory.mktemp("registered"))
    registered = registry.log_training(there, home.artifact("champion"), {}, {}, {"by": "test"})
    registry.keep(there, registered, {})
    return registry.check_files(there, registered)


def same(row: "dict[str, object]", turn: object) -> None:
    told = [row[f"p_{emotion}"] for emotion in EMOTIONS]
    assert told == pytest.approx(turn.probabilities, abs=1e-4)  # type: ignore[attr-defined]
    for name in ("emotion", "confidence", "intensity", "valence", "arousal", "uncertain", "read"):
        assert row[name] == pytest.approx(getattr(turn, name), abs=1e-4), name


@pytest.fixture(scope="module")
def mlflow(version: Path) -> Iterator[str]:
    """`mlflow models serve` on the version's folder; its address."""
    port, scripts = free_port(), Path(sys.executable).parent
    command = [str(scripts / "mlflow"), "models", "serve", "-m", str(version), "--env-manager", "local", "-p", str(port), "-h", "127.0.0.1"]
    more = {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY), "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(command, env={**os.environ, **more}, start_new_session=True, stderr=subprocess.PIPE, text=True)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + UP_S
    try:
        while not _answers(address):
            assert process.poll() is None and time.monotonic() < until, process.stderr and process.stderr.read()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ping").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"text": ["How dare you!", "I am so sorry."]}},
        {"inputs": [{"text": "How dare you!"}, {"text": "I am so sorry."}]},
        {"dataframe_split": {"columns": ["text"], "data": [["How dare you!"], ["I am so sorry."]]}},
        {"dataframe_records": [{"text": "How dare you!"}, {"text": "I am so sorry."}]},
    ],
)
def test_mlflows_server_answers_with_the_numbers_of_the_service(mlflow: str, champion: Champion, body: object) -> None:
    rows = httpx.post(f"{mlflow}/invocations", json=body, timeout=60).json()["predictions"]
    for row, (text, _) in zip(rows, TALK, strict=True):
        same(row, detect_turns(champion, turns_of_text(text)).turns[0])
        assert (row["model_version"], row["declared_use"]) == (champion.origin.model_version, "research")


def test_rows_of_one_dialogue_hear_each_other_whatever_stands_between_them(mlflow: str, champion: Champion) -> None:
    data = [[TALK[0][0], "anna", "x"], ["Run!", None, None], [TALK[1][0], "ben", "x"]]
    body = {"dataframe_split": {"columns": ["text", "speaker", "dialogue"], "data": data}}
    first, other, second = httpx.post(f"{mlflow}/invocations", json=body, timeout=60).json()["predictions"]
    from ml.models.dialogue import Turn

    for row, turn in zip((first, second), detect_turns(champion, [Turn(*said) for said in TALK]).turns, strict=True):
        same(row, turn)
    same(other, detect_turns(champion, [Turn("Run!")]).turns[0])


def test_a_row_without_text_is_refused(version: Path, mlflow: str) -> None:
    assert httpx.post(f"{mlflow}/invocations", json={"dataframe_records": [{"text": " "}]}, timeout=60).status_code == 400
    model = _load_pyfunc(str(version))
    with pytest.raises(FeelmError, match="row 1 has no text"):
        model.predict(pd.DataFrame({"text": ["Run!", None]}))
    with pytest.raises(FeelmError, match="no column 'text'"):
        model.predict(pd.DataFrame({"words": ["Run!"]}))


def test_a_version_that_was_altered_is_not_loaded(version: Path, tmp_path: Path) -> None:
    folder = tmp_path / "altered"
    shutil.copytree(version, folder)
    weights = folder / registry.MODEL_PART / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(FeelmError, match="not the one that was written"):
        _load_pyfunc(str(folder))


def test_the_card_beside_the_model_says_what_is_to_be_minded(version: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with-card"
    shutil.copytree(version, folder)
    assert _load_pyfunc(str(folder)).predict(["Run!"])["caveat"][0] is None
    (folder / CARD_PART).mkdir()
    credit = "Feelm's film maker, seed 5; made by corpus.maker; nobody's work is in it"
    ground = {
        "name": "one",
        "kind": "film",
        "licence": "cc0",
        "declared_use": "commercial",
        "about": "",
        "language": "en",
        "credit": credit,
    }
    (folder / CARD_PART / "grounds.json").write_text(json.dumps([ground]))
    assert "made by Feelm's film maker alone" in _load_pyfunc(str(folder)).predict("Run!")["caveat"][0]


def test_serving_imports_no_mlflow_of_its_own(version: Path) -> None:
    load = f"from service.pyfunc import _load_pyfunc; _load_pyfunc({str(version)!r}).predict(['Run!'])"
    code, environment = f"import sys; {load}; print('mlflow' in sys.modules)", {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
