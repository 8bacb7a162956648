"""What speaks for a new scene at each shot boundary: picture, sound and dialogue, in nats.

Each cue is a logarithm of how much more often it is seen where scenes begin than elsewhere, so cues add, and one that is missing says
nothing. All are bounded: no single cue, wrong as it may be, outweighs the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LINE_SLACK_MS = 300
"""How far a line may reach over a scene's boundary: subtitles linger."""

BLACK, LEAST_SEEN = 15, 0.02
"""Lightness (0..255) up to which a pixel is black, and the least share of pixels above it."""
SHOTS_LINKED = 4
"""A shot is compared with so many before it: shot and reverse shot, and the wide shot that both come from."""
LINK_REACH_MS = 60_000
"""A place seen again after a minute is as likely another visit as the same scene (Yeung and Yeo's time window)."""
PLACE_NATS, SAME_PLACE = 15.0, 0.19
"""Nats per unit of novelty (0..1), and the novelty that says nothing. On made films (benchmarks/scenes.py, development seed) half of the
scenes begin above 0.35 and nine tenths of other boundaries lie below 0.12; in Big Buck Bunny, by eye, new places lie at 0.22 to 0.28."""
MOST_PICTURE_NATS = 3.0
TRANSITION_NATS = {"fade": 2.5, "dissolve": 2.0}
"""Fades and dissolves close scenes by convention, but also pass time within them, and detectors take other changes for them."""

BED_NATS, SAME_BED_DB = 0.2, 4.5
"""Nats per dB of difference between the beds' spectra, and the difference that says nothing (made films)."""
MOST_SOUND_NATS = 1.0

LINES_ASIDE = 4
SPEAKERS_NATS = 0.8
"""From the same speakers on both sides to wholly other ones; and a line that begins right after the boundary, measured on the first half of
studyforrest's film. The length of a pause says nothing there: scenes are bridged by narration."""
LINE_BEGINS_NATS, LINE_BEGINS_MS = 0.8, 1000


@dataclass(frozen=True)
class Shot:
    """One shot: times in milliseconds, how it begins, and its colour histogram (sums to 1; None without a picture)."""

    start_ms: int
    end_ms: int
    transition: str
    histogram: Floats | None


@dataclass(frozen=True)
class Line:
    """One utterance as far as scenes need it; `part` numbers the screenplay's scenes and `speaker` names who speaks (None: unknown)."""

    start_ms: int
    end_ms: int
    part: int | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Evidence:
    """Nats for a scene that begins with each shot from the second on; `spoken` marks boundaries that a line runs over."""

    picture: Floats
    sound: Floats
    dialogue: Floats
    spoken: npt.NDArray[np.bool_]

    @property
    def total(self) -> Floats:
        """The sum of all cues."""
        return self.picture + self.sound + self.dialogue

    def strongest(self, boundary: int) -> str:
        """Which of the cues that the film has at all speaks most for this boundary; the dialogue's is called a gap."""
        cues = {"picture": self.picture, "sound": self.sound, "gap": self.dialogue}
        return max((name for name in cues if cues[name].any()), key=lambda name: cues[name][boundary])


def weigh(shots: Sequence[Shot], lines: Sequence[Line], bed_changes_db: Floats | None) -> Evidence:
    """Evidence at each boundary between shots; `bed_changes_db` are of sound_bed, NaN where unknown, None without sound."""
    starts = np.array([shot.start_ms for shot in shots[1:]], dtype=np.int64)
    changes = np.full(len(starts), np.nan) if bed_changes_db is None else bed_changes_db
    sound = np.clip(BED_NATS * (changes - SAME_BED_DB), -MOST_SOUND_NATS, MOST_SOUND_NATS)
    dialogue, spoken = _weigh_lines(starts, lines)
    return Evidence(_weigh_pictures(shots), np.nan_to_num(sound), dialogue, spoken)


def histogram(path: Path) -> Floats | None:
    """Colours of a JPEG in CIE Lab: 8 x 8 bins of hue and saturation (a, b) and 12 of lightness, black left out.

    None when the picture is absent, unreadable or black: black borders join all shots of a film, and black shots any two.
    """
    picture = cv2.imread(str(path)) if path.is_file() else None
    if picture is None:
        return None
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    seen = (lab[..., 0] > BLACK).astype(np.uint8)
    if seen.mean() < LEAST_SEEN:
        return None
    # Films hardly leave the middle of the a and b axes: what lies beyond counts into the outermost bins.
    lab[..., 1:] = lab[..., 1:].clip(80, 175)
    colour = cv2.calcHist([lab], [1, 2], seen, [8, 8], [80, 176, 80, 176]).astype(np.float64)
    lightness = cv2.calcHist([lab], [0], seen, [12], [0, 256]).astype(np.float64)
    joined = np.concatenate([_softened(_softened(colour).T).ravel(), _softened(lightness).ravel()])
    return joined / joined.sum()


def _softened(counts: Floats) -> Floats:
    """Counts shared with the neighbours along the first axis: a wall that is a shade brighter is the same wall."""
    padded = np.concatenate([counts[:1], counts, counts[-1:]])
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def _weigh_pictures(shots: Sequence[Shot]) -> Floats:
    novelties = _novelties(shots)
    seen = np.clip(PLACE_NATS * (novelties - SAME_PLACE), -MOST_PICTURE_NATS, MOST_PICTURE_NATS)
    return np.nan_to_num(seen) + np.array([TRANSITION_NATS.get(shot.transition, 0.0) for shot in shots[1:]])


def _novelties(shots: Sequence[Shot]) -> Floats:
    """One minus the best resemblance (histogram intersection) across each boundary; NaN where no two pictures can be compared.

    The best link decides, not the mean: one repeated view joins all shots between its two places (Yeung, Yeo and Liu, "Segmentation
    of video by clustering and graph analysis", CVIU 71:94, 1998).
    """
    best = np.full(len(shots), -np.inf)
    for first, one in enumerate(shots):
        for second in range(first + 1, min(first + 2 * SHOTS_LINKED, len(shots))):
            other = shots[second]
            if one.histogram is None or other.histogram is None or other.start_ms - one.end_ms > LINK_REACH_MS:
                continue
            link = float(np.minimum(one.histogram, other.histogram).sum())
            across = slice(max(first, second - SHOTS_LINKED) + 1, min(second, first + SHOTS_LINKED) + 1)
            best[across] = np.maximum(best[across], link)
    return np.where(np.isfinite(best[1:]), 1 - best[1:], np.nan)


def _weigh_lines(starts: npt.NDArray[np.int64], lines: Sequence[Line]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    if not lines:
        return np.zeros(len(starts)), np.zeros(len(starts), dtype=bool)
    ordered = sorted(lines, key=lambda line: line.start_ms)
    begins = np.array([line.start_ms for line in ordered])
    ends = np.maximum.accumulate([line.end_ms for line in ordered])
    following = np.searchsorted(begins, starts - LINE_SLACK_MS)
    spoken = (following > 0) & (ends[np.maximum(following - 1, 0)] > starts + LINE_SLACK_MS)
    nats = np.array([_speakers_change(ordered, int(at)) for at in following])
    next_begin = np.append(begins, np.iinfo(np.int64).max)[following]
    return nats + np.where(next_begin < starts + LINE_BEGINS_MS, LINE_BEGINS_NATS, 0.0), spoken


def _speakers_change(lines: Sequence[Line], at: int) -> float:
    """Nats from how the speakers of the next lines differ from those of the last (Jaccard distance); 0 where they are unknown."""
    before = {line.speaker for line in lines[max(0, at - LINES_ASIDE) : at]} - {None}
    after = {line.speaker for line in lines[at : at + LINES_ASIDE]} - {None}
    if not before or not after:
        return 0.0
    return SPEAKERS_NATS * (0.5 - len(before & after) / len(before | after))
