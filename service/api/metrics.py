"""What the service tells Prometheus: requests by route and status with their times, the model in use, what waits, and what was escalated.

The figures are of one application, so that two in one process, as in tests, do not add up. Where a service has several processes they leave
theirs in a folder (PROMETHEUS_MULTIPROC_DIR, which `feelm serve` sets), and each tells those of all.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from service.champion import Origin

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.4, 0.6, 1, 2.5, 5, 10, 30, 60, 300, 1800)
TOGETHER = (1, 2, 4, 8, 16, 32)
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The figures of one application."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        ProcessCollector(registry=own)
        self.requests = Counter("feelm_requests", "Requests by route and status.", ("route", "method", "status"), registry=own)
        self.seconds = Histogram("feelm_request_seconds", "Seconds from request to answer.", ("route",), buckets=SECONDS, registry=own)
        self.in_flight = Gauge("feelm_requests_in_flight", "Requests being answered.", registry=own, multiprocess_mode="livesum")
        self.waiting = Gauge("feelm_waiting", "Dialogues that wait for the champion.", registry=own, multiprocess_mode="livesum")
        self.together = Histogram("feelm_together", "Requests read in one pass.", buckets=TOGETHER, registry=own)
        self.media_waiting = Gauge(
            "feelm_media_waiting", "Uploaded files that are read or wait.", registry=own, multiprocess_mode="livesum"
        )
        self.streams = Gauge("feelm_streams", "Voices and faces that are read now.", registry=own, multiprocess_mode="livesum")
        self.jobs = Counter("feelm_jobs", "Jobs by how they ended.", ("state",), registry=own)
        self.model = Gauge(
            "feelm_model_info", "1: this champion answers.", ("version", "declared_use"), registry=own, multiprocess_mode="livemax"
        )
        self._stands: Origin | None = None
        self.swaps = Counter("feelm_model_swaps", "How often another champion took the place.", registry=own)
        self.look_failures = Counter("feelm_model_look_failures", "Looks for another champion that failed.", registry=own)
        self.escalations = Counter("feelm_escalations", "Conversations given to a person.", ("domain", "reason"), registry=own)

        self.waiting_escalations = Gauge(
            "feelm_escalations_waiting", "Conversations that no person has been told of yet.", registry=own, multiprocess_mode="livemax"
        )
        self.unkept_escalations = Gauge(
            "feelm_escalations_unkept", "Conversations that could not even be kept.", registry=own, multiprocess_mode="livesum"
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def stands(self, origin: Origin) -> None:
        """Another champion answers."""
        if self._stands is not None:
            self.model.labels(self._stands.model_version, self._stands.declared_use).set(0)
        self.model.labels(origin.model_version, origin.declared_use).set(1)
        self._stands = origin

    def escalated(self, domain: str, reason: str) -> None:
        """Count a conversation that was given to a person; for whoever escalates."""
        self.escalations.labels(domain, reason).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self.registry)
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all)
        return generate_latest(of_all)
