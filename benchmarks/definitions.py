"""What loading Dagster's definitions costs: CPU seconds, time by the clock and memory, of fresh processes.

Run as `python -m benchmarks.definitions`. Every command, server and executor of runs pays this before it does anything, so it has a limit.
The packages that nobody can leave out are loaded in processes of their own, taking turns, and say how fast the machine was at that time.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.common import table, write_result

ROUNDS = 7
LOADED = {
    "dagster": "import dagster",
    "dagster and pandas": "import dagster, pandas",
    "the definitions": "import dagster; from orchestration.definitions import defs; dagster.Definitions.validate_loadable(defs)",
}
COST = """
import json, time
from pathlib import Path
clock, cpu = time.perf_counter(), time.process_time()
{program}
clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1]
print(json.dumps([cpu, clock, int(peak) * 1024 / 1e6]))
"""
PACKAGES = ("dagster", "pandas", "pyarrow", "numpy")


@dataclass(frozen=True)
class Cost:
    """Of one fresh process, its start not counted; memory at its highest, in MB of 10^6 bytes."""

    cpu_s: float
    clock_s: float
    memory_mb: float


def main() -> None:
    """Measure by turns and write the page."""
    for program in LOADED.values():
        cost_of(program)  # Byte code is compiled once.
    found: dict[str, list[Cost]] = {name: [] for name in LOADED}
    for _ in range(ROUNDS):
        for name, program in LOADED.items():
            found[name].append(cost_of(program))
    head = ["loaded", "CPU s", "CPU s, from", "to", "by the clock, s", "highest memory, MB"]
    words = f"Medians of {ROUNDS} fresh processes each, taking turns. Asked for: at most 2.5 s and 200 MB."
    body = table(head, [_row(name, costs) for name, costs in found.items()])
    page = write_result("definitions", "Loading Dagster's definitions", words + "\n\n" + body, PACKAGES)
    sys.stdout.write(f"{page}\n")


def cost_of(program: str) -> Cost:
    """What a program costs in a process of its own."""
    done = subprocess.run([sys.executable, "-c", COST.format(program=program)], capture_output=True, text=True, check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def _row(name: str, costs: Sequence[Cost]) -> list[object]:
    cpu = sorted(cost.cpu_s for cost in costs)
    clock, memory = (statistics.median(values) for values in zip(*((cost.clock_s, cost.memory_mb) for cost in costs), strict=True))
    return [name, f"{statistics.median(cpu):.2f}", f"{cpu[0]:.2f}", f"{cpu[-1]:.2f}", f"{clock:.2f}", f"{memory:.0f}"]


if __name__ == "__main__":
    main()
