"""`feelm ui` as its users meet it: the graph is told, an asset materialises without configuration, and it stops when asked.

The last tests are a data engineer's hour in a headless Chromium: finds the chain, materialises a film's asset by clicks and reads what came
of it, then delivers a batch with an emotion that does not exist and sees it held before the model. Each step leaves a picture in
FEELM_PICTURES, where that is set.
"""

import csv
import json
import os
import shutil
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
from tests.e2e.browser import Page, browsing
from tests.e2e.conftest import SEED

pytestmark = pytest.mark.long

STARTUP_S = 120
RUN_S = 180

ASSETS = """{ assetNodes { assetKey { path } groupName kinds description isPartitioned
  owners { ... on TeamAssetOwner { team } } hasAssetChecks } }"""

LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

ENDED = ("SUCCESS", "FAILURE", "CANCELED")
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""

LATEST = """query($path: [String!]!, $keys: [String!]) { assetOrError(assetKey: {path: $path}) { ... on Asset {
  assetMaterializations(limit: 1, partitions: $keys) { metadataEntries { label __typename } } } } }"""


class Dagster:
    """GraphQL on the running webserver."""

    def __init__(self, port: int) -> None:
        self.pages = f"http://127.0.0.1:{port}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.pages}/graphql", body, {"Content-Type": "application/json"})
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
def root(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small home: what is delivered here is no concern of other tests."""
    return Path(shutil.copytree(small_root, tmp_path_factory.mktemp("ui") / "root"))


@pytest.fixture(scope="module")
def dagster(root: Path) -> Iterator[Dagster]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "FEELM_HOME": str(root / ".feelm"), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port)]
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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
    while status not in ENDED and time.monotonic() < deadline:
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


MADE = """query($path: [String!]!) { assetOrError(assetKey: {path: $path}) { ... on Asset { assetMaterializations { partition
  metadataEntries { label ... on FloatMetadataEntry { floatValue } } } } } }"""


def test_what_each_film_cost_comes_as_numbers_which_dagster_draws(dagster: Dagster, root: Path) -> None:
    for event in dagster.ask(MADE, path=["face_features"])["assetOrError"]["assetMaterializations"]:
        told = {entry["label"]: entry["floatValue"] for entry in event["metadataEntries"] if "floatValue" in entry}
        cost = json.loads((root / ".feelm" / "stamps" / "face_features" / f"{event['partition']}.json").read_text())["cost"]
        assert told["cpu_s"] == pytest.approx(cost["cpu_s"], abs=0.01) and told["peak_memory_mb"] == cost["peak_memory_mb"] > 50
        assert told["cpu_s_per_film_minute"] == pytest.approx(cost["cpu_s"] / told["film_minutes"], rel=0.02)
        assert told["gpu_s_per_film_minute"] == pytest.approx(cost["gpu_s"] / told["film_minutes"], rel=0.02)


def test_gold_labels_come_with_a_plot_and_the_snapshot_with_its_revision(dagster: Dagster) -> None:
    assert materialise(dagster, "gold_labels", None)["labels"] == "MarkdownMetadataEntry"
    assert materialise(dagster, "dataset_snapshot", None)["revision"] == "TextMetadataEntry"


FILM = f"made-{SEED}-01"
FILM_ASSET = "voice_features"
UP_TO_THE_MODEL = ("annotation_batches", "annotations", "gold_labels", "training_set", "emotion_model")
NEWEST_RUN = "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }"
VERSION = """query($path: [String!]!) { assetNodes(assetKeys: [{path: $path}]) { dataVersion
  assetMaterializations(limit: 1) { runId } } }"""


@pytest.fixture
def page(dagster: Dagster) -> Iterator[Page]:
    with browsing(height=2400) as opened:
        yield opened


def picture(page: Page, name: str) -> None:
    """Keep what is shown, where somebody wants to look at it."""
    if folder := os.environ.get("FEELM_PICTURES"):
        page.picture(Path(folder) / f"{name}.png")


def shows(page: Page, *words: str) -> None:
    """Wait until all of these words are on the page."""
    page.wait_for(" and ".join(words), lambda: all(word in page.told() for word in words), RUN_S)


def shows_line(page: Page, line: str) -> None:
    """Wait until this stands on the page by itself; what is drawn anew is gone for a moment, so one look would not do."""
    page.wait_for(line, lambda: line in page.told().splitlines(), RUN_S)


def finished_run(dagster: Dagster, page: Page, before: str) -> str:
    """Open the page of the run that came after `before`, and wait until the run has ended; its id."""
    run_id = page.wait_for("a new run", lambda: (newest := newest_run(dagster)) != before and newest)
    page.open(f"{dagster.pages}/runs/{run_id}")
    page.wait_for("the run's end", lambda: dagster.ask(RUN, id=run_id)["runOrError"]["status"] in ENDED, RUN_S)
    return str(run_id)


def newest_run(dagster: Dagster) -> str:
    return str(dagster.ask(NEWEST_RUN)["runsOrError"]["results"][0]["runId"])


def test_a_person_finds_the_chain_and_what_an_asset_is(dagster: Dagster, page: Page) -> None:
    page.open(f"{dagster.pages}/asset-groups")
    for group in ("films", "dialogue", "features", "annotations", "corpora", "models", "reports"):
        page.box("[class*=collapsedGroupNodeBox] div", group)
    page.click("[class*=collapsedGroupNodeBox] div", "features")
    page.click("foreignObject div", FILM_ASSET)
    shows(page, "Pitch, loudness, timbre", "features_cover_units", 'Dynamic partitions: "films"', "3/3")
    picture(page, "graph")


def test_a_person_materialises_a_films_asset_and_reads_what_came_of_it(dagster: Dagster, page: Page) -> None:
    before = newest_run(dagster)
    page.open(f"{dagster.pages}/assets/{FILM_ASSET}?view=partitions")
    page.click("span", FILM)
    page.click("button", "Materialize…")
    shows(page, f"Launch runs to materialize {FILM_ASSET}", "1 partition")
    picture(page, "launch")
    page.click("[role=dialog] button", "Launch 1 run")
    run_id = finished_run(dagster, page, before)
    shows_line(page, "Success")
    picture(page, "run")

    page.open(f"{dagster.pages}/assets/{FILM_ASSET}?view=partitions&partition={FILM}")
    shows(page, run_id[:8], "cpu_s", "wall_s", "written_bytes", "dagster/row_count", "dagster/column_schema")
    picture(page, "metadata")
    page.click("a", "[Show Markdown]")
    page.wait_for("the plot", lambda: page.ask("document.querySelector('[role=dialog] img')?.naturalWidth") or 0)
    picture(page, "plot")

    page.open(f"{dagster.pages}/assets/{FILM_ASSET}?view=overview")
    shows(page, "Columns", "unit_id", "non-nullable", "Row count")
    picture(page, "columns")
    page.open(f"{dagster.pages}/assets/{FILM_ASSET}?view=checks&checkDetail=features_cover_units")
    shows(page, "This is a blocking asset check.", "Exactly the film's units have a row", "Passed", FILM)
    picture(page, "checks")


def deliver_bad_batch(root: Path) -> None:
    """Thirty judgements of the film that name an emotion which does not exist."""
    with (root / "made" / "annotations.csv").open(newline="", encoding="utf-8") as source:
        rows = [{**row, "emotion": "hunger"} for row in csv.DictReader(source)][:30]
    with (root / ".feelm" / "inbox" / "bad.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def model(dagster: Dagster) -> dict[str, Any]:
    """The model's data version, and the run that made it."""
    node: dict[str, Any] = dagster.ask(VERSION, path=["emotion_model"])["assetNodes"][0]
    return node


NAME = "[role=dialog] input[placeholder=name]"


def name_of_partition(page: Page) -> None:
    """Ask for a new partition; a click is lost while the dialog still loads what it shows, so it is made again as a person would."""

    def asked() -> bool:
        page.click("[role=dialog] button", "Add a partition")
        until = time.monotonic() + 5
        while not (shown := page.ask(f"!!document.querySelector({json.dumps(NAME)})")) and time.monotonic() < until:
            time.sleep(0.2)
        return bool(shown)

    page.wait_for("the field for the partition's name", asked)


@pytest.mark.slow
def test_a_person_sees_a_bad_batch_held_before_the_model(dagster: Dagster, page: Page, root: Path) -> None:
    deliver_bad_batch(root)
    before, model_before = newest_run(dagster), model(dagster)
    page.open(f"{dagster.pages}/assets")
    for asset in UP_TO_THE_MODEL:
        page.click(f"label:has([data-testid=checkbox-{asset}])")
    picture(page, "selected")
    page.click("button", "Materialize selected (5)…")
    # The corpora that nobody added were never materialised, of which Dagster warns.
    page.click("[role=dialog] button", "Confirm")
    name_of_partition(page)
    page.fill(NAME, "bad")
    page.click("[role=dialog] button", "Save")
    page.click("[role=dialog] button", "Launch 1 run")
    run_id = finished_run(dagster, page, before)
    shows(page, "Failure", "annotation_batches: label_in_vocabulary", "Not executed (4)", "step emotion_model were not executed")
    picture(page, "held")

    page.open(f"{dagster.pages}/assets/annotation_batches?view=checks&checkDetail=label_in_vocabulary")
    shows(page, "30 judgements outside the vocabulary: 'hunger'", "Failed", "This is a blocking asset check.", "line 31")
    picture(page, "failed_check")
    assert model(dagster) == model_before
    page.open(f"{dagster.pages}/assets/emotion_model?view=events")
    shows(page, f"Run {run_id[:8]} failed, and did not materialize this asset.")
    picture(page, "model")
