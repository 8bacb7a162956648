"""A webhook on this machine that notes what it gets, and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "a secret of some length"


@dataclass
class Receiver:
    """Answers (status codes) are taken in turn, the last for ever; `delay_s` before each."""

    url: str
    answers: list[int] = field(default_factory=lambda: [204])
    delay_s: float = 0.0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def wait(self, n: int, for_s: float = 10.0) -> None:
        """Until n messages came."""
        until = time.monotonic() + for_s
        while len(self.got) < n and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.got) >= n


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    """A receiver while the block lasts."""
    own = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            own.got.append((dict(self.headers), body))
            time.sleep(own.delay_s)
            status = own.answers.pop(0) if len(own.answers) > 1 else own.answers[0]
            try:
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://example.invalid/")
                self.end_headers()
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    own.url = f"http://127.0.0.1:{server.server_address[1]}/escalations"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield own
    finally:
        server.shutdown()
        server.server_close()
