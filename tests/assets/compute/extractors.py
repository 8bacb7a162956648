"""An extractor whose films say by their names what befalls the worker that has them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from assets.compute.on_ray import Extractor
from assets.compute.work import FilmDone, FilmWork

ONCE, ALWAYS, BUG, LONG = "killed-once", "killed-always", "bug", "long"


class Eventful(Extractor):
    """Notes each film that it begins, with its process, in the file `begun` of the home."""

    def __init__(self, home: str) -> None:
        super().__init__(home)
        self._begun = Path(home) / "begun"

    def make(self, work: FilmWork) -> FilmDone:
        """What the film's name says."""
        with self._begun.open("a") as stream:
            stream.write(f"{work.film_id} {os.getpid()}\n")
        times = sum(line.startswith(f"{work.film_id} ") for line in self._begun.read_text().splitlines())
        if work.film_id == ALWAYS or (work.film_id == ONCE and times == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if work.film_id == BUG:
            raise ValueError("no such colour")
        time.sleep(600 if work.film_id == LONG else 0.2)
        return FilmDone(work.film_id, machine=os.uname().nodename)


def begun(home: Path) -> list[tuple[str, int]]:
    """Films and processes, in the order in which they were begun."""
    path = home / "begun"
    lines = path.read_text().splitlines() if path.is_file() else []
    return [(film_id, int(pid)) for film_id, pid in (line.split() for line in lines)]
