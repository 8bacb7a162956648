"""The client: the service's own dataclasses, errors by kind, and patience where the service asks for it."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from corpus.paths import Home
from ml.models.dialogue import Turn
from service.anticipate import anticipate
from service.api.keys import KeyRing
from service.api.models.talk import AnticipateAnswer
from service.api.settings import Limits, Settings
from service.champion import Champion
from service.client import Client, JobLost, NotLetIn, NotReached, NotReady, NotThere, NotUsable, ServiceError, TooMany
from service.detect import detect_file
from service.safety.uses import Context, Input, Subject, UseProfile
from service.turns import detect_turns
from tests.loopback import free_port
from tests.service.api.conftest import MANY, copied, listening
from tests.service.senses import spoken

TALK = (Turn("How dare you!", "anna"), Turn("I am so sorry.", "ben"))
SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\nHow dare you!\n"


@pytest.fixture(scope="module")
def served(home: Home, tmp_path_factory: pytest.TempPathFactory) -> "object":
    settings = Settings(copied(home, tmp_path_factory.mktemp("asked")), limits=MANY)
    key = KeyRing(settings.folder).add("anna").key
    with listening(settings) as address, Client(address, key) as client:
        yield client


def test_what_the_client_gives_is_what_the_service_has(served: Client, champion: Champion) -> None:
    own = detect_turns(champion, TALK, explain=True)
    assert served.detect(TALK, explain=True) == own
    assert served.detect("How dare you!", language="en").turns[0].emotion == "anger"
    assert [one.turns[0].emotion for one in served.detect_batch(["How dare you!", TALK[1:]])] == ["anger", "sadness"]
    assert served.model().origin == champion.origin and served.ready().model_version == champion.origin.model_version


def test_what_is_foreseen_and_answered_is_what_the_service_has(served: Client, champion: Champion) -> None:
    candidates = [Turn("Never mind.", "anna"), Turn("Get out!", "anna")]
    own = AnticipateAnswer.of(champion.origin, anticipate(champion, TALK, candidates, "en"))
    assert served.anticipate(TALK, candidates, "en") == own
    given = served.respond("customer_service", [Turn("I miss her so much.", "user")], language="en")
    assert given.kind == "reply" and given.reply is not None and given.text == given.reply.text


def test_a_file_is_the_same_at_once_as_a_job_and_without_the_service(served: Client, home: Home, tmp_path: Path) -> None:
    path = tmp_path / "scene.srt"
    path.write_text(SUBTITLES)
    own = detect_file(home, path)
    assert served.detect_media(path).detection == own
    job = served.begin_media(path)
    assert served.wait_for(job, every_s=0.1).detection == own
    served.forget(job)
    with pytest.raises(NotThere):
        served.job(job.id)


def test_what_goes_wrong_is_an_error_of_its_kind(served: Client, tmp_path: Path) -> None:
    with pytest.raises(NotUsable, match=r"body\.text") as wrong:
        served.detect(" ")
    assert wrong.value.problem is not None and wrong.value.problem.faults
    (tmp_path / "a.mp4").write_bytes(b"\x00" * 100)
    with pytest.raises(NotUsable, match="cannot be read as a film"):
        served.detect_media(tmp_path / "a.mp4")
    with pytest.raises(NotUsable, match="cannot be read as a film"):
        served.wait_for(served.begin_media(tmp_path / "a.mp4"), every_s=0.1)
    with pytest.raises(NotLetIn), Client(str(served._http.base_url), "feelm_wrong") as stranger:
        stranger.detect("How dare you!")
    with pytest.raises(NotReached, match="feelm serve"), Client(f"http://127.0.0.1:{free_port()}") as nobody:
        nobody.model()


def test_who_asks_too_fast_waits_as_long_as_is_asked(home: Home, tmp_path: Path) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        import time

        waited.append(seconds)
        time.sleep(seconds)

    with listening(Settings(copied(home, tmp_path), limits=Limits(rate=2, burst=1))) as address, Client(address, sleep=sleep) as client:
        for _ in range(3):
            client.model()
    assert waited and set(waited) == {1.0}


def answering(answers: list[httpx.Response]) -> tuple[Client, list[float], list[httpx.Request]]:
    """A client of a service that gives these answers, what it waited and what it asked."""
    waited: list[float] = []
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        asked.append(request)
        return answers.pop(0)

    return Client("http://feelm", transport=httpx.MockTransport(answer), sleep=waited.append, tries=3), waited, asked


def problem(status: int, **headers: str) -> httpx.Response:
    told = {"type": "urn:feelm:problem:x", "title": "T", "status": status, "detail": "D", "instance": "/", "request_id": "r", "faults": []}
    return httpx.Response(status, content=json.dumps(told), headers=headers)


READY = httpx.Response(200, json={"ready": True, "model_version": "v", "trouble": None})


def test_a_busy_service_is_asked_again_after_the_time_it_names() -> None:
    client, waited, _ = answering([problem(503, **{"retry-after": "7"}), problem(429, **{"retry-after": "99999"}), READY])
    assert client.ready().model_version == "v" and waited == [7.0, 60.0]


@pytest.mark.parametrize(("status", "kind"), [(503, NotReady), (429, TooMany)])
def test_patience_ends(status: int, kind: type[ServiceError]) -> None:
    client, waited, asked = answering([problem(status, **{"retry-after": "soon"})] * 3)
    with pytest.raises(kind, match="T: D"):
        client.ready()
    assert len(asked) == 3 and waited == [1.0, 1.0]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_what_asking_again_does_not_mend_is_not_asked_again(status: int) -> None:
    client, waited, asked = answering([problem(status)])
    with pytest.raises(ServiceError):
        client.ready()
    assert len(asked) == 1 and waited == []


def test_a_file_is_sent_whole_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SUBTITLES)
    client, _, asked = answering([problem(503), problem(422)])
    with pytest.raises(NotUsable):
        client.detect_media(path)
    assert all(SUBTITLES.encode() in request.content for request in asked) and len(asked) == 2


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b"[]", b'{"ready": "maybe"}'])
@pytest.mark.parametrize("status", [200, 502])
def test_another_service_at_the_address_is_told_apart(content: bytes, status: int) -> None:
    client, _, _ = answering([httpx.Response(status, content=content)])
    with pytest.raises(ServiceError) as wrong:
        client.ready()
    assert wrong.value.problem is None and wrong.value.status == status


def test_a_lost_job_is_told_as_lost() -> None:
    job = {"id": "0" * 32, "state": "lost", "created_at": "2026-01-01T00:00:00Z", "ended_at": None, "result": None, "problem": None}
    client, _, _ = answering([httpx.Response(200, json=job)])
    with pytest.raises(JobLost):
        client.wait_for(client.job("0" * 32))


def test_a_job_that_does_not_end_is_not_waited_for_without_end() -> None:
    job = {"id": "0" * 32, "state": "running", "created_at": "2026-01-01T00:00:00Z", "ended_at": None, "result": None, "problem": None}
    client, waited, _ = answering([httpx.Response(200, json=job)] * 2)
    begun = client.job("0" * 32)
    with pytest.raises(NotReady, match="it goes on"):
        client.wait_for(begun, timeout_s=-1)
    assert waited == []


def test_a_stream_is_read_while_it_goes_on_and_its_refusals_are_errors(sensing_home: Home, tmp_path: Path) -> None:
    settings = Settings(copied(sensing_home, tmp_path), limits=MANY)
    key = KeyRing(settings.folder).add("anna").key
    use = UseProfile(Context.RESEARCH, Input.VOICE, Subject.PARTICIPANT)
    with listening(settings) as address, Client(address, key) as client:
        with client.stream(use, rate_hz=16_000, conversation="call-7") as live:
            assert live.opened.origin.value() == client.model().origin and "voice" in (live.opened.disclosed or "")
            live.send(spoken().tobytes())
            live.end()
            readings = list(live.readings())
        assert readings[-1].until_ms == len(spoken()) // 160 * 10 and readings[-1].dropped == 0
        with pytest.raises(NotLetIn, match=r"Art\. 5"), client.stream(replace(use, subject=Subject.EMPLOYEE), rate_hz=16_000):
            pass
        with pytest.raises(NotUsable, match="16-bit mono"), client.stream(use, rate_hz=16_000) as live:
            live.send(b"\x00")
            list(live.readings())
        with pytest.raises(NotLetIn), Client(address, "feelm_wrong") as stranger, stranger.stream(use, rate_hz=16_000):
            pass
    with pytest.raises(NotReached, match="feelm serve"), Client(address) as nobody, nobody.stream(use, rate_hz=16_000):
        pass
