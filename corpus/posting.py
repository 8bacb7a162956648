"""One POST of JSON that ends in time: a connection is cut when its limit is over, however slowly the other side answers.

A target that cannot be reached and one that refuses are told apart, since the next message is worth trying at the second only. Nothing said
of a fault names the address, which may be a secret. Redirections are not followed, and the proxies of the environment are kept to.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


class Undelivered(Exception):
    """The target did not take what was sent; `reachable` is False where it did not answer at all."""

    def __init__(self, why: str, reachable: bool) -> None:
        super().__init__(why)
        self.reachable = reachable


class Cord:
    """Cuts a connection when its time is over."""

    def __init__(self) -> None:
        self.find: Callable[[], socket.socket | None] = lambda: None
        self.was_cut = False

    def cut(self) -> None:
        self.was_cut = True
        found = self.find()
        if found is not None:
            with suppress(OSError):  # it was closed in this moment
                found.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(limit_s: float, target: str) -> Iterator[Cord]:
    """A sending that takes longer than `limit_s` is cut; whatever goes wrong with the connection is `Undelivered`, bare of addresses."""
    cord = Cord()
    timer = threading.Timer(limit_s, cord.cut)
    timer.daemon = True
    timer.start()
    try:
        yield cord
    except (OSError, http.client.HTTPException) as error:
        why = f"no answer within {limit_s:g} s" if cord.was_cut or isinstance(error, TimeoutError) else type(error).__name__
        raise Undelivered(f"{target}: {_reason(error) or why}", reachable=False) from None
    finally:
        timer.cancel()


def _reason(error: Exception) -> str | None:
    """What the system says of a connection that did not come about."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return None
    return inner.strerror if isinstance(inner, OSError) and isinstance(inner.strerror, str) else None


def post_json(url: str, body: bytes, headers: Mapping[str, str], limit_s: float, target: str = "webhook") -> None:
    """POST a body of JSON; any answer 2xx is taken as received, redirections are not followed.

    Raises:
        Undelivered: it was not taken.
    """
    own = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "feelm", **headers}
    request = urllib.request.Request(url, body, own, method="POST")
    with within(limit_s, target) as cord:
        try:
            with _opener(cord).open(request, timeout=limit_s):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise Undelivered(f"{target}: it answered {error.code}", reachable=error.code < 500 and error.code != 429) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its content."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(cord: Cord) -> urllib.request.OpenerDirector:
    """urllib's opener, which keeps to the proxies of the environment, whose connections the cord can cut."""

    def corded(kind: type[http.client.HTTPConnection]) -> Any:
        def connect(*args: Any, **kwargs: Any) -> http.client.HTTPConnection:
            connection = kind(*args, **kwargs)
            cord.find = lambda: connection.sock
            return connection

        return connect

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(corded(http.client.HTTPConnection), req)

    class EncryptedHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(corded(http.client.HTTPSConnection), req, context=ssl.create_default_context())

    return urllib.request.build_opener(_NoRedirect, PlainHandler, EncryptedHandler)
