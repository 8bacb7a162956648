"""How many threads torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One thread inside, as many as before afterwards.

    Sums are rounded otherwise with two, and the same film must give the same bytes; and where films are worked on side by side, threads
    that wait for each other burn more than they bring (196 CPU seconds for Big Buck Bunny's scan instead of some 110).
    """
    with torch_threads(1):
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many threads inside, as many as before afterwards."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
