"""The service's description: OpenAPI 3.1, with every answer that the guard and the errors give beside those that the routes declare."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.models.problem import FieldFault, ProblemAnswer
from service.api.problems import MEDIA_TYPE

ABOUT = """Emotion in text, talk, films and clips: what is portrayed, how people react, what may be answered.

It recognises and responds; it never feels. Every answer carries its origin: which model said it, what taught that, and for which use it is
declared. `/v1/streams` is a websocket for voices and faces while they are there (docs/service.md).

Errors are problem details (RFC 9457). Where API keys exist, one is sent as `Authorization: Bearer KEY`."""

PROBLEMS = {
    "400": "The body is no JSON",
    "401": "An API key is needed",
    "403": "It comes from a page of another origin, or is not allowed here",
    "404": "There is nothing here",
    "405": "The address does not take this method",
    "408": "The body came too slowly",
    "413": "The body is too large",
    "415": "The body is of another type",
    "421": "The service does not answer under that host",
    "422": "What was sent cannot be used",
    "429": "Too many requests",
    "431": "The headers are too large",
    "500": "The service failed",
    "503": "The service is busy or not ready",
}
OPEN = ("/health/live", "/health/ready", "/metrics")


def describe(app: FastAPI) -> None:
    """Have the application tell the whole description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    setattr(app, "openapi", openapi)  # noqa: B010 (mypy takes no assignment to a method)


def _described(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
    parts = told.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["ProblemAnswer"] = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas["ProblemAnswer"].pop("$defs", None)
    schemas["FieldFault"] = FieldFault.model_json_schema()
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key."}}
    for path, item in told["paths"].items():
        for operation in item.values():
            _complete(operation, is_open=path in OPEN)
    return told


def _complete(operation: dict[str, Any], is_open: bool) -> None:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}}
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]  # the framework's own, which is never answered
    for status, response in responses.items():
        if status >= "400":
            response["content"] = problem
    for status, description in PROBLEMS.items():
        told: dict[str, Any] = {"description": description, "content": problem}
        if status in ("429", "503"):
            told["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
        responses.setdefault(status, told)
    operation["security"] = [] if is_open else [{}, {"key": []}]
