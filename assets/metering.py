"""What a link costs: time of clock, CPU and GPU, and the most memory, from a start to the end of its work.

CPU seconds are those of this process and of the children that it waited for. Memory is that of the one process that held most: Linux keeps
each process's peak and lets it be set back, so that what the process did before does not count. Torch is not loaded to ask for a GPU.
"""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROCESS = Path("/proc/self")
SET_PEAK_BACK = "5"
"""Written to `clear_refs` it makes the peak the memory held now (proc(5))."""


@dataclass(frozen=True)
class Meter:
    """What was spent when it was started."""

    wall_s: float
    cpu_s: float
    gpu_allocations: int
    children_kb: int

    @classmethod
    def start(cls) -> Meter:
        """Measure from here on."""
        with suppress(OSError):  # not Linux, or a system that keeps its processes' peaks to itself
            (PROCESS / "clear_refs").write_text(SET_PEAK_BACK)
        return cls(time.perf_counter(), _cpu_s(), gpu_allocations(), _children_kb())

    def spent(self) -> dict[str, Any]:
        """Since the start: seconds of clock, of CPU, of clock on a GPU where one was computed on, and the most memory, None if unknown."""
        wall_s = round(time.perf_counter() - self.wall_s, 3)
        gpu_s = wall_s if gpu_allocations() > self.gpu_allocations else 0.0
        return {"wall_s": wall_s, "cpu_s": round(_cpu_s() - self.cpu_s, 3), "gpu_s": gpu_s, "peak_memory_mb": self._peak_mb()}

    def _peak_mb(self) -> float | None:
        own = _own_peak_kb()
        if own is None:
            return None
        children = _children_kb()
        return round(max(own, children if children > self.children_kb else 0) * 1024 / 1e6, 1)


def _cpu_s() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _own_peak_kb() -> int | None:
    """Peak of this process since it was set back; None where the system does not tell."""
    try:
        lines = (PROCESS / "status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def _children_kb() -> int:
    """Peak of the child that held most of all that ever ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def gpu_allocations() -> int:
    """How often this process has taken memory of a GPU: it grows with whatever is computed there. Torch is not loaded to ask it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(torch.cuda.memory_stats(device)["allocation.all.allocated"] for device in range(torch.cuda.device_count()))
