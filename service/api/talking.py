"""Replies as the service gives them: the safeguards of the home, the writers, and the courier that brings escalations to people.

The courier sets out with the service, since escalations may wait from before. Rules, classifier, films' lines and all that the domains say
are made ready beside the answering (`prepare`); who asks for a reply before that waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock

from ml.models.dialogue import Turn
from service.api.metrics import Metrics
from service.api.settings import Settings
from service.champion import Champion
from service.domains.profile import Profile, profiles
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
        self._lines: dict[str, FilmLines] = {}
        self._lock = Lock()

    def prepare(self, champion: Champion) -> None:
        """Have all there that replies with a champion need, what the domains say read beforehand, so that none waits for it.

        Raises:
            FeelmError: the rules, a domain's file or a film's features are not as they must be.
        """
        self._ready(champion)
        for one in profiles().values():
            for language in one.languages:
                champion.lines.keep(fixed(one, language), language)

    def answer(self, champion: Champion, profile: Profile, turns: Sequence[Turn], conversation: str, language: str | None) -> Answer:
        """Answer the last turn; a hand-over is counted.

        Raises:
            FeelmError: the use is not allowed, or there is nothing to answer.
        """
        safeguards, writers = self._ready(champion)
        given = answer(champion, profile, turns, safeguards, conversation, language, writers)
        if given.kind is Kind.HAND_OVER:
            self.metrics.escalated(profile.name, "distress" if given.reply is None else "route")
            self._courier.wake()
        return given

    def film_lines(self, champion: Champion) -> FilmLines:
        """What the home's films say and may be quoted with, as the champion reads it."""
        with self._lock:
            return self._film_lines(champion)

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

    def _ready(self, champion: Champion) -> tuple[Safeguards, list[MoreCandidates]]:
        with self._lock:
            if self._safeguards is None:
                self._safeguards = Safeguards.of(self.settings.home, [champion.lines], self.queue)
            lines = self._film_lines(champion)
        return self._safeguards, [lines, *([self.endpoint] if self.endpoint is not None else [])]

    def _film_lines(self, champion: Champion) -> FilmLines:
        """Those of the last two champions are held: one still answers while the next is made ready."""
        version = champion.origin.model_version
        if version not in self._lines:
            self._lines = dict([*self._lines.items()][-1:]) | {version: FilmLines.read(self.settings.home, champion.lines)}
        return self._lines[version]
