"""Label Studio's own editor in a browser, and Dagster's own daemon: what a second rater draws there is the judgement that a run reads.

The film has no constant rate and its pictures show their numbers, so that a screenshot tells which picture the editor shows at which of its
frames, and the film's own times tell when that picture is seen.
"""

import os
import signal
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from assets.workspace import Workspace
from corpus.annotations.judgements import Judgement
from corpus.annotations.label_studio_config import QUESTIONS
from corpus.annotations.label_studio_server import LabelStudio, Project
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS
from corpus.paths import Home
from orchestration.label_studio import SERVED_AT, add_films, film_tasks
from orchestration.label_studio_tool import install, read_secrets
from orchestration.sensors import EVERY_S
from tests.conftest import REPOSITORY
from tests.corpus.films.conftest import BITS
from tests.e2e.browser import Page, browsing
from tests.e2e.test_ui import Dagster
from tests.loopback import free_port
from tests.orchestration.serving import TIMES_MS, counting_film, feelm, serving

pytestmark = [pytest.mark.slow, pytest.mark.network]

FPS = 25
FRAME_MS = 1000 // FPS
GREY = 110
VERSION = "feelm-emotion champion 7"
SUGGESTED = (
    Judgement("f1", "champion", "u1", start_ms=4000, end_ms=5000, character_id="Anna", emotion="anger", values={"intensity": 0.75}),
    Judgement("f1", "champion", "u2", start_ms=5200, end_ms=5800, emotion="fear"),
)
RUN_S = 180
"""Longest time for a run that the daemon launched."""


@dataclass(frozen=True)
class Served:
    """A home whose Label Studio runs."""

    home: Home
    tool: LabelStudio
    project: Project

    def task(self) -> int:
        """The number of its only task."""
        ((number,),) = (task.values() for task in self.tool.tasks(self.project, "id"))
        return int(number)

    def judge(self, first: int, last: int, emotion: str) -> None:
        """A judgement of the account that Feelm uses."""
        value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [emotion]}
        result = [{"id": f"{emotion}{first}", "from_name": "emotion", "to_name": "video", "type": "timelinelabels", "value": value}]
        self.tool.ask("POST", f"/api/tasks/{self.task()}/annotations/", {"result": result, "lead_time": 12.5})

    def batch(self) -> Path:
        """What was read of the project, called by the batch's id."""
        (found,) = self.home.data.joinpath("annotation_batches").glob("label-studio-feelm*")
        return found

    def judged(self) -> pd.DataFrame:
        """What the project's batch holds."""
        return ANNOTATIONS.read(self.batch() / "annotations.parquet")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("editor")
    home, port = Home(folder / "home"), free_port()
    added = feelm(home, "films", "add", str(counting_film(folder / "f1.mp4")))
    assert added.returncode == 0, added.stderr
    install(home, print)
    with serving(home, port):
        tool = LabelStudio(f"http://127.0.0.1:{port}", read_secrets(home).token)
        project = tool.project("Feelm")
        assert project is not None
        yield Served(home, tool, project)


def log_in(page: Page, served: Served, name: str, password: str) -> None:
    page.open(f"{served.tool.url}/user/login/")
    page.fill("input[name=email]", name)
    page.fill("input[name=password]", password)
    page.enter()
    page.wait_for("the page after the login", lambda: "/login" not in page.ask("location.pathname"))


def sign_up(page: Page, served: Served, name: str) -> None:
    """A new account, by the link that Label Studio gives under Organization."""
    page.open(served.tool.url + served.tool.ask("GET", "/api/invite")["invite_url"])
    page.fill("input[name=email]", name)
    page.fill("input[name=password]", "correct-horse-battery")
    page.enter()
    page.wait_for("the page after signing up", lambda: "/signup" not in page.ask("location.pathname"))


def label_all(page: Page, served: Served) -> None:
    """Let the tool give this account its next film, and wait until its picture is there."""
    page.open(f"{served.tool.url}/projects/{served.project.number}/data")
    page.click("button", "Label All Tasks")
    page.wait_for("the film", lambda: frame_shown(page))
    time.sleep(1)


def frame_shown(page: Page) -> int | None:
    """The number that the editor gives to the picture it shows."""
    words = str(page.ask("document.querySelector('.lsf-frames-control')?.innerText ?? ''")).split()
    return int(words[0]) if len(words) == 3 and words[2].isdigit() and int(words[2]) > 1 else None


def picture_shown(page: Page, path: Path) -> int:
    """The number that the picture itself shows, read off a screenshot: eight fields above a grey half."""
    shown = cv2.imread(str(page.picture(path))).astype(int)
    grey = (abs(shown - GREY).max(axis=2) <= 6).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(grey)
    x, y, width, height, _ = max(boxes[1:], key=lambda box: box[4])
    fields = [shown[y - height // 2, int(x + width * (bit + 0.5) / BITS)].mean() > 128 for bit in range(BITS)]
    return sum(int(is_white) << (BITS - 1 - bit) for bit, is_white in enumerate(fields))


def regions(page: Page) -> list[str]:
    """The emotions in the editor's list of regions."""
    return list(page.ask("[...document.querySelectorAll('.lsf-labels-list > .lsf-labels-list')].map(one => one.innerText)"))


def draw(page: Page, key: str, first: int, last: int) -> None:
    """From the film's start, choose the emotion by its key and draw over frames, which are as wide as the mark of the first."""
    page.click(".lsf-seeker__track", part=0.002)
    page.wait_for("the film's start", lambda: frame_shown(page) == 1)
    page.press(key, ord(key), key)
    mark = page.box(".lsf-timeline-frames__indicator")
    points = [(mark.x + mark.width * (frame - 0.5), mark.y + 110) for frame in (first, first + 1, (first + last) // 2, last)]
    page.drag(points)


def span_shown(page: Page) -> tuple[int, int]:
    """First and last frame of the chosen region, as the editor says them."""
    first, last, _ = page.ask("[...document.querySelectorAll('input[type=number][class*=input--]')].map(one => Number(one.value))")
    return first, last


def sharp(frames: range) -> int:
    """A proxy's frame (from 0) whose picture is neither the one before nor the one after."""
    shown = [film_picture(frame * FRAME_MS) for frame in range(frames.stop + 1)]
    return next(frame for frame in frames if len({*shown[frame - 1 : frame + 2]}) == 3)


def film_picture(t_ms: float) -> int:
    """Which picture the film itself shows at a time; one that is a millisecond late is on time."""
    return bisect_right(TIMES_MS, t_ms + 1) - 1


def test_what_a_second_rater_draws_in_the_editor_is_read_under_a_second_pseudonym(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with browsing() as page:
        for version, said_by_it in (("feelm-emotion champion 6", SUGGESTED[:1]), (VERSION, SUGGESTED)):
            monkeypatch.setattr("orchestration.label_studio.champion_says", lambda *_, said=said_by_it, own=version: (own, list(said)))
            tasks = film_tasks(Workspace(served.home), [], SERVED_AT, True, Console(quiet=True))
            add_films(served.tool, served.project, tasks, suggest=True)
        served.judge(1, 25, "neutral")

        sign_up(page, served, "ben@example.org")
        label_all(page, served)
        page.picture(tmp_path / "opened.png")
        # What the champion said stands there already, and nothing of the first rater.
        assert regions(page) == ["anger", "fear"]
        assert frame_shown(page) == 1
        assert picture_shown(page, tmp_path / "first.png") == 0

        page.click(".lsf-labels-list > .lsf-labels-list", "fear")
        assert span_shown(page) == (131, 145)
        page.press("Backspace", 8)
        page.wait_for("the list without what is not shared", lambda: regions(page) == ["anger"])

        first, last = sharp(range(10, 18)), sharp(range(24, 32))
        draw(page, "2", first + 1, last + 1)
        page.wait_for("the region", lambda: "joy" in regions(page))
        assert frame_shown(page) == last + 1
        time.sleep(1)
        assert picture_shown(page, tmp_path / "last.png") == film_picture(last * FRAME_MS)
        page.click(".lsf-labels-list > .lsf-labels-list", "joy")
        page.wait_for("the region's first frame", lambda: frame_shown(page) == first + 1)
        assert span_shown(page) == (first + 1, last + 1)
        time.sleep(1)
        assert picture_shown(page, tmp_path / "start.png") == film_picture(first * FRAME_MS)

        for question in QUESTIONS.values():
            assert question in page.told(), question
        page.click(".ant-rate-star:nth-child(4)")
        page.fill("input[name=valence]", "0.5")
        page.fill("input[name=arousal]", "-0.5")
        page.fill("input[name=character]", "Anna")
        page.fill("input[name=note]", "smiles")
        page.picture(tmp_path / "judged.png")
        page.click("button", "Submit")
        page.wait_for("the end of the films", lambda: "No More Tasks" in page.told())
        assert page.console == []

    collected = feelm(served.home, "annotations", "collect")
    assert collected.returncode == 0 and "2 annotations" in collected.stdout, collected.stdout + collected.stderr
    table = served.judged()
    names = Pseudonyms(served.home.root / "annotators.json")
    owner, ben = (names.of(f"label-studio-user-{number}") for number in (1, 2))
    assert {*table["annotator_id"]} == {owner, ben} and owner != ben
    assert said(table, owner) == {("category", "neutral", None, 0, 1000, None, None)}
    start_ms, end_ms = first * FRAME_MS, (last + 1) * FRAME_MS
    assert said(table, ben) == {
        ("category", "joy", None, start_ms, end_ms, "Anna", "smiles"),
        ("intensity", "joy", 0.75, start_ms, end_ms, "Anna", "smiles"),
        ("valence", None, 0.5, start_ms, end_ms, "Anna", "smiles"),
        ("arousal", None, -0.5, start_ms, end_ms, "Anna", "smiles"),
        ("category", "anger", None, 4000, 5000, "Anna", None),
        ("intensity", "anger", 0.75, 4000, 5000, "Anna", None),
    }


def said(table: pd.DataFrame, annotator: str | None = None) -> set[tuple[Any, ...]]:
    own = (table if annotator is None else table[table["annotator_id"] == annotator]).astype(object)
    columns = ["dimension", "label", "value", "start_ms", "end_ms", "character_id", "note"]
    return set(own.where(own.notna(), None)[columns].itertuples(index=False, name=None))


def test_without_suggestions_a_rater_begins_with_nothing_and_cannot_submit_nothing(served: Served, tmp_path: Path):
    with browsing() as page:
        add_films(served.tool, served.project, film_tasks(Workspace(served.home), [], SERVED_AT, False, Console(quiet=True)), suggest=False)
        sign_up(page, served, "cleo@example.org")
        label_all(page, served)
        page.picture(tmp_path / "empty.png")
        assert regions(page) == []
        submit = "[...document.querySelectorAll('button')].find(one => one.innerText === 'Submit').disabled"
        assert page.ask(submit) is True
        draw(page, "4", 3, 9)
        page.wait_for("the region", lambda: regions(page) == ["fear"])
        assert page.ask(submit) is False


SENSOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "orchestration.definitions",
    "sensorName": "label_studio_export",
}
SWITCH_ON = """mutation($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) {
  __typename ... on Sensor { sensorState { status } } ... on PythonError { message } } }"""
TICKS = """query($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState {
  ticks(limit: 50) { tickId status skipReason runIds error { message } } } } } }"""
RUNS = """query($tag: ExecutionTag!) { runsOrError(filter: {tags: [$tag]}) { ... on Runs { results { runId status jobName } } } }"""
MADE = """query($key: String!) { assetOrError(assetKey: {path: ["annotation_batches"]}) { ... on Asset {
  assetMaterializations(partitions: [$key]) { runId } } } }"""


@pytest.fixture(scope="module")
def dagster(served: Served) -> Iterator[Dagster]:
    """Webserver and daemon of the served home, as `feelm ui` starts them."""
    port = free_port()
    environment = {**os.environ, "FEELM_HOME": str(served.home.root), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "orchestration.cli", "ui", "--port", str(port)]
    with (served.home.root / "logs" / "ui.log").open("w") as log:
        process = subprocess.Popen(command, cwd=served.home.root.parent, env=environment, stdout=log, stderr=log)
    try:
        running = Dagster(port)
        running.wait_until_up(process)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ticks(dagster: Dagster) -> list[dict[str, Any]]:
    """The sensor's finished ticks, the last first."""
    found = dagster.ask(TICKS, sensor=SENSOR)["sensorOrError"]["sensorState"]["ticks"]
    return [tick for tick in found if tick["status"] != "STARTED"]


def next_tick(dagster: Dagster, after: int) -> dict[str, Any]:
    """The tick that follows the first `after` ones."""
    until = time.monotonic() + 2 * EVERY_S + 60
    while len(found := ticks(dagster)) <= after:
        assert time.monotonic() < until, f"no tick after {found}"
        time.sleep(2)
    return found[-1 - after]


def launched(dagster: Dagster) -> list[dict[str, Any]]:
    """The runs that the sensor asked for."""
    tag = {"key": "dagster/sensor_name", "value": "label_studio_export"}
    return list(dagster.ask(RUNS, tag=tag)["runsOrError"]["results"])


def test_the_living_daemon_runs_once_for_what_a_rater_judged_and_not_again(served: Served, dagster: Dagster):
    switched = dagster.ask(SWITCH_ON, sensor=SENSOR)["startSensor"]
    assert switched.get("sensorState") == {"status": "RUNNING"}, switched
    first = next_tick(dagster, 0)
    assert first["status"] == "SKIPPED" and "nothing new" in first["skipReason"], first

    served.judge(101, 125, "disgust")
    second = next_tick(dagster, 1)
    assert second["status"] == "SUCCESS" and second["error"] is None, second
    (run_id,) = second["runIds"]
    until = time.monotonic() + RUN_S
    while (runs := launched(dagster))[0]["status"] not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < until, runs
        time.sleep(2)
    assert runs == [{"runId": run_id, "status": "SUCCESS", "jobName": "annotation_intake"}]
    made = dagster.ask(MADE, key=served.batch().name)["assetOrError"]["assetMaterializations"]
    assert run_id == made[0]["runId"]
    assert ("category", "disgust", None, 4000, 5000) in {one[:5] for one in said(served.judged())}

    third = next_tick(dagster, 2)
    assert third["status"] == "SKIPPED" and "nothing new" in third["skipReason"], third
    assert launched(dagster) == runs
