"""The round trip with the real Label Studio, installed and started on loopback, and what the home and Dagster do about it."""

import json
import os
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from assets.workspace import Workspace
from corpus.annotations.decisions import read_decision
from corpus.annotations.judgements import Judgement
from corpus.annotations.label_studio_server import LabelStudio, Project
from corpus.contracts import ANNOTATIONS
from corpus.paths import Home, write_json
from corpus.terms import FeelmError
from orchestration.cli import app
from orchestration.definitions import defs
from orchestration.instance import prepare_dagster_home
from orchestration.label_studio import collect_once
from orchestration.label_studio_tool import VERSION, Places, _command, _environment, install, read_secrets
from orchestration.sensors import label_studio_export
from tests.corpus.annotations.label_studio_double import TOKEN, Double, double
from tests.loopback import free_port
from tests.orchestration.serving import counting_film, feelm, serving
from tests.storage import Storage


def region(first: int, last: int, label: str, region_id: str = "r1") -> dict[str, Any]:
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [label]}
    return {"id": region_id, "from_name": "emotion", "to_name": "video", "type": "timelinelabels", "value": value}


def about(item: dict[str, Any], control: str, kind: str, value: object) -> dict[str, Any]:
    key = "text" if kind == "textarea" else kind
    return {"id": item["id"], "from_name": control, "to_name": "video", "type": kind, "value": item["value"] | {key: value}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FEELM_LABEL_STUDIO_TOKEN", raising=False)
    return Home(tmp_path / "home")


@pytest.fixture
def stored(storage: Storage, home: Home, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """The home's instance, on files and on Postgres."""
    monkeypatch.setenv("DAGSTER_HOME", "")  # put back at the end: preparing a home sets it
    prepare_dagster_home(Workspace(home))
    return dg.DagsterInstance.get()


@pytest.fixture
def server() -> Iterator[Double]:
    with double() as running:
        running.answer("POST", "/api/projects/", {}, {"title": "Feelm"})
        running.answer("POST", "/api/projects/1/import", {}, [{"data": {"task_key": "f1", "film_id": "f1", "fps": 25}}])
        yield running


@pytest.fixture
def served(server: Double, home: Home, monkeypatch: pytest.MonkeyPatch) -> Double:
    """The double, named to the home as `feelm annotations serve --url` names one."""
    write_json(Places(home).folder / "server.json", {"url": server.url, "project": "Feelm", "own": False})
    monkeypatch.setenv("FEELM_LABEL_STUDIO_TOKEN", TOKEN)
    return server


class TestSensor:
    """The sensor asks for one run a content, whatever dies in between."""

    def tick(self, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            result = label_studio_export(context)
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        return result

    def asked(self, result: dg.SensorResult | dg.SkipReason) -> dg.RunRequest:
        assert isinstance(result, dg.SensorResult) and result.run_requests and result.dynamic_partitions_requests
        (request,), (partition,) = result.run_requests, result.dynamic_partitions_requests
        assert [request.partition_key] == list(partition.partition_keys)
        return request

    def test_it_skips_where_nothing_is_served_or_the_tool_is_down(self, home: Home, monkeypatch: pytest.MonkeyPatch):
        with dg.DagsterInstance.ephemeral() as instance:
            assert "serve" in str(self.tick(instance).skip_message)  # type: ignore[union-attr]
            write_json(Places(home).folder / "server.json", {"url": "http://127.0.0.1:9", "project": "Feelm", "own": False})
            monkeypatch.setenv("FEELM_LABEL_STUDIO_TOKEN", TOKEN)
            assert "is it running" in str(self.tick(instance).skip_message)  # type: ignore[union-attr]

    def test_it_asks_for_a_batch_once_and_again_when_it_was_edited(self, served: Double, home: Home):
        made = served.annotate(0, [region(1, 25, "joy")])
        with dg.DagsterInstance.ephemeral() as instance:
            first = self.tick(instance)
            request = self.asked(first)
            assert isinstance(first, dg.SensorResult)
            assert isinstance(self.tick(instance, first.cursor), dg.SkipReason)
            served.edit(0, made, [region(1, 25, "anger")])
            again = self.asked(self.tick(instance, first.cursor))
        assert again.partition_key == request.partition_key
        assert again.run_key != request.run_key

    def test_a_delivery_whose_tick_died_is_asked_for_by_the_next_under_the_same_key(
        self, served: Double, home: Home, stored: dg.DagsterInstance
    ):
        served.annotate(0, [region(1, 25, "joy")])
        collect_once(home)
        with stored as instance:
            assert self.asked(self.tick(instance)).run_key == self.asked(self.tick(instance)).run_key

    def test_the_run_that_it_asks_for_reads_and_judges_the_batch(self, served: Double, home: Home, stored: dg.DagsterInstance):
        served.annotate(0, [region(1, 25, "joy")])
        with stored as instance:
            request = self.asked(self.tick(instance))
            instance.add_dynamic_partitions("annotation_batches", [str(request.partition_key)])
            job = defs.resolve_job_def("annotation_intake")
            job.execute_in_process(instance=instance, partition_key=request.partition_key, raise_on_error=False)
            assert isinstance(self.tick(instance), dg.SkipReason)
        assert judged(home) == [("category", "joy", None, 0, 1000)]
        decision = read_decision(home.batch(str(request.partition_key)))
        assert decision is not None
        # The gate knows that nobody added this film.
        assert not decision.accepted

    def test_a_tool_that_answers_nonsense_fails_the_tick_and_changes_nothing(self, served: Double, home: Home):
        served.fault = "html"
        with dg.DagsterInstance.ephemeral() as instance, pytest.raises(FeelmError, match="right address"):
            self.tick(instance)
        assert not home.inbox.exists()


class TestHome:
    """What is kept in the home, and how it is kept."""

    def test_secrets_are_random_stay_and_are_the_owners_alone(self, home: Home, tmp_path: Path):
        made = read_secrets(home)
        path = Places(home).folder / "secrets.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert read_secrets(home) == made
        assert read_secrets(Home(tmp_path / "other")).token != made.token

    def test_the_tool_is_started_so_that_nobody_signs_up_and_no_storage_reaches_the_local_network(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("FEELM_PG_PASSWORD", "of another")
        told = _environment(Places(home), read_secrets(home))
        assert told["LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK"] == "true" and told["SSRF_PROTECTION_ENABLED"] == "true"
        assert told["ALLOWED_HOSTS"] == "127.0.0.1,localhost" and told["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] == str(Places(home).served)
        assert "of another" not in told.values(), "nothing of Feelm's own is passed on"
        command = _command(Places(home), 8080)
        assert command[command.index("--internal-host") + 1] == "127.0.0.1"

    def test_the_own_tools_secrets_are_not_sent_to_another_address(self, home: Home):
        read_secrets(home)
        write_json(Places(home).folder / "server.json", {"url": "http://127.0.0.1:9", "project": "Feelm", "own": True})
        with pytest.raises(FeelmError, match="token for http://localhost:9 is not known"):
            collect_once(home, url="http://localhost:9")

    def test_without_a_served_tool_collecting_says_what_to_do(self, home: Home):
        with pytest.raises(FeelmError, match="annotations serve"):
            collect_once(home)

    def test_a_full_disk_and_an_index_out_of_reach_are_told(self, home: Home, monkeypatch: pytest.MonkeyPatch):
        Places(home).folder.mkdir(parents=True)
        with monkeypatch.context() as full:
            full.setattr("orchestration.label_studio_tool.NEED_MB", 10**9)
            with pytest.raises(FeelmError, match="too full"):
                install(home, lambda _: None)
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        with pytest.raises(FeelmError, match="is a package index reachable"):
            install(home, lambda _: None)
        assert not (Places(home).folder / f"installed-{VERSION}").exists()


class TestElsewhere:
    """A Label Studio that runs already gets the films once, and is collected from without arguments afterwards."""

    @pytest.fixture
    def films(self, home: Home, tmp_path: Path) -> Home:
        """A film that can be shown, one that cannot, and one that is not there."""
        counting_film(tmp_path / "f1.mp4")
        (tmp_path / "f2.mp4").write_bytes(b"no film")
        home.root.mkdir(exist_ok=True)
        entries = [{"id": name, "video": str(tmp_path / f"{name}.mp4")} for name in ("f1", "f2", "gone")]
        home.catalogue.write_text(yaml.safe_dump({"films": entries}))
        return home

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["annotations", *arguments])

    def test_films_are_entered_once_and_those_that_cannot_be_shown_hold_up_no_other(self, films: Home, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("FEELM_LABEL_STUDIO_TOKEN", TOKEN)
        with double() as server:
            for _ in range(2):
                done = self.run("serve", "--url", server.url, "--media-url", "https://films.example.org/")
                assert done.exit_code == 0, done.output
                assert "f2 is left out" in done.stderr and "gone is left out" in done.stderr
            (task,) = server.tasks
            (proxy,) = Places(films).films.glob("*.mp4")
            assert task["data"] == {
                "film_id": "f1",
                "fps": 25,
                "perspective": "portrayed",
                "video": f"https://films.example.org/{proxy.name}",
                "task_key": f"f1 portrayed {proxy.stem}",
            }
            assert not server.storages
            assert "nothing new" in self.run("collect").stdout
            assert TOKEN not in "".join(path.read_text() for path in Places(films).folder.glob("*.json"))

    def test_a_new_champions_suggestions_take_the_place_of_the_old_ones_and_can_be_left_out(
        self, films: Home, monkeypatch: pytest.MonkeyPatch
    ):
        said = [Judgement("f1", "champion", "u1", start_ms=1000, end_ms=2000, emotion="joy")]
        versions: list[str | None] = [None, "champion 1", "champion 2", "champion 2"]
        shown = []
        with double() as server:
            for version in versions:
                told = (version, said if version else [])
                monkeypatch.setattr("orchestration.label_studio.champion_says", lambda *_, told=told: told)
                with_them = ("--suggestions", "--url", server.url, "--token", TOKEN, "--media-url", "https://films.example.org/")
                done = self.run("serve", *with_them)
                assert done.exit_code == 0, done.output
                shown.append(server.projects[0].get("model_version"))
            left_out = ("serve", "--url", server.url, "--token", TOKEN, "--media-url", "https://films.example.org/")
            assert self.run(*left_out).exit_code == 0
            assert shown == versions
            assert server.projects[0]["show_collab_predictions"] is False
            assert [one["model_version"] for one in server.tasks[0]["predictions"]] == ["champion 1", "champion 2"]

    def test_a_film_that_was_asked_for_and_cannot_be_shown_is_told(self, films: Home):
        with double() as server:
            done = self.run("serve", "--film", "f2", "--url", server.url, "--token", TOKEN, "--media-url", "https://films.example.org/")
            assert isinstance(done.exception, FeelmError) and "f2.mp4" in str(done.exception)
            assert not server.asked

    def test_where_its_users_get_the_films_must_be_said(self, films: Home):
        done = self.run("serve", "--url", "https://labels.example.org", "--token", TOKEN)
        assert isinstance(done.exception, FeelmError) and "--media-url" in str(done.exception)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def judged(home: Home) -> list[tuple[str, str | None, float | None, int, int]]:
    (batch,) = home.data.joinpath("annotation_batches").glob("label-studio-feelm*")
    table = ANNOTATIONS.read(batch / "annotations.parquet").astype(object)
    rows = table.where(table.notna(), None)[["dimension", "label", "value", "start_ms", "end_ms"]]
    return sorted(rows.itertuples(index=False, name=None), key=str)


def get(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.slow
@pytest.mark.network
def test_the_round_trip_with_the_real_tool(tmp_path: Path, home: Home):
    """Install, serve, judge through the API as the editor does, collect, edit, collect, kill, collect, serve again, collect."""
    film = counting_film(tmp_path / "f1.mp4")
    added = feelm(home, "films", "add", str(film))
    assert added.returncode == 0, added.stderr
    port, took = free_port(), {"begun": time.monotonic()}

    def lap(name: str) -> None:
        took[name], took["begun"] = round(time.monotonic() - took["begun"], 1), time.monotonic()

    install(home, print)
    lap("install")
    with serving(home, port) as process:
        lap("first start")
        known = read_secrets(home)
        tool = LabelStudio(f"http://127.0.0.1:{port}", known.token)
        project = tool.project("Feelm")
        assert isinstance(project, Project)
        (task,) = tool.ask("GET", f"/api/tasks?project={project.number}&fields=all")["tasks"]
        data = task["data"]
        assert (data["film_id"], data["fps"], data["perspective"]) == ("f1", 25, "portrayed")
        check_what_is_served(port, known.token, data["video"], home)
        check_who_may_come_in(port, process)

        # The picture of the film that is shown at 2 s stands on the proxy's frame 50, which the tool calls 51.
        first = region(51, 75, "joy")
        result = [
            first,
            about(first, "intensity", "rating", 4),
            about(first, "valence", "number", 0.5),
            about(first, "arousal", "number", -0.25),
            about(first, "character", "textarea", ["Anna"]),
            about(first, "note", "textarea", ["smiles"]),
        ]
        made = tool.ask("POST", f"/api/tasks/{task['id']}/annotations/", {"result": result, "lead_time": 12.5})
        lap("judging")
        collected = feelm(home, "annotations", "collect")
        lap("collect, import, gate")
        assert collected.returncode == 0 and "1 annotations" in collected.stdout, collected.stdout + collected.stderr
        told = [
            ("arousal", None, -0.25, 2000, 3000),
            ("category", "joy", None, 2000, 3000),
            ("intensity", "joy", 0.75, 2000, 3000),
            ("valence", None, 0.5, 2000, 3000),
        ]
        assert judged(home) == told
        assert "nothing new" in feelm(home, "annotations", "collect").stdout

        edited = [region(51, 75, "anger"), region(76, 100, "fear", "r2")]
        tool.ask("PATCH", f"/api/annotations/{made['id']}/", {"result": edited})
        lap("two collects")
        again = feelm(home, "annotations", "collect")
        lap("collect of the edit")
        assert again.returncode == 0, again.stdout + again.stderr
        assert feelm(home, "stage", "annotations").returncode == 0
        united = ANNOTATIONS.read(home.artifact("annotations") / "annotations.parquet")
        assert sorted(united["label"]) == ["anger", "fear"]
        assert judged(home) == [("category", "anger", None, 2000, 3000), ("category", "fear", None, 3000, 4000)]

        # What is judged last before the tool is killed must come with the first poll after it is back.
        tool.ask("PATCH", f"/api/annotations/{made['id']}/", {"result": [region(51, 75, "disgust")]})
        (server,) = children(process.pid)
        os.killpg(server, signal.SIGKILL)
        assert process.wait(30) == 1
    assert "ended by itself" in (home.root.parent / "serve.log").read_text()
    before = (home.inbox / "label-studio-feelm.json").read_bytes()
    down = feelm(home, "annotations", "collect")
    assert down.returncode == 1
    assert "is it running?" in down.stderr and "Traceback" not in down.stderr
    assert (home.inbox / "label-studio-feelm.json").read_bytes() == before
    lap("killed")
    with serving(home, port) as process:
        lap("second start")
        assert len(tool.tasks(project, "id")) == 1
        feelm(home, "annotations", "collect")
        assert judged(home) == [("category", "disgust", None, 2000, 3000)]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not answers(port)
    print(json.dumps(took))  # noqa: T201


def check_what_is_served(port: int, token: str, video: str, home: Home) -> None:
    """The proxy, in parts, to those who are logged in, and nothing else of the home."""
    address = f"http://127.0.0.1:{port}"
    (proxy,) = Places(home).films.glob("*.mp4")
    content = proxy.read_bytes()
    assert get(address + video, Authorization=f"Token {token}") == (200, content)
    assert get(address + video, Authorization=f"Token {token}", Range="bytes=100-299") == (206, content[100:300])
    assert get(address + video)[0] == 401
    for outside in ("../secrets.json", "films/../../secrets.json", "films/../../data/label_studio.sqlite3"):
        code, answer = get(f"{address}/data/local-files/?d={outside}", Authorization=f"Token {token}")
        assert code >= 400 and token.encode() not in answer


def check_who_may_come_in(port: int, process: "subprocess.Popen[str]") -> None:
    """Only loopback, only under loopback's names, and nobody signs up; secrets stand in no command line."""
    (server,) = children(process.pid)
    command = Path(f"/proc/{server}/cmdline").read_bytes().decode()
    assert "127.0.0.1" in command and "--password" not in command and "--user-token" not in command
    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"}
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
    assert get(f"http://127.0.0.1:{port}/api/version/", Host="evil.example")[0] == 400
    form = b"email=eve@example.org&password=letmein12345"
    request = urllib.request.Request(f"http://127.0.0.1:{port}/user/signup/", form)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 403
    refused.value.close()
