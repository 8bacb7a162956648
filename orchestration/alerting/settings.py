"""Where alerts go: read from the environment, never from a file that is versioned.

A webhook, e-mail, both or neither; without either nothing is sent. The webhook's address, user and password are secrets: they stand in no
message, no log and no representation of these settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from corpus.terms import FeelmError

WEBHOOK, SMTP, USER, PASSWORD = "FEELM_ALERT_WEBHOOK", "FEELM_ALERT_SMTP", "FEELM_ALERT_USER", "FEELM_ALERT_PASSWORD"
SENDER, RECIPIENTS, UI = "FEELM_ALERT_FROM", "FEELM_ALERT_TO", "FEELM_UI_URL"
NO_TARGET = f"no alerts are sent: set {WEBHOOK}, or {SMTP} with {SENDER} and {RECIPIENTS}"


@dataclass(frozen=True)
class Mailbox:
    """An SMTP server and whom it shall write to; `user` and `password` where it asks for them."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AlertSettings:
    """The targets, None where one is not set, and the address of Dagster's pages for links."""

    webhook: str | None = field(repr=False)
    mail: Mailbox | None
    ui_url: str

    @property
    def sends(self) -> bool:
        """Whether there is a target."""
        return self.webhook is not None or self.mail is not None

    def run_link(self, run_id: str) -> str:
        """Where Dagster shows a run."""
        return f"{self.ui_url}/runs/{run_id}"


def read_settings(environment: Mapping[str, str]) -> AlertSettings:
    """The settings of an environment; an empty value is as none.

    Raises:
        FeelmError: a value cannot be meant so; the message names the variable and never its value.
    """
    told = {name: value.strip() for name, value in environment.items() if value.strip()}
    webhook = told.get(WEBHOOK)
    if webhook is not None and (urlsplit(webhook).scheme not in ("http", "https") or not urlsplit(webhook).hostname):
        raise FeelmError(f"{WEBHOOK} is no http or https address")
    return AlertSettings(webhook, _mailbox(told), told.get(UI, "http://127.0.0.1:3000").rstrip("/"))


def _mailbox(told: Mapping[str, str]) -> Mailbox | None:
    server = told.get(SMTP)
    if server is None:
        return None
    host, _, port = server.rpartition(":")
    lacking = [name for name in (SENDER, RECIPIENTS) if name not in told]
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise FeelmError(f"{SMTP} is not host:port")
    if lacking:
        raise FeelmError(f"{SMTP} is set and {' and '.join(lacking)} not: e-mail needs both")
    recipients = tuple(address.strip() for address in told[RECIPIENTS].split(",") if address.strip())
    addresses = (told[SENDER], *recipients)
    if any("@" not in address or any(c.isspace() for c in address) for address in addresses):
        raise FeelmError(f"{SENDER} or {RECIPIENTS} holds what is no e-mail address; several recipients are separated by commas")
    return Mailbox(host.strip("[]"), int(port), told[SENDER], recipients, told.get(USER, told[SENDER]), told.get(PASSWORD))
