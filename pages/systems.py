"""The systems of a report as rows: their names for people, their bars, their scores by emotion, film and part of the units.

Nothing is computed here; the fused model comes first, then the raters, then single modalities and baselines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from corpus.terms import EMOTIONS, FUSED, MODALITIES
from ml.evaluation.findings import Interval
from ml.evaluation.report import CorpusReport, PairedTest, SliceScore, SystemScore
from pages.charts import Bar, dot_strip, interval_bar
from pages.render import percent

FILMS = "films"
"""The corpus of the catalogue's films."""

SYSTEM_NAMES = {
    FUSED: "All together",
    "face": "Face alone",
    "voice": "Voice alone",
    "text": "Words alone",
    "majority": "Most frequent emotion",
    "prior": "Average label",
    "persistence": "Emotion of the last line",
    "bigram": "Usual next emotion",
    "tfidf": "Word counts (TF-IDF, SVM)",
    "transitions": "Usual next emotion",
    "answer": "Usual answer to what was heard",
    "reaction": "The model",
    "human": "One rater against the others",
    "fused_no_context": "All together, line by line",
    "fused_shuffled": "All together, neighbours shuffled",
}
ROLE_NAMES = {
    "speaker": "What the speaker feels next",
    "addressee": "What the addressee feels next",
    "present": "What others present feel next",
}
KIND_ORDER = ("fused", "human", "modality", "baseline")


@dataclass(frozen=True)
class SystemRow:
    """One system's row: its name for people, its bar, its scores, and how the fused model was tested against it."""

    name: str
    bar: Markup
    score: SystemScore
    test: PairedTest | None


@dataclass(frozen=True)
class EmotionRow:
    """How well one emotion is found: recall and F1 with their bars; null where no unit has it."""

    emotion: str
    units: int
    recall: float | None
    f1: float | None
    recall_bar: Markup
    f1_bar: Markup


@dataclass(frozen=True)
class SliceTable:
    """Slices on which the same systems were scored."""

    systems: tuple[str, ...]
    slices: tuple[SliceScore, ...]


@dataclass(frozen=True)
class FilmDots:
    """One system's score on every film, as dots on a line."""

    name: str
    chart: Markup
    median: float


def fused(corpus: CorpusReport) -> SystemScore | None:
    """The score of the model itself."""
    return next((score for score in corpus.scores if score.kind == "fused"), None)


def human(corpus: CorpusReport) -> SystemScore | None:
    """The raters' own score on the same units."""
    return next((score for score in corpus.scores if score.kind == "human"), None)


def ordered(scores: Sequence[SystemScore]) -> list[SystemScore]:
    """The fused model, the raters, then modalities and baselines, the best first."""
    return sorted(scores, key=lambda score: (KIND_ORDER.index(score.kind), -score.accuracy.value, score.system))


def interval_words(value: Interval) -> str:
    """The 95 % interval in percent; empty where there is none."""
    return "" if value.low is None or value.high is None else f"{100 * value.low:.0f}–{percent(value.high)}"


def system_rows(corpus: CorpusReport, metric: str) -> list[SystemRow]:
    """One row per system, with its test where there is one against the fused model."""
    ceiling = human(corpus)
    tests = {test.other: test for test in corpus.tests}
    return rows_of(corpus.scores, tests, None if ceiling is None else getattr(ceiling, metric).value, metric)


def rows_of(scores: Sequence[SystemScore], tests: dict[str, PairedTest], ceiling: float | None, metric: str) -> list[SystemRow]:
    """Rows whose bars show `metric`, with the raters' own score as a dashed mark."""
    rows = []
    for score in ordered(scores):
        name, value = system_name(score.system), getattr(score, metric)
        bar = Bar(value.value, value.low, value.high, f"k-{score.kind}")
        chart = interval_bar(bar, None if score.kind == "human" else ceiling, f"{name}: {percent(value.value)}")
        rows.append(SystemRow(name, chart, score, tests.get(score.system)))
    return rows


def slice_tables(corpus: CorpusReport) -> list[SliceTable]:
    """The slices grouped by the systems they hold, in the report's order; one that says nothing new is left out."""
    groups: dict[tuple[str, ...], list[SliceScore]] = {}
    for position, one in enumerate(corpus.slices):
        if any(one.n_units == other.n_units and one.accuracy.items() <= other.accuracy.items() for other in corpus.slices[:position]):
            continue
        groups.setdefault(tuple(sorted(one.accuracy, key=_system_order)), []).append(one)
    return [SliceTable(systems, tuple(slices)) for systems, slices in groups.items()]


def _system_order(system: str) -> tuple[int, str]:
    known = list(SYSTEM_NAMES)
    return (known.index(system) if system in known else len(known), system)


def system_name(system: str) -> str:
    """A system's name for people; `fused_face_text` is the model with face and words only."""
    if system in SYSTEM_NAMES:
        return SYSTEM_NAMES[system]
    parts = system.removeprefix("fused_").split("_")
    words = ["words" if part == "text" else part for part in parts]
    return " and ".join(words).capitalize() if system.startswith("fused_") and set(parts) <= set(MODALITIES) else system


def emotion_row(score: SystemScore, index: int) -> EmotionRow:
    """How well one emotion (its place in EMOTIONS) is found."""
    emotion = EMOTIONS[index]
    recall, f1 = score.recall.get(emotion), score.f1.get(emotion)
    css = f"e-{emotion}"
    return EmotionRow(
        emotion=emotion,
        units=sum(score.confusion[index]),
        recall=recall,
        f1=f1,
        recall_bar=interval_bar(Bar(recall or 0.0, css=css), None, f"{emotion}, recall {percent(recall)}"),
        f1_bar=interval_bar(Bar(f1 or 0.0, css=css), None, f"{emotion}, F1 {percent(f1)}"),
    )


def film_dots(score: SystemScore) -> FilmDots:
    """A system's macro-F1 on every film."""
    values = [score.macro_f1_by_film[film] for film in sorted(score.macro_f1_by_film)]
    name, middle = system_name(score.system), float(np.median(values))
    label = f"{name}: macro-F1 by film from {min(values):.2f} to {max(values):.2f}, median {middle:.2f}"
    return FilmDots(name, dot_strip(values, middle, f"k-{score.kind}", label), middle)
