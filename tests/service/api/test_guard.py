"""Who is let in, under which name, from where, how often, and with how much."""

import base64
from collections.abc import Iterator

import pytest
from fastapi import WebSocket
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse

from corpus.paths import Home
from corpus.terms import FeelmError
from service.api.app import create_app
from service.api.guard import host_name
from service.api.keys import KeyRing
from service.api.rates import MOST_ASKERS, Rates
from service.api.settings import Limits, Settings
from tests.service.api.conftest import asking, running, until_ready

ASKED = {"text": "How dare you!"}
CLOSED = ("/v1/model", "/v1/openapi.json", "/v1/docs", "/v1/jobs/" + "0" * 32, "/v1/nothing", "/")


def test_without_keys_loopback_is_let_in(client: TestClient) -> None:
    assert client.post("/v1/detect", json=ASKED).status_code == 200


def test_where_keys_exist_nobody_is_let_in_without_one(own_home: Home) -> None:
    settings = Settings(own_home)
    key = KeyRing(settings.folder).add("anna").key
    with running(settings) as client:
        for path in CLOSED:
            refused = client.get(path)
            assert refused.status_code == 401 and refused.json()["type"].endswith(":no-key"), path
            assert refused.headers["www-authenticate"].startswith("Bearer")
            assert client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code != 401, path
        assert client.post("/v1/detect", json=ASKED).status_code == 401
        assert client.get("/health/ready").status_code == 200 and client.get("/metrics").status_code == 200


@pytest.mark.parametrize("how", ["bearer", "basic", "header"])
def test_a_key_is_taken_in_three_ways(own_home: Home, how: str) -> None:
    settings = Settings(own_home)
    key = KeyRing(settings.folder).add("anna").key
    basic = base64.b64encode(f"whoever:{key}".encode()).decode()
    headers = {"bearer": {"Authorization": f"bearer {key}"}, "basic": {"Authorization": f"Basic {basic}"}, "header": {"X-API-Key": key}}
    with running(settings) as client:
        assert client.post("/v1/detect", json=ASKED, headers=headers[how]).status_code == 200


@pytest.mark.parametrize(
    "given", ["Bearer", "Bearer ", "Bearer feelm_wrong", "Basic !!!", "Basic /w==", "Digest x", "Bearer " + "x" * 9000, "bearer \u00ff"]
)
def test_what_is_no_key_lets_nobody_in(own_home: Home, given: str) -> None:
    settings = Settings(own_home)
    KeyRing(settings.folder).add("anna")
    with running(settings) as client:
        assert client.get("/v1/model", headers={"Authorization": given.encode("latin-1")}).status_code == 401


def test_a_revoked_key_is_refused_at_once(own_home: Home) -> None:
    settings = Settings(own_home)
    ring = KeyRing(settings.folder)
    key, _ = ring.add("anna").key, ring.add("ben")
    with running(settings) as client:
        headers = {"X-API-Key": key}
        assert client.get("/v1/model", headers=headers).status_code == 200
        KeyRing(settings.folder).revoke("anna")
        assert client.get("/v1/model", headers=headers).status_code == 401


def test_health_and_figures_can_be_closed_too(own_home: Home) -> None:
    settings = Settings(own_home, open_health=False, open_metrics=False)
    key = KeyRing(settings.folder).add("anna").key
    with asking(create_app(settings)) as client:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"X-API-Key": key}).status_code in (200, 503)


def test_a_damaged_file_of_keys_lets_nobody_in(own_home: Home) -> None:
    settings = Settings(own_home)
    ring = KeyRing(settings.folder)
    key = ring.add("anna").key
    with running(settings) as client:
        ring.path.write_text("{")
        refused = client.get("/v1/model", headers={"X-API-Key": key})
        assert refused.status_code == 503 and str(own_home.root) not in refused.text


@pytest.mark.parametrize(("host", "names"), [("0.0.0.0", ()), ("192.0.2.1", ()), ("::", ()), ("127.0.0.1", ("feelm.example",))])
def test_a_service_that_others_can_reach_asks_for_keys_to_be_there(own_home: Home, host: str, names: tuple[str, ...]) -> None:
    settings = Settings(own_home, host=host, allowed_hosts=names)
    with pytest.raises(FeelmError, match="feelm serve keys add"):
        create_app(settings)
    KeyRing(settings.folder).add("anna")
    create_app(settings)


def test_without_its_last_key_a_reachable_service_lets_nobody_in(own_home: Home) -> None:
    settings = Settings(own_home, host="0.0.0.0")
    ring = KeyRing(settings.folder)
    key = ring.add("anna").key
    with running(settings) as client:
        ring.revoke("anna")
        assert client.get("/v1/model").status_code == 401
        assert client.get("/v1/model", headers={"X-API-Key": key}).status_code == 401


STRANGE_HOSTS = ("evil.example", "localhost.evil.example", "", "localhost:80@evil.example", "10.0.0.1", "[::1", "127.0.0.1.nip.io")


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_a_name_that_was_made_to_lead_here_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/health/live", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765"])
def test_the_services_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/health/live", headers={"Host": host}).status_code == 200


def test_a_name_that_was_allowed_is_answered(own_home: Home) -> None:
    settings = Settings(own_home, allowed_hosts=("Feelm.example",))
    key = KeyRing(settings.folder).add("anna").key
    with running(settings) as client:
        assert client.get("/v1/model", headers={"Host": "feelm.example", "X-API-Key": key}).status_code == 200


def test_a_page_from_elsewhere_may_not_act_here(client: TestClient) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:1"},
    ):
        assert client.post("/v1/detect", json=ASKED, headers=headers).status_code == 403
    assert client.post("/v1/detect", json=ASKED, headers={"Origin": "http://localhost"}).status_code == 200


def test_no_other_origin_is_told_that_it_may_read(client: TestClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for response in (client.options("/v1/detect", headers=asked), client.get("/v1/model", headers=asked)):
        assert not [name for name in response.headers if name.startswith("access-control-")]


def test_every_answer_has_the_headers_that_keep_browsers_careful(client: TestClient) -> None:
    for response in (client.get("/health/live"), client.get("/nothing"), client.post("/v1/detect", json=ASKED)):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["cache-control"] == "no-store"


def test_a_body_that_grows_past_the_limit_is_cut_off_while_it_arrives(client: TestClient) -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for _ in range(400):
            sent.append(1)
            yield b"x" * (1 << 16)

    response = client.post("/v1/detect", content=pieces(), headers={"Content-Type": "application/json"})
    assert response.status_code == 413 and response.json()["type"].endswith("too-large")


@pytest.mark.parametrize("length", ["-1", "1e3", "\u0663", "9" * 5000])
def test_a_length_that_is_none_is_refused(client: TestClient, length: str) -> None:
    response = client.post("/v1/detect", content=b"{}", headers={"Content-Length": length.encode()})
    assert response.status_code in (400, 413)


def test_who_asks_too_often_is_told_when_to_come_back(own_home: Home) -> None:
    with running(Settings(own_home, limits=Limits(rate=0.5, burst=3))) as client:
        statuses = [client.get("/v1/model").status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert int(client.get("/v1/model").headers["retry-after"]) in (1, 2)
        assert client.get("/health/ready").status_code == 200, "who keeps it running may ask as often as they like"


def test_each_key_has_a_rate_of_its_own(own_home: Home) -> None:
    settings = Settings(own_home, limits=Limits(rate=0.01, burst=1))
    ring = KeyRing(settings.folder)
    anna, ben = ({"X-API-Key": ring.add(name).key} for name in ("anna", "ben"))
    with running(settings) as client:
        assert [client.get("/v1/model", headers=who).status_code for who in (anna, anna, ben)] == [200, 429, 200]


def test_tokens_come_back_with_time_and_the_table_is_bounded() -> None:
    now = [0.0]
    rates = Rates(2.0, 4, clock=lambda: now[0])
    assert [rates.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, pytest.approx(0.5)]
    now[0] = 0.5
    assert rates.wait_s("a") == 0 and rates.wait_s("a") > 0
    now[0] = 1e6
    assert [rates.wait_s("a") for _ in range(5)] == [0, 0, 0, 0, pytest.approx(0.5)], "no more than the burst is saved up"
    for number in range(2 * MOST_ASKERS):
        rates.wait_s(str(number))
    assert len(rates._buckets) == MOST_ASKERS


def test_a_websocket_is_refused_by_the_same_rules(own_home: Home) -> None:
    settings = Settings(own_home)
    key = KeyRing(settings.folder).add("anna").key
    app = create_app(settings)

    @app.websocket("/v1/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    headers, where = {"X-API-Key": key}, "ws://localhost/v1/echo"
    with asking(app) as client:
        until_ready(client)
        wrong = {401: {}, 403: {**headers, "Origin": "https://evil.example"}, 421: {**headers, "Host": "evil.example"}}
        for status, given in wrong.items():
            with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(where, headers=given):
                pass
            assert (refused.value.status_code, refused.value.json()["status"]) == (status, status)
        with client.websocket_connect(where, headers=headers) as socket:
            socket.send_text("hello")
            assert socket.receive_text() == "hello"


def test_a_host_header_is_read_as_a_browser_writes_it() -> None:
    assert [host_name(told) for told in ("Example.org:80", "[::1]:1", "[::1", "")] == ["example.org", "::1", "", ""]
