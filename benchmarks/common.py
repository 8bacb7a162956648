"""What every benchmark shares: CPU seconds of a piece of work, where it ran, and a dated page of results.

Speeds are compared as ratios, both sides in one run and taking turns, because machines are shared; seconds alone mean little. Results
are Markdown in `benchmarks/results/`, one page a benchmark, written anew by each run with date, versions and machine.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real material beside the project; a benchmark that needs it says so where it is absent."""

RESULTS = Path(__file__).with_name("results")


@dataclass
class CpuClock:
    """CPU seconds (user and system, children that have ended included) of a `with` block."""

    seconds: float = 0.0
    _before: float = 0.0

    def __enter__(self) -> CpuClock:
        self._before = _cpu_s()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.seconds = _cpu_s() - self._before


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_rss_mb() -> float:
    """Highest resident memory of this process so far, in MB of 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def where(packages: Sequence[str]) -> str:
    """One line that tells date, machine and versions."""
    cpu = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    today = datetime.now(UTC).date()
    return f"{today} · {os.cpu_count()} x {cpu}, {platform.system()}, no GPU used · Python {platform.python_version()}, {versions}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write_result(name: str, title: str, body: str, packages: Sequence[str]) -> Path:
    """Write `benchmarks/results/<name>.md` and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(f"# {title}\n\n{where(packages)}\n\n{body.strip()}\n", encoding="utf-8")
    return path
