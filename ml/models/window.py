"""A window of sound or pictures as the networks take a unit: what a service reads while somebody is heard or seen.

The arrays are those that `load_film` gives for a film whose only unit is the window, without words; so the same networks, with the other
modalities absent, answer with the same numbers as for a file.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from corpus.terms import FeelmError
from ml.features.face.build import FACE_FEATURES
from ml.features.voice.functionals import VOICE_FEATURES
from ml.models.context import join
from ml.models.dataset import FACE, VOICE, FloatArray, UnitArrays
from ml.models.dialogue import Turn, dialogue_arrays
from ml.models.predict import EmotionModel, model_opinions, probabilities_of
from ml.models.training_set import FILMS

if TYPE_CHECKING:
    from ml.features.face.build import UnitCrops
    from ml.features.face.place import Place
    from ml.features.voice.live import HeardVoice


@dataclasses.dataclass(frozen=True)
class SeenFace:
    """FACE_FEATURES float32 (n,) of one face over some pictures, NaN where not measured, its crops (one unit), where it was last, and how
    many faces are seen at once.
    """

    features: np.ndarray
    crops: UnitCrops
    place: Place
    n_faces: float


@dataclasses.dataclass(frozen=True)
class SaidOfWindow:
    """What the model says of a window: probabilities (7,) and levels (3: LEVELS), NaN where it learned none; `present`: it rests on
    something that is heard or seen.
    """

    probabilities: FloatArray
    levels: FloatArray
    present: bool


def say(model: EmotionModel, duration_ms: float, voice: HeardVoice | None = None, face: SeenFace | None = None) -> SaidOfWindow:
    """What the model says of a window of that length.

    Raises:
        FeelmError: the model was trained with features that this version does not make.
    """
    data = window_arrays(model, duration_ms, voice, face)
    opinions = model_opinions(model, data)
    joined = join(model.context_networks, data, opinions, np.arange(1))
    return SaidOfWindow(probabilities_of(model, data, joined)[0], joined.levels[0], bool(opinions.present.any()))


def window_arrays(model: EmotionModel, duration_ms: float, voice: HeardVoice | None = None, face: SeenFace | None = None) -> UnitArrays:
    """One unit with what was heard and seen; None where the modality is not there.

    Raises:
        FeelmError: the model was trained with features that this version does not make.
    """
    columns = model.facts.columns
    text = np.full((1, columns.embedding_width + len(columns.cues)), np.nan, np.float32)
    data = dialogue_arrays([[Turn("")]], text, np.zeros(1, bool), columns, model.facts.sources.index(FILMS))
    when = np.array([[0, np.nan, np.log1p(duration_ms / 1000)]], np.float32)
    data = dataclasses.replace(data, when=when)
    if voice is not None and voice.present:
        data = _with_voice(data, voice, columns.voice, columns.speech_width)
    return data if face is None else _with_face(data, face, columns.face)


def _with_voice(data: UnitArrays, voice: HeardVoice, names: tuple[str, ...], speech_width: int) -> UnitArrays:
    speech = voice.speech[:speech_width]
    if len(speech) != speech_width:
        raise FeelmError(
            f"the model reads {speech_width} numbers of the speech network, and {len(speech)} are made: train again (feelm run)"
        )
    present = data.present.copy()
    present[:, VOICE] = True
    measured = _beside_usual(voice.features, VOICE_FEATURES, names)
    return dataclasses.replace(data, voice=measured, speech=speech[None], present=present)


def _with_face(data: UnitArrays, face: SeenFace, names: tuple[str, ...]) -> UnitArrays:
    present = data.present.copy()
    present[:, FACE] = True
    crops = face.crops
    return dataclasses.replace(
        data,
        crops=crops.crops,
        crop_mask=crops.mask,
        crop_t_ms=crops.t_ms,
        crop_row=np.zeros(1, np.int64),
        face=_beside_usual(face.features, FACE_FEATURES, names),
        present=present,
    )


def _beside_usual(features: FloatArray, made: tuple[str, ...], names: tuple[str, ...]) -> FloatArray:
    """The named features, (1, 2 n); what is relative to somebody's usual is not known of a window."""
    place = {name: at for at, name in enumerate(made)}
    own = np.array([features[place[name]] if name in place else np.nan for name in names], np.float32)
    return np.concatenate([own, np.full(len(names), np.nan, np.float32)])[None]
