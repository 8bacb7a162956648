"""Judges what is told of a damaged film against what became of it: pictures and sound are held against those of the undamaged file.

Nothing of the judging knows how damage is found. A change counts when it can be seen (a mean difference of 2 of 255 over the picture, or
of 16 in a ninth of its height) or heard (a difference above -30 dBFS within a tenth of a second); what is told counts when its span
begins at most two seconds after the first change and does not end more than two seconds before.
"""

from __future__ import annotations

import multiprocessing
import re
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import soundfile

from corpus.films.media.decode import VideoPass
from corpus.films.media.probe import MediaError, probe
from corpus.films.media.sound import RATE_HZ, extract_sound

WIDTH, HEIGHT = 80, 45
CELL = 5
SEEN_MEAN, SEEN_CELL = 2.0, 16.0
HEARD = 10 ** (-30 / 20)
WINDOW = RATE_HZ // 10
LATE_S = 2
TRIAL_S = 60
TRIAL_BYTES = 3 << 30
CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)")


class State(StrEnum):
    """What became of one damaged file."""

    REFUSED = "refused"
    TOLD = "told, dated right"
    MISDATED = "told, dated wrong"
    SILENT_PICTURE = "silent, picture changed"
    SILENT_SOUND = "silent, sound changed"
    HARMLESS = "no change to see or hear"
    CRASHED = "crashed"
    HUNG = "hung"


@dataclass(frozen=True)
class Outcome:
    """One trial: its state, what was told, when pictures and sound first differ (s, None: never), pictures that differ."""

    state: State
    told: tuple[str, ...] = ()
    seen_s: float | None = None
    heard_s: float | None = None
    changed: int = 0


@dataclass(frozen=True)
class Content:
    """What a film gives: its small pictures by time (ms), its sound, what is told of damage."""

    pictures: dict[int, np.ndarray]
    sound: np.ndarray
    told: tuple[str, ...]


def read_content(path: Path) -> Content:
    """Read a film as the scan does.

    Raises:
        MediaError: it is refused.
    """
    facts = probe(path)
    video = VideoPass(path, facts, wall_limit_s=TRIAL_S / 2)
    pictures = {frame.t_ms: frame.rgb(WIDTH, HEIGHT) for frame in video}
    stream = video.summary()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sound.flac"
        facts_of_sound = extract_sound(path, facts, stream.duration_ms, out, wall_limit_s=TRIAL_S / 2)
        sound = soundfile.read(out, dtype="float32")[0] if out.is_file() else np.zeros(0, np.float32)
    missing = (f"sound at 00:00:00: {facts_of_sound.missing}",) if facts_of_sound.missing else ()
    return Content(pictures, sound, (*map(str, stream.damage), *facts_of_sound.damage, *missing))


def judge(clean: Content, damaged: Content) -> Outcome:
    """Hold a damaged film against the undamaged one."""
    changed = [t_ms / 1000 for t_ms, picture in clean.pictures.items() if _seen(picture, _at(damaged.pictures, t_ms))]
    seen_s, heard_s = min(changed, default=None), _first_heard(clean.sound, damaged.sound)
    firsts = [at for at in (seen_s, heard_s) if at is not None]
    if not firsts:
        return Outcome(State.HARMLESS, damaged.told)
    if not damaged.told:
        return Outcome(State.SILENT_SOUND if seen_s is None else State.SILENT_PICTURE, (), seen_s, heard_s, len(changed))
    state = State.TOLD if _dated(damaged.told, min(firsts)) else State.MISDATED
    return Outcome(state, damaged.told, seen_s, heard_s, len(changed))


def _at(pictures: dict[int, np.ndarray], t_ms: int) -> np.ndarray | None:
    return next((pictures[t] for t in (t_ms, t_ms - 1, t_ms + 1) if t in pictures), None)


def _seen(clean: np.ndarray, damaged: np.ndarray | None) -> bool:
    if damaged is None:
        return True
    difference = np.abs(clean.astype(np.int16) - damaged).mean(axis=2)
    cells = difference.reshape(HEIGHT // CELL, CELL, WIDTH // CELL, CELL).mean(axis=(1, 3))
    return bool(difference.mean() > SEEN_MEAN or cells.max() > SEEN_CELL)


def _first_heard(clean: np.ndarray, damaged: np.ndarray) -> float | None:
    padded = np.zeros_like(clean)
    padded[: len(damaged)] = damaged[: len(clean)]
    whole = len(clean) // WINDOW * WINDOW
    level = np.sqrt(np.square(padded[:whole] - clean[:whole]).reshape(-1, WINDOW).mean(axis=1))
    loud = np.flatnonzero(level > HEARD)
    return float(loud[0]) / 10 if len(loud) else None


def _dated(told: Sequence[str], at_s: float) -> bool:
    spans = [[3600 * int(h) + 60 * int(m) + int(s) for h, m, s in CLOCK.findall(text)] for text in told]
    return any(span[0] - LATE_S <= at_s <= span[-1] + 1 + LATE_S for span in spans if span)


def run_trial(clean: Content, path: Path) -> Outcome:
    """Read and judge one damaged file in a process of its own, 60 s and 3 GB more at most."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_trial, args=(clean, path, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(TRIAL_S):
            return Outcome(State.HUNG)
        return ours.recv()
    except EOFError:
        return Outcome(State.CRASHED, ("the process died",))
    finally:
        process.kill()
        process.join()


def _trial(clean: Content, path: Path, answer: Connection) -> None:
    # What the parent has mapped is inherited: the limit is on what the trial adds.
    mapped_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped_bytes + TRIAL_BYTES,) * 2)
    try:
        answer.send(judge(clean, read_content(path)))
    except MediaError as error:
        answer.send(Outcome(State.REFUSED, (str(error),)))
