"""Finds for each subtitle cue the speech of the screenplay that it comes from, and with it speaker, scene and line.

All words of the subtitles are matched against all words of the screenplay's dialogue in one monotone sequence match, which keeps
its place through cuts and ad-libs where matching cue by cue gets lost. A cue belongs to the speech that most of its matched words
lie in, if that is at least two fifths of its words; a screenplay in another language matches almost nowhere and is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from corpus.dialogue.screenplay import Speech
from corpus.dialogue.subtitles import Cue

VOTE_SHARE = 0.4
"""Least share of a cue's words that must lie in one speech."""
LEAST_COVERAGE = 0.15
"""Below this share of matched words, screenplay and subtitles are of different films or languages."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class CueMatch:
    """A cue's place in the screenplay: index into the speeches, and the confidence 0..1 that it is the right one."""

    cue: int
    speech: int
    confidence: float


@dataclass(frozen=True)
class Alignment:
    """Screenplay and cues side by side.

    `coverage` is the share of the cues' words found in the screenplay, in order; `matches` are in order of cues;
    `unmatched_cues` and `unmatched_speeches` are indices of what stayed alone on either side.
    """

    verdict: Literal["aligned", "refused"]
    coverage: float
    matches: tuple[CueMatch, ...]
    unmatched_cues: tuple[int, ...]
    unmatched_speeches: tuple[int, ...]


def align(cues: Sequence[Cue], script: Sequence[Speech]) -> Alignment:
    """Match spoken cues, in order of time, to speeches, in order of the screenplay."""
    spoken = [(index, words(cue.text)) for index, cue in enumerate(cues) if cue.kind == "speech"]
    script_words = [(word, index) for index, speech in enumerate(script) for word in words(speech.text)]
    pairs = _pairs([word for _, said in spoken for word in said], [word for word, _ in script_words])
    n_words = sum(len(said) for _, said in spoken)
    coverage = len(pairs) / n_words if n_words else 0.0
    if coverage < LEAST_COVERAGE:
        return Alignment("refused", coverage, (), tuple(range(len(cues))), tuple(range(len(script))))
    matches = tuple(_vote(spoken, pairs, [index for _, index in script_words]))
    return Alignment(
        "aligned",
        coverage,
        matches,
        tuple(sorted(set(range(len(cues))) - {match.cue for match in matches})),
        tuple(sorted(set(range(len(script))) - {match.speech for match in matches})),
    )


def words(text: str) -> list[str]:
    """Words for comparison: lower case, accents and apostrophes away."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in folded if not unicodedata.combining(sign)).replace("’", "'").replace("'", "")
    return _WORD.findall(bare)


def _pairs(said: list[str], written: list[str]) -> dict[int, int]:
    """Matched word positions, monotone (Ratcliff and Obershelp's longest blocks first)."""
    blocks = SequenceMatcher(None, said, written, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}


def _vote(spoken: list[tuple[int, list[str]]], pairs: dict[int, int], speech_of_word: list[int]) -> list[CueMatch]:
    matches: list[CueMatch] = []
    first = 0
    for cue, said in spoken:
        positions = range(first, first + len(said))
        first += len(said)
        votes = Counter(speech_of_word[pairs[position]] for position in positions if position in pairs)
        if not votes:
            continue
        speech, count = max(votes.items(), key=lambda item: (item[1], -item[0]))
        if count >= VOTE_SHARE * len(said):
            matches.append(CueMatch(cue, speech, _confidence(count, len(said))))
    return matches


def _confidence(n_matched: int, n_words: int) -> float:
    """Rises with the share of words that match and with their number: one matched word is weaker than ten."""
    return round((n_matched + 0.5) / (n_words + 1) * (n_matched + 1) / (n_matched + 1.5), 4)
