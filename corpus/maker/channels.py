"""How often face, voice and words show another emotion than the true one, and what an ideal observer could then know.

A line's kind says which channel misleads; what a misleading channel shows instead follows display rules (a smile over sadness, calm
over anger: Ekman & Friesen, 1969), so errors of channels are independent given the true emotion. From these probabilities the
accuracy of an ideal observer of one channel, or of all three, is exact arithmetic: these are the ceilings that a made film states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from corpus.maker.played import PLAYED

AMBIGUOUS = "ambiguous"
"""What words show that fit any emotion."""

UNSEEN = "unseen"
"""What the face shows of a speaker who is out of the picture."""

UNSEEN_SHARE = 0.06


class Kind(StrEnum):
    """Which channel of a line misleads."""

    CONSISTENT = "consistent"
    FACE_MISLEADS = "face_misleads"
    VOICE_MISLEADS = "voice_misleads"
    WORDS_MISLEAD = "words_mislead"
    CONTEXT_ONLY = "context_only"


KIND_SHARES: dict[Kind, float] = {
    Kind.CONSISTENT: 0.45,
    Kind.FACE_MISLEADS: 0.10,
    Kind.VOICE_MISLEADS: 0.12,
    Kind.WORDS_MISLEAD: 0.19,
    Kind.CONTEXT_ONLY: 0.14,
}

MASKS: dict[str, dict[str, float]] = {
    "neutral": {"sadness": 0.35, "joy": 0.35, "surprise": 0.3},
    "joy": {"neutral": 0.5, "surprise": 0.3, "sadness": 0.2},
    "anger": {"neutral": 0.4, "joy": 0.35, "disgust": 0.25},
    "fear": {"neutral": 0.35, "joy": 0.3, "surprise": 0.35},
    "sadness": {"joy": 0.55, "neutral": 0.45},
    "surprise": {"neutral": 0.35, "fear": 0.35, "joy": 0.3},
    "disgust": {"joy": 0.4, "neutral": 0.3, "anger": 0.3},
}
"""What a misleading channel shows, by true emotion."""


@dataclass(frozen=True)
class Pattern:
    """Which channels show the true emotion, and how often within a kind; words may also be ambiguous."""

    share: float
    face: bool
    voice: bool
    words: str


_RIGHT, _WRONG = "right", "wrong"

PATTERNS: dict[Kind, tuple[Pattern, ...]] = {
    Kind.CONSISTENT: (Pattern(1.0, True, True, _RIGHT),),
    Kind.FACE_MISLEADS: (Pattern(0.92, False, True, _RIGHT), Pattern(0.08, False, False, _RIGHT)),
    Kind.VOICE_MISLEADS: (Pattern(1.0, True, False, _RIGHT),),
    Kind.WORDS_MISLEAD: (
        Pattern(0.45, True, True, _WRONG),
        Pattern(0.07, True, False, _WRONG),
        Pattern(0.06, False, True, _WRONG),
        Pattern(0.22, True, True, AMBIGUOUS),
        Pattern(0.10, True, False, AMBIGUOUS),
        Pattern(0.10, False, True, AMBIGUOUS),
    ),
    Kind.CONTEXT_ONLY: (
        Pattern(0.56, True, True, AMBIGUOUS),
        Pattern(0.22, True, False, AMBIGUOUS),
        Pattern(0.22, False, True, AMBIGUOUS),
    ),
}


@dataclass(frozen=True)
class Shown:
    """What each channel shows of a line: emotions, or AMBIGUOUS for words."""

    face: str
    voice: str
    text: str


class ShownLine(Protocol):
    """A line as far as the observer needs it."""

    @property
    def emotion(self) -> str:
        """The true emotion."""

    @property
    def shown(self) -> Shown:
        """What the channels show."""

    @property
    def speaker_seen(self) -> bool:
        """Whether the speaker's face is in the picture."""


@dataclass(frozen=True)
class Ceilings:
    """Accuracy (0..1) of an ideal observer who knows the maker's probabilities but no dialogue before the line."""

    face: float
    voice: float
    text: float
    fused: float


def emit(rng: np.random.Generator, emotion: str, kind: Kind) -> Shown:
    """Draw what the three channels show of a line of this emotion and kind."""
    patterns = PATTERNS[kind]
    pattern = patterns[rng.choice(len(patterns), p=[p.share for p in patterns])]
    words = {_RIGHT: emotion, AMBIGUOUS: AMBIGUOUS}.get(pattern.words) or _mask(rng, emotion)
    return Shown(emotion if pattern.face else _mask(rng, emotion), emotion if pattern.voice else _mask(rng, emotion), words)


def _mask(rng: np.random.Generator, emotion: str) -> str:
    masks = MASKS[emotion]
    return str(rng.choice(list(masks), p=list(masks.values())))


def draw_kinds(rng: np.random.Generator, opens_scene: Sequence[bool]) -> list[Kind]:
    """Kinds for a film's lines in the shares of KIND_SHARES (rounded at random); a line that opens a scene has no context to lean on."""
    count = len(opens_scene)
    kinds = list(KIND_SHARES)
    exact = np.array([KIND_SHARES[kind] * count for kind in kinds])
    whole = np.floor(exact).astype(int)
    left = count - int(whole.sum())
    remainder = exact - whole
    if left:
        for extra in rng.choice(len(kinds), left, replace=False, p=remainder / remainder.sum()):
            whole[extra] += 1
    deck = [kind for kind, n in zip(kinds, whole, strict=True) for _ in range(n)]
    order = [deck[i] for i in rng.permutation(count)]
    _move_context_inward(order, opens_scene)
    return order


def _move_context_inward(kinds: list[Kind], opens_scene: Sequence[bool]) -> None:
    inner = [i for i, opens in enumerate(opens_scene) if not opens and kinds[i] is not Kind.CONTEXT_ONLY]
    for i, opens in enumerate(opens_scene):
        if opens and kinds[i] is Kind.CONTEXT_ONLY:
            if not inner:
                kinds[i] = Kind.CONSISTENT
                continue
            j = inner.pop(i % len(inner))
            kinds[i], kinds[j] = kinds[j], kinds[i]


_FACES = (*PLAYED, UNSEEN)
_TEXTS = (*PLAYED, AMBIGUOUS)


def _weighted_patterns() -> Iterator[tuple[float, Pattern]]:
    for kind, share in KIND_SHARES.items():
        for pattern in PATTERNS[kind]:
            yield share * pattern.share, pattern


def _mask_row(emotion: str) -> np.ndarray:
    return np.array([MASKS[emotion].get(other, 0.0) for other in PLAYED])


def joint_table() -> np.ndarray:
    """P(face, voice, text | emotion) as an array of (7 emotions, 8 faces with UNSEEN, 7 voices, 8 texts with AMBIGUOUS)."""
    table = np.zeros((len(PLAYED), len(_FACES), len(PLAYED), len(_TEXTS)))
    for index, emotion in enumerate(PLAYED):
        right, mask = np.eye(len(PLAYED))[index], _mask_row(emotion)
        for share, pattern in _weighted_patterns():
            face = np.append((right if pattern.face else mask) * (1 - UNSEEN_SHARE), UNSEEN_SHARE)
            voice = right if pattern.voice else mask
            text = {_RIGHT: np.append(right, 0.0), _WRONG: np.append(mask, 0.0)}.get(pattern.words, np.append(0 * right, 1.0))
            table[index] += share * face[:, None, None] * voice[None, :, None] * text[None, None, :]
    return table


def expected_ceilings() -> Ceilings:
    """The ideal observer's accuracy over all films, every emotion as likely as any other."""
    joint = joint_table() / len(PLAYED)
    best = [joint.sum(axes).max(0).sum() for axes in ((2, 3), (1, 3), (1, 2), ())]
    return Ceilings(*(round(float(value), 4) for value in best))


def ceilings(truths: Sequence[Sequence[ShownLine]]) -> Ceilings:
    """The ideal observer's accuracy on these films' lines (one sequence of lines per film).

    The observer guesses the emotion of highest posterior probability; ties are shared among the tied emotions.
    """
    joint = joint_table()
    lines = [line for truth in truths for line in truth]
    views = {"face": (2, 3), "voice": (1, 3), "text": (1, 2), "fused": ()}
    return Ceilings(**{name: round(_accuracy(joint, axes, lines), 4) for name, axes in views.items()})


def _accuracy(joint: np.ndarray, hidden: tuple[int, ...], lines: Sequence[ShownLine]) -> float:
    table = joint.sum(hidden, keepdims=True)
    return float(np.mean([_score(table, line) for line in lines])) if lines else 0.0


def _score(table: np.ndarray, line: ShownLine) -> float:
    face = _FACES.index(line.shown.face) if line.speaker_seen else len(PLAYED)
    full = (face, PLAYED.index(line.shown.voice), _TEXTS.index(line.shown.text))
    seen = tuple(0 if size == 1 else place for size, place in zip(table.shape[1:], full, strict=True))
    posterior = table[:, seen[0], seen[1], seen[2]]
    tied = np.isclose(posterior, posterior.max())
    return float(tied[PLAYED.index(line.emotion)] / tied.sum())
