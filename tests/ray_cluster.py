"""A real Ray on loopback that outlives whoever asks it, as a team's does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from assets.compute.cluster import DEFAULTS, ON_LOOPBACK
from tests.loopback import free_port

PROJECT = Path(__file__).parents[1]
UP_S = 60.0
ROOM = "import ray, sys; ray.init(sys.argv[1]); assert ray.cluster_resources()['CPU'] == int(sys.argv[2])"


@contextmanager
def cluster(cpus: int, path: Path = PROJECT, jobs_port: int | None = None) -> Iterator[None]:
    """A machine with some CPUs, whose address stands in RAY_ADDRESS while the block lasts; its workers find modules in `path`.

    It takes jobs where it is given a port for them.
    """
    with pytest.MonkeyPatch.context() as patched:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # a job is a line of shell
        for name, value in {**DEFAULTS, ON_LOOPBACK: "0", "PYTHONPATH": str(path), "PATH": programs}.items():
            patched.setenv(name, value)
        port = free_port()
        options = ["--head", "--block", f"--num-cpus={cpus}", f"--port={port}", "--disable-usage-stats"]
        options += ["--dashboard-host=127.0.0.1", f"--dashboard-port={jobs_port}"] if jobs_port else ["--include-dashboard=false"]
        command = [Path(sys.executable).with_name("ray"), "start", *options]
        head = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
        try:
            assert within(UP_S, lambda: _answers(port, cpus)), "the cluster did not come up"
            patched.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
            yield
        finally:
            for process in (*head.children(recursive=True), head):
                process.kill()
            head.wait()


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
