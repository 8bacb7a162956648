"""Replies as the service gives them: the safeguards of the home, the writers, and the courier that brings escalations to people.

The courier sets out with the service, since escalations may wait from before. Rules, classifier and films' lines are made ready when the
first reply is asked for: they take seconds, and nobody who only detects shall wait for them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock

from ml.models.dialogue import Turn
from service.api.metrics import Metrics
from service.api.settings import Settings
from service.champion import Champion
from service.domains.profile import Profile
from service.respond.candidates import fixed
from service.respond.endpoint import Endpoint
from service.respond.film_lines import FilmLines
from service.respond.guarded import Answer, Kind, Safeguards, answer
from service.respond.reply import MoreCandidates
from service.safety.escalation import Courier, Queue, read_target


class Talking:
    """Answers conversations; for any number of threads."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.endpoint = Endpoint.from_environment()
        self.queue = Queue(settings.home, read_target(os.environ))
        self._courier = Courier(self.queue)
        self._safeguards: Safeguards | None = None
        self._lines: tuple[str, FilmLines] | None = None
        self._templates_read: set[tuple[str, str, str]] = set()
        self._lock = Lock()

    def answer(self, champion: Champion, profile: Profile, turns: Sequence[Turn], conversation: str, language: str | None) -> Answer:
        """Answer the last turn; a hand-over is counted.

        Raises:
            FeelmError: the use is not allowed, or there is nothing to answer.
        """
        safeguards, writers = self._ready(champion)
        self._read_templates(champion, profile, profile.words(language))
        given = answer(champion, profile, turns, safeguards, conversation, language, writers)
        if given.kind is Kind.HAND_OVER:
            self.metrics.escalated(profile.name, "distress" if given.reply is None else "route")
            self._courier.wake()
        return given

    def count(self) -> None:
        """Bring the figures of what waits for a person up to date."""
        counts = self.queue.counts()
        self.metrics.waiting_escalations.set(counts.waiting)
        self.metrics.unkept_escalations.set(counts.unkept)

    def start(self) -> None:
        """Have the courier set out."""
        self._courier.start()

    def stop(self) -> None:
        """End the courier; what waits is sent when the service is up again."""
        self._courier.stop()

    def _read_templates(self, champion: Champion, profile: Profile, language: str) -> None:
        """Read what a domain may say in a language, once: replies find it read, and not one after the other a part of it."""
        key = champion.origin.model_version, profile.name, language
        with self._lock:
            if key not in self._templates_read:
                champion.lines.read([[text] for text in fixed(profile, language)], language)
                self._templates_read.add(key)

    def _ready(self, champion: Champion) -> tuple[Safeguards, list[MoreCandidates]]:
        with self._lock:
            if self._safeguards is None:
                self._safeguards = Safeguards.of(self.settings.home, [champion.lines], self.queue)
            if self._lines is None or self._lines[0] != champion.origin.model_version:
                self._lines = champion.origin.model_version, FilmLines.read(self.settings.home, champion.lines)
        return self._safeguards, [self._lines[1], *([self.endpoint] if self.endpoint is not None else [])]
