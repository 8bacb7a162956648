"""Waiting for several things at once, such as answers of a server: nearly all of the time is the way there and back.

Nothing is computed so, since threads that compute wait for each other; and no Dagster object is touched in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Results in the order of the items, AT_ONCE of which are waited for at a time; the first failure is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))
