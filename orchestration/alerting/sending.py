"""Sending one alert to one target: a POST of JSON, or a mail.

Each sending has a time after which its connection is cut (`corpus.posting`), since a sensor's tick must end. Both carry the alert's id
(`Idempotency-Key`, `Message-ID`), by which a receiver knows one that comes again because its answer was lost.

Sources: RFC 5321 (SMTP), RFC 5322 (Message-ID); Slack's `text` and its three escapes, https://api.slack.com/reference/surfaces/formatting.
"""

from __future__ import annotations

import ipaddress
import json
import smtplib
import ssl
from contextlib import closing, suppress
from dataclasses import asdict
from email.message import EmailMessage
from typing import Any

from corpus.posting import Cord, Undelivered, post_json, within
from orchestration.alerting.alert import Alert
from orchestration.alerting.settings import PASSWORD, Mailbox

SMTPS_PORT = 465
"""Where the connection is encrypted from its beginning."""


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
    post_json(url, json.dumps(payload(alert)).encode(), {"Idempotency-Key": alert.alert_id}, limit_s)


def mail(box: Mailbox, recipient: str, alert: Alert, limit_s: float) -> None:
    """Mail the alert, encrypted where the server can; a password is given to an encrypted or a local server only.

    Raises:
        Undelivered: the server did not take it.
    """
    with within(limit_s, "e-mail") as cord:
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


def _connect(box: Mailbox, cord: Cord, limit_s: float) -> smtplib.SMTP:
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
