"""All benchmarks in one go, and one page of what they found: `python -m benchmarks`, or `python -m benchmarks voice faces` for some.

Each runs in a process of its own, one after the other, because they are timed; one that fails does not hold up the others and is named at
the end. Those that ask a home's champion or its films take `--home`, as `feelm demo` leaves it, and are left out without one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import write_page


@dataclass(frozen=True)
class Job:
    """A benchmark, about how long it takes on two cores, and whether it asks a home."""

    name: str
    minutes: int
    home: bool = False


JOBS = (
    Job("definitions", 1),
    Job("gate", 1),
    Job("distress", 2),
    Job("faces", 3),
    Job("scenes", 5),
    Job("asr", 5),
    Job("text", 6),
    Job("damage", 6),
    Job("screenplay", 8),
    Job("lineage", 8),
    Job("serving", 10),
    Job("voice", 15),
    Job("orchestration", 15),
    Job("shots", 20),
    Job("scan", 25),
    Job("sync", 30),
    Job("catalogue", 45),
    Job("aggregation", 45),
    Job("quality", 120),
    Job("talk", 2, home=True),
    Job("reaction", 5, home=True),
    Job("effect", 10, home=True),
    Job("compute", 30, home=True),
)
"""The quick ones first. `streams` is left to whoever has a film with voices and faces: `python -m benchmarks.streams`."""


def run(jobs: Sequence[Job], home: Path | None) -> list[str]:
    """Run them in turn, telling how long each took; names of those that failed."""
    failed = []
    for job in jobs:
        if job.home and home is None:
            print(f"{job.name}: left out, it asks a home (--home)", flush=True)
            continue
        print(f"{job.name}: about {job.minutes} min", flush=True)
        began, place = time.monotonic(), ("--home", str(home)) if job.home else ()
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{job.name}", *place], check=False).returncode
        print(f"{job.name}: {'done' if code == 0 else f'failed with {code}'} in {(time.monotonic() - began) / 60:.1f} min", flush=True)
        failed += [job.name] if code else []
    return failed


def main() -> int:
    """Run what is asked for, then write the page; 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(job.name for job in JOBS))
    parser.add_argument("--home", type=Path, help="a home with films and a champion, which is only read")
    options = parser.parse_args()
    if unknown := set(options.names) - {job.name for job in JOBS}:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    failed = run([job for job in JOBS if not options.names or job.name in options.names], options.home)
    print(f"All results on one page: {write_page()}")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
