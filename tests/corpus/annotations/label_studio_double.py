"""A stand-in for Label Studio's server on loopback: what of its API Feelm uses, as version 1.23.2 answers it, and its faults on demand."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "f" * 40
SHORT_LIVED = "access-for-five-minutes"


class Double(ThreadingHTTPServer):
    """Projects, tasks and annotations in memory; `fault` is what to do instead of answering: a code, or 'slow', 'cut', 'html', 'moved'."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.projects: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.storages: list[dict[str, Any]] = []
        self.fault: int | str | None = None
        self.fault_of = "/"
        self.asked: list[str] = []
        self._clock = count(1)

    def now(self) -> str:
        return f"2026-11-27T00:00:00.{next(self._clock):06d}Z"

    def annotate(self, task: int, result: list[dict[str, Any]], user: int = 1, **more: Any) -> dict[str, Any]:
        now = self.now()
        made = {
            "id": next(self._clock),
            "completed_by": user,
            "result": result,
            "created_at": now,
            "updated_at": now,
            "was_cancelled": False,
        }
        self.tasks[task]["annotations"].append(made | {"unique_id": f"u{made['id']}", "prediction": {"created_ago": now}} | more)
        self.tasks[task]["updated_at"] = now
        return self.tasks[task]["annotations"][-1]

    def edit(self, task: int, annotation: dict[str, Any], result: list[dict[str, Any]]) -> None:
        annotation["result"], annotation["updated_at"] = result, self.now()
        self.tasks[task]["updated_at"] = annotation["updated_at"]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        if path == "/api/projects/":
            return self._projects(method, body)
        if method == "PATCH":
            (project,) = (one for one in self.projects if path == f"/api/projects/{one['id']}/")
            return project.update(body)
        if path == "/api/tasks":
            listed = [self._listed(task, query["include"].split(",")) for task in self.tasks]
            page, size = int(query["page"]), int(query["page_size"])
            return {"total": len(listed), "tasks": listed[(page - 1) * size : page * size]}
        if path.endswith("/import"):
            for task in body:
                extra = {"id": len(self.tasks) + 1, "annotations": [], "updated_at": self.now(), "drafts": [{"user": "anna@example.org"}]}
                self.tasks.append(task | extra)
            return {}
        if path.endswith("/export"):
            return [task for task in self.tasks if task["annotations"]]
        if path == "/api/predictions/":
            self.tasks[body["task"] - 1].setdefault("predictions", []).append(body)
            return {}
        if path == "/api/storages/localfiles":
            return self.storages if method == "GET" else self.storages.append(body)
        raise KeyError(path)

    def _projects(self, method: str, body: Any) -> Any:
        if method == "GET":
            return {"count": len(self.projects), "next": None, "results": self.projects}
        self.projects.append({"id": len(self.projects) + 1, "created_at": self.now(), **body})
        return self.projects[-1]

    def _listed(self, task: dict[str, Any], columns: list[str]) -> dict[str, Any]:
        skipped = sum(one["was_cancelled"] for one in task["annotations"])
        known = task | {
            "total_annotations": len(task["annotations"]) - skipped,
            "cancelled_annotations": skipped,
            "predictions_model_versions": ",".join(one["model_version"] for one in task.get("predictions", ())),
        }
        return {name: known[name] for name in columns}


class _Handler(BaseHTTPRequestHandler):
    server: Double

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{method} {parts.path}")
        fault = self.server.fault if parts.path.endswith(self.server.fault_of) or self.server.fault_of == "/" else None
        if fault is not None:
            self._fail(fault)
        elif parts.path == "/health":
            self._send(200, b'{"status": "UP"}')
        elif parts.path == "/api/token/refresh":
            self._send(200, json.dumps({"access": SHORT_LIVED}).encode())
        elif self.headers.get("Authorization") not in (f"Token {TOKEN}", f"Bearer {SHORT_LIVED}"):
            self._send(401, b'{"detail": "Invalid token."}')
        else:
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            answer = self.server.answer(method, parts.path, query, json.loads(content) if content else None)
            self._send(200, json.dumps(answer).encode())

    def _fail(self, fault: int | str) -> None:
        if isinstance(fault, int):
            self._send(fault, b'{"detail": "it failed"}')
        elif fault == "html":
            self._send(200, b"<html>a proxy's page</html>")
        elif fault == "moved":
            self.send_response(302)
            self.send_header("Location", f"{self.server.url}/elsewhere")
            self.end_headers()
        elif fault == "cut":
            self._send(200, b"[{", declared=1000)
        elif fault == "slow":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            except OSError:
                return

    def _send(self, code: int, content: bytes, declared: int | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(declared or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def double() -> Iterator[Double]:
    server = Double()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
