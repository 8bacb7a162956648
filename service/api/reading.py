"""What the process does that reads one uploaded file: it is asked on standard input and answers in a file beside what it reads.

It works behind those that answer (a lower priority), within a bound of memory, and ends with the process that started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus.paths import Home, write_json
from corpus.terms import FeelmError
from ml.models.predict import load_model
from service.champion import Origin, champion_folder, origin_of
from service.detect import Detection, detect_file

ANSWER, FAULTS = "answer.json", "faults.log"
NICER = 5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ToRead:
    """What is asked: the home, a file with its subtitles, whether to say why, the declared language where one is, where to answer, and how
    many bytes of memory there are."""

    home: str
    path: str
    subtitles: str | None
    explain: bool
    language: str | None
    folder: str
    memory_bytes: int

    def to_json(self) -> str:
        """As it goes through standard input."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Answered:
    """What is answered: whose answer it is and what was found, or why the file was `refused`."""

    origin: Origin | None = None
    detection: Detection | None = None
    refused: str | None = None


def main() -> None:
    """Read one file."""
    asked = ToRead(**json.load(sys.stdin))
    _behave(asked.memory_bytes)
    write_json(Path(asked.folder) / ANSWER, asdict(_read(asked)))


def _read(asked: ToRead) -> Answered:
    home, subtitles = Home(Path(asked.home)), None if asked.subtitles is None else Path(asked.subtitles)
    try:
        folder = champion_folder(home)
        origin = origin_of(load_model(folder), folder)
        return Answered(origin, detect_file(home, Path(asked.path), subtitles, asked.explain, asked.language))
    except FeelmError as error:
        return Answered(refused=str(error))


def _behave(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICER)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
