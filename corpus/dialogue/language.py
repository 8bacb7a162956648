"""Which language lines of dialogue are in, told from their letters, and language codes and letters in one form.

py3langid (Lui & Baldwin, ACL 2012: naive Bayes over byte n-grams; its model lies in the wheel) judges the whole text at once and
gives a calibrated probability. Too little text gives no guess rather than a wrong one: on real subtitles in eleven languages no
guess of at least 0.8 was wrong from five lines on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LEAST_PROBABILITY = 0.8
SAMPLE_CHARACTERS = 20_000

ISO_639_1 = {
    "en": "eng", "de": "deu ger", "fr": "fra fre", "es": "spa", "it": "ita", "nl": "nld dut", "pt": "por", "ru": "rus", "sv": "swe",
    "no": "nor nob nno nb nn", "da": "dan", "fi": "fin", "pl": "pol", "cs": "ces cze", "ja": "jpn", "zh": "zho chi yue wuu", "ko": "kor",
    "ar": "ara arz ary", "fa": "fas per", "tr": "tur", "el": "ell gre", "hu": "hun", "he": "heb iw", "hi": "hin", "uk": "ukr",
    "ro": "ron rum", "is": "isl ice", "sk": "slk slo", "sl": "slv", "hr": "hrv", "sr": "srp", "bg": "bul", "id": "ind", "vi": "vie",
    "th": "tha", "ca": "cat", "et": "est", "lv": "lav", "lt": "lit",
}  # fmt: skip
"""Two-letter codes with the three-letter codes (ISO 639-2, as containers write them) and varieties that mean the same."""

_TWO_LETTERS = {other: code for code, others in ISO_639_1.items() for other in others.split()}


@dataclass(frozen=True)
class LanguageGuess:
    """A language, `code` as in ISO 639-1 where it has one, and the `probability` (0.8..1) that it is this one."""

    code: str
    probability: float


def base_code(tag: str) -> str:
    """The language of a tag without region or script, two letters where there are: `en-GB`, `eng` and `EN` give `en`."""
    base = tag.strip().lower().replace("_", "-").split("-", 1)[0]
    return _TWO_LETTERS.get(base, base)


def folded(text: str) -> str:
    """Text for comparison: lower case, accents away."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))


def guess_language(texts: Sequence[str]) -> LanguageGuess | None:
    """The language that most of `texts` (lines without markup) is in; null where that cannot be told with probability 0.8."""
    sample = "\n".join(_spread(texts))
    if not any(character.isalpha() for character in sample):
        return None
    code, probability = _identifier().classify(sample)
    return LanguageGuess(base_code(code), round(probability, 4)) if probability >= LEAST_PROBABILITY and code != "zxx" else None


def forget_model() -> None:
    """Give back the 95 MB that the model takes; the next guess unpacks it again, which takes half a second."""
    _identifier.cache_clear()


def _spread(texts: Sequence[str]) -> Iterator[str]:
    """Lines spread evenly over the whole, at most SAMPLE_CHARACTERS in all: a film's first minutes may be a song or a foreign scene."""
    total = sum(map(len, texts))
    step = max(1, -(-total // SAMPLE_CHARACTERS))
    room = SAMPLE_CHARACTERS
    for text in texts[::step]:
        yield text[:room]
        room -= min(room, len(text))


@cache
def _identifier() -> LanguageIdentifier:
    # Unpacking the model takes half a second, so it waits for the first text.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
