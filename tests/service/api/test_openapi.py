"""The description holds: schemathesis asks whatever it allows, and more, and no answer is a fault of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from corpus.paths import Home
from service.api.settings import Settings
from tests.service.api.conftest import MANY, copied, listening

pytestmark = pytest.mark.long

EXAMPLES, FILES = 15, 4
"""A file is read in a process of its own, which takes seconds."""
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def operations(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """Every operation of a service on a port of this process."""
    with listening(Settings(copied(home, tmp_path_factory.mktemp("described")), limits=MANY)) as address:
        schema = schemathesis.openapi.from_url(f"{address}/v1/openapi.json", config=SchemathesisConfig())
        yield [found.ok() for found in schema.get_all_operations()]


def test_every_route_is_described_with_its_errors_and_an_example(client: TestClient) -> None:
    told = client.get("/v1/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    assert {"/v1/detect", "/v1/detect/batch", "/v1/detect/media", "/v1/jobs/{job_id}", "/v1/model", "/metrics"} <= set(told["paths"])
    for path, item in told["paths"].items():
        for method, operation in item.items():
            for status in ("401", "422", "429", "500", "503"):
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"], (path, method, status)
    assert told["components"]["schemas"]["DetectQuestion"]["examples"]
    assert "HTTPValidationError" not in told["components"]["schemas"]


def test_the_examples_of_the_description_are_answered(client: TestClient) -> None:
    schemas = client.get("/v1/openapi.json").json()["components"]["schemas"]
    for example in schemas["DetectQuestion"]["examples"]:
        assert client.post("/v1/detect", json=example).status_code == 200
    (inputs,) = schemas["BatchQuestion"]["properties"]["inputs"]["examples"]
    assert client.post("/v1/detect/batch", json={"inputs": inputs}).status_code == 200


def test_the_page_of_the_description_brings_all_it_needs(client: TestClient) -> None:
    page = client.get("/v1/docs")
    assert "/v1/detect/media" in page.text and "<script" not in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1:8765", "") and "https://" not in page.text
    assert "style-src 'sha256-" in page.headers["content-security-policy"]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_asked_no_answer_is_a_fault_of_ours(operations: list[Any], mode: Any) -> None:
    asked = 0
    for operation in operations:
        if mode.is_negative and not (operation.body or list(operation.iter_parameters())):
            continue

        @settings(
            max_examples=FILES if operation.path.endswith("/media") else EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            response = case.call(timeout=120)
            case.validate_response(response, checks=CHECKS)

        ask()
    assert asked > EXAMPLES
