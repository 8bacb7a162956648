"""Words of a line: their sense as numbers, signs and word lists, rated words, and the sounds that subtitles describe.

An encoder (`encoder`, MiniLM or a larger one) makes embeddings, `cues`, `valence` and `sounds` read the words themselves, `sense` how near
a line is to plain sentences of each emotion. Lines without words, or in a language that the encoder does not read, are told.
"""

from ml.features.text.build import TEXT_DIMENSIONS, build_text_features, word_columns

__all__ = ["TEXT_DIMENSIONS", "build_text_features", "word_columns"]
