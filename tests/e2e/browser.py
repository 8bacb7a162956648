"""A headless Chromium that tests drive as a person would: real clicks and keys where things are shown, and pictures of what is shown.

It speaks Chromium's debugging protocol over a pair of pipes, so that no library, no port and no other process can come in between. Whatever
is waited for has a limit, and what the page's console said stands in the message of what failed.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--mute-audio", "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe", "--lang=en",
)  # fmt: skip
ANSWER_S = 60.0
SHOWN_S = 60.0


def chromium() -> str:
    """The program; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: the editor is not tried in a browser")
    return found


class NotShown(AssertionError):
    """The page does not show what a person would look for."""


@dataclass(frozen=True)
class Box:
    """Where something stands in the window, in CSS pixels."""

    x: float
    y: float
    width: float
    height: float

    def at(self, part: float) -> tuple[float, float]:
        """A point at `part` of its width, in the middle of its height."""
        return self.x + part * self.width, self.y + self.height / 2


class Page:
    """The one page of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._out, self._in = to_browser, from_browser
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.console: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._send(f"{domain}.enable")

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params} | ({"sessionId": self._session} if self._session else {})
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_S
        while True:
            answer = self._next(until)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(until - time.monotonic(), 0))
            assert ready, f"the browser does not answer; its console: {self.console[-5:]}"
            part = os.read(self._in, 1 << 20)
            assert part, "the browser ended by itself"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"])))
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.console.append(" ".join(str(one.get("value", one.get("description", ""))) for one in params["args"]))

    def open(self, url: str) -> None:
        """Go to an address."""
        self._send("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        answer = self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait_for(self, what: str, look: Callable[[], Any], limit_s: float = SHOWN_S) -> Any:
        """What `look` finds, once it finds something."""
        until = time.monotonic() + limit_s
        while not (found := look()):
            if time.monotonic() > until:
                raise NotShown(f"{what} is not there after {limit_s:.0f} s; console: {self.console[-5:]}")
            time.sleep(0.1)
        return found

    def box(self, selector: str, text: str | None = None) -> Box:
        """The first thing of this CSS selector that is shown (and holds exactly the text), once it stands still."""
        wanted = "true" if text is None else f"e.textContent.trim() === {json.dumps(text)}"
        script = f"""(() => {{
          for (const e of document.querySelectorAll({json.dumps(selector)})) {{
            if (!({wanted}) || !e.getClientRects().length) continue;
            e.scrollIntoView({{block: "center"}});
            const r = e.getBoundingClientRect();
            if (r.width && r.height) return [r.x, r.y, r.width, r.height];
          }}
        }})()"""
        last: list[Any] = [None]

        def still() -> Any:
            before, last[0] = last[0], self.ask(script)
            return last[0] if last[0] == before else None

        return Box(*self.wait_for(f"{selector} {text or ''}", still))

    def click(self, selector: str, text: str | None = None, part: float = 0.5) -> None:
        """Click on something with the left button."""
        self.drag([self.box(selector, text).at(part)])

    def drag(self, points: list[tuple[float, float]]) -> None:
        """Press the left button at the first point, go to the others, and let it go at the last."""
        self._mouse("mouseMoved", points[0], 0)
        self._mouse("mousePressed", points[0], 1)
        for point in points[1:]:
            self._mouse("mouseMoved", point, 1)
        self._mouse("mouseReleased", points[-1], 0)

    def _mouse(self, kind: str, point: tuple[float, float], buttons: int) -> None:
        button = "none" if kind == "mouseMoved" and not buttons else "left"
        count = int(kind != "mouseMoved")
        self._send("Input.dispatchMouseEvent", type=kind, x=point[0], y=point[1], button=button, buttons=buttons, clickCount=count)

    def fill(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        self.click(selector)
        self._send("Input.insertText", text=text)

    def enter(self) -> None:
        """Press Enter."""
        self.press("Enter", 13, "\r")

    def told(self) -> str:
        """All words that are shown, those in empty fields too."""
        empty = "[...document.querySelectorAll('input')].map(one => one.placeholder)"
        return str(self.ask(f"[document.body?.innerText, ...{empty}].join('\\n')"))

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, such as Backspace (8)."""
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self._send("Input.dispatchKeyEvent", type="keyDown", **told, **({"text": text} if text else {}))
        self._send("Input.dispatchKeyEvent", type="keyUp", **told)

    def picture(self, path: Path) -> Path:
        """What is shown now, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._send("Page.captureScreenshot", format="png")["data"]))
        return path


@contextmanager
def browsing(width: int = 1500, height: int = 1400) -> Iterator[Page]:
    """A fresh browser, without any account's cookies; it ends with the block."""
    program = chromium()
    pipes = [os.pipe(), os.pipe()]
    theirs = [_high(pipes[0][0]), _high(pipes[1][1])]
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = [*OPTIONS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        # The protocol's pipes are the browser's descriptors 3 and 4.
        command = ["bash", "-c", f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}', "bash", program, *options]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, pass_fds=theirs, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        for descriptor in (*theirs, pipes[0][0], pipes[1][1]):
            os.close(descriptor)
        try:
            yield Page(pipes[0][1], pipes[1][0])
        finally:
            # It ends when its pipe does.
            os.close(pipes[0][1])
            os.close(pipes[1][0])
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _high(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
