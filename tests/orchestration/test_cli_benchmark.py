"""`feelm benchmark` on small copies of sets: figures with their baselines and how they came about, for people and for programs."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from corpus.terms import FeelmError
from ml.evaluation.benchmarks import BENCHMARKS
from orchestration import cli
from orchestration.cli_benchmark import SETS
from orchestration.progress import row_bars
from tests.ml.tiny_encoder import write_encoder

CREMA_D = """,A,D,F,H,N,S,fileName
100001,0,0,0,0,9,1,1001_IEO_NEU_XX
200001,0,0,0,0,8,2,1001_IEO_NEU_XX
300001,0,0,0,0,10,0,1001_IEO_NEU_XX
100002,6,2,0,0,2,0,1001_IEO_ANG_HI
200002,8,0,0,0,2,0,1001_IEO_ANG_HI
300002,9,1,0,0,0,0,1001_IEO_ANG_HI
"""
MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


def feelm(*arguments: str) -> str:
    done = CliRunner().invoke(cli.app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def crema_d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    (tmp_path / "crema").mkdir()
    (tmp_path / "crema" / "tabulatedVotes.csv").write_text(CREMA_D)
    return tmp_path / "crema"


@pytest.fixture
def meld(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve training lines and four to score; joy is good, anger is bad."""
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("orchestration.cli_benchmark.out", Console(width=200))
    (tmp_path / "meld").mkdir()
    for part, n in (("train", 12), ("dev", 4)):
        rows = [f"1,That is {'bad' if i % 3 == 0 else 'good'}!,Ross,{'anger' if i % 3 == 0 else 'joy'},x,{i},0,1,1,0,0" for i in range(n)]
        (tmp_path / "meld" / f"{part}_sent_emo.csv").write_text("\n".join([MELD_HEADER, *rows, ""]))
    return tmp_path / "meld"


def test_every_set_has_a_command():
    assert list(SETS) == list(BENCHMARKS)
    listed = feelm("benchmark", "--help")
    assert all(name in listed for name in SETS)


def test_json_holds_figures_spread_classes_baselines_and_protocol(crema_d: Path):
    told = json.loads(feelm("benchmark", "crema-d", "--data", str(crema_d), "--json"))
    assert told["benchmark"] == "crema-d"
    assert told["metrics"]["vote_accuracy_voice"] == pytest.approx(15 / 20) and told["metrics"]["mode_accuracy_both"] == 1
    assert told["spread"].keys() == told["metrics"].keys()
    assert told["baselines"]["chance"]["vote_accuracy_voice"] == pytest.approx(1 / 6, abs=1e-6)
    assert told["per_class"] == {} and told["protocol"]["scored_on"] == "60 votes on 6 clips by channel"


def test_people_see_what_is_measured_beside_chance(crema_d: Path):
    shown = feelm("benchmark", "crema-d", "--data", str(crema_d))
    assert "vote_accuracy_voice" in shown and "0.750" in shown
    assert "chance: vote_accuracy_voice" in shown and "0.167" in shown
    assert "nothing: people are measured" in shown


def test_people_see_the_system_its_baselines_and_how_the_figures_came_about(meld: Path, tmp_path: Path, need_minilm: None):
    arguments = ("benchmark", "meld", "--data", str(meld), "--quick", "--workers", "1")
    shown = feelm(*arguments)
    lines = {line.split("│")[1].strip(): line for line in shown.splitlines() if line.startswith("│")}
    assert {"frozen", "majority", "persistence", "tfidf_svm"} <= lines.keys()
    # Two of the four lines that are scored are what most of the training lines are.
    assert "0.500" in lines["majority"] and "recall 1.000, n 2 " in lines["joy"] and "n 2 " in lines["anger"]
    assert "train_sent_emo.csv (n 12)" in lines["trained on"] and "dev_sent_emo.csv" in lines["scored on"]
    (rows,) = (tmp_path / "home" / "benchmarks").iterdir()
    assert rows.name.startswith("meld-") and [path.name for path in rows.iterdir()] == ["frozen.safetensors"]
    told = json.loads(feelm(*arguments, "--json"))
    assert told["protocol"]["system"] == "frozen" and told["per_class"]["joy"]["n"] == 2
    assert list(told["baselines"]) == ["majority", "persistence", "tfidf_svm"]


def one_of_two(rank: int, port: int, arguments: Sequence[str]) -> subprocess.Popen[str]:
    """The command as torchrun starts it: its agent keeps the meeting place, which the processes find by these variables."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True", "GLOO_SOCKET_IFNAME": "lo"}
    place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    command = [str(Path(sys.executable).with_name("feelm")), *arguments]
    return subprocess.Popen(command, env={**os.environ, **meeting, **place}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_that_torchrun_starts_train_a_folders_encoder_together_and_one_of_them_tells(meld: Path, tmp_path: Path):
    encoder = write_encoder(tmp_path / "tiny", places=160)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        store = torch.distributed.TCPStore("127.0.0.1", port, is_master=True, master_listen_fd=os.dup(listening.fileno()))
        arguments = ("benchmark", "meld", "--data", str(meld), "--seeds", "1", "--encoder", str(encoder), "--json")
        processes = [one_of_two(rank, port, arguments) for rank in range(2)]
        told, silent = (process.communicate(timeout=240) for process in processes)
        del store
    assert [process.returncode for process in processes] == [0, 0], told[1] + silent[1]
    assert json.loads(told[0])["protocol"]["system"] == "fine_tuned_and_frozen" and silent[0] == ""
    (rows,) = (tmp_path / "home" / "benchmarks").iterdir()
    assert sorted(path.name for path in rows.iterdir()) == [*(f"fine-tuned-1-{k}.safetensors" for k in range(3)), "frozen.safetensors"]


def test_an_encoder_that_is_neither_packaged_nor_a_folder_is_refused_by_name(meld: Path, tmp_path: Path):
    with pytest.raises(FeelmError, match=r"no encoder 'minlm': it must be one of minilm, multilingual-e5, or a folder"):
        feelm("benchmark", "meld", "--data", str(meld), "--quick", "--encoder", "minlm")


@pytest.fixture
def need_minilm() -> None:
    from corpus.weights import verify

    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")


def test_a_wrong_folder_is_one_line_and_an_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["feelm", "benchmark", "crema-d", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "feelm: CREMA-D's votes are not at" in said and "Traceback" not in said


def test_a_folder_that_does_not_exist_and_a_file_for_a_folder_are_wrong_usage(tmp_path: Path):
    (tmp_path / "file.csv").write_text("")
    for path, reason in ((tmp_path / "nowhere", "does not exist"), (tmp_path / "file.csv", "is a file")):
        done = CliRunner().invoke(cli.app, ["benchmark", "meld", "--data", str(path)], env={"COLUMNS": "400"})
        assert done.exit_code == 2 and reason in done.output


def test_xed_is_given_as_a_table_too(tmp_path: Path):
    (tmp_path / "table.tsv").write_text("a\tb\n")
    with pytest.raises(FeelmError, match="does not start with the columns"):
        feelm("benchmark", "xed", "--data", str(tmp_path / "table.tsv"))


def test_each_row_has_one_bar_that_shows_its_share():
    console = Console(record=True, force_terminal=False, width=100)  # no terminal: only the last state is written
    with row_bars(console) as tell:
        for row, share in (("frozen", 0.0), ("fine-tuned-1", 0.0), ("fine-tuned-1", 0.25), ("frozen", 1.0)):
            tell(row, share)
    frozen, tuned = console.export_text().splitlines()
    assert frozen.startswith("frozen ") and "100 %" in frozen
    assert tuned.startswith("fine-tuned-1 ") and " 25 %" in tuned


def test_robustness_names_its_disturbances_where_one_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    with pytest.raises(FeelmError, match="choose among noise, music, laughter"):
        feelm("benchmark", "robustness", "--only", "thunder")


def test_robustness_asks_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    with pytest.raises(FeelmError, match="no model at"):
        feelm("benchmark", "robustness", "--only", "noise")
