"""Reading what was uploaded, in a process of its own: it can be stopped, what crashes it crashes nothing else, and its memory goes with it.

So many are read at once and so many may wait. A file lies in a folder of its own with all that is made of it, which is removed whatever
happens; where the service itself is killed, its next start removes it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from corpus.terms import FeelmError
from service.api.metrics import Metrics
from service.api.problems import Problem, busy, printable, refused, too_slow
from service.api.reading import ANSWER, FAULTS, Answered, ToRead
from service.api.settings import Settings
from service.champion import Origin
from service.detect import Detection

log = logging.getLogger("feelm.service")

RETRY_S = 30.0


@dataclass(frozen=True)
class DetectedMedia:
    """What the champion recognises in an uploaded file, whose answer that is, and whether the file was kept as was asked."""

    origin: Origin
    detection: Detection
    kept: bool = False


@dataclass(frozen=True)
class Upload:
    """An uploaded file and its subtitles in a `folder` of their own; `name` is what the asker calls it."""

    folder: Path
    name: str
    path: Path
    subtitles: Path | None
    explain: bool
    keep: bool
    language: str | None = None


class MediaReader:
    """Reads uploads, `media_at_once` of them, of all requests of one event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self._turn = asyncio.Semaphore(settings.media_at_once)
        self._there = 0
        self.taken_over: set[Path] = set()
        """Folders of uploads that jobs will remove."""

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place among those that are read or wait; a 503 Problem where there is none."""
        if self._there >= self.settings.media_at_once + self.settings.limits.media_waiting:
            raise busy(f"{self._there} files are being read or wait", RETRY_S)
        self._there += 1
        self.metrics.media_waiting.set(self._there)
        try:
            yield
        finally:
            self._there -= 1
            self.metrics.media_waiting.set(self._there)

    async def read(self, upload: Upload) -> DetectedMedia:
        """What is recognised in an upload.

        Raises:
            Problem: it cannot be read, or took too long.
        """
        seconds = self.settings.limits.media_s
        try:
            async with asyncio.timeout(seconds), self._turn:
                found = await self._read(upload)
        except TimeoutError:
            raise too_slow(seconds) from None
        return replace(found, kept=await asyncio.to_thread(self._kept, upload))

    async def _read(self, upload: Upload) -> DetectedMedia:
        process = await self._start(upload)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return await asyncio.to_thread(_answer, upload, code)

    async def _start(self, upload: Upload) -> asyncio.subprocess.Process:
        scratch = upload.folder / "scratch"
        scratch.mkdir()
        subtitles = None if upload.subtitles is None else str(upload.subtitles)
        limit = self.settings.limits.media_memory_bytes
        home, file = str(self.settings.home.root), str(upload.path)
        asked = ToRead(home, file, subtitles, upload.explain, upload.language, str(upload.folder), limit)
        with (upload.folder / FAULTS).open("wb") as faults:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "service.api.reading",
                stdin=asyncio.subprocess.PIPE,
                stdout=faults,
                stderr=faults,
                env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,
            )
        _tell(process, asked)
        return process

    def _kept(self, upload: Upload) -> bool:
        """Keep the files, where that was asked; only a service that was given a folder lets it be asked."""
        if not upload.keep or self.settings.keep is None:
            return False
        target = self.settings.keep / upload.folder.name.split("-")[-1]
        target.mkdir(parents=True, mode=0o700)
        for path in (upload.path, upload.subtitles):
            if path is not None:
                shutil.copyfile(path, target / path.name)
        return True


def _tell(process: asyncio.subprocess.Process, asked: ToRead) -> None:
    assert process.stdin is not None
    process.stdin.write(asked.to_json().encode())
    process.stdin.close()


def _answer(upload: Upload, code: int) -> DetectedMedia:
    path = upload.folder / ANSWER
    if not path.is_file():
        told = (upload.folder / FAULTS).read_bytes()[-4000:].decode("utf-8", "replace")
        log.error("reading an upload ended with code %d: %s", code, told)
        detail = "the file could not be read to its end: it is damaged, asks for more memory than a file may, or met a fault that is logged"
        raise Problem(422, "unreadable", "The file cannot be read", detail)
    answered = TypeAdapter(Answered).validate_json(path.read_bytes())
    if answered.origin is None or answered.detection is None:
        raise refused(FeelmError(str(answered.refused).replace(f"{upload.folder}{os.sep}", "")))
    return DetectedMedia(answered.origin, replace(answered.detection, source=printable(upload.name)))
