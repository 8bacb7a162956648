"""The service in this process and as a real server, on copies of the small home."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from corpus.paths import Home
from service.api.app import create_app
from service.api.settings import Limits, Settings
from tests.loopback import free_port

REPOSITORY = Path(__file__).resolve().parents[3]
HOST = "http://localhost"
UP_S = 120
MANY = Limits(rate=100_000, burst=100_000)


def copied(home: Home, folder: Path) -> Home:
    """A home of one's own with the same champion."""
    there = Home(folder / "home")
    shutil.copytree(home.artifact("champion"), there.artifact("champion"))
    return there


def asking(app: FastAPI) -> TestClient:
    """Someone who asks the application, whose failures are answers."""
    return TestClient(app, base_url=HOST, raise_server_exceptions=False)


def until_ready(client: TestClient) -> TestClient:
    until = time.monotonic() + UP_S
    while client.get("/health/ready").status_code != 200:
        assert time.monotonic() < until, client.get("/health/ready").text
        time.sleep(0.02)
    return client


@contextmanager
def running(settings: Settings) -> Iterator[TestClient]:
    """The application in this process, ready."""
    with asking(create_app(settings)) as client:
        yield until_ready(client)


@contextmanager
def listening(settings: Settings) -> Iterator[str]:
    """The application in this process behind a real server, ready; its address."""
    port = free_port()
    app = create_app(replace(settings, port=port))
    server = uvicorn.Server(uvicorn.Config(app, port=port, http="h11", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + UP_S
    try:
        while not _is_ready(address):
            assert thread.is_alive() and time.monotonic() < until
            time.sleep(0.02)
        yield address
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def own_home(home: Home, tmp_path: Path) -> Home:
    return copied(home, tmp_path)


@pytest.fixture(scope="session")
def client(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service without keys, for tests that leave it as it is."""
    with running(Settings(copied(home, tmp_path_factory.mktemp("served")), limits=MANY)) as client:
        yield client


@dataclass(frozen=True)
class Live:
    """A real `feelm serve`."""

    home: Home
    process: "subprocess.Popen[str]"
    address: str
    up_s: float

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(home: Home, *options: str) -> Iterator[Live]:
    """`feelm serve` on loopback, ready, and ended afterwards."""
    port, began = free_port(), time.monotonic()
    command = [sys.executable, "-m", "orchestration.cli", "serve", "--port", str(port), *options]
    environment = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, env=environment, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(address):
            assert process.poll() is None and time.monotonic() - began < UP_S, process.stderr and process.stderr.read()
            time.sleep(0.05)
        yield Live(home, process, address, time.monotonic() - began)
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready").status_code == 200
    except httpx.TransportError:
        return False
