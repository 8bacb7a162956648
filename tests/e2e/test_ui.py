"""`feelm ui` as its users meet it: the graph is told, an asset materialises without configuration, and it stops when asked."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.e2e.conftest import SEED

STARTUP_S = 120
RUN_S = 180

ASSETS = """{ assetNodes { assetKey { path } groupName kinds description isPartitioned
  owners { ... on TeamAssetOwner { team } } hasAssetChecks } }"""

LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""

LATEST = """query($path: [String!]!, $keys: [String!]) { assetOrError(assetKey: {path: $path}) { ... on Asset {
  assetMaterializations(limit: 1, partitions: $keys) { metadataEntries { label __typename } } } } }"""


class Dagster:
    """GraphQL on the running webserver."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read())
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def wait_until_up(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + STARTUP_S
        while time.monotonic() < deadline:
            assert process.poll() is None, "feelm ui ended by itself"
            try:
                if self.ask("{ version }"):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(1)
        pytest.fail(f"feelm ui was not up after {STARTUP_S} s")


@pytest.fixture(scope="module")
def dagster(small_root: Path) -> Iterator[Dagster]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "FEELM_HOME": str(small_root / ".feelm"), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port)]
    process = subprocess.Popen(command, cwd=small_root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        served = Dagster(port)
        served.wait_until_up(process)
        yield served
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) is not None
    finally:
        process.kill()


def test_every_asset_is_told_with_group_kind_owner_and_description(dagster: Dagster) -> None:
    nodes = dagster.ask(ASSETS)["assetNodes"]
    assert {node["groupName"] for node in nodes} == {"films", "dialogue", "features", "annotations", "corpora", "models", "reports"}
    for node in nodes:
        assert node["kinds"] and node["owners"] and node["description"], node


def materialise(dagster: Dagster, asset: str, partition: str | None) -> dict[str, str]:
    """Launch as the launchpad does, with no configuration, and wait; the kinds of the metadata that came of it."""
    params = {
        "selector": {
            "repositoryName": "__repository__",
            "repositoryLocationName": "orchestration.definitions",
            "jobName": "__ASSET_JOB",
            "assetSelection": [{"path": [asset]}],
        },
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}] if partition else []},
    }
    launched = dagster.ask(LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    deadline = time.monotonic() + RUN_S
    status = ""
    while status not in ("SUCCESS", "FAILURE", "CANCELED") and time.monotonic() < deadline:
        time.sleep(2)
        status = dagster.ask(RUN, id=launched["run"]["runId"])["runOrError"]["status"]
    assert status == "SUCCESS"
    latest = dagster.ask(LATEST, path=[asset], keys=[partition] if partition else None)["assetOrError"]
    return {entry["label"]: entry["__typename"] for entry in latest["assetMaterializations"][0]["metadataEntries"]}


def test_a_film_asset_materialises_from_the_launchpad_without_configuration(dagster: Dagster) -> None:
    kinds = materialise(dagster, "text_features", f"made-{SEED}-01")
    assert kinds["dagster/column_schema"] == "TableSchemaMetadataEntry"
    assert kinds["dagster/row_count"] == "IntMetadataEntry"
    assert kinds["path"] == "PathMetadataEntry"


def test_gold_labels_come_with_a_plot_and_the_snapshot_with_its_revision(dagster: Dagster) -> None:
    assert materialise(dagster, "gold_labels", None)["labels"] == "MarkdownMetadataEntry"
    assert materialise(dagster, "dataset_snapshot", None)["revision"] == "TextMetadataEntry"
