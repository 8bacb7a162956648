"""The systems of a validation report for people: their names, their order, and which is the model's own and which the raters'."""

from __future__ import annotations

from collections.abc import Sequence

from corpus.terms import MODALITIES
from ml.evaluation.report import CorpusReport, SystemScore

SYSTEM_NAMES = {
    "fused": "All together",
    "face": "Face alone",
    "voice": "Voice alone",
    "text": "Words alone",
    "majority": "Most frequent emotion",
    "prior": "Average label",
    "persistence": "Emotion of the last line",
    "bigram": "Usual next emotion",
    "tfidf": "Word counts (TF-IDF, SVM)",
    "transitions": "Usual next emotion",
    "reaction": "The model",
    "human": "One rater against the others",
    "fused_no_context": "All together, line by line",
}
KIND_ORDER = ("fused", "human", "modality", "baseline")


def fused(corpus: CorpusReport) -> SystemScore | None:
    """The score of the model itself."""
    return next((score for score in corpus.scores if score.kind == "fused"), None)


def human(corpus: CorpusReport) -> SystemScore | None:
    """The raters' own score on the same units."""
    return next((score for score in corpus.scores if score.kind == "human"), None)


def ordered(scores: Sequence[SystemScore]) -> list[SystemScore]:
    """The fused model, the raters, then modalities and baselines, the best first."""
    return sorted(scores, key=lambda score: (KIND_ORDER.index(score.kind), -score.accuracy.value, score.system))


def system_name(system: str) -> str:
    """A system's name for people; `fused_face_text` is the model with face and words only."""
    if system in SYSTEM_NAMES:
        return SYSTEM_NAMES[system]
    parts = system.removeprefix("fused_").split("_")
    words = ["words" if part == "text" else part for part in parts]
    return " and ".join(words).capitalize() if system.startswith("fused_") and set(parts) <= set(MODALITIES) else system
