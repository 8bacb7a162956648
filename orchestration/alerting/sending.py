"""Sending one alert to one target: a POST of JSON, or a mail.

Each sending has a time after which its connection is cut, however slowly the other side answers: a sensor's tick must end. A target that
cannot be reached and one that refuses are told apart, since the next alert is worth trying at the second only. Both carry the alert's id
(`Idempotency-Key`, `Message-ID`), by which a receiver knows one that comes again because its answer was lost.

Sources: RFC 5321 (SMTP), RFC 5322 (Message-ID); Slack's `text` and its three escapes, https://api.slack.com/reference/surfaces/formatting.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import smtplib
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from email.message import EmailMessage
from typing import Any

from orchestration.alerting.alert import Alert
from orchestration.alerting.settings import PASSWORD, Mailbox

SMTPS_PORT = 465
"""Where the connection is encrypted from its beginning."""


class Undelivered(Exception):
    """The target did not take the alert; `reachable` is False where it did not answer at all."""

    def __init__(self, why: str, reachable: bool) -> None:
        super().__init__(why)
        self.reachable = reachable


class _Cord:
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
def _within(limit_s: float, target: str) -> Iterator[_Cord]:
    """A sending that takes longer than `limit_s` is cut; whatever goes wrong with the connection is `Undelivered`, bare of addresses."""
    cord = _Cord()
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


def payload(alert: Alert) -> dict[str, Any]:
    """The JSON of an alert: `text` as Slack shows it, and the typed fields under `alert`."""
    return {"text": escaped(alert.text), "alert": asdict(alert)}


def escaped(text: str) -> str:
    """With Slack's control characters as entities, so that a quoted `<!channel>` calls nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(url: str, alert: Alert, limit_s: float) -> None:
    """POST the alert as JSON; any answer 2xx is taken as received, redirections are not followed.

    Raises:
        Undelivered: it was not taken.
    """
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": alert.alert_id, "User-Agent": "feelm"}
    request = urllib.request.Request(url, json.dumps(payload(alert)).encode(), headers, method="POST")
    with _within(limit_s, "webhook") as cord:
        try:
            with _opener(cord).open(request, timeout=limit_s):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise Undelivered(f"webhook: it answered {error.code}", reachable=error.code < 500 and error.code != 429) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its content."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(cord: _Cord) -> urllib.request.OpenerDirector:
    """urllib's opener, which keeps to the proxies of the environment, whose connections the cord can cut."""

    class Plain(http.client.HTTPConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            cord.find = lambda: self.sock

    class Encrypted(http.client.HTTPSConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            cord.find = lambda: self.sock

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Plain, req)

    class EncryptedHandler(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Encrypted, req, context=ssl.create_default_context())

    return urllib.request.build_opener(_NoRedirect, PlainHandler, EncryptedHandler)


def mail(box: Mailbox, recipient: str, alert: Alert, limit_s: float) -> None:
    """Mail the alert, encrypted where the server can; a password is given to an encrypted or a local server only.

    Raises:
        Undelivered: the server did not take it.
    """
    with _within(limit_s, "e-mail") as cord:
        try:
            with closing(_connect(box, cord, limit_s)) as server:
                _log_in(server, box)
                server.send_message(letter(box, recipient, alert))
                with suppress(OSError):  # it is accepted, however the farewell goes
                    server.quit()
        except smtplib.SMTPRecipientsRefused:
            raise Undelivered("e-mail: a recipient was refused", reachable=True) from None
        except smtplib.SMTPResponseException as error:
            if cord.was_cut:  # what had come until then was taken for an answer
                raise
            raise Undelivered(
                f"e-mail: the server answered {error.smtp_code}", reachable=isinstance(error, smtplib.SMTPDataError)
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Undelivered(f"e-mail: {error}", reachable=False) from None


def _connect(box: Mailbox, cord: _Cord, limit_s: float) -> smtplib.SMTP:
    def hold(server: smtplib.SMTP) -> None:
        cord.find = lambda: server.sock

    class Plain(smtplib.SMTP):
        def __init__(self) -> None:
            hold(self)
            super().__init__(box.host, box.port, timeout=limit_s)

    class Encrypted(smtplib.SMTP_SSL):
        def __init__(self) -> None:
            hold(self)
            super().__init__(box.host, box.port, timeout=limit_s, context=ssl.create_default_context())

    if box.port == SMTPS_PORT:
        return Encrypted()
    server = Plain()
    server.ehlo_or_helo_if_needed()
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
    return server


def _log_in(server: smtplib.SMTP, box: Mailbox) -> None:
    if box.password is None or box.user is None:
        return
    if not isinstance(server.sock, ssl.SSLSocket) and not _is_local(box.host):
        raise Undelivered(f"e-mail: the server offers no encryption, so {PASSWORD} was not given to it", reachable=False)
    server.login(box.user, box.password)


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def letter(box: Mailbox, recipient: str, alert: Alert) -> EmailMessage:
    """The mail: subject, plain text, and the alert's id as Message-ID."""
    message = EmailMessage()
    message["Subject"] = "Feelm: " + " ".join(alert.what.split())
    message["From"], message["To"] = box.sender, recipient
    message["Message-ID"] = f"<{alert.alert_id}@feelm.{box.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(alert.text + "\n")
    return message
