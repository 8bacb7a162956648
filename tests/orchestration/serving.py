"""`feelm annotations serve` as its own process, for tests that meet the real Label Studio, and a film whose pictures say which they are."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from corpus.paths import Home
from tests.conftest import REPOSITORY
from tests.corpus.films.conftest import marked, write_film

TIMES_MS: list[int] = np.cumsum([0, *np.random.default_rng(8).integers(21, 95, 119)]).tolist()
STARTS_S = 1200


def counting_film(path: Path) -> Path:
    """A film at no constant rate, whose picture number k shows k and comes at TIMES_MS[k]."""
    return write_film(path, [marked(k) for k in range(len(TIMES_MS))], TIMES_MS)


def feelm(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestration.cli", *arguments]
    environment = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
    return subprocess.run(command, cwd=home.root.parent, env=environment, capture_output=True, text=True, timeout=600, check=False)


@contextmanager
def serving(home: Home, port: int) -> Iterator["subprocess.Popen[str]"]:
    """`feelm annotations serve` once raters can log in."""
    command = [sys.executable, "-m", "orchestration.cli", "annotations", "serve", "--port", str(port)]
    environment = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
    log = home.root.parent / "serve.log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=home.root.parent, env=environment, stderr=stream, text=True, start_new_session=True)
    try:
        until = time.monotonic() + STARTS_S
        while "Log in as" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.5)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
