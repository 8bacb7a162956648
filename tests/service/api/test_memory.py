"""A serving process' heaps, as the C library counts them in a process of its own."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

PROGRAM = """
import ctypes, sys, threading
from service.threads import share_heaps
if "shared" in sys.argv:
    share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
together = threading.Barrier(12)

def allocate():
    together.wait()
    for _ in range(1000):
        libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
stdout = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, stdout)
libc.fclose(stdout)
"""


def heaps(*arguments: str) -> int:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.count("<heap nr=")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="heaps are counted by glibc")
def test_the_threads_of_a_service_share_two_heaps_where_each_would_take_its_own() -> None:
    assert heaps() > 2
    assert heaps("shared") == 2
