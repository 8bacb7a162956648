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
    """A benchmark, and whether it asks a home."""

    name: str
    home: bool = False


JOBS = (
    Job("definitions"),
    Job("gate"),
    Job("distress"),
    Job("faces"),
    Job("scenes"),
    Job("asr"),
    Job("text"),
    Job("damage"),
    Job("screenplay"),
    Job("lineage"),
    Job("serving"),
    Job("voice"),
    Job("orchestration"),
    Job("shots"),
    Job("scan"),
    Job("sync"),
    Job("catalogue"),
    Job("aggregation"),
    Job("quality"),
    Job("talk", home=True),
    Job("reaction", home=True),
    Job("effect", home=True),
    Job("compute", home=True),
)
"""The quick ones first. `streams` is left to whoever has a film with voices and faces: `python -m benchmarks.streams`."""


def run(jobs: Sequence[Job], home: Path | None) -> list[str]:
    """Run them in turn, telling how long each took; names of those that failed."""
    failed = []
    for job in jobs:
        if job.home and home is None:
            print(f"{job.name}: left out, it asks a home (--home)", flush=True)
            continue
        print(f"{job.name} ...", flush=True)
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
