"""What the threads of a serving process take of memory and of the processor's cores.

The C library of Linux (glibc) gives each thread that allocates a heap of its own, which keeps what was freed in it. A service whose
requests come to many threads grows by some 50 MB so in its first seconds under load. Two heaps are enough where two threads compute. And
with a line or two, threads of torch that wait for each other cost more than they bring.
"""

from __future__ import annotations

import ctypes

HEAPS = 2
_M_ARENA_MAX = -8
"""Of malloc.h."""


def share_heaps() -> None:
    """Have all threads of this process share HEAPS heaps; to be called before they are started. Elsewhere than on glibc nothing is done."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, HEAPS)


def compute_alone() -> None:
    """Have torch compute in the thread that asks, without others beside it."""
    import torch

    torch.set_num_threads(1)
