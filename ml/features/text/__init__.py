"""Words of a line: their sense as numbers, signs and word lists, rated words, and the sounds that subtitles describe.

An encoder (`encoder`, MiniLM or a larger one) makes embeddings, `cues`, `valence` and `sounds` read the words themselves, `sense` how near
a line is to plain sentences of each emotion. Lines without words, or in a language that the encoder does not read, are told.
"""

from ml.features.text.build import (
    NO_TIME,
    TEXT_DIMENSIONS,
    TEXT_FEATURES,
    Lines,
    TextExtractor,
    build_text_features,
    line_languages,
    text_cues,
)

__all__ = [
    "NO_TIME",
    "TEXT_DIMENSIONS",
    "TEXT_FEATURES",
    "Lines",
    "TextExtractor",
    "build_text_features",
    "line_languages",
    "text_cues",
]
