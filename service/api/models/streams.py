"""The messages of a stream: how it is opened, what it answers, how it ends."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.api.models.base import Answer, OriginAnswer, Probabilities, Question, Told
from service.api.models.detect import Language, Name
from service.api.models.media import PlaceAnswer
from service.api.models.problem import ProblemAnswer
from service.safety.uses import Context, Input, Subject, UseProfile
from service.streams.bounds import HIGHEST_RATE_HZ, LEAST_RATE_HZ
from service.streams.live import Doubt, Reading


class OpenQuestion(Question):
    """The first message: what is sent, whose it is and where, as the law asks; afterwards sound or pictures follow as binary messages.

    `rate_hz` is the sound's rate; `conversation` a name under which the disclosure is noted; `language` the one that it is told in.
    """

    input: Literal[Input.VOICE, Input.FACE]
    context: Context
    subject: Subject
    rate_hz: Annotated[int, Field(ge=LEAST_RATE_HZ, le=HIGHEST_RATE_HZ)] | None = None
    conversation: Name | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _has_its_rate(self) -> Self:
        if (self.rate_hz is not None) != (self.input is Input.VOICE):
            raise ValueError("sound needs rate_hz, and pictures have none")
        return self

    def profile(self) -> UseProfile:
        """The use that it is."""
        return UseProfile(self.context, self.input, self.subject)


class EndQuestion(Question):
    """The last message: whoever sends it is told what there was."""

    kind: Literal["end"]


class OpenedAnswer(Answer):
    """The answer to the first message, once: `disclosed` is to be shown to whoever is heard or seen (EU AI Act Art. 50), null where nothing
    is due; `obligations` are what the law asks of this use. A reading comes every `every_ms` while something new does.
    """

    kind: Literal["opened"] = "opened"
    origin: OriginAnswer
    conversation: str
    disclosed: str | None
    obligations: list[str]
    notice: str
    every_ms: int
    window_ms: int
    message_bytes: int
    idle_s: float
    longest_s: float


class ReadingAnswer(Told):
    """What is recognised in the window [from_ms, until_ms) since the stream was opened: intensity 0..1, valence and arousal -1..1.

    `doubt` says why it is `uncertain`. `dropped` counts what no reading rests on so far: pictures, or ms of sound.
    """

    kind: Literal["reading"] = "reading"
    from_ms: int
    until_ms: int
    emotion: str
    confidence: float
    probabilities: Probabilities
    intensity: float | None
    valence: float | None
    arousal: float | None
    uncertain: bool
    doubt: Doubt | None
    dropped: int
    faces: float | None
    place: PlaceAnswer | None

    def value(self) -> Reading:
        return self._as(Reading)


class EndedAnswer(Answer):
    """The last answer to whoever ends the stream."""

    kind: Literal["ended"] = "ended"
    readings: int
    dropped: int


class ProblemMessage(Answer):
    """The last answer to a stream that cannot go on; the close code is 4000 and the problem's status."""

    kind: Literal["problem"] = "problem"
    problem: ProblemAnswer


Message = Annotated[OpenedAnswer | ReadingAnswer | EndedAnswer | ProblemMessage, Field(discriminator="kind")]
"""Whatever a stream answers."""
