"""Keeps a long piece of work from holding memory that it no longer uses."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1 << 20


def give_large_blocks_back() -> None:
    """Have this process give blocks of a megabyte and more back to the system as soon as they are free.

    glibc learns from large arrays that come and go to keep them, up to 32 MB each (mallopt(3)); a scan held 30 to 60 MB so. It costs the
    shot network up to a tenth more time. Where the C library has no such setting nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
