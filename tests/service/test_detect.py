"""What a unit of a file or text tells of itself: how pleasant and stirring it is, and in which language its words were read."""

import pytest

from corpus.paths import Home
from ml.models.dialogue import Turn
from service.champion import Champion
from service.detect import detect_text
from service.turns import detect_turns

LONG = "Ich habe den ganzen Tag auf dich gewartet, und du bist nicht gekommen."
ENGLISH = "I have waited for you the whole day, and you did not come."


def test_words_that_the_encoder_does_not_read_are_uncertain_and_their_language_is_told(home: Home) -> None:
    german, english = detect_text(home, f"{LONG}\n{ENGLISH}").units
    assert (german.language, german.read, german.uncertain, german.modalities) == ("de", False, True, ())
    assert (english.language, english.read, english.modalities) == ("en", True, ("text",))


def test_a_declared_language_is_that_of_words_that_do_not_say_theirs(home: Home) -> None:
    for language in ("fr", "en"):
        (unit,) = detect_text(home, "No!", language=language).units
        assert (unit.language, unit.read) == (language, language == "en")


@pytest.mark.parametrize("language", [None, "en"])
def test_a_text_is_told_as_turns_are(home: Home, champion: Champion, language: str | None) -> None:
    (unit,), (turn,) = detect_text(home, ENGLISH, language=language).units, detect_turns(champion, [Turn(ENGLISH)], language).turns
    told = (unit.intensity, unit.valence, unit.arousal, *unit.probabilities)
    assert told == pytest.approx((turn.intensity, turn.valence, turn.arousal, *turn.probabilities), abs=2e-3)
    assert (unit.language, unit.read, unit.uncertain) == (turn.language, turn.read, turn.uncertain)
