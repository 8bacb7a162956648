"""Words of a unit: a sentence embedding, and the cues that an embedding loses.

MiniLM turns each line into 384 numbers; exclamation marks, capitals, ellipses, stretched letters, negation, person and interjections
are counted beside it, because typography is how subtitles write tone. The encoder knows English: a film in another language is told
in the summary and its units are not present, rather than embedded into noise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from corpus.contracts import UNITS
from corpus.weights import WeightError
from ml.features.frame import Columns, FeatureSummary, stack_rows, write_features, write_summary

EMBEDDING_FILE = "embedding.safetensors"
DIMENSIONS = 384
LANGUAGE = "en"

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_STRETCHED = re.compile(r"([^\W\d_])\1\1", re.IGNORECASE)
_LEXICON = {
    "negation": "no not never nothing nobody none nor neither cannot without",
    "first_person": "i me my mine myself we us our ours",
    "second_person": "you your yours yourself",
    "intensifier": "so very too really totally absolutely completely such ever always all",
    "joy_sound": "ha haha hahaha hehe yay hooray hurray yeah yes wow great wonderful lovely",
    "pain_sound": "ow ouch ah aah argh ugh oh god please help",
    "doubt_sound": "um uh er hmm hm well maybe perhaps",
    "disgust_sound": "ew eww yuck ugh bah blech gross",
    "surprise_sound": "what wow whoa oh really huh how",
    "anger_word": "damn hell shut stop hate stupid idiot liar enough get out",
    "fear_word": "run hide careful behind afraid scared help quick hurry",
    "sad_word": "sorry gone lost alone dead miss cry goodbye wish",
}
LEXICON: dict[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in _LEXICON.items()}
TEXT_FEATURES: tuple[str, ...] = (
    "n_words",
    "n_characters",
    "word_length",
    "question",
    "exclamation",
    "ellipsis",
    "dash",
    "comma",
    "quotation",
    "n_sentences",
    "words_per_sentence",
    "capitals_share",
    "shouted_words",
    "stretched",
    "repeated_words",
    "music_mark",
    "contractions",
    *LEXICON,
)


@dataclass(frozen=True)
class TextSummary(FeatureSummary):
    """`language` as given; `n_words` in all present units."""

    language: str | None
    n_words: int


def build_text_features(units_path: Path, language: str | None, out: Path) -> TextSummary:
    """Write features.parquet, embedding.safetensors and summary.json for a units table into the folder `out`.

    Units without words are not present; neither is any unit of a film whose `language` (ISO code, null when unknown) is not
    English, or when the encoder's weights are missing: the summary says which.
    """
    from safetensors.numpy import save_file

    units = UNITS.read(units_path)
    texts = [text if isinstance(text, str) else "" for text in units["text"]]
    present = np.array([bool(_WORD.search(text)) or "!" in text or "?" in text for text in texts], bool)
    missing = _missing(language, present)
    present &= language_is_english(language)
    embedding = np.zeros((len(units), DIMENSIONS), np.float32)
    try:
        embedding[present] = _embed([text for text, there in zip(texts, present, strict=True) if there])
    except WeightError as error:
        missing, present = str(error), np.zeros_like(present)
    save_file({"embedding": embedding}, out / EMBEDDING_FILE)
    table = write_features(units, text_cues(texts), present, out)
    summary = _summarise(table, missing, language)
    write_summary(summary, out)
    return summary


def language_is_english(language: str | None) -> bool:
    """Whether the encoder can read it: English in any spelling of its code, or not stated."""
    return language is None or language.lower().replace("_", "-").split("-")[0] in (LANGUAGE, "eng")


def _missing(language: str | None, present: np.ndarray) -> str | None:
    if not present.any():
        return "no subtitles"
    if not language_is_english(language):
        return f"the language is {language}: the packaged sentence encoder reads English only"
    absent = int((~present).sum())
    return f"no words in {absent} of {len(present)} units" if absent else None


def _embed(texts: list[str]) -> np.ndarray:
    if not texts:
        return np.zeros((0, DIMENSIONS), np.float32)
    from ml.features.encoder import sentence_encoder

    return sentence_encoder().encode(texts)


def text_cues(texts: list[str]) -> Columns:
    """Columns of TEXT_FEATURES, one row a text: counts, shares and lexicon words per word."""
    return stack_rows([_cues(text) for text in texts], TEXT_FEATURES)


def _cues(text: str) -> dict[str, float]:
    words = _WORD.findall(text)
    lowered = [word.lower().replace("’", "'") for word in words]
    letters = [character for character in text if character.isalpha()]
    sentences = max(len(re.findall(r"[.!?…]+(?=\s|$)", text)), 1)
    row: dict[str, float] = {
        "n_words": len(words),
        "n_characters": len(text),
        "word_length": sum(map(len, words)) / max(len(words), 1),
        "question": text.count("?"),
        "exclamation": text.count("!"),
        "ellipsis": len(re.findall(r"\.{2,}|…", text)),
        "dash": len(re.findall(r"--|[–—]|\s-\s|-$", text)),
        "comma": text.count(","),
        "quotation": len(re.findall(r'["“”«»]', text)),
        "n_sentences": sentences,
        "words_per_sentence": len(words) / sentences,
        "capitals_share": sum(map(str.isupper, letters)) / max(len(letters), 1),
        "shouted_words": sum(len(word) > 1 and word.isupper() for word in words),
        "stretched": len(_STRETCHED.findall(text)),
        "repeated_words": sum(first == second for first, second in pairwise(lowered)),
        "music_mark": sum(map(text.count, "♪♫#")),
        "contractions": sum("'" in word for word in lowered),
    }
    for name, lexicon in LEXICON.items():
        count = sum(word in lexicon for word in lowered)
        row[name] = float(count)
    row["negation"] += sum(word.endswith("n't") for word in lowered)
    return row


def _summarise(table: pd.DataFrame, missing: str | None, language: str | None) -> TextSummary:
    n_words = int(np.nansum(table["n_words"].to_numpy(np.float64)))
    return TextSummary(len(table), int(table["present"].sum()), len(TEXT_FEATURES) + DIMENSIONS, missing, language, n_words)
