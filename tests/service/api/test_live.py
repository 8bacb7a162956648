"""The real `feelm serve`: up, under load, upgraded, pressed and stopped."""

import http.client
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from corpus.paths import Home, writing
from ml.models.dialogue import Turn
from ml.models.predict import load_model
from service.client import Client
from tests.ml.conftest import train
from tests.service.api.conftest import Live, copied, serving
from tests.service.talk import FILMS, promote

pytestmark = pytest.mark.long

RATE = ("--rate", "100000")


@pytest.fixture(scope="module")
def live(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(copied(home, tmp_path_factory.mktemp("live")), *RATE) as live:
        yield live


def raw(live: Live, sent: bytes, timeout_s: float = 30) -> bytes:
    """What comes back on a bare connection until it is closed or says no more."""
    at = urlsplit(live.address)
    with socket.create_connection((at.hostname, at.port), timeout=timeout_s) as connection:
        got = b""
        with suppress(ConnectionError):  # the server need not read all of it
            connection.sendall(sent)
            with suppress(OSError):  # it may have closed already
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                got += piece
        return got


def test_another_champion_takes_the_place_in_a_running_server_without_a_failed_request(live: Live, home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    shutil.copytree(home.root, other.root)
    train(other, [f"talk-{number}" for number in range(FILMS)], [], seed=3)
    promote(other)
    wanted, seen, failures = load_model(other.artifact("champion")).version, set(), []
    stop = threading.Event()

    def ask(name: str) -> None:
        with Client(live.address, tries=1) as client:
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    seen.add(client.detect([Turn(f"How dare you, {name}, for the {number}th time!")]).origin.model_version)
                except Exception as error:  # noqa: BLE001 (it is what is looked for)
                    failures.append(error)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("anna", "ben", "cleo")]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    with writing(live.home.artifact("champion")) as out:
        shutil.copytree(other.artifact("champion"), out, dirs_exist_ok=True)
    while wanted not in seen:
        assert time.monotonic() < until
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == [] and len(seen) == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(20_000)) + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"\x00" * 1000,
    ],
)
def test_what_is_no_request_is_refused_and_the_server_goes_on(live: Live, sent: bytes) -> None:
    answer = raw(live, sent)
    assert answer == b"" or int(answer.split()[1]) in (400, 404, 413, 421, 431), answer[:300]
    assert httpx.get(f"{live.address}/health/live").status_code == 200


def test_a_request_with_two_lengths_is_refused_whatever_is_in_it(live: Live) -> None:
    at = urlsplit(live.address)
    with socket.create_connection((at.hostname, at.port), timeout=30) as connection:
        head = "POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400 and json.load(answer)["type"].endswith(":two-lengths")


def test_the_server_does_not_tell_what_it_is_made_of(live: Live) -> None:
    assert "server" not in httpx.get(f"{live.address}/health/live").headers


def test_who_goes_away_while_being_answered_harms_nobody(live: Live) -> None:
    at = urlsplit(live.address)
    for _ in range(20):
        with socket.create_connection((at.hostname, at.port)) as connection:
            connection.sendall(
                b"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
            )
    with Client(live.address) as client:
        assert client.detect("How dare you!").turns[0].emotion == "anger"
    assert 'status="500"' not in httpx.get(f"{live.address}/metrics").text


class HalfAsked:
    """A question of which the service has the beginning; `status` sends the rest and tells what was answered."""

    def __init__(self, address: str, question: object) -> None:
        body = json.dumps(question).encode()
        self.connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self.connection.putrequest("POST", "/v1/detect")
        self.connection.putheader("Content-Type", "application/json")
        self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body[:5])
        self.rest = body[5:]

    def status(self) -> int:
        self.connection.send(self.rest)
        return self.connection.getresponse().status


def _until(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not there():
        assert time.monotonic() < until


def _refuses(address: str) -> bool:
    try:
        httpx.get(f"{address}/health/live", timeout=60)
    except httpx.TransportError:
        return True
    return False


def test_it_tells_where_it_is_and_answers_what_was_asked_before_it_stops(home: Home, tmp_path: Path) -> None:
    with serving(copied(home, tmp_path), *RATE) as live:
        half_asked = [HalfAsked(live.address, {"text": f"How dare you, {number}!"}) for number in range(4)]
        _until(lambda: "feelm_requests_in_flight 5" in httpx.get(f"{live.address}/metrics").text)
        live.process.send_signal(signal.SIGTERM)
        _until(lambda: _refuses(live.address))
        assert [one.status() for one in half_asked] == [200] * 4
        assert live.process.wait(60) == 0
        assert live.process.stderr is not None
        told = live.process.stderr.read()
    assert f"Feelm listens on {live.address}" in told and "Feelm is ready after" in told and "Feelm has stopped" in told
    assert "Traceback" not in told


def test_several_processes_answer_as_one(home: Home, tmp_path: Path) -> None:
    with serving(copied(home, tmp_path), *RATE, "--workers", "2") as live:
        for _ in range(20):
            assert httpx.post(f"{live.address}/v1/detect", json={"text": "How dare you!"}, timeout=60).status_code == 200
        line = 'feelm_requests_total{method="POST",route="/v1/detect",status="200"} 20.0'
        assert line in httpx.get(f"{live.address}/metrics").text, "each tells the figures of all"
        assert live.stop() == 0
