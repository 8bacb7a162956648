"""The model that answers: what it is, what it may be used for, and how good it and people are on films that it never saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml.evaluation.findings import Interval
from ml.evaluation.report import CorpusReport, ValidationReport
from pages.systems import fused, human
from service.api.models.base import Answer, OriginAnswer
from service.champion import Origin

REPORT_FILE = "report.json"


@dataclass(frozen=True)
class Score:
    """A share with its 95 % interval; None where there are too few films for one."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, interval: Interval) -> Score:
        return cls(interval.value, interval.low, interval.high)


@dataclass(frozen=True)
class Ceiling:
    """What the model is worth on one body of data that it never saw, and what one rater is worth on the same units: the ceiling."""

    data: str
    n_films: int
    n_units: int
    accuracy: Score | None
    uar: Score | None
    human_accuracy: Score | None
    human_uar: Score | None


@dataclass(frozen=True)
class ModelFacts:
    """What answers, and its scores; none where there is no report."""

    origin: Origin
    ceilings: tuple[Ceiling, ...]


def read_ceilings(folder: Path) -> tuple[Ceiling, ...]:
    """The scores in a champion's report; empty where there is none."""
    path = folder / REPORT_FILE
    return tuple(_ceiling(corpus) for corpus in ValidationReport.read(path).corpora) if path.is_file() else ()


def _ceiling(corpus: CorpusReport) -> Ceiling:
    own, raters = fused(corpus), human(corpus)
    model = (None, None) if own is None else (Score.of(own.accuracy), Score.of(own.uar))
    people = (None, None) if raters is None else (Score.of(raters.accuracy), Score.of(raters.uar))
    return Ceiling(corpus.name, corpus.n_films, corpus.n_gold, *model, *people)


class ModelAnswer(Answer):
    """What answers; `uar` is macro recall, `human_accuracy` and `human_uar` are one rater's on the same units: the ceiling."""

    origin: OriginAnswer
    emotions: list[str]
    text_encoder: str
    ceilings: list[Ceiling]

    def value(self) -> ModelFacts:
        return ModelFacts(self.origin.value(), tuple(self.ceilings))
