"""What a voice and a face cost while they are there: readings a second, how old an answer is, and the share of a core.

Run as `python -m benchmarks.streams --home HOME --film FILM` (a minute and a half). A film's own sound, a tenth of a second a message, and
its pictures, FPS a second, go to a real `feelm serve` at once, in real time, twice: the first time networks are loaded. The age of an
answer is from the moment at which the last sound or picture that it is of was sent.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from benchmarks.common import table, write_result
from benchmarks.serving import HOST, Server, serving
from corpus.films.sampling import as_jpeg
from corpus.paths import Home
from service.client import Client
from service.safety.uses import Context, Input, Subject, UseProfile

SECONDS, FPS, RATE_HZ = 30.0, 15, 16_000
ASKED_A_SECOND = 2.0
AHEAD_S = {Input.VOICE: 0.1, Input.FACE: 0.2}
"""A message of sound is sent when it begins, not when it was heard; a picture stands for the 200 ms after it."""
PACKAGES = ("torch", "opencv-python", "fastapi", "websockets")


@dataclass
class Stream:
    """What came of a stream: how long it took to open, and of each reading when it came and how old it was, seconds."""

    kind: Input
    opened_s: float = 0.0
    came: list[float] = field(default_factory=list)
    age_s: list[float] = field(default_factory=list)
    dropped: int = 0

    @property
    def a_second(self) -> float:
        """Readings a second."""
        return len(self.came) / SECONDS


def sound_messages(film: Path) -> list[bytes]:
    """The film's sound, mono, 100 ms a message."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(film)) as container:
        parts = [part.to_ndarray().ravel() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples, step = np.concatenate(parts), RATE_HZ // 10
    return [samples[start : start + step].tobytes() for start in range(0, len(samples) - step, step)]


def picture_messages(film: Path) -> list[bytes]:
    """The film's pictures as JPEG, as many as go in SECONDS."""
    with av.open(str(film)) as container:
        frames = container.decode(video=0)
        return [as_jpeg(frame.to_ndarray(format="rgb24")) for frame, _ in zip(frames, range(int(SECONDS * FPS)), strict=False)]


def streamed(server: Server, kind: Input, messages: list[bytes], a_second: float) -> Stream:
    """Send messages in real time, beginning anew where they end, and take what comes."""
    found, use = Stream(kind), UseProfile(Context.RESEARCH, kind, Subject.FICTIONAL)
    began = time.perf_counter()
    with Client(f"http://{HOST}:{server.port}") as client, client.stream(use, RATE_HZ if kind is Input.VOICE else None) as live:
        found.opened_s, began = time.perf_counter() - began, time.perf_counter()
        sender = threading.Thread(target=_send, args=(live.send, live.end, messages, a_second, began))
        sender.start()
        for reading in live.readings():
            now = time.perf_counter() - began
            found.came.append(now)
            found.age_s.append(now - reading.until_ms / 1000 + AHEAD_S[kind])
            found.dropped = reading.dropped
        sender.join()
    return found


def _send(send: Callable[[bytes], None], end: Callable[[], None], messages: list[bytes], a_second: float, began: float) -> None:
    for number in range(int(SECONDS * a_second)):
        time.sleep(max(began + number / a_second - time.perf_counter(), 0))
        send(messages[number % len(messages)])
    end()


def both(server: Server, film: Path) -> tuple[list[Stream], float]:
    """A voice and a face at once, and the server's share of a core."""
    asked = ((Input.VOICE, sound_messages(film), 10.0), (Input.FACE, picture_messages(film), float(FPS)))
    found: list[Stream] = []
    threads = [threading.Thread(target=lambda one=one: found.append(streamed(server, *one))) for one in asked]
    before, began = _cpu_s(server), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found, key=lambda one: one.kind), (_cpu_s(server) - before) / (time.perf_counter() - began)


def _cpu_s(server: Server) -> float:
    told = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def rows(rounds: list[tuple[list[Stream], float]]) -> Iterator[list[str]]:
    """As the page shows them."""
    for number, (streams, share) in enumerate(rounds, 1):
        for one in streams:
            p50, p95 = np.percentile(np.array(one.age_s) * 1000, (50, 95))
            gap = max(np.diff(one.came), default=float("nan"))
            figures = [f"{one.opened_s:.1f}", f"{one.a_second:.1f}", f"{gap:.2f}", f"{p50:.0f}", f"{p95:.0f}", str(one.dropped)]
            yield [str(number), one.kind.value, *figures, f"{share:.2f}"]


HEAD = [
    "round",
    "of",
    "opened after s",
    "readings a second",
    "longest gap s",
    "age p50 ms",
    "age p95 ms",
    "dropped",
    "share of a core (both)",
]


def main() -> None:
    """Run it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a home whose champion learned of voices and faces")
    parser.add_argument("--film", type=Path, required=True, help="a film with sound")
    asked = parser.parse_args()
    busy = os.getloadavg()
    with serving(Home(asked.home.resolve())) as server:
        rounds = [both(server, asked.film) for _ in range(2)]
    met = all(one.a_second >= ASKED_A_SECOND for one in rounds[-1][0])
    told = f"Asked for: {ASKED_A_SECOND:g} readings a second ({'met' if met else 'not met'} in the second round)."
    about = f"One voice and one face ({FPS} pictures a second) at once, {SECONDS:.0f} s of {asked.film.name}; load average {busy[0]:.1f}."
    print(write_result("streams", "Streams", f"{about} {told}\n\n{table(HEAD, list(rows(rounds)))}", PACKAGES))


if __name__ == "__main__":
    main()
