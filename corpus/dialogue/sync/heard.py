"""Holds what is written against what is heard: how much of the speech has a line, and how near to it the lines begin.

It judges the finished dialogue and nothing of how it came about, so that subtitles delivered right, corrected ones and recognised ones
are measured alike. The longest speech without a line and the lines farthest from any speech are kept by name, for people to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus.contracts import HEARD_LINES, UNWRITTEN_SPEECH
from corpus.dialogue.sync.agreement import Ear

HEARD = 0.5
"""Probability from which a step counts as speech."""
LINE_SLACK_MS = 300
"""A line accounts for speech that begins this much before it or ends this much after."""
LONGEST_PAUSE_MS = 500
SHORTEST_STRETCH_MS = 1000
NEAR_MS = 1500

Span = tuple[int, int]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Heard:
    """Lines and sound side by side.

    `lines` (HEARD_LINES) is one row an utterance, `unwritten` (UNWRITTEN_SPEECH) the stretches of a second and more without a line.
    `speech_ms` is how long speech is heard; `coverage` the share of it that has a line (null where nobody is heard); `residual_ms` the
    median distance of the lines' starts to the nearest beginning of speech (null where none is near).
    """

    lines: pd.DataFrame
    unwritten: pd.DataFrame
    speech_ms: int
    coverage: float | None
    residual_ms: float | None

    @classmethod
    def nothing(cls) -> Heard:
        """Where there are no words, or no sound to hold them against."""
        return cls(HEARD_LINES.empty(), UNWRITTEN_SPEECH.empty(), 0, None, None)

    def write(self, out: Path) -> None:
        """Write heard.parquet and unwritten.parquet into `out`."""
        HEARD_LINES.write(self.lines, out / "heard.parquet")
        UNWRITTEN_SPEECH.write(self.unwritten, out / "unwritten.parquet")


def hold_against_sound(
    spoken: dict[str, Span], written: Sequence[Span], speech: npt.NDArray[np.float32], grid_ms: int, duration_ms: int
) -> Heard:
    """Compare lines with the probability of speech, one value each `grid_ms`.

    Args:
        spoken: start and end of each utterance, by utterance_id.
        written: start and end of every cue on screen, songs and sound descriptions too.
    """
    heard = speech > HEARD
    shown = _shown(written, len(heard), grid_ms)
    onsets_ms = Ear.listen(speech, grid_ms, duration_ms).onsets_ms
    total = np.concatenate([[0], np.cumsum(heard)])
    rows: list[dict[str, object]] = [
        {"utterance_id": name, "speech_share": _share(total, span, grid_ms), "onset_distance_ms": _distance_ms(onsets_ms, span[0])}
        for name, span in spoken.items()
    ]
    lines = HEARD_LINES.frame(rows)
    distances = lines["onset_distance_ms"].abs().dropna()
    return Heard(
        lines=lines,
        unwritten=UNWRITTEN_SPEECH.frame({"start_ms": a, "end_ms": b} for a, b in _stretches(heard & ~shown, grid_ms)),
        speech_ms=int(heard.sum()) * grid_ms,
        coverage=round(float(shown[heard].mean()), 4) if heard.any() else None,
        residual_ms=round(float(distances.median()), 1) if len(distances) else None,
    )


def _shown(written: Sequence[Span], n_steps: int, grid_ms: int) -> Mask:
    shown = np.zeros(n_steps, bool)
    for start_ms, end_ms in written:
        shown[max(0, (start_ms - LINE_SLACK_MS) // grid_ms) : max(0, -(-(end_ms + LINE_SLACK_MS) // grid_ms))] = True
    return shown


def _share(total: npt.NDArray[np.int64], span: Span, grid_ms: int) -> float:
    first, last = (min(edge_ms // grid_ms, len(total) - 1) for edge_ms in span)
    return float(total[last] - total[first]) / max(last - first, 1)


def _distance_ms(onsets_ms: npt.NDArray[np.float64], start_ms: int) -> float | None:
    if not len(onsets_ms):
        return None
    place = int(np.searchsorted(onsets_ms, start_ms))
    near = onsets_ms[max(0, place - 1) : place + 1]
    distance = min((start_ms - float(onset) for onset in near), key=abs)
    return distance if abs(distance) <= NEAR_MS else None


def _stretches(mask: Mask, grid_ms: int) -> list[Span]:
    """Runs of True, joined over short pauses, of a second and more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    joined: list[Span] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if joined and (start - joined[-1][1]) * grid_ms <= LONGEST_PAUSE_MS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(a * grid_ms, b * grid_ms) for a, b in joined if (b - a) * grid_ms >= SHORTEST_STRETCH_MS]
