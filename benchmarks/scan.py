"""What the scan of a film costs: memory at its highest, CPU time beside that of decoding alone, and whether memory grows with the film.

`python -m benchmarks.scan` scans Big Buck Bunny (from ../shared/data, ten minutes, 720p; about two minutes of CPU) from the film to its
scenes. `--hours 2` makes a 1080p film of that length from the Sintel trailer and scans it too (4.6 GB of disk, about an hour of CPU).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import av

from benchmarks.common import SHARED, CpuClock, peak_rss_mb, table, write_result
from benchmarks.long_film import write_long_film
from corpus.films.catalogue.entries import Film

LIMIT_MB = 600
SAMPLE_S = 2.0
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """CPU seconds, highest resident memory (MB), and memory in the second and the last quarter of the time (MB, highest)."""

    seconds: float
    peak_mb: float
    early_mb: float
    late_mb: float


def decode_only(media: Path, _: Path) -> None:
    """Decode every picture and use none, with the threads of the pass."""
    with av.open(str(media)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
        for packet in container.demux(stream):
            packet.decode()


def scan_best(media: Path, work: Path) -> None:
    """The scan with the shots of the network."""
    _scan(media, work, "best")


def scan_fast(media: Path, work: Path) -> None:
    """The scan with the shots of PySceneDetect."""
    _scan(media, work, "fast")


def _scan(media: Path, work: Path, setting: str) -> None:
    from corpus.films.catalogue.store import build_film
    from corpus.films.scan import build_scan
    from corpus.films.shots.shots import ShotSetting

    outs = {name: work / name for name in ("film", "shots", "faces", "soundtrack")}
    for out in outs.values():
        out.mkdir()
    build_film(Film(film_id="film", title="Film", video=media), outs["film"])
    build_scan(outs["film"], outs["shots"], outs["faces"], outs["soundtrack"], shots=ShotSetting(setting))


def measured(work: Callable[[Path, Path], None], media: Path) -> Cost:
    """Run `work` in a process of its own and tell what it cost."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(work, media, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        process.join()


def _measure(work: Callable[[Path, Path], None], media: Path, answer: Connection) -> None:
    memory: list[float] = []
    threading.Thread(target=_watch, args=(memory,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder, CpuClock() as clock:
        work(media, Path(folder))
    quarter = max(len(memory) // 4, 1)
    early, late = max(memory[quarter : 2 * quarter] or memory[:1]), max(memory[-quarter:])
    answer.send(Cost(clock.seconds, peak_rss_mb(), early, late))


def _watch(memory: list[float]) -> None:
    while True:
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6)
        time.sleep(SAMPLE_S)


def rows_of(name: str, media: Path, works: tuple[Callable[[Path, Path], None], ...]) -> list[list[object]]:
    """One row per kind of work, decoding alone first: what the others are measured against."""
    alone = measured(decode_only, media)
    costs = {"decode only": alone, **{work.__name__.replace("_", ", "): measured(work, media) for work in works}}
    rows: list[list[object]] = []
    for what, cost in costs.items():
        ratio = f"{cost.seconds / alone.seconds:.2f}"
        rows.append([name, what, f"{cost.seconds:.0f}", ratio, *(f"{mb:.0f}" for mb in (cost.peak_mb, cost.early_mb, cost.late_mb))])
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, help="where the long film is made and kept")
    parser.add_argument("--long-shots", choices=("best", "fast"), default="best", help="the shot setting for the long film")
    asked = parser.parse_args()
    rows = rows_of("Big Buck Bunny, 10 min, 720p", SHARED / "big_buck_bunny" / "bbb.mp4", (scan_fast, scan_best))
    if asked.hours:
        with tempfile.TemporaryDirectory() as folder:
            path = (asked.folder or Path(folder)) / f"long-{asked.hours:g}h.mkv"
            if not path.is_file():
                write_long_film(SHARED / "sintel" / "sintel_trailer-720p.mp4", path, asked.hours * 60)
            rows += rows_of(f"{asked.hours:g} h, 1080p", path, (scan_best if asked.long_shots == "best" else scan_fast,))
    head = ["film", "work", "CPU s", "times decode only", "peak memory MB", "2nd quarter MB", "last quarter MB"]
    body = f"At most {LIMIT_MB} MB is asked for. Memory is flat where the second and the last quarter agree.\n\n{table(head, rows)}"
    print(write_result("scan", "Cost of the scan", body, ["av", "numpy", "opencv-python-headless", "torch", "ai-edge-litert"]))


if __name__ == "__main__":
    main()
