"""Recognising emotion in a film, clip, sound, picture or subtitles, at once or as a job."""

from __future__ import annotations

from pydantic import Field

from ml.features.face.place import Place
from service.api.jobs import JobState
from service.api.media import DetectedMedia
from service.api.models.base import Answer, Moment, OriginAnswer, Probabilities, Question, Told, WhyAnswer
from service.api.models.detect import Language
from service.api.models.problem import ProblemAnswer
from service.detect import DetectedUnit, Detection


class MediaQuestion(Question):
    """How an uploaded file is to be read."""

    explain: bool = False
    language: Language | None = None
    wait: bool = True
    keep: bool = False


class PlaceAnswer(Told):
    """Where a face is: the left upper corner and the size of its box as shares of the picture."""

    x: float
    y: float
    width: float
    height: float

    def value(self) -> Place:
        return self._as(Place)


class UnitAnswer(Told):
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

    def value(self) -> DetectedUnit:
        return self._as(DetectedUnit)


class MediaAnswer(Answer):
    """The timeline of what was uploaded; `missing` tells by modality why it was not there, `kept` that the file was kept as was asked."""

    origin: OriginAnswer
    source: str
    units: list[UnitAnswer]
    missing: dict[str, str]
    kept: bool

    @classmethod
    def of(cls, found: DetectedMedia) -> MediaAnswer:
        return cls._from(found.detection, origin=found.origin, kept=found.kept)

    def value(self) -> DetectedMedia:
        origin = self.origin.value()
        units = tuple(unit.value() for unit in self.units)
        return DetectedMedia(origin, Detection(self.source, origin.model_version, origin.trained_on, units, self.missing), self.kept)


class JobAnswer(Told):
    """A piece of long work: `result` once it is done, `problem` where it failed or was lost with the service that did it."""

    id: str = Field(examples=["5b0c7f0e9f0a4a17b7f3a4ab8d1f2c3d"])
    state: JobState
    created_at: Moment
    ended_at: Moment | None
    result: MediaAnswer | None
    problem: ProblemAnswer | None
