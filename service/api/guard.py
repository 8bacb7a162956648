"""What stands in front of every route: whose request it is, whether it may come in, how large it may be and how long it may take.

Plain ASGI around the application, so that bodies and answers stream through. Whatever it refuses and whatever fails behind it is answered
as a problem with the request's id; a websocket is refused before it is accepted, by the same rules.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import logging
import re
import socket
import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from corpus.terms import FeelmError
from service.api.problems import Problem, busy, disconnected, problem_of, too_slow
from service.api.rates import Rates
from service.api.settings import LOOPBACK_NAMES, Settings, is_loopback
from service.api.state import Service

log = logging.getLogger("feelm.service")

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
CHALLENGE = 'Bearer realm="feelm", Basic realm="feelm"'
"""Basic lets a browser ask for the key, which is the password there, whatever the user's name."""

HEALTH, METRICS = "/health/", "/metrics"
UNMATCHED = "unmatched"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
}
"""Those that a route sets itself stay as it set them: a page needs its own Content-Security-Policy."""


class Guard:
    """The application behind its guard; `uploads` are the paths that take large bodies, `service` is looked up when it is needed."""

    def __init__(self, app: ASGIApp, service: Service, uploads: frozenset[str]) -> None:
        self.app, self.service, self.uploads = app, service, uploads
        limits = service.settings.limits
        each = service.settings.workers
        self.rates = Rates(limits.rate / each, max(1, limits.burst // each))
        self.hosts = _hosts(service.settings)
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        visit = Visit(self, scope, receive, send)
        self.in_flight += 1
        self.service.metrics.in_flight.set(self.in_flight)
        try:
            await visit.run()
        finally:
            self.in_flight -= 1
            self.service.metrics.in_flight.set(self.in_flight)
            self.service.metrics.answered(visit.route, visit.method, visit.status, time.perf_counter() - visit.began)

    def check(self, scope: Scope, headers: Headers) -> str | None:
        """Let a request in, and tell whose it is: the name of its key, None where no key is asked for.

        Raises:
            Problem: it is not let in.
        """
        path, limits = scope["path"], self.service.settings.limits
        if sum(len(name) + len(value) for name, value in scope["headers"]) > limits.header_bytes:
            told = f"the headers have more than {limits.header_bytes} bytes"
            raise Problem(431, "headers-too-large", "The headers are too large", told)
        if "content-length" in headers and "transfer-encoding" in headers:
            told = "give Content-Length or Transfer-Encoding: with both, a proxy before the service may see another end (RFC 9112, 6.1)"
            raise Problem(400, "two-lengths", "The request has two lengths", told)
        self._check_host(headers)
        _check_origin(scope, headers)
        is_health, is_metrics = path.startswith(HEALTH), path == METRICS
        if (is_health and self.service.settings.open_health) or (is_metrics and self.service.settings.open_metrics):
            return None
        asker = self._asker(scope, headers)
        wait_s = self.rates.wait_s(f"key {asker}" if asker is not None else f"address {_address(scope)}")
        if wait_s > 0:
            told = f"at most {limits.rate:g} requests a second are answered in the long run, {limits.burst} at once"
            raise Problem(429, "too-many-requests", "Too many requests", told, wait_s)
        if self.in_flight > limits.in_flight:
            raise busy(f"{self.in_flight} requests are being answered", 1)
        return asker

    def _check_host(self, headers: Headers) -> None:
        """A page from elsewhere whose name was made to lead here (DNS rebinding) still tells its own name."""
        told = headers.getlist("host")
        name = host_name(told[0]) if len(told) == 1 else ""
        literal_will_do = not is_loopback(self.service.settings.host) and _is_address(name)
        if name not in self.hosts and not literal_will_do:
            known = ", ".join(sorted(self.hosts))
            raise Problem(421, "misdirected", "This is not that host", f"the service answers as {known}; --allow-host adds a name")

    def _asker(self, scope: Scope, headers: Headers) -> str | None:
        try:
            needed = bool(self.service.keys.keys()) or not self.service.settings.is_loopback
            name = self.service.keys.name_of(key) if needed and (key := _key(headers)) else None
        except FeelmError as error:
            log.error("no API key can be checked", exc_info=error)
            raise Problem(503, "no-keys", "No key can be checked", "the service's file of API keys cannot be read") from error
        if needed and name is None:
            self._slow_down(scope)
            told = "send an API key as `Authorization: Bearer KEY`; `feelm serve keys add NAME` makes one"
            raise Problem(401, "no-key", "An API key is needed", told, headers={"WWW-Authenticate": CHALLENGE})
        return name

    def _slow_down(self, scope: Scope) -> None:
        wait_s = self.rates.wait_s(f"stranger {_address(scope)}")
        if wait_s > 0:
            raise Problem(429, "too-many-requests", "Too many requests", "too many requests without a key came from this address", wait_s)


@dataclass
class Visit:
    """One request or websocket on its way through."""

    guard: Guard
    scope: Scope
    receive: Receive
    send: Send
    status: int = 0
    read_bytes: int = 0
    refusal: Problem | None = None
    is_over: bool = False
    has_all: bool = False

    def __post_init__(self) -> None:
        self.began = time.perf_counter()
        self.request_id = _request_id(self.headers)
        self.scope.setdefault("state", {})["request_id"] = self.request_id
        limits = self.guard.service.settings.limits
        is_upload = self.scope["path"] in self.guard.uploads
        self.most_bytes = limits.upload_bytes if is_upload else limits.body_bytes
        self.arrival_s = limits.upload_s if is_upload else limits.request_s
        self.seconds = limits.upload_s + limits.media_s + limits.request_s if is_upload else 2 * limits.request_s

    @cached_property
    def headers(self) -> Headers:
        """The request's headers."""
        return Headers(scope=self.scope)

    @property
    def method(self) -> str:
        """GET, POST, ...; WS for a websocket. One that is no method of HTTP is counted as one."""
        method = self.scope.get("method", "WS")
        return method if method in (*SAFE_METHODS, "POST", "PUT", "PATCH", "DELETE", "WS") else "other"

    @property
    def route(self) -> str:
        """The path as it is declared, so that there are as many as there are routes."""
        return str(getattr(self.scope.get("route"), "path", UNMATCHED))

    async def run(self) -> None:
        """Let it in and through, or refuse it."""
        try:
            self._enter()
            limit = self.seconds if self.scope["type"] == "http" else None
            async with asyncio.timeout(limit):
                await self.guard.app(self.scope, self._receive, self._send)
            if self.refusal is not None:
                await self._refuse(self.refusal)
        except TimeoutError:
            await self._refuse(too_slow(self.seconds))
        except Exception as error:  # noqa: BLE001 (it is logged, or nobody is left to be told)
            if not disconnected(error, self.scope):
                await self._refuse(problem_of(error, self.scope))

    def _enter(self) -> None:
        self.scope["state"]["asker"] = self.guard.check(self.scope, self.headers)
        length = self.headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise Problem(400, "bad-request", "The length is no number", "Content-Length is not a number of bytes")
        if int(length[:20]) > self.most_bytes:
            raise self._too_large()

    def _too_large(self) -> Problem:
        told = f"the body has more than the {self.most_bytes} bytes that are taken here: send it in parts"
        return Problem(413, "too-large", "The body is too large", told, headers={"Connection": "close"})

    async def _receive(self) -> Message:
        if self.scope["type"] == "websocket":
            return await self.receive()
        if self.has_all or self.is_over or self.refusal is not None:
            return await self.receive()
        try:
            async with asyncio.timeout(self.arrival_s - (time.perf_counter() - self.began)):
                message = await self.receive()
        except TimeoutError:
            told = f"the body did not arrive within {self.arrival_s:.0f} s"
            raise self._give_up(
                Problem(408, "too-slow-to-arrive", "The body came too slowly", told, headers={"Connection": "close"})
            ) from None
        if message["type"] == "http.request":
            self.read_bytes += len(message.get("body", b""))
            self.has_all = not message.get("more_body", False)
            if self.read_bytes > self.most_bytes:
                raise self._give_up(self._too_large())
        return message

    def _give_up(self, problem: Problem) -> Problem:
        self.refusal = problem
        return problem

    async def _send(self, message: Message) -> None:
        if self.refusal is not None and self.status == 0:
            return  # whatever the application makes of a body that was cut off, the refusal is what is answered
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self._dress(message)
        elif message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "websocket.close" and not self.status:
            self.status = 403
        await self.send(message)
        self.is_over = self.is_over or (message["type"] == "http.response.body" and not message.get("more_body", False))

    def _dress(self, message: Message) -> None:
        self.status = int(message["status"])
        headers = MutableHeaders(scope=message)
        headers["X-Request-ID"] = self.request_id
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)

    async def _refuse(self, problem: Problem) -> None:
        """Answer with the problem, where no answer has begun."""
        self.refusal = None
        if self.scope["type"] == "http":
            if self.status == 0:
                await problem.response(self.scope)(self.scope, self.receive, self._send)
        elif self.status == 0 and "websocket.http.response" in self.scope.get("extensions", {}):
            await problem.response(self.scope)(self.scope, self.receive, self._send)
        elif self.status == 0:
            self.status = problem.status
            await self.send({"type": "websocket.close", "code": 1008, "reason": problem.title})


def _request_id(headers: Headers) -> str:
    """The asker's own, where it gives one that can be told."""
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _hosts(settings: Settings) -> frozenset[str]:
    own = LOOPBACK_NAMES if is_loopback(settings.host) else (*LOOPBACK_NAMES, settings.host, socket.gethostname())
    return frozenset(name.lower() for name in (*own, settings.host, *settings.allowed_hosts))


def host_name(host: str) -> str:
    """The name or address in a Host header, in lower case; empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_origin(scope: Scope, headers: Headers) -> None:
    """A page from elsewhere may not have a browser act here, with or without the key that the browser knows."""
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return
    origin = headers.get("origin")
    elsewhere = origin is not None and urlsplit_host(origin) != headers.get("host", "").lower()
    if elsewhere or headers.get("sec-fetch-site", "") in ("cross-site", "same-site"):
        raise Problem(403, "other-origin", "Closed to other origins", "the request comes from a page of another origin")


def urlsplit_host(origin: str) -> str | None:
    """Host and port of an origin; None where it has none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _key(headers: Headers) -> str | None:
    """The API key that a request brings: as a bearer, as the password of Basic, or in X-API-Key."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            return _password(rest)
    return headers.get("x-api-key")


def _password(told: str) -> str | None:
    try:
        return base64.b64decode(told, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _address(scope: Scope) -> str:
    client: Any = scope.get("client")
    return str(client[0]) if client else "nobody"
