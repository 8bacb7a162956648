"""Errors: each is a problem, with the request's id, and none tells how the service is built."""

import logging

import pytest
from fastapi.testclient import TestClient

from corpus.paths import Home
from corpus.terms import FeelmError
from service.api.app import create_app
from service.api.problems import MEDIA_TYPE
from service.api.settings import Settings
from tests.service.api.conftest import asking, until_ready

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "sent", "headers", "status"),
    [
        ("GET", "/nothing", b"", {}, 404),
        ("GET", "/v1/nothing", b"", {}, 404),
        ("GET", "/v1/detect", b"", {}, 405),
        ("OPTIONS", "/v1/detect", b"", {}, 405),
        ("BREW", "/v1/detect", b"", {}, 405),
        ("POST", "/v1/detect", b"{", JSON, 422),
        ("POST", "/v1/detect", b"\xff\xfe", JSON, 422),
        ("POST", "/v1/detect", b"[" * 100_000, JSON, 400),
        ("POST", "/v1/detect", b'{"text": "a"}', {"Content-Type": "text/plain"}, 422),
        ("POST", "/v1/detect", b'{"text": NaN}', JSON, 422),
        ("POST", "/v1/detect", b"x" * (11 << 20), JSON, 413),
        ("POST", "/v1/detect/media", b"{}", JSON, 415),
        ("GET", "/v1/jobs/..%2f..%2fetc", b"", {}, 404),
        ("GET", "/v1/jobs/xyz", b"", {}, 422),
        ("GET", "/v1/jobs/" + "0" * 32, b"", {}, 404),
        ("GET", "/health/live", b"", {"X-Long": "a" * 20_000}, 431),
    ],
)
def test_every_error_is_a_problem(client: TestClient, method: str, path: str, sent: bytes, headers: dict[str, str], status: int) -> None:
    response = client.request(method, path, content=sent, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (status, MEDIA_TYPE)
    told = response.json()
    assert told["status"] == status and told["request_id"] == response.headers["x-request-id"]
    assert told["type"].startswith("urn:feelm:problem:") and told["title"] and told["detail"]


def test_a_method_that_is_not_taken_is_told_which_are(client: TestClient) -> None:
    assert client.get("/v1/detect").headers["allow"] == "POST"


def test_a_fault_of_ours_tells_its_id_alone_and_is_logged_with_its_trace(own_home: Home, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings(own_home))

    @app.get("/v1/broken")
    async def broken() -> None:
        raise ZeroDivisionError("a secret of the house")

    @app.get("/v1/refused")
    async def refused() -> None:
        raise FeelmError("that film is not here: add it")

    with asking(app) as client, caplog.at_level(logging.ERROR, "feelm.service"):
        until_ready(client)
        response = client.get("/v1/broken", headers={"X-Request-ID": "asked-by-a-test"})
        assert response.status_code == 500 and "secret" not in response.text and "Zero" not in response.text
        assert response.json()["request_id"] == "asked-by-a-test"
        assert client.get("/v1/refused").json()["detail"] == "that film is not here: add it"
        assert client.get("/v1/refused").status_code == 422
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "asked-by-a-test" in record.getMessage() and record.exc_info and record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space here", "inject\u00e9-header-id"])
def test_a_request_id_that_could_confuse_a_log_is_replaced(client: TestClient, given: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": given.encode()})
    assert response.headers["x-request-id"] != given and len(response.headers["x-request-id"]) == 32
