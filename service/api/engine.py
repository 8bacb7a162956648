"""Asks the champion for many askers at once, off the event loop, and has the next champion take its place while it answers.

Dialogues that wait are read in one pass, up to MOST_TOGETHER turns, which costs little more than one. Longer work, like telling why, has a
thread of its own, so that a short question does not wait behind it. What is waited for is bounded in number and time.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TypeVar

from corpus.terms import FeelmError
from ml.models.dialogue import HeardTurns, Turn
from service.api.metrics import Metrics
from service.api.problems import Problem, busy, too_slow
from service.api.settings import Settings
from service.champion import Champion, Standing
from service.threads import compute_alone

log = logging.getLogger("feelm.service")

MOST_TOGETHER = 24
"""Turns that are read in one pass; a longer dialogue is read by itself."""

WARMED = (1, 2, 3, 4, 6, 8, 12, 16, MOST_TOGETHER)
RETRY_S = 1.0
LOOK_AGAIN_S = 0.2
"""While a champion's folder is replaced it is not there for a moment."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Heard:
    """What a champion says of some dialogues, and which champion that is."""

    champion: Champion
    dialogues: list[HeardTurns]


@dataclass(frozen=True)
class _Asked:
    dialogues: Sequence[Sequence[Turn]]
    language: str | None
    answer: Future[Heard] = field(default_factory=Future)

    @property
    def turns(self) -> int:
        return sum(map(len, self.dialogues))


def _nothing_more(champion: Champion) -> None:
    """Detection needs no more than the champion."""


class Engine:
    """The champion of a home, asked by any number of requests of one event loop.

    `prepare` makes ready what else is asked with a champion: with the first one as soon as that answers, since it takes seconds and nobody
    who only detects shall wait for it, and with every other one before it takes the place.
    """

    def __init__(self, settings: Settings, metrics: Metrics, prepare: Callable[[Champion], None] = _nothing_more) -> None:
        self.settings, self.metrics, self._prepare = settings, metrics, prepare
        self.trouble: str | None = "the champion is being loaded"
        """Why the champion is not there, or why the last look for another failed; None where all is well."""
        self._standing: Standing | None = None
        self._asked: queue.Queue[_Asked | None] = queue.Queue(settings.limits.waiting)
        self._stopping, self._looked = Event(), Event()
        self._calls = ThreadPoolExecutor(1, thread_name_prefix="feelm-call")
        self._calling = 0
        self._threads = [Thread(target=self._hear_all, name=f"feelm-hear-{i}", daemon=True) for i in range(settings.hearers)]
        self._looker = Thread(target=self._look_on, name="feelm-look", daemon=True)

    def start(self) -> None:
        """Load the champion, in the background, and begin to answer."""
        for thread in (*self._threads, self._looker):
            thread.start()

    def stop(self) -> None:
        """End the threads; what is asked no more is not answered."""
        self._stopping.set()
        for _ in self._threads:
            self._asked.put(None)
        for thread in (*self._threads, self._looker):
            thread.join()
        self._calls.shutdown(cancel_futures=True)

    async def settled(self) -> None:
        """Wait until the first look for a champion is over, whatever it found."""
        while not self._looked.is_set():
            await asyncio.sleep(0.02)

    @property
    def standing(self) -> Champion | None:
        """The champion, None where there is none yet."""
        return None if self._standing is None else self._standing.champion

    @property
    def champion(self) -> Champion:
        """The champion; a 503 Problem before there is one."""
        champion = self.standing
        if champion is None:
            raise Problem(503, "not-ready", "The service is not ready", f"{self.trouble}; see /health/ready", 2)
        return champion

    def check_ready(self) -> None:
        """Raises a 503 Problem before there is a champion, for whoever would take in a file or read long first."""
        _ = self.champion

    async def hear(self, dialogues: Sequence[Sequence[Turn]], language: str | None = None) -> Heard:
        """What the champion says of the turns of each dialogue.

        Raises:
            Problem: there is no champion yet, too many wait, or it took too long.
        """
        asked = _Asked(dialogues, language)
        if self.champion and self._stopping.is_set():
            raise busy("the service is being stopped", RETRY_S)
        try:
            self._asked.put_nowait(asked)
        except queue.Full:
            raise busy(f"{self._asked.qsize()} questions wait for the champion", RETRY_S) from None
        self.metrics.waiting.set(self._asked.qsize())
        return await self._within(asked.answer)

    async def call(self, work: Callable[[Champion], Answer]) -> Answer:
        """Do some longer work with the champion, one piece at a time.

        Raises:
            Problem: there is no champion yet, too much waits, or it took too long.
        """
        champion = self.champion
        if self._calling >= self.settings.limits.waiting // 4:
            raise busy(f"{self._calling} longer questions wait", RETRY_S)
        self._calling += 1
        try:
            return await self._within(self._calls.submit(work, champion))
        finally:
            self._calling -= 1

    async def _within(self, answer: Future[Answer]) -> Answer:
        seconds = self.settings.limits.request_s
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise too_slow(seconds) from None

    def _hear_all(self) -> None:
        """What a thread that asks the champion does."""
        compute_alone()
        held: _Asked | None = None
        while True:
            first = held or self._asked.get()
            held = None
            if first is None:
                return
            together, held, ended = self._gather(first)
            self.metrics.waiting.set(self._asked.qsize())
            self._answer([one for one in together if one.answer.set_running_or_notify_cancel()])
            if ended:
                return

    def _gather(self, first: _Asked) -> tuple[list[_Asked], _Asked | None, bool]:
        """What waits and fits with `first`, the one that no longer does, and whether the end was met."""
        together, turns = [first], first.turns
        while turns < MOST_TOGETHER:
            try:
                other = self._asked.get_nowait()
            except queue.Empty:
                break
            if other is None:
                return together, None, True
            if other.language != first.language or turns + other.turns > MOST_TOGETHER:
                return together, other, False
            together.append(other)
            turns += other.turns
        return together, None, False

    def _answer(self, together: list[_Asked]) -> None:
        if not together:
            return
        self.metrics.together.observe(len(together))
        try:
            champion = self.champion
            heard = champion.hear([turns for one in together for turns in one.dialogues], together[0].language)
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            self._answer_apart(together, error)
            return
        at = 0
        for one in together:
            one.answer.set_result(Heard(champion, heard[at : at + len(one.dialogues)]))
            at += len(one.dialogues)

    def _answer_apart(self, together: list[_Asked], error: Exception) -> None:
        """What one asker brings is no reason for others to fail."""
        if len(together) == 1:
            together[0].answer.set_exception(error)
            return
        for one in together:
            self._answer([one])

    def _look_on(self) -> None:
        """What the thread that looks for another champion does."""
        compute_alone()
        began = time.monotonic()
        prepared = False
        while not self._stopping.is_set():
            self._look(began)
            self._looked.set()
            if self._standing is not None and not prepared:
                self._make_ready(self._standing.champion)
                prepared = True
            self._stopping.wait(self.settings.look_every_s)

    def _make_ready(self, champion: Champion) -> None:
        """What fails here fails again for whoever asks for it, and is told there; it is no reason to refuse a champion."""
        try:
            self._prepare(champion)
        except Exception:
            log.warning("what replies need could not be made ready", exc_info=True)

    def _look(self, began: float) -> None:
        try:
            swapped = self._look_twice()
        except Exception as error:  # noqa: BLE001 (it is logged, counted and told; the present champion goes on)
            self._troubled(error)
            return
        self.trouble = None
        champion = self.champion
        if swapped:
            self.metrics.stands(champion.origin)
            log.info("the champion %s answers, %.1f s after the start", champion.origin.model_version, time.monotonic() - began)

    def _look_twice(self) -> bool:
        """Load the first champion, or another; a folder that is just being replaced is looked at again."""
        try:
            return self._look_once()
        except (FeelmError, OSError):
            if self._standing is None or self._stopping.wait(LOOK_AGAIN_S):
                raise
            return self._look_once()

    def _look_once(self) -> bool:
        if self._standing is None:
            standing = Standing(self.settings.home)
            _warm(standing.champion)
            self._standing = standing
            return True
        swapped = self._standing.look(self._make_ready)
        if swapped:
            self.metrics.swaps.inc()
        return swapped

    def _troubled(self, error: Exception) -> None:
        told = str(error).replace(str(self.settings.home.root), "the home") if isinstance(error, FeelmError) else type(error).__name__
        if told != self.trouble:
            log.warning("a look for the champion failed", exc_info=error)
        self.trouble = told
        self.metrics.look_failures.inc()


def _warm(champion: Champion) -> None:
    """Hear as many lines together as may come, short ones and longer ones: the libraries make ready for each size."""
    for count in WARMED:
        champion.hear([[Turn(f"{number}, that is it.")] for number in range(count)])
        champion.hear([[Turn(f"{number}, and that is all there is to be said about it now.")] for number in range(count)])
