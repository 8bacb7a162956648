"""One stream over a websocket: opened with its use, then messages in and readings out until somebody ends it.

Two things go on side by side, taking messages and reading the window; the first that ends ends the other. Whatever is wrong is a problem as
everywhere, in the last message, and the close code is 4000 and its status.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from corpus.terms import FeelmError
from service.api.models.base import Answer, OriginAnswer
from service.api.models.streams import EndedAnswer, EndQuestion, OpenedAnswer, OpenQuestion, ProblemMessage, ReadingAnswer
from service.api.problems import Problem, busy, invalid, printable, problem_of, request_id_of
from service.api.state import Service
from service.champion import Champion
from service.safety.disclosure import DisclosureLog, disclosure
from service.safety.uses import Effect, Input, Permission, decide, read_bases, use_table
from service.streams.live import Camera, Microphone, Source

log = logging.getLogger("feelm.service")

CLOSED_WITH = 4000
RETRY_S = 30.0
Kind = TypeVar("Kind", OpenQuestion, EndQuestion)


@dataclass
class Session:
    """A websocket that was accepted, and what it has brought so far; `champion` answers to its end."""

    websocket: WebSocket
    served: Service
    champion: Champion
    began: float = field(default_factory=time.monotonic)
    readings: int = 0

    async def run(self) -> None:
        """Serve the stream to its end, whatever that is."""
        try:
            with self.served.streams.place() as there:
                if not there:
                    raise busy(f"{self.served.streams.there} streams are being read", RETRY_S)
                self.served.metrics.streams.inc()
                try:
                    await self._serve()
                finally:
                    self.served.metrics.streams.dec()
        except WebSocketDisconnect:
            log.debug("stream %s: the asker went away", request_id_of(self.websocket.scope))
        except Exception as error:  # noqa: BLE001 (it is logged, and told)
            await self._close(problem_of(error, self.websocket.scope))

    async def _serve(self) -> None:
        bounds = self.served.streams.bounds
        source = await self._open()
        self.began = time.monotonic()
        ended = asyncio.Event()
        tasks = [asyncio.create_task(work) for work in (self._take(source, ended), self._tell(source, ended))]
        try:
            async with asyncio.timeout(bounds.longest_s):
                await asyncio.gather(*tasks)
        except TimeoutError:
            told = f"a stream ends after {bounds.longest_s:.0f} s: open another"
            raise Problem(408, "too-long", "The stream was long enough", told) from None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._send(EndedAnswer(readings=self.readings, dropped=source.dropped))
        await self.websocket.close(1000)

    async def _open(self) -> Source:
        """The source that the first message asks for, once its use is allowed and what is due was noted."""
        bounds = self.served.streams.bounds
        question = _question(OpenQuestion, await self._next(bounds.opening_s))
        permission = await asyncio.to_thread(self._permitted, question)
        source = self._source(question)
        await self.served.streams.warm(source)
        conversation = question.conversation or str(uuid.uuid4())
        disclosed = await asyncio.to_thread(self._noted, question, permission, conversation)
        window_ms = bounds.sound_ms if question.input is Input.VOICE else bounds.pictures_ms
        opened = OpenedAnswer(
            origin=OriginAnswer.of(self.champion.origin),
            conversation=conversation,
            disclosed=disclosed,
            obligations=_obligations(permission),
            notice=permission.notice,
            every_ms=bounds.every_ms,
            window_ms=window_ms,
            message_bytes=bounds.message_bytes,
            idle_s=bounds.idle_s,
            longest_s=bounds.longest_s,
        )
        await self._send(opened)
        return source

    def _permitted(self, question: OpenQuestion) -> Permission:
        permission = decide(question.profile(), read_bases(self.served.settings.home))
        try:
            return permission.require()
        except FeelmError as error:
            raise Problem(403, "use-refused", "This use is refused", printable(str(error), 2000)) from error

    def _noted(self, question: OpenQuestion, permission: Permission, conversation: str) -> str | None:
        """What is due to be told, noted before it is."""
        if not permission.disclosures:
            return None
        told = disclosure(permission.disclosures, question.language)
        DisclosureLog(self.served.settings.home).add(conversation, question.context.value, told)
        return told.words

    def _source(self, question: OpenQuestion) -> Source:
        bounds = self.served.streams.bounds
        if question.rate_hz is None:
            return Camera(self.champion, bounds)
        return Microphone(self.champion, question.rate_hz, bounds)

    async def _take(self, source: Source, ended: asyncio.Event) -> None:
        """Take messages until the asker ends the stream."""
        bounds, pace = self.served.streams.bounds, _Pace(self.served.streams.bounds.messages_a_second)
        while True:
            message = await self._next(bounds.idle_s)
            if isinstance(message, str):
                _question(EndQuestion, message)
                ended.set()
                return
            source.push(round((time.monotonic() - self.began) * 1000), message)
            await pace.keep()

    async def _tell(self, source: Source, ended: asyncio.Event) -> None:
        """Read the window again and again while something new comes, and once when it has ended."""
        every_s = self.served.streams.bounds.every_ms / 1000
        while True:
            began, last = time.monotonic(), ended.is_set()
            reading = await self.served.streams.read(source)
            if reading is not None:
                await self._send(ReadingAnswer.of(reading))
                self.readings += 1
            if last:
                return
            await _set_within(ended, every_s - (time.monotonic() - began))

    async def _next(self, wait_s: float) -> str | bytes:
        """The next message."""
        most = self.served.streams.bounds.message_bytes
        try:
            async with asyncio.timeout(wait_s):
                message = await self.websocket.receive()
        except TimeoutError:
            raise Problem(408, "idle", "Nothing came", f"nothing came for {wait_s:.0f} s: open another stream") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        content: str | bytes = message.get("bytes") or message.get("text") or b""
        if len(content) > most:
            raise Problem(413, "too-large", "The message is too large", f"a message has at most {most} bytes: send smaller ones")
        return content

    async def _send(self, answer: Answer) -> None:
        seconds = self.served.streams.bounds.send_s
        try:
            async with asyncio.timeout(seconds):
                await self.websocket.send_text(answer.model_dump_json())
        except TimeoutError:
            raise WebSocketDisconnect(1006, f"the asker took nothing for {seconds:.0f} s") from None

    async def _close(self, problem: Problem) -> None:
        if self.websocket.application_state is not WebSocketState.CONNECTED:
            return
        told = problem.answer(printable(self.websocket.scope["path"]), request_id_of(self.websocket.scope))
        try:
            await self._send(ProblemMessage(problem=told))
            await self.websocket.close(CLOSED_WITH + problem.status, problem.title)
        except (WebSocketDisconnect, RuntimeError):
            log.debug("stream %s: the asker went away before the end", request_id_of(self.websocket.scope))


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()


class _Pace:
    """Takes no more than so many messages a second; the others wait in the network, where there is little room."""

    def __init__(self, most: int) -> None:
        self._most, self._second, self._count = most, 0, 0

    async def keep(self) -> None:
        now = time.monotonic()
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        if self._count >= self._most:
            await asyncio.sleep(self._second + 1 - now)


def _question(kind: type[Kind], message: str | bytes) -> Kind:
    try:
        return kind.model_validate_json(message)
    except ValidationError as error:
        raise invalid(error.errors(), "message") from error


def _obligations(permission: Permission) -> list[str]:
    """What the law asks of the use, as the table words it."""
    noted = {rule.id for rule in use_table().rules if rule.effect is Effect.NOTE}
    return [f"{reason.words} ({reason.article})" for reason in permission.reasons if reason.rule in noted]
