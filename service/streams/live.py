"""One stream: what a microphone or camera gives, and what the champion says of the last seconds of it.

A source takes messages as they come and never holds more than its window; a reading is of the window as it stands when its turn comes. The
champion that a stream began with answers to its end, whatever is promoted meanwhile.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from corpus.terms import EMOTIONS, MODALITIES, FeelmError
from ml.features.face.place import Place
from ml.features.voice.grid import RATE_HZ
from ml.models.predict import EmotionModel
from ml.models.window import SaidOfWindow, SeenFace, say
from service.champion import Champion
from service.detect import UNCERTAIN_BELOW
from service.digits import levels, rounded
from service.pictures import PictureBounds, read_picture
from service.safety.uses import Input
from service.streams.bounds import Bounds
from service.streams.sight import PictureQueue
from service.streams.sound import SoundRing

if TYPE_CHECKING:
    from ml.features.voice.live import VoiceReader
    from service.faces import FaceReader, Look

WHOLE_MS = 1000
"""Windows over pictures begin at whole seconds, so that what is read of a body serves all windows that it is in."""


class Doubt(StrEnum):
    """Why a reading is uncertain."""

    NO_VOICE = "no_voice"
    NO_FACE = "no_face"
    LOW_CONFIDENCE = "low_confidence"


@dataclass(frozen=True)
class Reading:
    """What is recognised in a window, [from_ms, until_ms) since the stream began: seven probabilities in the order of EMOTIONS, intensity
    0..1, valence and arousal -1..1, None where the model learned none.

    `doubt` says why it is uncertain, None where it is not; without a voice or face the numbers are what is usual. `place` is where the face
    is, `faces` how many are seen at once. `dropped` counts what no reading rests on since the stream began: pictures, or ms of sound.
    """

    from_ms: int
    until_ms: int
    emotion: str
    confidence: float
    probabilities: tuple[float, ...]
    intensity: float | None
    valence: float | None
    arousal: float | None
    doubt: Doubt | None
    dropped: int
    faces: float | None = None
    place: Place | None = None

    @property
    def uncertain(self) -> bool:
        """Whether the emotion should not be named."""
        return self.doubt is not None


class Readers:
    """The features of all streams of a process; each for one thread at a time. Networks are loaded with the first that needs them."""

    @cached_property
    def voice(self) -> VoiceReader:
        """Of sound."""
        from ml.features.voice.live import VoiceReader

        return VoiceReader()

    @cached_property
    def face(self) -> FaceReader:
        """Of pictures."""
        from service.faces import FaceReader

        return FaceReader()


class Source(Protocol):
    """What a stream brings; `sense` is what reads it."""

    sense: Input

    @property
    def dropped(self) -> int:
        """What no reading rests on so far: pictures, or milliseconds of sound."""
        ...

    def push(self, t_ms: int, message: bytes) -> None:
        """Take a message that came so long after the stream began.

        Raises:
            FeelmError: it is not what the stream is of.
        """
        ...

    def warm(self, readers: Readers) -> None:
        """Load what reads it.

        Raises:
            FeelmError: a network's weights are missing or damaged.
        """
        ...

    def read(self, readers: Readers) -> Reading | None:
        """What is recognised in the window; None where there is nothing new, or not enough.

        Raises:
            FeelmError: a picture cannot be read.
        """
        ...


class Microphone:
    """Sound of one person."""

    sense = Input.VOICE

    def __init__(self, champion: Champion, rate_hz: int, bounds: Bounds) -> None:
        self._model, self._least_ms = champion.model, bounds.least_ms
        check_learned(self._model, Input.VOICE)
        self._ring = SoundRing(rate_hz, bounds.sound_ms)

    @property
    def dropped(self) -> int:
        return self._ring.dropped_ms

    def push(self, t_ms: int, message: bytes) -> None:
        self._ring.push(message)

    def warm(self, readers: Readers) -> None:
        readers.voice.warm()
        say(self._model, 0)

    def read(self, readers: Readers) -> Reading | None:
        from corpus.films.media.sound import sound_of

        part = self._ring.window(self._least_ms)
        if part is None:
            return None
        heard = read_sound(self._model, readers, sound_of(part.samples, self._ring.rate_hz))
        return _reading(heard, (part.from_ms, part.until_ms), Doubt.NO_VOICE, self.dropped)


class Camera:
    """Pictures of whoever is before it."""

    sense = Input.FACE

    def __init__(self, champion: Champion, bounds: Bounds) -> None:
        self._model, self._bounds = champion.model, bounds
        check_learned(self._model, Input.FACE)
        self._queue = PictureQueue(bounds.waiting, bounds.look_ms)
        self._looks: deque[Look] = deque()

    @property
    def dropped(self) -> int:
        return self._queue.dropped

    def push(self, t_ms: int, message: bytes) -> None:
        self._queue.push(t_ms, message)

    def warm(self, readers: Readers) -> None:
        readers.face.warm()
        say(self._model, 0)

    def read(self, readers: Readers) -> Reading | None:
        taken = self._queue.take()
        if not taken:
            return None
        allowed = PictureBounds(self._bounds.picture_pixels, self._bounds.message_bytes)
        for t_ms, jpeg in taken:
            self._looks.append(readers.face.look(t_ms, read_picture(jpeg, allowed), self._bounds.faces))
        begin_ms = math.ceil((self._looks[-1].until_ms - self._bounds.pictures_ms) / WHOLE_MS) * WHOLE_MS
        while self._looks[0].t_ms < begin_ms:
            self._looks.popleft()
        face, said = read_looks(self._model, readers, tuple(self._looks))
        span = self._looks[0].t_ms, self._looks[-1].until_ms
        return _reading(said, span, Doubt.NO_FACE, self.dropped, face)


def check_learned(model: EmotionModel, what: Input) -> None:
    """Raises FeelmError where the model has learned nothing of voices or of faces."""
    if all(MODALITIES[expert.modality] != what.value for expert in model.experts):
        raise FeelmError(f"the champion has learned nothing of the {what}: train one on films or recordings that have it (feelm run)")


def read_sound(model: EmotionModel, readers: Readers, samples: np.ndarray) -> SaidOfWindow:
    """What the model says of float32 samples at 16 kHz."""
    return say(model, len(samples) * 1000 / RATE_HZ, voice=readers.voice.describe(samples))


def read_looks(model: EmotionModel, readers: Readers, looks: tuple[Look, ...]) -> tuple[SeenFace | None, SaidOfWindow]:
    """The face that speaks or is largest over some pictures, and what the model says of it."""
    face = readers.face.describe(looks)
    return face, say(model, looks[-1].until_ms - looks[0].t_ms, face=face)


def _reading(said: SaidOfWindow, span: tuple[int, int], absent: Doubt, dropped: int, face: SeenFace | None = None) -> Reading:
    probabilities, best = rounded(said.probabilities), int(np.argmax(said.probabilities))
    low = Doubt.LOW_CONFIDENCE if probabilities[best] < UNCERTAIN_BELOW else None
    return Reading(
        from_ms=span[0],
        until_ms=span[1],
        emotion=EMOTIONS[best],
        confidence=probabilities[best],
        probabilities=probabilities,
        **levels(said.levels.tolist()),
        doubt=low if said.present else absent,
        dropped=dropped,
        faces=None if face is None else face.n_faces,
        place=None if face is None else face.place,
    )
