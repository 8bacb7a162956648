"""Fitting lines of films as candidates: what somebody in a film answered to words like these.

Every line of the home's films that is answered by another speaker in its scene is kept with that answer; what is asked is compared with
all of them by the same sentence embeddings that the model reads. Only films that anybody may quote are drawn on, and the film is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file

from corpus.contracts import UNIT_FEATURES, UNITS
from corpus.paths import Home
from corpus.terms import Rights, UnitLevel
from ml.features.frame import EMBEDDING_FILE, FEATURES_FILE
from ml.features.text.live import LineReader
from ml.models.dataset import FloatArray
from ml.models.dialogue import Turn
from pages.stored import film_title, read_json
from service.domains.profile import Profile
from service.respond.candidates import Candidate
from service.respond.choose import Choice

if TYPE_CHECKING:
    import pandas as pd

QUOTABLE = (Rights.PUBLIC_DOMAIN, Rights.CC0, Rights.CC_BY)
MOST_LINES = 3
LEAST_ALIKE = 0.45
"""Cosine of what was said and the film's line from which its answer may fit."""

LEAST_WORDS, MOST_WORDS = 2, 25


@dataclass(frozen=True)
class FilmLines:
    """Lines (n, width) as embeddings, the answers to them, and by whom each film is to be named."""

    heard: FloatArray
    answers: tuple[str, ...]
    films: tuple[str, ...]
    reader: LineReader

    @classmethod
    def read(cls, home: Home, reader: LineReader) -> FilmLines:
        """All that the home's films have to say and may be quoted with; films whose words another encoder read are passed over."""
        found = [line for film_id in _quotable(home) for line in _answered(home, film_id, reader.width)]
        heard = np.stack([one[0] for one in found]) if found else np.zeros((0, reader.width), np.float32)
        return cls(heard, tuple(one[1] for one in found), tuple(one[2] for one in found), reader)

    def __call__(self, profile: Profile, turns: Sequence[Turn], choice: Choice) -> list[Candidate]:
        """The answers to the lines that are most like the last turn, where the domain takes films' lines."""
        found = self.answers_to(turns[-1].text, MOST_LINES) if profile.film_replies else []
        return [Candidate(answer, choice.strategy, "film", film) for answer, film in found]

    def answers_to(self, text: str, most: int) -> list[tuple[str, str]]:
        """The answers to the lines that are most like a text, each with its film, the likeliest first."""
        if not self.answers:
            return []
        asked = self.reader.read([[text]]).embedding[0]
        if not np.isfinite(asked).all():
            return []
        alike = self.heard @ asked
        return [(self.answers[at], self.films[at]) for at in np.argsort(-alike)[:most] if alike[at] >= LEAST_ALIKE]


def _quotable(home: Home) -> Iterator[str]:
    for path in sorted((home.data / "film").glob("*/film.json")):
        if read_json(path).get("rights") in {right.value for right in QUOTABLE}:
            yield path.parent.name


def _answered(home: Home, film_id: str, width: int) -> Iterator[tuple[FloatArray, str, str]]:
    """Embedding of each line that another speaker answers in its scene, the answer, and the film's title."""
    units, folder = home.artifact("scenes", film_id) / "units.parquet", home.artifact("text_features", film_id)
    if not units.is_file() or not (folder / EMBEDDING_FILE).is_file():
        return
    embedding, title = load_file(folder / EMBEDDING_FILE)["embedding"], film_title(home, film_id)
    if embedding.shape[1] != width:
        return
    stored = UNIT_FEATURES.read(folder / FEATURES_FILE).assign(row=range(len(embedding))).set_index("unit_id")
    lines = UNITS.read(units)
    lines = lines[lines["level"] == UnitLevel.UTTERANCE].sort_values("position")
    for (_, line), (_, answer) in zip(lines.iloc[:-1].iterrows(), lines.iloc[1:].iterrows(), strict=True):
        if _answers(line, answer) and stored.loc[line["unit_id"], "present"]:
            yield embedding[int(stored.loc[line["unit_id"], "row"])], str(answer["text"]).strip(), title


def _answers(line: pd.Series, answer: pd.Series) -> bool:
    speakers, words = (line["character_id"], answer["character_id"]), answer["text"]
    told = all(isinstance(who, str) for who in speakers) and speakers[0] != speakers[1] and line["scene_id"] == answer["scene_id"]
    return bool(told) and isinstance(words, str) and LEAST_WORDS <= len(words.split()) <= MOST_WORDS
