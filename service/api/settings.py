"""How a service is run: where it listens, what it takes, how long it works and whom it lets in.

Everything has a default that is safe on one's own machine: loopback alone, no media kept, closed to other origins. A service that others
can reach has keys, or does not start.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.paths import Home
from corpus.terms import FeelmError
from ml.evaluation.typed import typed

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Limits:
    """What one request, one client and the whole service may take: bytes, characters, counts, seconds.

    `rate` are requests a second of one key or address in the long run, `burst` how many may come at once. `request_s` bounds a request and
    the arrival of its body, `upload_s` the arrival of an uploaded file, `media_s` the reading of one.
    """

    body_bytes: int = 1 << 20
    upload_bytes: int = 512 << 20
    header_bytes: int = 16 << 10
    waiting: int = 128
    in_flight: int = 512
    rate: float = 50.0
    burst: int = 200
    request_s: float = 20.0
    upload_s: float = 300.0
    media_s: float = 1800.0
    media_waiting: int = 8
    media_memory_bytes: int = 8 << 30
    jobs_kept: int = 200
    job_kept_s: float = 3600.0


@dataclass(frozen=True)
class Settings:
    """One service. `allowed_hosts` are names by which it may be asked besides its own; `keep` the folder for media that is to be kept.

    `open_health` and `open_metrics` say whether those are answered without a key where keys exist.
    """

    home: Home
    host: str = "127.0.0.1"
    port: int = 8765
    workers: int = 1
    allowed_hosts: tuple[str, ...] = ()
    keep: Path | None = None
    open_health: bool = True
    open_metrics: bool = True
    look_every_s: float = 3.0
    hearers: int = 1
    media_at_once: int = 1
    limits: Limits = field(default_factory=Limits)

    @property
    def folder(self) -> Path:
        """Where the service keeps its keys, jobs and what is uploaded while it is read."""
        return self.home.root / "service"

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone can reach it."""
        return is_loopback(self.host) and not self.allowed_hosts

    def to_json(self) -> str:
        """What `from_json` reads: how a worker process is told."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, told: str) -> Settings:
        """The settings that `to_json` told."""
        raw: dict[str, Any] = json.loads(told)
        home, limits = Home(Path(raw.pop("home")["root"])), typed(Limits, raw.pop("limits"))
        keep, hosts = raw.pop("keep"), tuple(raw.pop("allowed_hosts"))
        return cls(home=home, limits=limits, keep=None if keep is None else Path(keep), allowed_hosts=hosts, **raw)


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_reach(settings: Settings, has_keys: bool) -> None:
    """Raises FeelmError where others could reach the service and no key is asked of them."""
    if not settings.is_loopback and not has_keys:
        where = settings.host if not is_loopback(settings.host) else f"{settings.host} under the names {', '.join(settings.allowed_hosts)}"
        raise FeelmError(
            f"the service would listen on {where}, where others can reach it, and there is no API key yet: "
            "make one with `feelm serve keys add NAME`, or listen on 127.0.0.1"
        )
