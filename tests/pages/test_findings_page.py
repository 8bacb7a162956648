"""What was found beyond scores is said in words that its interval allows, and an error leads to its line on the film's page."""

import dataclasses
from pathlib import Path

import pytest

from corpus.paths import Home
from ml.evaluation.findings import ContextUse, HumanComparison, Interval
from ml.evaluation.robustness.conditions import conditions_of
from ml.evaluation.robustness.report import ConditionScore
from pages.errors import read_errors
from pages.findings import context_told, findings, humans_told, points, sides_told, silence_told, sure
from pages.report import ReportPage, render_report
from pages.robustness import disturbed, in_words
from tests.pages.outline import Outline
from tests.pages.sample import HOSTILE_MARKUP, TALK, sample_report, sample_robustness


def compared(low: float | None, high: float | None, at_level: bool) -> str:
    return humans_told(HumanComparison(12, 200, 600, 0.74, 0.75, Interval(-0.01, low, high), at_level))


def test_human_level_is_said_only_where_the_interval_allows_it() -> None:
    assert compared(-0.05, 0.03, True).startswith("The model is at human level: −1.0 points (95\xa0% −5.0 to +3.0).")
    assert compared(-0.05, -0.01, False).startswith("The model is below a single rater")
    assert compared(0.01, 0.05, True).startswith("The model is above a single rater")
    assert compared(None, None, False).startswith("Too few films")
    assert "the same 600 votes, the model agrees in 74\xa0%, a rater in 75\xa0%" in compared(-0.05, 0.03, True)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.1, "surely more than nothing"),
        (-0.1, -0.01, "surely a loss"),
        (-0.1, 0.1, "perhaps nothing"),
        (None, None, "perhaps nothing"),
    ],
)
def test_a_difference_is_called_sure_only_where_its_interval_lies_on_one_side(low: float | None, high: float | None, words: str) -> None:
    assert sure(Interval(0.0, low, high)) == words


def test_a_difference_is_told_in_points() -> None:
    assert points(Interval(0.021, -0.004, 0.045)) == "+2.1 points (95\xa0% −0.4 to +4.5)"
    assert points(Interval(-0.5)) == "−50.0 points"


def test_context_without_the_shuffled_system_is_told_without_it() -> None:
    found = ContextUse("all", 9, 2, Interval(0.9), Interval(0.8), None, Interval(0.1, 0.05, 0.15), None)
    assert context_told(found) == "The lines around it bring +10.0 points (95\xa0% +5.0 to +15.0): surely more than nothing."
    assert context_told(dataclasses.replace(found, gain=None)) is None


def test_sides_and_silence_are_sentences() -> None:
    corpus = sample_report().corpora[0]
    assert corpus.incongruence is not None
    assert "face alone in 55\xa0%, words alone in 50\xa0%; in 4\xa0% it says what none of them does" in sides_told(corpus.incongruence)
    assert "right in 91\xa0%, on all in 87\xa0%" in str(silence_told(corpus.abstention))
    assert silence_told([]) is None


def test_a_corpus_without_findings_has_none() -> None:
    bare = sample_report().corpora[1]
    found = findings(bare, {})
    assert found.humans is None and found.coverage is None and not found.context and found.groups == () and not found.courses


def test_films_have_their_courses_under_their_titles() -> None:
    found = findings(sample_report().corpora[0], {TALK: "The second cup"})
    assert [course.title for course in found.courses] == ["The second cup", "made-1-02"]
    assert found.courses[0].told == "r −0.62; raters icarus, model man in a hole"
    assert found.courses[1].told == "r –; both icarus"


def test_an_error_shows_the_line_its_picture_and_the_way_to_it(home: Home) -> None:
    first, gone = read_errors(home, sample_report(), {TALK: f"films/{TALK}.html"})
    assert first.href == f"films/{TALK}.html#line-4"
    assert (first.text, first.speaker) == (HOSTILE_MARKUP, "mara")
    assert first.thumbnail is not None and first.thumbnail.startswith("data:image/jpeg")
    assert first.channels[0][0] == "Face alone" and first.model.emotion == "joy"
    assert (gone.title, gone.href, gone.text, gone.speaker, gone.thumbnail) == ("gone", None, None, None, None)


def test_the_anchor_is_there_on_the_films_page(written: Path) -> None:
    page = Outline((written / "films" / f"{TALK}.html").read_text(encoding="utf-8"))
    row = next(attributes for tag, attributes in page.tags if attributes.get("id") == "line-4")
    assert row["data-start"] == "10000"


def test_a_report_of_schema_1_renders_without_what_it_lacks() -> None:
    report = sample_report()
    fields = ("name", "n_films", "n_units", "n_gold", "scores", "tests", "reliability", "slices")
    old = [type(one)(*(getattr(one, name) for name in fields)) for one in report.corpora]
    old = [dataclasses.replace(one, scores=[dataclasses.replace(score, probability=None) for score in one.scores]) for one in old]
    words = Outline(render_report(ReportPage(dataclasses.replace(report, corpora=old, schema_version=1), (), (), {}))).words
    assert "Confusions" in words and "Does it understand the context?" not in words and "Its worst errors" not in words


def test_what_disturbed_films_cost_stands_by_kind_and_dose() -> None:
    found = disturbed(sample_robustness())
    assert found.told == "212 lines of 12 films"
    assert [(kind.name, [row.dose for row in kind.rows]) for kind in found.kinds[:4]] == [
        ("Noise", ["20 dB below the film", "as loud as the film"]),
        ("Small faces", ["12 pixels wide"]),
        ("Words out of step", ["2 s early"]),
        ("Misheard words", ["40\xa0% of words wrong"]),
    ]
    late = found.kinds[2].rows[0]
    assert [(part.name, part.found) for part in late.parts] == [("Face alone", None), ("Voice alone", None)]


def test_a_modality_that_had_better_be_left_out_is_told() -> None:
    faint, loud = disturbed(sample_robustness()).kinds[0].rows
    assert (faint.better_without, loud.better_without) == (None, 0.79)
    assert faint.parts[0].found is None and loud.parts[0].found == 0.78


def test_the_page_shows_the_loss_with_its_interval_and_nothing_where_nothing_was_measured() -> None:
    report = sample_report()
    words = Outline(render_report(ReportPage(report, (), (), {}))).words
    assert "−12.3 −16.3 to −8.3" in words and "without it the model reaches 79 %" in words and "found in 78 % of lines" in words
    bare = Outline(render_report(ReportPage(dataclasses.replace(report, robustness=None), (), (), {}))).words
    assert "What disturbed films cost" in words and "What disturbed films cost" not in bare


def test_every_disturbance_that_is_tried_has_a_name_for_people() -> None:
    for condition in conditions_of():
        name, dose = in_words(ConditionScore(condition.disturbance.value, condition.dose, "unit", [], 0.0))
        assert name[0].isupper() and "unit" not in dose
