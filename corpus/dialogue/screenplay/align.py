"""Finds for each subtitle cue the speech of the screenplay that it comes from, and with it speaker, scene and line.

The words of each cue are weighed against each speech (likeness), and all cues together against all ways a film can follow a
screenplay (following): in order, with lines left out, ad-libs between, scenes cut and moved. A cue is given to the speaker who is most
probable, and to the most probable of his speeches; a screenplay that explains the cues hardly better than chance is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from corpus.dialogue.screenplay.following import Walk, follow
from corpus.dialogue.screenplay.likeness import Likeness, compare, spread_over, words
from corpus.dialogue.screenplay.read import Speech
from corpus.dialogue.subtitles.read import Cue

LEAST_EVIDENCE = 1.5
"""Nats per cue by which the screenplay must explain the subtitles better than chance. Measured: other films and languages at most 0.9,
the film itself with half of everything changed 7 (benchmarks/screenplay.py)."""
LEAST_CONFIDENCE = 0.5
"""A cue is named only where the name is more probably right than wrong."""
MOST_CELLS = 16_000_000
"""Cues times speeches; a long film has 3 million, and 16 take 300 MB."""

LEAST_SPLIT_NATS = 8.0
"""Evidence by which two speakers must explain a cue better than one to be told of."""


@dataclass(frozen=True)
class CueMatch:
    """A cue's place in the screenplay: index into the speeches, and the confidence 0..1 that the speaker is right.

    `also` is the next speech, by another speaker, where the cue holds words of two; `speech` then is
    whom most words belong to.
    """

    cue: int
    speech: int
    confidence: float
    also: int | None = None


@dataclass(frozen=True)
class Alignment:
    """Screenplay and cues side by side.

    `coverage` is the share of the cues' words found in their speeches; `evidence` is in nats per cue; `reason` says why a screenplay
    is refused. `matches` are in order of cues; `unmatched_cues` and `unmatched_speeches` are indices of what stayed alone.
    """

    verdict: Literal["aligned", "refused"]
    reason: str | None
    coverage: float
    evidence: float
    matches: tuple[CueMatch, ...]
    unmatched_cues: tuple[int, ...]
    unmatched_speeches: tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    """The most probable place of a cue and what its confidence is made of.

    `posterior` is the speaker's probability 0..1 under the model, which knows its neighbours; `n_common` the number of the cue's words
    that stand in the speech; `shared` the share 0..0.5 of its words that are another speaker's.
    """

    cue: int
    speech: int
    also: int | None
    posterior: float
    n_common: int
    shared: float

    @property
    def features(self) -> tuple[float, float, float]:
        """What the confidence is made of: log odds of the posterior, logarithm of the common words, share of another."""
        clipped = min(max(self.posterior, 1e-4), 1 - 1e-4)
        return math.log(clipped / (1 - clipped)), math.log1p(self.n_common), self.shared


CONFIDENCE_WEIGHTS = (-1.22, 0.69, 1.0, -4.0)
"""Intercept and weights of Candidate.features in the logistic confidence; fitted by `python -m benchmarks.screenplay --fit`."""


def align(cues: Sequence[Cue], script: Sequence[Speech]) -> Alignment:
    """Match spoken cues, in order of time, to speeches, in order of the screenplay."""
    spoken = [index for index, cue in enumerate(cues) if cue.kind == "speech"]
    if not spoken or not script:
        return _refused(cues, script, "no spoken cue to compare" if script else "no speech in the screenplay", 0.0, 0.0)
    if len(spoken) * len(script) > MOST_CELLS:
        return _refused(cues, script, f"{len(spoken)} cues and {len(script)} speeches are more than a film has", 0.0, 0.0)
    found, evidence, coverage = candidates([cues[index].text for index in spoken], script)
    matches = tuple(CueMatch(spoken[each.cue], each.speech, confidence, each.also) for each in found if (confidence := _confidence(each)))
    if evidence < LEAST_EVIDENCE or not matches:
        told = f"only {coverage:.0%} of the subtitles' words stand in the screenplay in order: another film or language"
        return _refused(cues, script, told, coverage, evidence)
    used = {match.speech for match in matches} | {match.also for match in matches}
    alone = set(range(len(cues))) - {match.cue for match in matches}
    return Alignment("aligned", None, coverage, evidence, matches, tuple(sorted(alone)), tuple(sorted(set(range(len(script))) - used)))


def candidates(texts: Sequence[str], script: Sequence[Speech]) -> tuple[list[Candidate], float, float]:
    """The most probable place of each cue, the evidence in nats per cue for the screenplay as a whole, and its coverage 0..1."""
    said, written = [words(text) for text in texts], [words(speech.text) for speech in script]
    likeness = compare(said, written)
    scenes = [speech.scene for speech in script]
    begins = np.array([True, *(a != b for a, b in pairwise(scenes))])
    places = follow(likeness.evidence, Walk.through([len(speech) for speech in written], begins))
    speaker, speech, posterior = _most_probable(places.posterior, script)
    finder = _Finder(written, speaker, likeness)
    found = [finder.candidate(cue, int(at), float(posterior[cue])) for cue, at in enumerate(speech)]
    n_words = sum(len(cue) for cue in said)
    n_found = sum(each.n_common for each in found if each.posterior >= LEAST_CONFIDENCE)
    return found, places.evidence_nats, min(1.0, n_found / n_words) if n_words else 0.0


def _refused(cues: Sequence[Cue], script: Sequence[Speech], reason: str, coverage: float, evidence: float) -> Alignment:
    return Alignment("refused", reason, coverage, evidence, (), tuple(range(len(cues))), tuple(range(len(script))))


def _most_probable(
    posterior: npt.NDArray[np.float32], script: Sequence[Speech]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Each speech's speaker by number; each cue's speech, the best of the most probable speaker's; and that speaker's probability."""
    _, speaker = np.unique([speech.character.casefold() for speech in script], return_inverse=True)
    by_speaker = np.zeros((len(posterior), speaker.max() + 1), np.float32)
    for index, who in enumerate(speaker):
        by_speaker[:, who] += posterior[:, index]
    best = by_speaker.argmax(axis=1)
    speech = np.where(speaker[None, :] == best[:, None], posterior, -1).argmax(axis=1)
    return speaker, speech, by_speaker.max(axis=1)


@dataclass(frozen=True)
class _Split:
    """A cue parted between a speech and the next: `boundary` words are the first's, `gain` is in nats over giving all to one."""

    first: int
    boundary: int
    gain: float


@dataclass(frozen=True)
class _Finder:
    """Looks at single cues again: whether their words are those of two speakers who follow each other."""

    written: Sequence[Sequence[str]]
    speaker: npt.NDArray[np.intp]
    likeness: Likeness

    def candidate(self, cue: int, speech: int, posterior: float) -> Candidate:
        n_words, n_common = len(self.likeness.said[cue]), int(self.likeness.common[cue, speech])
        split = self._split(cue, speech) if n_common < n_words else None
        if split is None:
            return Candidate(cue, speech, None, posterior, n_common, 0.0)
        last = n_words - split.boundary
        own, also = (split.first, split.first + 1) if split.boundary >= last else (split.first + 1, split.first)
        n_common = min(n_words, n_common + int(self.likeness.common[cue, also if own == speech else own]))
        return Candidate(cue, own, also, posterior, n_common, min(split.boundary, last) / n_words)

    def _split(self, cue: int, speech: int) -> _Split | None:
        firsts = [
            first for first in (speech - 1, speech) if 0 <= first < len(self.written) - 1 and self.speaker[first] != self.speaker[first + 1]
        ]
        best = max((self._best_boundary(cue, first, speech) for first in firsts), key=lambda split: split.gain, default=None)
        return best if best is not None and best.gain >= LEAST_SPLIT_NATS else None

    def _best_boundary(self, cue: int, first: int, speech: int) -> _Split:
        before, after = self._nats(cue, first), self._nats(cue, first + 1)
        whole = before.sum() if speech == first else after.sum()
        parted = np.concatenate([[0.0], np.cumsum(before - after)]) + after.sum()
        boundary = int(parted[1:-1].argmax()) + 1 if len(parted) > 2 else 0
        return _Split(first, boundary, float(parted[boundary] - whole))

    def _nats(self, cue: int, speech: int) -> npt.NDArray[np.float64]:
        """Evidence of each of the cue's words for the speech."""
        known, lost = set(self.written[speech]), spread_over(self.written[speech])
        said = self.likeness.said[cue]
        return np.array([max(0.0, self.likeness.rarity[word] - lost) if word in known else 0.0 for word in said])


def _confidence(candidate: Candidate) -> float | None:
    """Probability 0..1 that the speaker is right; None where it is more probably wrong."""
    bias, *weights = CONFIDENCE_WEIGHTS
    score = bias + sum(weight * feature for weight, feature in zip(weights, candidate.features, strict=True))
    confidence = 1 / (1 + math.exp(-score))
    return round(confidence, 4) if confidence >= LEAST_CONFIDENCE else None
