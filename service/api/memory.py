"""How much memory a serving process takes for its threads.

The C library of Linux (glibc) gives each thread that allocates a heap of its own, which keeps what was freed in it: a service whose requests
come to many threads grows by some 50 MB in its first seconds under load. Two heaps for all cost no measurable time, since what is large
is asked of the system anyhow.
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
