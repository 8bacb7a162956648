"""Valence: VADER's published scores where its rules are kept, and better sense where dialogue needs it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.features.text.valence import VALENCE, ValenceLexicon, valence_lexicon

MADE = ValenceLexicon({"good": 1.9, "bad": -2.5, "no": -1.2, ":)": 2.0})


@pytest.fixture
def lexicon(need_weights):
    need_weights("vader")
    return valence_lexicon()


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("VADER is smart, handsome, and funny.", 0.8316),
        ("VADER is smart, handsome, and funny!", 0.8439),
        ("VADER is very smart, handsome, and funny.", 0.8545),
        ("VADER is VERY SMART, handsome, and FUNNY.", 0.9227),
        ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.9342),
        ("VADER is not smart, handsome, nor funny.", -0.7424),
        ("The book was good.", 0.4404),
        ("At least it isn't a horrible book.", 0.431),
        ("The plot was good, but the characters are uncompelling and the dialog is not great.", -0.7042),
        ("Today SUX!", -0.5461),
        ("Not bad at all", 0.431),
    ],
)
def test_scores_that_vaders_authors_publish(lexicon, text, published):
    assert lexicon.describe(text)["valence"] == pytest.approx(published, abs=5e-5)


def test_a_no_that_answers_does_not_turn_what_follows(lexicon):
    assert lexicon.describe("No, you're the best.")["valence"] > 0.4
    assert lexicon.describe("You're no good")["valence"] < 0


def test_typographic_apostrophes_negate_too(lexicon):
    assert lexicon.describe("I don’t love you")["valence"] == lexicon.describe("I don't love you")["valence"] < 0


def test_figures_follow_from_the_ratings():
    row = MADE.describe("a good good bad :) day")
    total = 1.9 + 1.9 - 2.5 + 2.0
    assert row["valence"] == pytest.approx(total / math.sqrt(total * total + 15))
    assert row["pleasant"] == pytest.approx(5.8 / 6) and row["unpleasant"] == pytest.approx(2.5 / 6) and row["rated_words"] == 4


def test_degree_words_fade_with_distance():
    near, far = MADE.describe("very good day today"), MADE.describe("very fine and good")
    assert near["pleasant"] == pytest.approx((1.9 + 0.293) / 4) and far["pleasant"] == pytest.approx((1.9 + 0.9 * 0.293) / 4)


@given(st.text(max_size=80))
def test_any_text_stays_within_bounds(text):
    row = MADE.describe(text)
    assert row.keys() == {dimension.name for dimension in VALENCE}
    assert -1 <= row["valence"] <= 1 and row["pleasant"] >= 0 and row["unpleasant"] >= 0
