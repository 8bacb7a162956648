"""Lineage with the runs that Dagster remembers: what is printed, and what other systems are given."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from assets.annotations import gold_labels
from assets.impact import read_impact
from assets.lineage_targets import read_lineage
from assets.models import training_set
from assets.resources import FeelmWorkspace
from assets.telling import ONLY_STALE_TAG
from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.cli_lineage import impact_tables, lineage_tree
from orchestration.instance import prepare_dagster_home
from orchestration.openlineage import post, read_events, write_events
from tests.assets.told_home import another, pseudonym, told_home
from tests.storage import Storage


@pytest.fixture(scope="module")
def told(module_storage: Storage, trained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The home whose past is known, with its models registered in each kind of storage."""
    return told_home(trained_home, tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def ran(told: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, dict[str, str]]]:
    """A copy of the home in which Dagster made gold, found the training set fresh, and failed to train; ids of the runs by asset."""
    workspace = another(told, tmp_path_factory.mktemp("ran"))
    with pytest.MonkeyPatch.context() as patched:
        for name in ("DAGSTER_HOME", "FEELM_HOME"):
            patched.setenv(name, "to be set")
        prepare_dagster_home(workspace)
        with dg.DagsterInstance.get() as instance:
            made = {"gold_labels": _run(workspace, instance, gold_labels)}
            made["training_set"] = _run(workspace, instance, training_set, {ONLY_STALE_TAG: "true"})
            yield workspace, made | {"emotion_model": _run(workspace, instance, emotion_model)}


@dg.asset
def emotion_model() -> None:
    """Training that fails."""
    raise dg.Failure("no unit has a gold label", allow_retries=False)


def _run(workspace: Workspace, instance: dg.DagsterInstance, asset: dg.AssetsDefinition, tags: dict[str, str] | None = None) -> str:
    resources = {"workspace": FeelmWorkspace(home=str(workspace.home.root))}
    return dg.materialize([asset], instance=instance, resources=resources, tags=tags, raise_on_error=False).run_id


def printed(workspace: Workspace, what: str, *, impact: bool = False) -> str:
    """What the command prints, 100 characters wide."""
    stream = io.StringIO()
    console = Console(file=stream, width=100)
    console.print(impact_tables(read_impact(workspace.home, what)) if impact else lineage_tree(read_lineage(workspace.home, what)))
    return stream.getvalue()


def test_an_artifact_tells_the_run_that_made_it_and_not_one_that_found_it_as_it_should_be(ran: tuple[Workspace, dict[str, str]]) -> None:
    workspace, runs = ran
    nodes = {node["name"]: node for node in read_lineage(workspace.home, "model:champion").as_json()["nodes"]}
    assert nodes["gold_labels"]["facts"]["Dagster run"] == runs["gold_labels"]
    assert "Dagster run" not in nodes["training_set"]["facts"] and "Dagster run" not in nodes["annotations"]["facts"]


def test_the_tree_of_a_model_reads_from_model_to_raters_and_films(ran: tuple[Workspace, dict[str, str]]) -> None:
    workspace, runs = ran
    lines = printed(workspace, "model:champion").splitlines()
    words = [line.lstrip("│├└─ ") for line in lines]
    heads = ["model version 2", "emotion_model", "training_set", "gold_labels", "annotations", "annotation_decisions first"]
    places = [next(i for i, line in enumerate(words) if line.startswith(f"{head} ")) for head in [*heads, "file first.csv"]]
    assert places == sorted(places)
    assert f"Dagster run {runs['gold_labels'][:8]}" in words[places[3]]
    assert any(f"annotator {pseudonym(workspace, 'ana')}" in line and "16 judgements" in line for line in words)
    assert any("film-00  Film-00 · cc0" in line and "contract 7 on film-00" in line for line in words)
    assert max(map(len, lines)) <= 100


def test_the_tables_of_an_impact_say_who_learned(ran: tuple[Workspace, dict[str, str]]) -> None:
    told = printed(ran[0], "film:film-01", impact=True)
    rows = [line.split("│") for line in told.splitlines() if line.startswith("│")]
    learned = {row[1].strip(): row[3].strip() for row in rows if row[1].strip() in ("1", "2")}
    assert learned == {"1": "yes", "2": "no"}
    assert "report of version 1" in told and "report of version 2" not in told


def test_a_step_that_made_something_or_failed_gives_two_events_and_a_fresh_one_none(ran: tuple[Workspace, dict[str, str]]) -> None:
    workspace, runs = ran
    events = [json.loads(event) for event in read_events(workspace.home)]
    told = [(event["job"]["name"], event["eventType"], event["run"]["facets"]["parent"]["run"]["runId"]) for event in events]
    made = [("gold_labels", kind, runs["gold_labels"]) for kind in ("START", "COMPLETE")]
    assert told == made + [("emotion_model", kind, runs["emotion_model"]) for kind in ("START", "FAIL")]
    assert "no unit has a gold label" in events[-1]["run"]["facets"]["errorMessage"]["message"]
    assert [event["eventTime"] for event in events] == sorted(event["eventTime"] for event in events)


def test_events_are_written_one_a_line(ran: tuple[Workspace, dict[str, str]], tmp_path: Path) -> None:
    events = read_events(ran[0].home)
    write_events(events, tmp_path / "runs.jsonl")
    assert (tmp_path / "runs.jsonl").read_text().splitlines() == events


def test_events_are_posted_in_order_and_a_refusal_is_told() -> None:
    taken: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(500 if taken[-1] == "{}" else 201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not a word."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/api/v1/lineage"
        post(['{"a": 1}', '{"b": 2}'], url)
        assert taken == ['{"a": 1}', '{"b": 2}']
        with pytest.raises(FeelmError, match="did not take event 1 of 1"):
            post(["{}"], url)
        server.shutdown()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(FeelmError, match="no address"):
        post([], "file:///etc/passwd")


def test_a_home_in_which_nothing_ran_under_dagster_has_no_runs(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    assert read_events(copy.home) == []
    assert "Dagster run" not in printed(copy, "model:champion")
