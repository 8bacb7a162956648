"""What an embedding loses of a line: how it is written, and the plain words of feeling in it.

Exclamation marks, capitals, ellipses, stretched letters and stammers are how subtitles write tone; negation, person and the words people
use for each emotion are counted beside them. The lists are Feelm's own and short on purpose: every word says its emotion by itself.
"""

from __future__ import annotations

import re
from itertools import pairwise

from corpus import emotions
from ml.features.extractor import Dimension

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

_STRETCHED = re.compile(r"([^\W\d_])\1\1", re.IGNORECASE)
_STAMMER = re.compile(r"\b([^\W\d_]{1,3})[-–—](?=\1)", re.IGNORECASE)
_ELLIPSIS = re.compile(r"\.{2,}|…")
_DASH = re.compile(r"--|[–—]|\s-\s|-$")
_SENTENCE_END = re.compile(r"[.!?…]+(?=\s|$)")
_QUOTE = re.compile(r'["“”«»„]')
_BOTH = re.compile(r"[?!]*(?:\?!|!\?)[?!]*")
_REPEATED_MARK = re.compile(r"[!?]{2,}")
_TRAILS_OFF = re.compile(r"(?:\.{2,}|…)[\"”’)\s]*$")
_CUT_OFF = re.compile(r"(?:--|[–—-])[\"”’)\s]*$")
_GOES_ON = re.compile(r"^\s*(?:\.{2,}|…|--|[–—])")
_EMPHASIS = re.compile(r"(?<!\w)[*_](?=\w)[^*_]{1,60}(?<=\w)[*_](?!\w)")
_MUSIC = "♪♫♬♩#"

_SPACED_OUT = re.compile(r"[\w'’)\]]\s+(?:[.,;:!?]|\.{3}|…)(?:\s|$)")
_BEFORE_SIGN = re.compile(r"\s+(?=(?:[.,;:!?…)\]]|\.{2,})(?:[\s.,;:!?…)\]\"'♪*]|$))")
_AFTER_OPENING = re.compile(r"(?<=[(\[])\s+")
_SPACED_HYPHEN = re.compile(r"(?<=[^\W\d_])\s+-\s+(?=[^\W\d_])")
_CLITIC = re.compile(r"(?<=\w)\s+(?=(?:['’](?:s|m|re|ve|ll|d)|n['’]t)\b)", re.IGNORECASE)

_LEXICON = {
    "negation": "no not never nothing nobody none nor neither cannot without",
    "first_person": "i me my mine myself we us our ours",
    "second_person": "you your yours yourself",
    "intensifier": "so very too really totally absolutely completely such ever always all",
    "pain_sound": "ow ouch ah aah argh ugh oh god please help",
    "doubt_sound": "um uh er hmm hm well maybe perhaps",
    **{f"{emotion.name}_words": emotion.cues for emotion in emotions.ALL if emotion.cues},
}
LEXICON: dict[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in _LEXICON.items()}

_MEANINGS = {
    "n_words": "words",
    "n_characters": "characters",
    "word_length": "mean letters of a word",
    "question": "question marks",
    "exclamation": "exclamation marks",
    "interrobang": "question and exclamation in one (?!)",
    "repeated_mark": "two or more question or exclamation marks in a row",
    "ellipsis": "ellipses",
    "dash": "dashes",
    "trails_off": "1 where the line ends in an ellipsis",
    "cut_off": "1 where the line ends in a dash",
    "goes_on": "1 where the line begins with an ellipsis or a dash",
    "comma": "commas",
    "quotation": "quotation marks",
    "emphasis": "words between *stars* or _underscores_",
    "n_sentences": "sentences, at least 1",
    "words_per_sentence": "words by sentences",
    "capitals_share": "share of letters that are capitals",
    "shouted_words": "words of two and more letters all in capitals",
    "stretched": "letters written three times and more (nooo)",
    "stammer": "short words or beginnings of words said again (I-I, w-what)",
    "repeated_words": "words said twice in a row",
    "music_mark": "notes and hashes around songs",
    "contractions": "words with an apostrophe",
} | {name: f"words of the list {name}" for name in LEXICON}  # fmt: skip
_SHARES = ("trails_off", "cut_off", "goes_on", "capitals_share")
_UNITS = {"word_length": "letters", "words_per_sentence": "words"}

CUES: tuple[Dimension, ...] = tuple(
    Dimension(name, _UNITS.get(name, "" if name in _SHARES else "count"), meaning, 0.0, 1.0 if name in _SHARES else None)
    for name, meaning in _MEANINGS.items()
)


def tidied(text: str) -> str:
    """A line whose signs stand apart ("No , you did n't !"), as a parser leaves it, written as people write; any other line as it is.

    XED's lines with an emotion are like that and its neutral ones are not: untidied, spaces alone would tell an emotion.
    """
    if _SPACED_OUT.search(text) is None:
        return text
    closed = _AFTER_OPENING.sub("", _BEFORE_SIGN.sub("", text))
    return _CLITIC.sub("", _SPACED_HYPHEN.sub("-", closed)).strip()


def has_words(text: str) -> bool:
    """Whether there is something to understand: a word, or a mark that says something alone."""
    return WORD.search(text) is not None or "!" in text or "?" in text


def cues_of(text: str) -> dict[str, float]:
    """Every one of CUES of a line; an empty line has zeros and one sentence."""
    words = WORD.findall(text)
    lowered = [word.lower().replace("’", "'") for word in words]
    row = _marks(text) | _words(text, words, lowered)
    for name, lexicon in LEXICON.items():
        row[name] = float(sum(word in lexicon for word in lowered))
    row["negation"] += sum(word.endswith("n't") for word in lowered)
    return row


def _marks(text: str) -> dict[str, float]:
    return {
        "question": text.count("?"),
        "exclamation": text.count("!"),
        "interrobang": len(_BOTH.findall(text)),
        "repeated_mark": len(_REPEATED_MARK.findall(text)),
        "ellipsis": len(_ELLIPSIS.findall(text)),
        "dash": len(_DASH.findall(text)),
        "trails_off": float(_TRAILS_OFF.search(text) is not None),
        "cut_off": float(_CUT_OFF.search(text) is not None),
        "goes_on": float(_GOES_ON.match(text) is not None),
        "comma": text.count(","),
        "quotation": len(_QUOTE.findall(text)),
        "emphasis": len(_EMPHASIS.findall(text)),
        "stretched": len(_STRETCHED.findall(text)),
        "stammer": len(_STAMMER.findall(text)),
        "music_mark": sum(map(text.count, _MUSIC)),
    }


def _words(text: str, words: list[str], lowered: list[str]) -> dict[str, float]:
    letters = [character for character in text if character.isalpha()]
    sentences = max(len(_SENTENCE_END.findall(text)), 1)
    return {
        "n_words": len(words),
        "n_characters": len(text),
        "word_length": sum(map(len, words)) / max(len(words), 1),
        "n_sentences": sentences,
        "words_per_sentence": len(words) / sentences,
        "capitals_share": sum(map(str.isupper, letters)) / max(len(letters), 1),
        "shouted_words": sum(len(word) > 1 and word.isupper() for word in words),
        "repeated_words": sum(first == second for first, second in pairwise(lowered)),
        "contractions": sum("'" in word for word in lowered),
    }
