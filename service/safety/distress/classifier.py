"""What the rules miss: a small classifier of sentences by their likeness to committed ones.

Sentences of danger, many of them veiled, and sentences that sound like it and are none (`prototypes/`) are embedded by one or two
encoders, and a kernel ridge regression over them says how near a new one is to either side. `fitting.py` fits it from those files alone,
in closed form, and it lies here as numbers with the digest of what made it; its bars are set by leave-one-out at a declared recall.

Source: kernel ridge regression with its exact leave-one-out residuals, Rifkin and Lippert, Notes on regularized least squares, MIT 2007.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from corpus.terms import FeelmError
from corpus.weights import verify
from ml.features.text.live import LineReader
from service.safety.distress.rules import Strength

Floats = npt.NDArray[np.float64]

FITTED = Path(__file__).with_name("fitted")
FACTS = "facts.json"
ENCODERS = ("minilm", "multilingual-e5")
"""In the order in which they are asked; the second reads every language here."""

NARROWNESS = 2.0
"""How fast likeness fades: exp(NARROWNESS (cosine - 1))."""

FEW_WORDS = 4
"""So short a turn is read together with the person's turn before it as well."""


class Sensitivity(StrEnum):
    """How readily the classifier asks: `high` for the recall that is demanded, `balanced` with far fewer false questions."""

    HIGH = "high"
    BALANCED = "balanced"


@dataclass(frozen=True)
class Bars:
    """Scores (about -1..1) from which the judge asks and from which it escalates; a course from `course_from` on lowers both."""

    asks: Mapping[Sensitivity, float]
    escalates: float
    course_from: float
    course_lowers: float


@dataclass(frozen=True)
class Judgement:
    """The score (about -1..1) of the last text, and how strong a sign that is; None below the bar or where nothing was read."""

    score: float | None
    strength: Strength | None


@dataclass(frozen=True)
class Support:
    """Embedded sentences (n, width) of length one around `centre` (width,), and how much each says (n,)."""

    centre: Floats
    embedded: Floats
    says: Floats

    @classmethod
    def read(cls, path: Path) -> Support:
        """Read what `fitting.py` wrote."""
        held = {name: tensor.astype(np.float64) for name, tensor in load_file(path).items()}
        return cls(held["centre"], held["embedded"], held["says"])

    def scores(self, embedding: Floats) -> Floats:
        """Of embeddings (n, width): above 0 is nearer to danger."""
        likeness = np.exp(NARROWNESS * (centred(embedding, self.centre) @ self.embedded.T - 1))
        return (likeness + 1) @ self.says


def centred(embedding: Floats, centre: Floats) -> Floats:
    """Embeddings (n, width) seen from `centre`, each of length one."""
    moved = embedding - centre
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class Classifier:
    """One support for each reader, and bars for each set of encoders that read a text (names joined by `+`)."""

    readers: tuple[LineReader, ...]
    supports: tuple[Support, ...]
    bars: Mapping[str, Bars]
    sensitivity: Sensitivity = Sensitivity.HIGH

    @property
    def names(self) -> tuple[str, ...]:
        """The encoders."""
        return tuple(reader.extractor.facts.name for reader in self.readers)

    @classmethod
    def load(
        cls, readers: Sequence[LineReader] = (), sensitivity: Sensitivity = Sensitivity.HIGH, encoders: Sequence[str] = ENCODERS
    ) -> Classifier:
        """With all of `encoders`: by one alone too little is found. `readers` that the service has already are shared.

        Raises:
            FeelmError: an encoder is not here, or what was fitted is of another version of it.
        """
        own = {reader.extractor.facts.name: reader for reader in readers}
        for name in encoders:
            if name not in own and (state := verify(name).state) != "present":
                raise FeelmError(f"the encoder {name} is {state}: `feelm weights fetch {name}`")
        facts = read_facts()
        held = tuple(own[name] if name in own else LineReader(name) for name in encoders)
        for name, reader in zip(encoders, held, strict=True):
            if facts["encoders"][name] != reader.extractor.facts.digest:
                raise FeelmError(
                    f"the distress classifier was fitted to another {name}: `python -m benchmarks.distress --fit` fits it anew"
                )
        supports = tuple(Support.read(FITTED / f"{name}.safetensors") for name in encoders)
        return cls(held, supports, {name: _bars(raw) for name, raw in facts["bars"].items()}, sensitivity)

    def judge(self, texts: Sequence[str], language: str | None = None, course: float | None = None) -> Judgement:
        """The last of some texts of one person, with the one before where it is short.

        `course` (0..1) is how much fear and sadness the champion heard lately; a high one lowers the bars.

        Raises:
            WeightError: an encoder is missing or damaged.
        """
        short = len(texts) > 1 and len(texts[-1].split()) <= FEW_WORDS
        asked = [texts[-1], f"{texts[-2]} {texts[-1]}"] if short else [texts[-1]]
        found = [judged for text in asked if (judged := self._judge(text, language, course)).score is not None]
        return max(found, key=lambda judged: judged.score or 0.0, default=Judgement(None, None))

    def _judge(self, text: str, language: str | None, course: float | None) -> Judgement:
        scores = {}
        for reader, support in zip(self.readers, self.supports, strict=True):
            lines = reader.read([[text]], language)
            if lines.read[0]:
                scores[reader.extractor.facts.name] = float(support.scores(lines.embedding.astype(np.float64))[0])
        return self.weighed(scores, course)

    def weighed(self, scores: Mapping[str, float], course: float | None = None) -> Judgement:
        """What the scores by some encoders amount to; nothing where none read the text."""
        if not scores:
            return Judgement(None, None)
        bars, score = self.bars["+".join(scores)], float(np.mean(list(scores.values())))
        lowered = bars.course_lowers if course is not None and course >= bars.course_from else 0.0
        if score >= bars.escalates - lowered:
            return Judgement(score, Strength.STRONG)
        return Judgement(score, Strength.WEAK if score >= bars.asks[self.sensitivity] - lowered else None)


def read_facts() -> dict[str, Any]:
    """What is known of the fit: digests of its sentences and encoders, bars, and what leave-one-out found."""
    return dict(json.loads((FITTED / FACTS).read_text(encoding="utf-8")))


def _bars(raw: Mapping[str, Any]) -> Bars:
    asks = {Sensitivity(name): float(value) for name, value in raw["asks"].items()}
    return Bars(asks, float(raw["escalates"]), float(raw["course_from"]), float(raw["course_lowers"]))
