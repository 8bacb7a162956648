"""Recognising emotion in a film, clip, sound, picture or subtitles, at once or as a job."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from corpus.terms import EMOTIONS
from ml.features.face.place import Place
from service.api.jobs import Job, JobState
from service.api.media import DetectedMedia
from service.api.models.base import Answer, Moment, OriginAnswer, Probabilities, Question, WhyAnswer
from service.api.models.detect import Language
from service.api.models.problem import ProblemAnswer
from service.detect import DetectedUnit, Detection


class MediaQuestion(Question):
    """How an uploaded file is to be read."""

    explain: bool = False
    language: Language | None = None
    wait: bool = True
    keep: bool = False


class PlaceAnswer(Answer):
    """Where a face is: the left upper corner and the size of its box as shares of the picture."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, place: Place) -> PlaceAnswer:
        return cls(x=place.x, y=place.y, width=place.width, height=place.height)

    def value(self) -> Place:
        return Place(self.x, self.y, self.width, self.height)


class UnitAnswer(Answer):
    """One line, scene or span, [start_ms, end_ms) from the first frame, or one face of a picture, at its `place`.

    Intensity 0..1, valence and arousal -1..1. `read` is false where there are no words, or words of a `language` that the model does not
    know; with such words the unit is `uncertain`.
    """

    start_ms: int | None
    end_ms: int | None
    level: str
    text: str | None
    character_id: str | None
    emotion: str
    confidence: float
    probabilities: Probabilities
    intensity: float | None
    valence: float | None
    arousal: float | None
    uncertain: bool
    modalities: list[str]
    language: str | None
    read: bool
    place: PlaceAnswer | None
    why: WhyAnswer | None

    @classmethod
    def of(cls, unit: DetectedUnit) -> UnitAnswer:
        best = int(np.argmax(unit.probabilities))
        return cls(
            start_ms=unit.start_ms,
            end_ms=unit.end_ms,
            level=unit.level,
            text=unit.text,
            character_id=unit.character_id,
            emotion=EMOTIONS[best],
            confidence=unit.probabilities[best],
            probabilities=Probabilities.of(unit.probabilities),
            intensity=unit.intensity,
            valence=unit.valence,
            arousal=unit.arousal,
            uncertain=unit.uncertain,
            modalities=list(unit.modalities),
            language=unit.language,
            read=unit.read,
            place=None if unit.place is None else PlaceAnswer.of(unit.place),
            why=None if unit.why is None else WhyAnswer.of(unit.why),
        )

    def value(self) -> DetectedUnit:
        return DetectedUnit(
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            level=self.level,
            text=self.text,
            character_id=self.character_id,
            probabilities=self.probabilities.values(),
            intensity=self.intensity,
            valence=self.valence,
            arousal=self.arousal,
            uncertain=self.uncertain,
            modalities=tuple(self.modalities),
            language=self.language,
            read=self.read,
            place=None if self.place is None else self.place.value(),
            why=None if self.why is None else self.why.value(),
        )


class MediaAnswer(Answer):
    """The timeline of what was uploaded; `missing` tells by modality why it was not there, `kept` that the file was kept as was asked."""

    origin: OriginAnswer
    source: str
    units: list[UnitAnswer]
    missing: dict[str, str]
    kept: bool

    @classmethod
    def of(cls, found: DetectedMedia) -> MediaAnswer:
        return cls(
            origin=OriginAnswer.of(found.origin),
            source=found.detection.source,
            units=[UnitAnswer.of(unit) for unit in found.detection.units],
            missing=found.detection.missing,
            kept=found.kept,
        )

    def value(self) -> DetectedMedia:
        origin = self.origin.value()
        units = tuple(unit.value() for unit in self.units)
        return DetectedMedia(origin, Detection(self.source, origin.model_version, origin.trained_on, units, self.missing), self.kept)


class JobAnswer(Answer):
    """A piece of long work: `result` once it is done, `problem` where it failed or was lost with the service that did it."""

    id: str = Field(examples=["5b0c7f0e9f0a4a17b7f3a4ab8d1f2c3d"])
    state: JobState
    created_at: Moment
    ended_at: Moment | None
    result: MediaAnswer | None
    problem: ProblemAnswer | None

    @classmethod
    def of(cls, job: Job, result: MediaAnswer | None, problem: ProblemAnswer | None) -> JobAnswer:
        return cls(id=job.id, state=job.state, created_at=job.created_at, ended_at=job.ended_at, result=result, problem=problem)
