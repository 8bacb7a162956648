"""A web server and a mail server on loopback that keep what they are sent, and can be told to fail."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Hook:
    """A webhook: what it was posted (headers, JSON), what it answers, and how long it thinks before."""

    url: str = ""
    status: int = 200
    waits_s: float = 0.0
    posts: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    @property
    def alert_ids(self) -> list[str]:
        return [content["alert"]["alert_id"] for _, content in self.posts]


@contextmanager
def webhook(port: int = 0) -> Iterator[Hook]:
    """A webhook at a secret path."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(hook.waits_s)
            if hook.status < 300:
                hook.posts.append((dict(self.headers), json.loads(body)))
            self.send_response(hook.status)
            if 300 <= hook.status < 400:
                self.send_header("Location", f"{hook.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/services/s3cret-path"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Mailroom:
    """What a mail server received, whom it refuses, and who logged in."""

    port: int
    letters: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        letter = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 taken"

    def check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"pass-w0rd", handled=False)


@contextmanager
def mailroom(asks_login: bool = False) -> Iterator[Mailroom]:
    """A mail server; it asks for a login where told so."""
    room = Mailroom(free_port())
    login = {"authenticator": room.check, "auth_required": True, "auth_require_tls": False} if asks_login else {}
    controller = Controller(room, hostname="127.0.0.1", port=room.port, **login)
    controller.start()
    try:
        yield room
    finally:
        controller.stop()


@contextmanager
def silence() -> Iterator[int]:
    """A port on which connections are taken and nothing is ever said, but for a byte each tenth of a second."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip(client: socket.socket) -> None:
        with client:
            while not ended.wait(0.1):
                try:
                    client.sendall(b"2")
                except OSError:
                    return

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        ended.set()
        server.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
