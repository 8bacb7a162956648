"""What the scan of a film costs: memory at its highest, CPU time beside that of decoding alone, and whether memory grows with the film.

`python -m benchmarks.scan` scans the 1920x800 film of `benchmarks.shots` (made first, some fifteen minutes of one core) and Big Buck Bunny
(from ../shared/data, ten minutes, 720p), some ten minutes of CPU. `--hours 2` makes a 1080p film of that length from the Sintel trailer and
scans it too (4.6 GB of disk, about an hour of CPU); `--only-long` leaves out the others and keeps their rows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import av

from benchmarks.common import RESULTS, SHARED, CpuClock, table, write_result
from benchmarks.long_film import write_long_film
from corpus.films.catalogue.entries import Film

LIMIT_MB = 600
SAMPLE_S = 2.0
ROUNDS = 3
PAGE = os.sysconf("SC_PAGE_SIZE")


HEAD = ("film", "work", "CPU s", "times decode only", "peak memory MB", "2nd quarter MB", "last quarter MB", "looks for faces per s")
Works = tuple[Callable[[Path, Path], None], ...]


@dataclass(frozen=True)
class Cost:
    """CPU seconds, highest resident memory (MB), and memory in the second and the last quarter of the time (MB, highest).

    `looks_per_s` is how often faces were looked for, None where they were not.
    """

    seconds: float
    peak_mb: float
    early_mb: float
    late_mb: float
    looks_per_s: float | None


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
    build_scan(outs["film"], outs["shots"], outs["faces"], outs["soundtrack"], shots=ShotSetting(setting), work=work / "unfinished")


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
    with tempfile.TemporaryDirectory(dir=media.parent) as folder:
        with CpuClock() as clock:
            work(media, Path(folder))
        looks = _looks_per_s(Path(folder))
    quarter = max(len(memory) // 4, 1)
    early, late = max(memory[quarter : 2 * quarter] or memory[:1]), max(memory[-quarter:])
    answer.send(Cost(clock.seconds, _peak_mb(), early, late, looks))


def _peak_mb() -> float:
    """Highest resident memory of this process; getrusage would count that of the process which started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6


def _looks_per_s(folder: Path) -> float | None:
    if not (folder / "faces" / "summary.json").is_file():
        return None
    looks = json.loads((folder / "faces" / "summary.json").read_text())["n_samples"]
    return looks * 1000 / json.loads((folder / "shots" / "summary.json").read_text())["duration_ms"]


def _watch(memory: list[float]) -> None:
    while True:
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6)
        time.sleep(SAMPLE_S)


def rows_of(name: str, media: Path, works: Works, rounds: int = 1) -> list[list[str]]:
    """One row per kind of work, decoding alone first: what the others are measured against, all taking turns; medians of the rounds."""
    taken = [[measured(work, media) for work in (decode_only, *works)] for _ in range(rounds)]
    rows = []
    for place, work in enumerate((decode_only, *works)):
        costs = [costs[place] for costs in taken]
        ratios = [costs[place].seconds / costs[0].seconds for costs in taken]
        spread = f" ({min(ratios):.2f}-{max(ratios):.2f})" if rounds > 1 and place else ""
        peak, early, late = (max(getattr(cost, kind) for cost in costs) for kind in ("peak_mb", "early_mb", "late_mb"))
        looks = f"{costs[0].looks_per_s:.1f}" if costs[0].looks_per_s is not None else ""
        seconds = statistics.median(cost.seconds for cost in costs)
        memory = [f"{mb:.0f}" for mb in (peak, early, late)]
        rows.append([name, work.__name__.replace("_", " "), f"{seconds:.0f}", f"{statistics.median(ratios):.2f}{spread}", *memory, looks])
        print(rows[-1], flush=True)
    return rows


def _short_films() -> list[list[str]]:
    # Not above: the processes that are measured import this module.
    from benchmarks.material import cut_film
    from benchmarks.shots import FULL_SECONDS, FULL_SEED

    film = cut_film(FULL_SEED, FULL_SECONDS)
    pictures = "real" if film.real else "drawn"
    rows = rows_of(f"cut together from {pictures} films, {FULL_SECONDS} s, 1920x800", film.path, (scan_fast, scan_best), ROUNDS)
    return rows + rows_of("Big Buck Bunny, 10 min, 720p", SHARED / "big_buck_bunny" / "bbb.mp4", (scan_fast, scan_best))


def _long_film(hours: float, folder: Path, work: Callable[[Path, Path], None]) -> list[list[str]]:
    path = folder / f"long-{hours:g}h.mkv"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_long_film(SHARED / "sintel" / "sintel_trailer-720p.mp4", path, hours * 60)
    return rows_of(f"{hours:g} h, 1080p", path, (work,))


def _told(long: bool) -> list[list[str]]:
    """The rows of the page as it stands, of long films or of the others."""
    page = RESULTS / "scan.md"
    lines = page.read_text(encoding="utf-8").splitlines() if page.is_file() else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ") and "---" not in line]
    return [row for row in rows if len(row) == len(HEAD) and row[0] != HEAD[0] and ("1080p" in row[0]) == long]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, help="where the long film is made and kept")
    parser.add_argument("--long-shots", choices=("best", "fast"), default="best", help="the shot setting for the long film")
    parser.add_argument("--only-long", action="store_true", help="measure the long film alone")
    asked = parser.parse_args()
    rows = _told(long=False) if asked.only_long else _short_films()
    if asked.hours:
        with tempfile.TemporaryDirectory() as folder:
            rows += _long_film(asked.hours, asked.folder or Path(folder), scan_best if asked.long_shots == "best" else scan_fast)
    else:
        rows += _told(long=True)
    body = (
        f"At most {LIMIT_MB} MB is asked for, and on the 1920x800 film at most 2.0 times decoding alone with the fast shots and 3.3 with "
        "the best for everything; the scan is most of it. Memory is flat where the second and the last quarter agree. Saving what a scan "
        f"needs to go on after a kill is part of it. Kinds of work take turns, {ROUNDS} rounds on the first film.\n\n{table(HEAD, rows)}"
    )
    print(write_result("scan", "Cost of the scan", body, ["av", "numpy", "opencv-python-headless", "torch", "ai-edge-litert"]))


if __name__ == "__main__":
    main()
