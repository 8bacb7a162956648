"""A real Ray on loopback that outlives whoever asks it, as a team's does."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest

from assets.compute.cluster import DEFAULTS, ON_LOOPBACK
from tests.loopback import free_port

PROJECT = Path(__file__).parents[1]
UP_S = 60.0
TOKEN = secrets.token_hex(32)
"""Of every cluster of this process: Ray reads it once."""

ROOM = "import ray, sys; ray.init(sys.argv[1]); assert ray.cluster_resources()['CPU'] == int(sys.argv[2])"


@contextmanager
def cluster(cpus: int, path: Path = PROJECT, jobs_port: int | None = None) -> Iterator[None]:
    """A machine with some CPUs, whose address stands in RAY_ADDRESS while the block lasts; its workers find modules in `path`.

    It takes jobs where it is given a port for them. It brings a token: no machine has to have one.
    """
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryFile("w+") as said:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # a job is a line of shell
        own = {ON_LOOPBACK: "0", "PYTHONPATH": str(path), "PATH": programs, "RAY_AUTH_TOKEN": TOKEN}
        for name, value in {**DEFAULTS, **own}.items():
            patched.setenv(name, value)
        port = free_port()
        options = ["--head", "--block", f"--num-cpus={cpus}", f"--port={port}", "--disable-usage-stats"]
        options += ["--dashboard-host=127.0.0.1", f"--dashboard-port={jobs_port}"] if jobs_port else ["--include-dashboard=false"]
        command = [Path(sys.executable).with_name("ray"), "start", *options]
        head = psutil.Popen(command, stdout=said, stderr=said, env=dict(os.environ))
        try:
            assert within(UP_S, lambda: _answers(port, cpus)), f"the cluster did not come up: {_end_of(said)}"
            patched.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
            yield
        finally:
            for process in (*head.children(recursive=True), head):
                process.kill()
            head.wait()


def _end_of(said: IO[str]) -> str:
    said.seek(0)
    return said.read()[-2000:]


def _answers(port: int, cpus: int) -> bool:
    asked = [sys.executable, "-c", ROOM, f"127.0.0.1:{port}", str(cpus)]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
