"""Wrong words, counted by an edit distance of our own."""

from itertools import pairwise

import pytest

from ml.evaluation.robustness.words import misheard, mistyped, vocabulary_of

LINES = [
    "You're late. I had no idea, and nobody told me!",
    "Well... the train was full; we stood all the way from the coast.",
    "Don't look at me like that. It is only a letter, isn't it?",
    "Every morning she waters the flowers, and every evening they are gone.",
    "Help! Somebody help us, the door will not open.",
] * 20
DOSES = (0.05, 0.1, 0.2, 0.4, 0.8)


def plain(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.lower().split()]


def distance(first: list[str], second: list[str]) -> int:
    """Levenshtein's distance between two lists."""
    row = list(range(len(second) + 1))
    for i, own in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (own != other))
    return row[-1]


def heard(share: float, seed: int = 3) -> list[str]:
    return misheard(LINES, share, vocabulary_of(LINES), [seed])


def test_no_errors_leave_every_line_as_it_was() -> None:
    assert heard(0) == LINES
    assert mistyped(LINES, 0, [3]) == LINES


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_the_word_error_rate_is_the_dose(share: float) -> None:
    errors = sum(distance(plain([said]), plain([line])) for said, line in zip(LINES, heard(share), strict=True))
    assert errors / len(plain(LINES)) == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("share", [0.1, 0.3, 1.0])
def test_so_many_of_the_longer_words_are_typed_wrong(share: float) -> None:
    before, after = plain(LINES), plain(mistyped(LINES, share, [3]))
    longer = [word for word in before if sum(letter.isalpha() for letter in word) >= 3]
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == pytest.approx(share * len(longer), abs=0.02 * len(longer))


def test_a_typing_error_is_one_slip() -> None:
    pairs = zip(plain(LINES), plain(mistyped(LINES, 1.0, [3])), strict=True)
    assert max(distance(list(a), list(b)) for a, b in pairs) <= 2  # two letters turned round are two edits


def test_a_stronger_dose_changes_the_same_lines_and_more() -> None:
    changed = [{i for i, (a, b) in enumerate(zip(LINES, heard(dose), strict=True)) if a != b} for dose in DOSES]
    assert all(weak <= strong for weak, strong in pairwise(changed))
    errors = [sum(distance(plain([a]), plain([b])) for a, b in zip(LINES, heard(dose), strict=True)) for dose in DOSES]
    assert errors == sorted(errors)


def test_the_same_seed_gives_the_same_words_and_another_seed_others() -> None:
    assert heard(0.2) == heard(0.2)
    assert heard(0.2) != heard(0.2, seed=4)


def test_a_word_is_taken_for_one_that_is_spelled_like_it_and_keeps_its_capital() -> None:
    for seed in range(40):
        said = misheard(["Letter"], 1.0, ["letter", "better", "tongue"], [seed])[0]
        assert said in ("Better", "Tongue", "", "Letter better", "Letter letter", "Letter tongue")


def test_marks_are_no_words() -> None:
    assert vocabulary_of(["Well... — isn't it?", "♪", ""]) == ["isn't", "it", "well"]
