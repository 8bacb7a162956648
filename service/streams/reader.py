"""Reads the streams of a process: one thread for all voices and one for all faces, beside those that answer whoever asks in words.

A stream has at most one reading under way, and its next one is of what is there then; so a busy service reads less often, and nothing waits
in a line that grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from service.safety.uses import Input
from service.streams.bounds import Bounds
from service.streams.live import Readers, Reading, Source
from service.threads import compute_alone

Found = TypeVar("Found")


class StreamReader:
    """The threads, their networks, and how many streams there are; for one event loop."""

    def __init__(self) -> None:
        self.bounds = Bounds()
        self.there = 0
        self._readers = Readers()
        # What reads faces is for one thread at a time, and so is what reads voices.
        self._threads = {sense: _thread(sense) for sense in (Input.VOICE, Input.FACE)}

    def stop(self) -> None:
        """End the threads after the readings that are under way."""
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """A place among the streams, or False where all are taken."""
        if self.there >= self.bounds.at_once:
            yield False
            return
        self.there += 1
        try:
            yield True
        finally:
            self.there -= 1

    async def warm(self, source: Source) -> None:
        """Load what reads a source.

        Raises:
            FeelmError: a network's weights are missing or damaged.
        """
        await self._do(source, lambda: source.warm(self._readers))

    async def read(self, source: Source) -> Reading | None:
        """What is recognised in a source's window now; None where there is nothing new.

        Raises:
            FeelmError: what was brought cannot be read.
        """
        return await self._do(source, lambda: source.read(self._readers))

    async def _do(self, source: Source, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads[source.sense], work)


def _thread(sense: Input) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=f"feelm-{sense}", initializer=compute_alone)
