"""One small home that has been through the whole chain, shared by the end-to-end tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FEELM = [sys.executable, "-m", "orchestration.cli"]
FILMS = 3
SEED = 5


def feelm(root: Path, *arguments: str, timeout_s: int = 900) -> subprocess.CompletedProcess[str]:
    """Run the command line in `root` as a user would; what takes too long is ended with all its workers, and tells where each stood."""
    environment = {**os.environ, "FEELM_HOME": str(root / ".feelm"), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
    # With it a process that is aborted writes the stacks of its threads first; workers write theirs to the log.
    environment["PYTHONFAULTHANDLER"] = "1"
    command = [*FEELM, *arguments]
    log = root / ".feelm" / "logs" / "workers.log"
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)
            out, err = process.communicate(timeout=60)
            told = log.read_text(errors="replace")[-20_000:] if log.is_file() else "no log"
            pytest.fail(f"feelm {' '.join(arguments)} took more than {timeout_s} s\n{out}\n{err}\n{told}")
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `.feelm` holds three made films, their annotations, a model and the pages."""
    root = tmp_path_factory.mktemp("chain")
    (root / "params.yaml").write_text(
        "rights: {train: [cc0], export: [cc0]}\ndeclared_use: research\ntraining: {seed: 0, folds: 3, face_network: small}\n"
        "retrain: {min_new_gold: 1}\nscan: {shots: fast}\ndialogue: {recognition: auto}\n"
        "gold: {trace_lag_ms: 3000}\ntext: {encoder: minilm}\n"
    )
    for arguments in (
        ("films", "make", "--films", str(FILMS), "--seed", str(SEED), "--out", "made"),
        ("films", "add", "made"),
        ("run",),
    ):
        if arguments == ("run",):
            inbox = root / ".feelm" / "inbox"
            inbox.mkdir(parents=True)
            (inbox / "first.csv").write_bytes((root / "made" / "annotations.csv").read_bytes())
        done = feelm(root, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return root
