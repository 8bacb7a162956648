"""Whether the service lives and is ready."""

from __future__ import annotations

from service.api.models.base import Answer


class LiveAnswer(Answer):
    """The process answers."""

    live: bool


class ReadyAnswer(Answer):
    """A champion answers; `trouble` is why the last look for another one failed, null where it did not."""

    ready: bool
    model_version: str
    trouble: str | None
