"""What serving costs: how long `feelm serve` takes to be up, how long texts, replies and a clip take, how many texts it answers at most.

Run as `python -m benchmarks.serving` (ten minutes; `--seconds 3600` for the hour of the acceptance). The server is the real command on
loopback. Open loop: each of CLIENTS clients asks once a second whether or not the last answer came, and a question's time counts from the
moment it was due, so that a server that falls behind shows it. Every line is new to the server. Closed loop: as many as are waited for.
Replies are asked for in the same way, with the written conversations of all domains, with new words at the end. The very first one, asked
for as soon as the service is ready, waits until all that replies need is there, and stands apart. What is handed over stays in the home:
give a copy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import numpy as np

from benchmarks.common import table, write_result
from benchmarks.conversations import Conversation, conversations, domains
from corpus.paths import Home
from ml.models.dialogue import Turn
from service.champion import Champion, champion_folder
from service.client import Client
from tests.loopback import free_port
from tests.service.talk import SAYINGS, talking_home

HOST = "127.0.0.1"
CLIENTS, CLOSED_CLIENTS = 20, (1, 4, 16)
REPLY_SECONDS = {1: 300.0, 4: 75.0}
"""By how many clients ask: 300 replies each, since of fewer the 99th percentile is but the slowest one or two."""

CLOSED_SECONDS = 10.0
WARM_SECONDS = 5.0
UP_SECONDS = 60.0
NO_ANSWER = 0
PACKAGES = ("fastapi", "uvicorn", "pydantic", "torch", "httpx")
WORDS = sorted({word for lines in SAYINGS.values() for line in lines for word in line.strip(".!?").lower().split()})


@dataclass
class Load:
    """What came of a load: seconds of each question, how long it went on, and the server's memory.

    `failed` are statuses that were no 200; NO_ANSWER is a connection that broke.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    wall_s: float = 0.0
    rss_before_mb: float = 0.0
    rss_after_mb: float = 0.0

    def row(self) -> list[str]:
        """As the page shows it: milliseconds and MB."""
        ms = np.array(self.seconds) * 1000
        p50, p95, p99 = np.percentile(ms, (50, 95, 99))
        rate = len(ms) / self.wall_s
        memory = f"{self.rss_before_mb:.0f} → {self.rss_after_mb:.0f} ({self.rss_after_mb / self.rss_before_mb - 1:+.1%})"
        figures = [f"{value:.1f}" for value in (p50, p95, p99, ms.max())]
        return [self.name, str(len(ms)), str(len(self.failed)), f"{rate:.1f}", *figures, memory]


HEAD = ["load", "answered", "failed", "a second", "p50 ms", "p95 ms", "p99 ms", "worst ms", "server MB before → after"]


@dataclass(frozen=True)
class Server:
    """A running `feelm serve`."""

    port: int
    pid: int
    up_s: float

    @property
    def rss_mb(self) -> float:
        """Resident memory now, MB of 10^6 bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024 / 1e6


class Connection:
    """One kept HTTP connection, as thin as it gets, so that asking takes little from the machine that answers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> int:
        """Status of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self.port)
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(told.split("content-length:")[1].split("\r\n")[0])
        await reader.readexactly(length)
        return int(told.split()[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


def line(rng: random.Random) -> str:
    """A line of four to fourteen words that was most likely never said."""
    return " ".join(rng.choices(WORDS, k=rng.randint(4, 14))) + rng.choice(".!?")


Ask = Callable[[random.Random], bytes]
"""Makes the body of a question."""


@dataclass(frozen=True)
class Work:
    """What is asked of the service: its path, and the bodies of questions."""

    path: str
    body: Ask


def detection(rng: random.Random) -> bytes:
    """A text detection as it is sent."""
    return json.dumps({"text": line(rng)}).encode()


def reply(rng: random.Random) -> bytes:
    """A conversation that is to be answered: a written one, whose last line goes on with words that the server has not heard together."""
    talk = rng.choice(_talks())
    turns = [{"text": turn.text, "speaker": turn.speaker} for turn in talk.turns]
    turns[-1]["text"] += " " + " ".join(rng.choices(WORDS, k=3)) + "."
    return json.dumps({"domain": talk.domain, "turns": turns, "language": "en", "conversation": f"load-{rng.getrandbits(64):x}"}).encode()


@cache
def _talks() -> list[Conversation]:
    return [talk for domain in domains() for talk in conversations(domain, "dev")]


DETECT, RESPOND = Work("/v1/detect", detection), Work("/v1/respond", reply)


async def open_loop(server: Server, work: Work, clients: int, seconds: float, seed: int) -> Load:
    """Clients, each of one question a second, that do not wait for each other."""
    load = Load(f"{work.path}, open loop, {clients} a second", rss_before_mb=server.rss_mb)
    began = time.perf_counter()
    await asyncio.gather(*(_steady(server, load, work, began + client / clients, seconds, seed + client) for client in range(clients)))
    load.wall_s, load.rss_after_mb = time.perf_counter() - began, server.rss_mb
    return load


async def _steady(server: Server, load: Load, work: Work, first: float, seconds: float, seed: int) -> None:
    rng, asked = random.Random(seed), set()
    for number in range(int(seconds)):
        due = first + number + rng.uniform(-0.3, 0.3)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(_once(server, load, due, work.path, work.body(rng)))
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)


async def _once(server: Server, load: Load, due: float, path: str, body: bytes) -> None:
    connection = Connection(server.port)
    try:
        status = await connection.ask("POST", path, body)
    except (OSError, asyncio.IncompleteReadError):
        status = NO_ANSWER
    finally:
        connection.close()
    load.seconds.append(time.perf_counter() - due)
    if status != 200:
        load.failed.append(status)


async def closed_loop(server: Server, clients: int, seconds: float, seed: int) -> Load:
    """Clients that ask again as soon as they are answered."""
    load = Load(f"{DETECT.path}, closed loop, {clients} client{'s' if clients > 1 else ''}", rss_before_mb=server.rss_mb)
    began = time.perf_counter()
    await asyncio.gather(*(_eager(server, load, began + seconds, seed + client) for client in range(clients)))
    load.wall_s, load.rss_after_mb = time.perf_counter() - began, server.rss_mb
    return load


async def _eager(server: Server, load: Load, until: float, seed: int) -> None:
    rng, connection = random.Random(seed), Connection(server.port)
    while (began := time.perf_counter()) < until:
        status = await connection.ask("POST", DETECT.path, DETECT.body(rng))
        load.seconds.append(time.perf_counter() - began)
        if status != 200:
            load.failed.append(status)
    connection.close()


@contextmanager
def serving(home: Home, workers: int = 1, rate: float = 100_000) -> Iterator[Server]:
    """`feelm serve` on a home, up; without its limit of requests a second, which one address would reach here."""
    port, began = free_port(), time.perf_counter()
    command = [sys.executable, "-m", "orchestration.cli", "serve", "--port", str(port), "--workers", str(workers), "--rate", str(rate)]
    process = subprocess.Popen(command, env={**os.environ, "FEELM_HOME": str(home.root)})
    try:
        while True:
            if process.poll() is not None or time.perf_counter() - began > UP_SECONDS:
                raise RuntimeError(f"the server did not come up: code {process.poll()}")
            if asyncio.run(_is_up(port)):
                break
            time.sleep(0.05)
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def _is_up(port: int) -> bool:
    try:
        return await Connection(port).ask("GET", "/health/ready") == 200
    except (OSError, asyncio.IncompleteReadError):
        return False


def direct_ms(home: Home, count: int = 100) -> tuple[float, float]:
    """The same lines asked of the champion in this process: median and 99th percentile, ms."""
    import torch

    torch.set_num_threads(1)
    champion, rng, spent = Champion.load(champion_folder(home)), random.Random(1), []
    for _ in range(count):
        began = time.perf_counter()
        champion.hear([[Turn(line(rng))]])
        spent.append(time.perf_counter() - began)
    p50, p99 = np.percentile(np.array(spent) * 1000, (50, 99))
    return float(p50), float(p99)


@dataclass(frozen=True)
class Clip:
    """A clip that was read whole: its length and how long its answer took, seconds."""

    name: str
    length_s: float
    took_s: float

    def told(self) -> str:
        """As the page shows it."""
        met = "met" if self.took_s < self.length_s else "not met"
        return f"- {self.name}, {self.length_s:.0f} s long: read in {self.took_s:.1f} s (asked for: less than its own length; {met})."


def read_clip(server: Server, path: Path) -> Clip:
    """Have a clip be read, with the subtitles that lie beside it."""
    subtitles = path.with_suffix(".srt")
    with av.open(str(path)) as container:
        length_s = (container.duration or 0) / av.time_base
    began = time.perf_counter()
    Client(f"http://{HOST}:{server.port}").detect_media(path, subtitles if subtitles.is_file() else None)
    return Clip(path.name, length_s, time.perf_counter() - began)


def first_reply(server: Server) -> float:
    """Seconds until a reply that is asked for now."""

    async def once() -> float:
        load = Load("the first reply")
        await _once(server, load, time.perf_counter(), RESPOND.path, RESPOND.body(random.Random(0)))
        return load.seconds[0]

    return asyncio.run(once())


def measure(home: Home, seconds: float, paths: Sequence[Path]) -> tuple[Server, float, list[Load], list[Clip]]:
    """The first reply, then all loads and clips, one after the other, on one server."""
    with serving(home) as server:
        first_reply_s = first_reply(server)
        for work, clients in ((DETECT, CLIENTS), (RESPOND, 1)):
            _run(open_loop(server, work, clients, WARM_SECONDS, 900))
        loads = [_run(open_loop(server, DETECT, CLIENTS, seconds, 1))]
        loads += [_run(open_loop(server, RESPOND, clients, length, 50 * clients)) for clients, length in REPLY_SECONDS.items()]
        loads += [_run(closed_loop(server, clients, CLOSED_SECONDS, 100 * clients)) for clients in CLOSED_CLIENTS]
        return server, first_reply_s, loads, [read_clip(server, path) for path in paths]


def _run(work: Awaitable[Load]) -> Load:
    async def until_done() -> Load:
        return await work

    return asyncio.run(until_done())


@dataclass(frozen=True)
class Found:
    """All that was measured: of the champion `direct`ly median and 99th percentile, ms; the machine's load average when it began."""

    server: Server
    first_reply_s: float
    loads: list[Load]
    clips: list[Clip]
    direct: tuple[float, float]
    busy: tuple[float, float, float]
    about: str


def page(found: Found) -> str:
    """The results in words and figures."""
    met = {True: "met", False: "not met"}
    server, direct = found.server, found.direct
    p50, p99 = np.percentile(np.array(found.loads[0].seconds) * 1000, (50, 99))
    slowest = max(float(np.percentile(np.array(load.seconds) * 1000, 99)) for load in found.loads if RESPOND.path in load.name)
    return f"""
Detection in one line of text, each line new to the server, and replies with the embedded writer ({found.about}).

- Detection in the open loop, p50 at most 30 ms: {met[bool(p50 <= 30)]}; p99 at most 150 ms: {met[bool(p99 <= 150)]}.
- Replies, p99 at most 400 ms: {met[slowest <= 400]}. Up in at most 10 s: {met[server.up_s <= 10]}.
- From the command to ready: {server.up_s:.1f} s. A reply that was asked for then took {found.first_reply_s:.1f} s.
- The champion alone, in one process, one line at a time: p50 {direct[0]:.1f} ms, p99 {direct[1]:.1f} ms. The rest is HTTP and waiting.
- Load average of the machine (1, 5, 15 minutes) when it began: {", ".join(f"{value:.2f}" for value in found.busy)}.
{chr(10).join(clip.told() for clip in found.clips)}

{table(HEAD, [load.row() for load in found.loads])}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--home", type=Path, help="a home with a champion; else a small one that learned a handful of lines is made")
    parser.add_argument("--clip", type=Path, action="append", default=[], help="a clip to be read, with .srt beside it where there is one")
    parser.add_argument("--dry", action="store_true", help="print the page instead of writing it")
    asked = parser.parse_args()
    busy = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(asked.home.resolve()) if asked.home else talking_home(Home(Path(folder)))
        about = (
            "the champion of a given home" if asked.home else "a champion made here, with one expert of words and three context networks"
        )
        direct = direct_ms(home)
        measured = measure(home, asked.seconds, asked.clip)
    text = page(Found(*measured, direct, busy, about))
    if asked.dry:
        print(text)
    else:
        print(write_result("serving", "Serving", text, PACKAGES))


if __name__ == "__main__":
    main()
