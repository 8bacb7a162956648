"""`feelm ui`: Dagster's webserver and daemon on loopback, stopped together; `feelm models ui`: MLflow's server.

The children are started with the default handling of signals: a `dagster` that inherits an ignored SIGINT copies that to SIGTERM and
can then only be killed. Each runs in its own session, so that one signal here ends both and whatever they started.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType

from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.console import err
from orchestration.execution import ready_instance

HOST = "127.0.0.1"
STOP_AFTER_S = 15.0


def serve_ui(home: Home, port: int, read_only: bool) -> None:
    """Serve until interrupted.

    Raises:
        FeelmError: the port is taken, or a server ended by itself.
    """
    with ready_instance(Workspace(home)):
        pass
    check_port(port)
    module = ["-m", "orchestration.definitions"]
    webserver = [sys.executable, "-m", "dagster_webserver", "-h", HOST, "-p", str(port), *module]
    commands = [webserver + (["--read-only"] if read_only else [])]
    if not read_only:
        commands.append([sys.executable, "-m", "dagster._daemon", "run", *module])
    err.print(f"Dagster starts on the home {home.root}", soft_wrap=True)
    chain = f"http://{HOST}:{port}/asset-groups"
    where = f"Dagster is up: {chain} shows the chain, and under Automation there you switch on what runs by itself. Ctrl-C stops it"
    _supervise(commands, (HOST, port), partial(err.print, where, soft_wrap=True))


def serve_registry(home: Home, host: str, port: int) -> None:
    """Serve MLflow's pages until interrupted: one worker and no jobs take 0.4 GB instead of 1.7.

    Raises:
        FeelmError: the port is taken, the database cannot be reached, or the server ended by itself.
    """
    from ml.models.registry import server_environment

    check_port(port)
    os.environ |= server_environment(home)
    err.print(f"MLflow starts on the home {home.root}", soft_wrap=True)
    where = f"MLflow is up: http://{host}:{port}; Ctrl-C stops it"
    server = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    _supervise([server], (host, port), partial(err.print, where, soft_wrap=True))


def check_port(port: int) -> None:
    """Raises FeelmError where something listens on the port already."""
    if _answers((HOST, port)):
        raise FeelmError(f"port {port} on {HOST} is taken: choose another with --port")


def _answers(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


def _supervise(commands: Sequence[Sequence[str]], address: tuple[str, int], when_up: Callable[[], None]) -> None:
    """Have the servers run until one ends or this process is stopped; `when_up` is called once something answers at the address."""
    stop_when_asked()
    children = [subprocess.Popen(command, start_new_session=True, env=os.environ) for command in commands]
    told = False
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
            if not told and _answers(address):
                when_up()
                told = True
        codes = {command[2]: child.poll() for command, child in zip(commands, children, strict=True)}
        ended = ", ".join(f"{name} with code {code}" for name, code in codes.items() if code is not None)
        raise FeelmError(f"a server ended by itself: {ended}")
    finally:
        for child in children:
            stop(child)


def stop_when_asked() -> None:
    """SIGTERM ends this process as Ctrl-C does, so that it ends its children."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def stop(child: "subprocess.Popen[bytes]") -> None:
    """End a child that was started as a session of its own, and whatever it started."""
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(STOP_AFTER_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
