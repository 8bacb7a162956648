"""What a link is said to cost, against work of known cost."""

import multiprocessing
import time

import numpy as np
import pytest

from assets.metering import Meter

BLOCK_MB = 200.0


def hold(megabytes: float) -> None:
    """Hold so much memory for a moment; each page is written, or the system would not give it."""
    np.ones(int(megabytes * 1e6), np.uint8).sum()


@pytest.fixture
def idle_mb() -> float:
    """What this process holds anyway."""
    peak: float | None = Meter.start().spent()["peak_memory_mb"]
    if peak is None:
        pytest.skip("this system does not tell a process's peak")
    return peak


def test_the_peak_is_that_of_the_work_and_not_of_what_came_before(idle_mb: float) -> None:
    meter = Meter.start()
    hold(BLOCK_MB)
    assert meter.spent()["peak_memory_mb"] == pytest.approx(idle_mb + BLOCK_MB, abs=30)
    assert Meter.start().spent()["peak_memory_mb"] == pytest.approx(idle_mb, abs=30)


def test_of_several_processes_the_one_that_held_most_is_told(idle_mb: float) -> None:
    meter = Meter.start()
    child = multiprocessing.get_context("fork").Process(target=hold, args=(3 * BLOCK_MB,))
    child.start()
    child.join()
    assert meter.spent()["peak_memory_mb"] > 3 * BLOCK_MB
    assert Meter.start().spent()["peak_memory_mb"] == pytest.approx(idle_mb, abs=30)


def test_waiting_costs_time_of_clock_and_none_of_cpu() -> None:
    meter = Meter.start()
    time.sleep(0.3)
    spent = meter.spent()
    assert spent["wall_s"] >= 0.3 and spent["cpu_s"] < 0.2 and spent["gpu_s"] == 0.0
