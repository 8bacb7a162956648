"""`/v1/streams`: what opens it, what it answers while somebody is heard or seen, and how it ends whatever comes."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from corpus.paths import Home
from corpus.terms import EMOTIONS
from service.api.keys import KeyRing
from service.api.settings import Settings
from service.safety.disclosure import DisclosureLog
from service.safety.uses import Context, Ground, Input, Subject, UseProfile, add_basis
from service.streams.bounds import Bounds
from service.streams.reader import StreamReader
from tests.service.api.conftest import MANY, copied, running
from tests.service.senses import encoded, picture, spoken

PATH = "/v1/streams"
STREAMS = f"ws://localhost{PATH}"
VOICE = {"input": "voice", "context": "research", "subject": "participant", "rate_hz": 16_000, "conversation": "call-1"}
FACE = {"input": "face", "context": "research", "subject": "fictional"}
SECOND = 32_000


@pytest.fixture(scope="module")
def streams(sensing_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with running(Settings(copied(sensing_home, tmp_path_factory.mktemp("streams")), limits=MANY)) as client:
        yield client


@pytest.fixture
def bounded(streams: TestClient, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """The same service with other bounds of a stream."""
    reader: StreamReader = streams.app.state.service.streams  # type: ignore[attr-defined]
    usual, reader.bounds = reader.bounds, request.param
    yield streams
    reader.bounds = usual


def opened(stream: WebSocketTestSession, question: dict[str, Any]) -> dict[str, Any]:
    stream.send_json(question)
    answer: dict[str, Any] = stream.receive_json()
    assert answer["kind"] == "opened", answer
    return answer


def ended(stream: WebSocketTestSession) -> tuple[list[dict[str, Any]], dict[str, Any], int]:
    """The readings that still come, the last answer, and the close code."""
    readings: list[dict[str, Any]] = []
    while (answer := stream.receive_json())["kind"] == "reading":
        readings.append(answer)
    with pytest.raises(WebSocketDisconnect) as closed:
        stream.receive_json()
    return readings, answer, closed.value.code


def left(stream: WebSocketTestSession) -> int:
    """End a stream; the close code."""
    stream.send_json({"kind": "end"})
    return ended(stream)[2]


def refused(client: TestClient, *messages: str | bytes) -> tuple[dict[str, Any], int]:
    with client.websocket_connect(STREAMS) as stream:
        for message in messages:
            stream.send_text(message) if isinstance(message, str) else stream.send_bytes(message)
        if len(messages) > 1:
            assert stream.receive_json()["kind"] == "opened"
        _, answer, code = ended(stream)
        assert answer["kind"] == "problem", answer
        return answer["problem"], code


def test_a_voice_is_read_twice_a_second_and_more_while_it_speaks(streams: TestClient) -> None:
    pcm = np.tile(spoken(), 2).tobytes()[: 3 * SECOND]
    with streams.websocket_connect(STREAMS) as stream:
        first = opened(stream, VOICE)
        began = time.monotonic()
        for start in range(0, len(pcm), SECOND // 20):
            stream.send_bytes(pcm[start : start + SECOND // 20])
            time.sleep(max(began + (start / SECOND) - time.monotonic(), 0))
        stream.send_json({"kind": "end"})
        readings, last, code = ended(stream)
    assert first["origin"]["declared_use"] == "research" and first["conversation"] == "call-1"
    assert "sound of your voice" in first["disclosed"] and any("high-risk" in one for one in first["obligations"])
    assert last == {"kind": "ended", "readings": len(readings), "dropped": 0} and code == 1000
    assert len(readings) >= 2 and readings[-1]["until_ms"] == len(pcm) * 1000 // SECOND
    heard = readings[-1]
    assert heard["emotion"] in EMOTIONS and abs(sum(heard["probabilities"].values()) - 1) < 1e-3
    assert heard["doubt"] in (None, "low_confidence") and heard["uncertain"] == (heard["doubt"] is not None)
    assert -1 <= heard["valence"] <= 1 and -1 <= heard["arousal"] <= 1 and heard["place"] is None


def test_that_somebody_is_told_is_noted_without_what_was_said(streams: TestClient) -> None:
    with streams.websocket_connect(STREAMS) as stream:
        told = opened(stream, {**VOICE, "conversation": "call-noted", "language": "de"})["disclosed"]
        left(stream)
    log = DisclosureLog(streams.app.state.service.settings.home)  # type: ignore[attr-defined]
    (entry,) = [one for one in log.entries() if one.conversation == "call-noted"]
    assert "Klang deiner Stimme" in told and (entry.domain, entry.language) == ("research", "de") and "voice" in entry.names


def test_a_face_is_read_where_it_is_and_nothing_is_written(streams: TestClient) -> None:
    home: Home = streams.app.state.service.settings.home  # type: ignore[attr-defined]
    before = sorted(path for path in home.root.rglob("*"))
    face, wall = encoded(picture("joy")), encoded(np.full((90, 160, 3), 128, np.uint8))
    with streams.websocket_connect(STREAMS) as stream:
        assert opened(stream, FACE)["disclosed"] is None, "nobody is to be told who is a character"
        stream.send_bytes(wall)
        nobody = stream.receive_json()
        stream.send_bytes(face)
        somebody = stream.receive_json()
        assert left(stream) == 1000
    assert nobody["doubt"] == "no_face" and nobody["place"] is None
    assert somebody["doubt"] in (None, "low_confidence") and somebody["faces"] == 1 and 0.3 < somebody["place"]["x"] < 0.4
    assert sorted(path for path in home.root.rglob("*")) == before


def test_an_uploaded_picture_is_answered_with_its_face(streams: TestClient) -> None:
    response = streams.post("/v1/detect/media", files={"media": ("me.jpg", encoded(picture("joy")))})
    assert response.status_code == 200, response.text
    (unit,) = response.json()["units"]
    assert unit["modalities"] == ["face"] and unit["start_ms"] is None and 0.3 < unit["place"]["x"] < 0.4
    assert unit["language"] is None and not unit["read"] and -1 <= unit["valence"] <= 1


@pytest.mark.parametrize(
    "use",
    [
        {"context": "workplace", "subject": "employee"},
        {"context": "education", "subject": "pupil"},
        {"context": "customer_service", "subject": "employee"},
    ],
)
@pytest.mark.parametrize("kind", [VOICE, FACE])
def test_voice_and_face_of_employees_and_pupils_are_refused(streams: TestClient, use: dict[str, str], kind: dict[str, Any]) -> None:
    problem, code = refused(streams, json.dumps({**kind, **use}))
    assert code == 4403 and problem["type"].endswith("use-refused") and "Art. 5(1)(f)" in problem["detail"]


def test_a_recorded_basis_lifts_the_refusal(streams: TestClient) -> None:
    home: Home = streams.app.state.service.settings.home  # type: ignore[attr-defined]
    profile, until = UseProfile(Context.WORKPLACE, Input.VOICE, Subject.EMPLOYEE), (datetime.now(UTC) + timedelta(days=2)).date()
    add_basis(home, profile, Ground.SAFETY, "Dr. Example", "fatigue of the crew", until)
    with streams.websocket_connect(STREAMS) as stream:
        assert opened(stream, {**VOICE, "context": "workplace", "subject": "employee"})["disclosed"]
        assert left(stream) == 1000


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{", "JSON"),
        ("[]", "message"),
        (b"\x00\x01", "message"),
        (json.dumps({"input": "voice"}), "context"),
        (json.dumps({**VOICE, "rate_hz": None}), "rate_hz"),
        (json.dumps({**VOICE, "rate_hz": 1}), "rate_hz"),
        (json.dumps({**FACE, "rate_hz": 16_000}), "rate_hz"),
        (json.dumps({**VOICE, "input": "text"}), "input"),
        (json.dumps({**VOICE, "subject": "cat"}), "subject"),
        (json.dumps({**VOICE, "more": 1}), "more"),
        (json.dumps({**VOICE, "conversation": "x" * 201}), "conversation"),
    ],
)
def test_what_does_not_open_a_stream_is_told_why(streams: TestClient, message: str | bytes, said: str) -> None:
    problem, code = refused(streams, message)
    assert code == 4422 and said in problem["detail"] and problem["request_id"] and problem["instance"] == PATH


@pytest.mark.parametrize(
    ("question", "message", "status", "said"),
    [
        (VOICE, b"\x00\x00\x00", 422, "16-bit mono"),
        (VOICE, bytes((1 << 20) + 2), 413, "1048576"),
        (VOICE, "{}", 422, "kind"),
        (VOICE, '{"kind": "stop"}', 422, "end"),
        (FACE, b"\xff\xd8\xff" + bytes(1000), 422, "damaged"),
        (FACE, encoded(picture("joy"))[:5000], 422, "damaged"),
        (FACE, encoded(np.zeros((4000, 4000, 3), np.uint8)), 422, "9000000 pixels"),
        (FACE, b"no picture", 422, "JPEG"),
    ],
)
def test_a_message_that_cannot_be_used_ends_the_stream_with_the_reason(
    streams: TestClient, question: dict[str, Any], message: str | bytes, status: int, said: str
) -> None:
    problem, code = refused(streams, json.dumps(question), message)
    assert code == 4000 + status and problem["status"] == status and said in problem["detail"]


@pytest.mark.parametrize("bounded", [Bounds(idle_s=0.2)], indirect=True)
def test_a_stream_in_which_nothing_comes_is_ended(bounded: TestClient) -> None:
    with bounded.websocket_connect(STREAMS) as stream:
        opened(stream, VOICE)
        _, answer, code = ended(stream)
    assert code == 4408 and answer["problem"]["type"].endswith("idle")


@pytest.mark.parametrize("bounded", [Bounds(longest_s=0.5)], indirect=True)
def test_a_stream_ends_after_its_time_though_something_comes(bounded: TestClient) -> None:
    with bounded.websocket_connect(STREAMS) as stream:
        opened(stream, VOICE)
        stop = threading.Event()

        def send() -> None:
            while not stop.wait(0.01):
                stream.send_bytes(bytes(320))

        sender = threading.Thread(target=send)
        sender.start()
        _, answer, code = ended(stream)
        stop.set()
        sender.join()
    assert code == 4408 and answer["problem"]["type"].endswith("too-long")


@pytest.mark.parametrize("bounded", [Bounds(at_once=1)], indirect=True)
def test_more_streams_than_there_is_room_for_are_asked_to_come_back(bounded: TestClient) -> None:
    with bounded.websocket_connect(STREAMS) as first:
        opened(first, FACE)
        with bounded.websocket_connect(STREAMS) as second:
            _, answer, code = ended(second)
        assert code == 4503 and answer["problem"]["type"].endswith("busy")
        assert "\nfeelm_streams 1.0" in bounded.get("/metrics").text
        left(first)
    until = time.monotonic() + 5
    while bounded.app.state.service.streams.there and time.monotonic() < until:  # type: ignore[attr-defined]
        time.sleep(0.01)
    with bounded.websocket_connect(STREAMS) as third:
        opened(third, FACE)
        left(third)


@pytest.mark.parametrize("bounded", [Bounds(messages_a_second=100_000)], indirect=True)
def test_sound_that_comes_faster_than_it_is_read_is_dropped_and_counted(bounded: TestClient) -> None:
    minute = np.tile(spoken(), 30).tobytes()[: 60 * SECOND]
    with bounded.websocket_connect(STREAMS) as stream:
        opened(stream, VOICE)
        for start in range(0, len(minute), 10 * SECOND):
            stream.send_bytes(minute[start : start + 10 * SECOND])
        stream.send_json({"kind": "end"})
        readings, last, _ = ended(stream)
    # All that came was read or dropped: each reading is of at most three seconds, and they may overlap.
    assert readings[-1]["until_ms"] == 60_000 and last["dropped"] >= 60_000 - 3000 * len(readings) > 0
    assert readings[-1]["dropped"] == last["dropped"]


def test_without_its_key_a_stream_is_not_accepted(sensing_home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(copied(sensing_home, tmp_path_factory.mktemp("keyed")), limits=MANY)
    key = KeyRing(settings.folder).add("anna").key
    with running(settings) as client:
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(STREAMS):
            pass
        assert denied.value.status_code == 401
        evil = {"X-API-Key": key, "Origin": "http://evil.example"}
        with pytest.raises(WebSocketDenialResponse) as elsewhere, client.websocket_connect(STREAMS, headers=evil):
            pass
        assert elsewhere.value.status_code == 403
        with client.websocket_connect(STREAMS, headers={"X-API-Key": key}) as stream:
            opened(stream, FACE)
            assert left(stream) == 1000


def test_a_champion_of_words_alone_says_that_it_never_heard_anybody(client: TestClient) -> None:
    problem, code = refused(client, json.dumps(VOICE))
    assert code == 4422 and "has learned nothing of the voice" in problem["detail"]
