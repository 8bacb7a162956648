"""The engine: askers are read together and answered apart, and another champion takes the place while they are."""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from corpus.paths import Home
from ml.features.text import live
from ml.features.text.live import LineReader
from ml.models.dialogue import HeardTurns, Turn
from service.api.engine import MOST_TOGETHER, Engine, Heard
from service.api.metrics import Metrics
from service.api.problems import Problem
from service.api.settings import Limits, Settings
from service.api.talking import Talking
from service.champion import Champion
from service.domains.profile import profiles
from service.respond.candidates import fixed
from tests.ml.conftest import train
from tests.service.api.conftest import MANY, running
from tests.service.talk import FILMS, promote


def until(met: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def engine(own_home: Home) -> "object":
    engine = Engine(Settings(own_home, look_every_s=0.05), Metrics())
    engine.start()
    until(lambda: engine.standing is not None)
    yield engine
    engine.stop()


def sizes_heard(monkeypatch: pytest.MonkeyPatch, slow: threading.Event | None = None) -> list[int]:
    """How many dialogues each pass has; the first waits for `slow`."""
    sizes: list[int] = []
    hear = Champion.hear

    def watched(self: Champion, dialogues: Sequence[Sequence[Turn]], language: str | None = None) -> list[HeardTurns]:
        sizes.append(len(dialogues))
        if slow is not None:
            slow.wait(30)
        if any(turn.text == "poison" for turns in dialogues for turn in turns):
            raise ZeroDivisionError("poison")
        return hear(self, dialogues, language)

    monkeypatch.setattr(Champion, "hear", watched)
    return sizes


def asked_together(engine: Engine, slow: threading.Event, dialogues: Sequence[tuple[Sequence[Turn], str | None]]) -> list[object]:
    """Answers or errors of questions that all wait while the first is heard."""

    async def ask() -> list[object]:
        first = asyncio.create_task(engine.hear([[Turn("first")]]))
        await asyncio.sleep(0.2)
        rest = [asyncio.create_task(engine.hear([turns], language)) for turns, language in dialogues]
        await asyncio.sleep(0.2)
        slow.set()
        await first
        return await asyncio.gather(*rest, return_exceptions=True)

    return asyncio.run(ask())


def test_who_waits_is_read_in_one_pass_and_answered_apart(engine: Engine, champion: Champion, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()
    said = [[Turn(text)] for text in ("How dare you!", "I miss her so much.", "We won, we won!")]
    alone = [champion.hear([turns])[0].probabilities for turns in said]
    sizes = sizes_heard(monkeypatch, slow)
    answers = asked_together(engine, slow, [(turns, None) for turns in said])
    assert sizes == [1, 3]
    for answer, probabilities in zip(answers, alone, strict=True):
        assert np.allclose(answer.dialogues[0].probabilities, probabilities, atol=2e-3)  # type: ignore[attr-defined]


def test_other_languages_and_long_dialogues_are_read_by_themselves(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, long = threading.Event(), [Turn("Here is your receipt.")] * (MOST_TOGETHER + 1)
    sizes = sizes_heard(monkeypatch, slow)
    short = [Turn("How dare you!")]
    answers = asked_together(engine, slow, [(short, "en"), (short, "en"), (short, None), (long, None), (short, None)])
    assert sizes == [1, 2, 1, 1, 1]
    assert [len(answer.dialogues[0].read) for answer in answers] == [1, 1, 1, len(long), 1]  # type: ignore[attr-defined]


def test_what_one_brings_is_no_reason_for_others_to_fail(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()
    sizes_heard(monkeypatch, slow)
    answers = asked_together(engine, slow, [([Turn(text)], None) for text in ("How dare you!", "poison", "Run!")])
    assert [isinstance(answer, ZeroDivisionError) for answer in answers] == [False, True, False]


def test_who_finds_no_room_is_told_when_to_come_back(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(Settings(own_home, limits=Limits(waiting=2)), Metrics())
    engine.start()
    until(lambda: engine.standing is not None)
    slow = threading.Event()
    sizes_heard(monkeypatch, slow)
    answers = asked_together(engine, slow, [([Turn("Run!")], None)] * 5)
    engine.stop()
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert len(refused) == 3 and all(one.status == 503 and one.headers["Retry-After"] == "1" for one in refused)


def test_an_answer_that_takes_too_long_is_given_up_and_the_next_is_not(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = threading.Event()
    with running(Settings(own_home, limits=Limits(request_s=0.5))) as client:
        sizes = sizes_heard(monkeypatch, slow)
        late = client.post("/v1/detect", json={"text": "How dare you!"})
        assert late.status_code == 503 and late.json()["type"].endswith("too-slow")
        gone = client.post("/v1/detect", json={"text": "Nobody waits for this."})
        assert gone.status_code == 503
        slow.set()
        until(lambda: client.post("/v1/detect", json={"text": "Run!"}).status_code == 200, 10)
        assert sum(sizes) < 2 + len(sizes), "who has gone is not answered"


def test_before_there_is_a_champion_the_service_lives_and_is_not_ready(own_home: Home) -> None:
    away = own_home.root / "away"
    own_home.artifact("champion").rename(away)
    from service.api.app import create_app
    from tests.service.api.conftest import asking

    with asking(create_app(Settings(own_home, look_every_s=0.05))) as client:
        until(lambda: "no champion" in client.get("/health/ready").json()["detail"])
        assert client.get("/health/live").status_code == 200 and client.get("/health/ready").status_code == 503
        refused = client.post("/v1/detect", json={"text": "How dare you!"})
        assert refused.status_code == 503 and "retry-after" in refused.headers
        assert str(own_home.root) not in refused.text + client.get("/health/ready").text
        away.rename(own_home.artifact("champion"))
        until(lambda: client.get("/health/ready").status_code == 200)
        assert client.post("/v1/detect", json={"text": "How dare you!"}).status_code == 200


def test_a_look_that_fails_is_told_and_counted_and_the_champion_goes_on(own_home: Home) -> None:
    with running(Settings(own_home, look_every_s=0.05, limits=MANY)) as client:
        before = client.get("/health/ready").json()
        assert before["trouble"] is None
        manifest = own_home.artifact("champion") / "manifest.json"
        whole = manifest.read_bytes()
        manifest.write_text(json.dumps({**json.loads(whole), "weights.safetensors": "0" * 64}))
        until(lambda: client.get("/health/ready").json()["trouble"] is not None)
        told = client.get("/health/ready")
        assert told.status_code == 200 and told.json()["model_version"] == before["model_version"]
        assert client.post("/v1/detect", json={"text": "How dare you!"}).status_code == 200
        failures = [line for line in client.get("/metrics").text.splitlines() if line.startswith("feelm_model_look_failures_total")]
        assert float(failures[0].split()[1]) >= 1
        manifest.write_bytes(whole)
        until(lambda: client.get("/health/ready").json()["trouble"] is None)


def test_another_champion_takes_the_place_under_load_without_a_failed_request(own_home: Home, home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    shutil.copytree(home.root, other.root)
    train(other, [f"talk-{number}" for number in range(FILMS)], [], seed=2)
    promote(other)
    with running(Settings(own_home, look_every_s=0.05, limits=MANY)) as client:
        answers: list[tuple[int, str]] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                response = client.post("/v1/detect", json={"text": f"How dare you, number {len(answers)}!"})
                answers.append((response.status_code, response.json().get("origin", {}).get("model_version", response.text)))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        versions = {client.get("/v1/model").json()["origin"]["model_version"]}
        for source in (other, home, other):
            _replace(own_home.artifact("champion"), source.artifact("champion"))
            until(lambda: client.get("/v1/model").json()["origin"]["model_version"] == version_of(source))  # noqa: B023
            versions.add(version_of(source))
        stop.set()
        for thread in threads:
            thread.join()
        assert {status for status, _ in answers} == {200} and len(answers) >= len(threads)
        assert {version for _, version in answers} == versions and len(versions) == 2
        assert "feelm_model_swaps_total 3.0" in client.get("/metrics").text


def version_of(home: Home) -> str:
    from ml.models.predict import load_model

    return load_model(home.artifact("champion")).version


def _replace(target: Path, source: Path) -> None:
    """As promotion does."""
    from corpus.paths import writing

    with writing(target) as out:
        shutil.copytree(source, out, dirs_exist_ok=True)


def test_what_replies_need_is_made_ready_once_for_each_champion_and_its_failure_stops_nobody(own_home: Home) -> None:
    asked: list[str] = []

    def prepare(champion: Champion) -> None:
        asked.append(champion.origin.model_version)
        raise ZeroDivisionError

    engine = Engine(Settings(own_home, look_every_s=0.02), Metrics(), prepare)
    engine.start()
    until(lambda: len(asked) == 1)
    (answer,) = asked_together(engine, threading.Event(), [([Turn("How dare you!")], None)])
    engine.stop()
    assert isinstance(answer, Heard) and engine.trouble is None
    assert asked == [version_of(own_home)]


def test_a_reply_finds_all_that_its_domain_says_read_whatever_else_was_read_since(
    own_home: Home, champion: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REMEMBERED_LINES", 2)
    talking = Talking(Settings(own_home), Metrics())
    talking.prepare(champion)
    champion.lines.read([[f"One line more, number {number}." for number in range(5)]])
    read: list[str] = []
    made = LineReader._made
    monkeypatch.setattr(LineReader, "_made", lambda self, texts: read.extend(texts) or made(self, texts))
    for name, domain in profiles().items():
        given = talking.answer(champion, domain, [Turn("How dare you send me the wrong one!", "person")], f"talk-{name}", "en")
        assert given.reply is not None
        assert set(read).isdisjoint(fixed(domain, "en")), name
    assert read, "what the person said is new"


def test_what_watches_it_is_told_requests_by_route_and_status(own_home: Home) -> None:
    with running(Settings(own_home, limits=MANY)) as client:
        client.post("/v1/detect", json={"text": "How dare you!"})
        client.post("/v1/detect", json={})
        client.get("/v1/jobs/" + "0" * 32)
        client.get("/some/thing/that/is/not")
        client.app.state.service.metrics.escalated("support", "distress")  # type: ignore[attr-defined]
        told = client.get("/metrics")
        assert told.headers["content-type"].startswith("text/plain")
        for line in (
            'feelm_requests_total{method="POST",route="/v1/detect",status="200"} 1.0',
            'feelm_requests_total{method="POST",route="/v1/detect",status="422"} 1.0',
            'feelm_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"} 1.0',
            'feelm_requests_total{method="GET",route="unmatched",status="404"} 1.0',
            'feelm_request_seconds_count{route="/v1/detect"} 2.0',
            'feelm_escalations_total{domain="support",reason="distress"} 1.0',
            "feelm_waiting 0.0",
        ):
            assert line in told.text, line
        assert 'feelm_model_info{declared_use="research",version="' in told.text
