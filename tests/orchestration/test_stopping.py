"""`feelm ui` ends when it is asked to, with all that it started, however it was started."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from corpus.paths import Home
from tests.conftest import REPOSITORY
from tests.loopback import free_port

pytestmark = pytest.mark.long

UP_S, GONE_S = 300.0, 60.0
IN_THE_BACKGROUND = '"$@" > "$LOG" 2>&1 & echo $!'
"""A shell without a terminal starts such a job with SIGINT ignored, which `dagster` hands on to SIGTERM."""


def processes_of(home: Home) -> dict[int, str]:
    """Command lines of all processes that were started on a home, by their numbers."""
    told, found = f"FEELM_HOME={home.root}".encode(), {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and told in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile
            continue
    return found


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10):
            return True
    except (urllib.error.URLError, OSError):
        return False


def test_started_in_the_background_of_a_script_it_ends_on_term_with_all_its_children(tmp_path: Path) -> None:
    home, port, log = Home(tmp_path / ".feelm"), free_port(), tmp_path / "ui.log"
    environment = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": str(REPOSITORY), "LOG": str(log)}
    command = ["sh", "-c", IN_THE_BACKGROUND, "sh", sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port)]
    started = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    try:
        until = time.monotonic() + UP_S
        while not answers(port) or sum("grpc" in told for told in processes_of(home).values()) < 2:
            assert time.monotonic() < until and processes_of(home), log.read_text()
            time.sleep(0.5)
        os.kill(int(started.stdout), signal.SIGTERM)
        until = time.monotonic() + GONE_S
        while left := processes_of(home):
            assert time.monotonic() < until, left
            time.sleep(0.2)
    finally:
        for number in processes_of(home):
            os.kill(number, signal.SIGKILL)
