"""Workers end when the process that started them is killed, and do not get in each other's way."""

import os
import signal
import subprocess
import sys
import time

from corpus.processes import worker_pool

PROGRAM = """
import os, time
from corpus.processes import worker_pool
if __name__ == "__main__":
    with worker_pool(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(4)}, flush=True)
        time.sleep(60)
"""


def test_workers_end_when_their_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert workers and all(alive(pid) for pid in workers)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def linear_algebra_threads() -> dict[str, int]:
    """Threads by library."""
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    return {info["filepath"]: info["num_threads"] for info in threadpool_info() if info["internal_api"] == "openblas"}


def test_the_linear_algebra_of_a_worker_has_one_thread() -> None:
    with worker_pool(1) as pool:
        found = pool.submit(linear_algebra_threads).result()
    assert found
    assert set(found.values()) == {1}
