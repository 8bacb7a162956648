"""Every error as problem details (RFC 9457), whoever raised it: the framework, a limit, Feelm itself, or a fault of ours.

What is told says what to do and never how the service is built; an unexpected error is logged with its trace under the request's id, and
the answer carries that id alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from corpus.terms import FeelmError
from service.api.models.problem import FieldFault, ProblemAnswer

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS, LONGEST_FAULT = 20, 300

log = logging.getLogger("feelm.service")


class Problem(Exception):
    """An error as it is answered: HTTP status, a kind in a few words joined by `-`, what went wrong and what to do."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        retry_after_s: float | None = None,
        faults: Sequence[FieldFault] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.faults, self.headers = tuple(faults[:MOST_FAULTS]), dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(max(1, round(retry_after_s)))

    def answer(self, path: str, request_id: str) -> ProblemAnswer:
        """The problem as it goes over the wire."""
        return ProblemAnswer(
            type=f"urn:feelm:problem:{self.kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=path,
            request_id=request_id,
            faults=list(self.faults),
        )

    def response(self, scope: Any) -> Response:
        """The problem as the response to a request."""
        body = self.answer(printable(scope.get("path", "")), request_id_of(scope)).model_dump_json()
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def request_id_of(scope: Any) -> str:
    """The id that the guard gave a request."""
    return str(scope.get("state", {}).get("request_id", ""))


def printable(text: str, longest: int = LONGEST_FAULT) -> str:
    """Text that can be told in UTF-8, cut where it is long."""
    return text[:longest].encode("utf-8", "replace").decode("utf-8")


def busy(what: str, retry_after_s: float) -> Problem:
    """503: more is asked than can be done now."""
    return Problem(503, "busy", "The service is busy", f"{what}; ask again after the time in Retry-After", retry_after_s)


def too_slow(seconds: float) -> Problem:
    """503: it took longer than it may."""
    told = f"it took more than the {seconds:.0f} s that a request may take: ask for less at once, or later"
    return Problem(503, "too-slow", "It took too long", told, 5)


def refused(error: FeelmError) -> Problem:
    """422: Feelm says what is wrong with what it was given."""
    return Problem(422, "refused", "What was given cannot be used", printable(str(error), 2000))


def unexpected(error: Exception, scope: Any) -> Problem:
    """500: a fault of ours; it is logged with its trace."""
    log.error("request %s to %s failed", request_id_of(scope), printable(scope.get("path", "")), exc_info=error)
    told = "the service failed; it is logged under the request_id, tell that to whoever runs the service"
    return Problem(500, "unexpected", "The service failed", told)


def problem_of(error: Exception, scope: Any) -> Problem:
    """What is answered to an error, whoever raised it; one that is none of these is a fault of ours."""
    match error:
        case Problem():
            return error
        case FeelmError():
            return refused(error)
        case RequestValidationError():
            return invalid(error.errors())
        case HTTPException():
            return http_problem(error)
    return unexpected(error, scope)


def install(app: FastAPI) -> None:
    """Have the application answer every error as a problem."""
    for kind in (Problem, FeelmError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    return problem_of(error, request.scope).response(request.scope)


def invalid(errors: Sequence[Any], *within: str) -> Problem:
    """422: what was sent is not what the OpenAPI asks for; the input itself is not told back. `within` names what the places are in."""
    faults = [
        FieldFault(
            where=printable(".".join(map(str, (*within, *one["loc"])))), what=printable(str(one["msg"]).removeprefix("Value error, "))
        )
        for one in errors[:MOST_FAULTS]
    ]
    told = "; ".join(f"{fault.where}: {fault.what}" for fault in faults[:3])
    return Problem(422, "not-valid", "What was sent cannot be read", told or "the request is not valid", faults=faults)


HTTP_DETAILS = {
    400: "the body is not JSON that can be read",
    404: "there is nothing at this address: see /v1/openapi.json",
    405: "the address does not take this method: see the header Allow",
}


def http_problem(error: HTTPException) -> Problem:
    """What the framework itself refuses."""
    phrase = HTTPStatus(error.status_code).phrase
    detail = HTTP_DETAILS.get(error.status_code) or printable(str(error.detail or phrase))
    kind = phrase.lower().replace(" ", "-")
    return Problem(error.status_code, kind, phrase, detail, headers=dict(error.headers or {}))


def disconnected(error: Exception, scope: Any) -> bool:
    """Whether the asker went away, which is nobody's fault."""
    if isinstance(error, ClientDisconnect):
        log.info("request %s: the asker went away", request_id_of(scope))
        return True
    return False
