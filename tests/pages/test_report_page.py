"""The report page says what the validation report says, beside baselines and people, and leads to every film."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.terms import FeelmError
from ml.evaluation.findings import Interval
from ml.evaluation.report import SliceScore, ValidationReport
from pages.annotators import Ceiling
from pages.film_cards import FilmCard
from pages.report import ReportPage, build_report_page, facts, lead, render_report, warning
from pages.systems import fused, slice_tables, system_name, system_rows
from tests.pages.outline import Outline
from tests.pages.sample import BARE, HOSTILE, HOSTILE_MARKUP, SILENT, TALK, sample_report


@pytest.fixture(scope="module")
def report() -> ValidationReport:
    return sample_report()


@pytest.fixture(scope="module")
def outline(written: Path) -> Outline:
    return Outline((written / "report.html").read_text(encoding="utf-8"))


def test_the_lead_states_the_model_the_raters_and_the_best_single_channel(report: ValidationReport) -> None:
    assert " ".join(lead(report.corpus("films")).split()) == (
        "The model names the right emotion in 87 % of 212 lines in 12 films, each film unseen in training. "
        "A single rater, held against the others on the same lines, reaches 91 %; the model, held against the same others, 82 %. "
        "The best single channel, words alone, reaches 72 %."
    )


def test_the_tiles_hold_films_units_alpha_accuracy_and_ceiling(report: ValidationReport) -> None:
    tiles = {fact.name: (fact.value, fact.note) for fact in facts(report, report.corpus("films"), 0.83)}
    assert tiles == {
        "Films": ("12", ""),
        "Labelled units": ("212", "of 230"),
        "Raters’ alpha": ("0.71", "4 raters; 0.83 without 1 flagged"),
        "Model’s accuracy": ("87\xa0%", "82–92\xa0%"),
        "Human ceiling": ("91\xa0%", "86–96\xa0%"),
    }


def test_systems_stand_with_the_model_first_then_raters_then_parts_then_baselines(report: ValidationReport) -> None:
    corpus = report.corpus("films")
    assert corpus is not None
    rows = system_rows(corpus, "accuracy")
    assert [row.score.system for row in rows] == ["fused", "human", "text", "face", "voice", "tfidf", "persistence", "majority"]
    assert rows[0].test is None and rows[2].test is not None and rows[2].test.p_value == 0.0002


def test_every_part_of_the_report_is_on_the_page(outline: Outline) -> None:
    for words in (
        "Confusions", "Is its confidence honest?", "Emotion by emotion", "On parts of the units", "Foreseeing the next emotion",
        "XED", "7,997 labelled units from 48 films", "nobody has judged it", "research, CC-BY 4.0", "flagged", "< 0.001", "Film by film",
        "What silence would bring", "How near it comes to the raters’ votes", "Does it understand the context?", "Along whole films",
        "By groups of films and speakers", "Its worst errors", "genre: war (12)", "Doubt shared",
    ):  # fmt: skip
        assert words in outline.words, words


def test_the_ceiling_says_how_that_of_the_raters_page_differs(outline: Outline, report: ValidationReport) -> None:
    assert (
        "The human ceiling counts these 212 lines with gold alone, as the model’s score does; "
        "over all 14 judged, those on which the raters split too, it is 91 %."
    ) in " ".join(outline.words.split())
    for page in (
        ReportPage(report, (), (), {}, judged=None),
        ReportPage(dataclasses.replace(report, corpora=report.corpora[1:]), (), (), {}, judged=Ceiling(0.7, 9)),
    ):
        assert page.ceiling == ""
        assert "The human ceiling counts" not in Outline(render_report(page)).words


def test_films_are_cards_that_lead_to_their_pages(outline: Outline, written: Path) -> None:
    hrefs = [str(attributes.get("href")) for tag, attributes in outline.tags if tag == "a"]
    links = [href for href in hrefs if href.startswith("films/") and "#" not in href]
    assert links == [f"films/{film_id}.html" for film_id in (TALK, SILENT, BARE)]
    for link in links:
        assert 'href="../report.html"' in (written / str(link)).read_text(encoding="utf-8")
    assert "the sound is digital silence; no subtitles" in outline.words


def test_a_film_without_a_page_is_a_card_without_a_link(home: Home, tmp_path: Path, report: ValidationReport) -> None:
    build_report_page(home, home.artifact("report"), ["made-1-02"], tmp_path)
    page = Outline((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "no page yet" in page.words
    assert not (tmp_path / "films").exists()


def test_what_is_about_all_films_is_read_no_more_often_the_more_films_there_are(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *a, **k: opened.append(path.name) or read(path, *a, **k))
    films, counts = [TALK, SILENT, BARE], []
    for n_films in (1, 3):
        opened.clear()
        build_report_page(home, home.artifact("report"), films[:n_films], tmp_path / str(n_films))
        counts.append((opened.count("agreement.json"), opened.count("film.json") >= n_films))
    assert counts[0] == counts[1]


def test_foreign_text_stays_text(written: Path) -> None:
    html = (written / "report.html").read_text(encoding="utf-8")
    assert HOSTILE not in html and HOSTILE_MARKUP not in html
    assert Outline(html).words.count(HOSTILE) >= 5
    assert not [tag for tag, _ in Outline(html).tags if tag == "script"]


def test_the_page_loads_nothing_and_stays_small(outline: Outline, written: Path) -> None:
    targets = [str(attributes.get(name)) for _, attributes in outline.tags for name in ("src", "href") if attributes.get(name)]
    assert all(target.startswith(("data:image/jpeg", "#", "films/")) or target == "annotators.html" for target in targets)
    assert (written / "report.html").stat().st_size < 1_000_000


def test_headings_descend_step_by_step(outline: Outline) -> None:
    levels = [int(tag[1]) for tag, _ in outline.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_missing_validation_report_is_a_clear_error(home: Home, tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="no validation report"):
        build_report_page(home, tmp_path, [], tmp_path)


def test_a_report_of_nothing_says_so() -> None:
    empty = ValidationReport("", {}, [], None, [], {}, [])
    words = Outline(render_report(ReportPage(empty, (), (), {}))).words
    assert "No model has been tested yet" in words and "There are no films yet" in words


def test_figures_without_interval_or_measure_are_shown_without(report: ValidationReport) -> None:
    corpus = report.corpus("films")
    assert corpus is not None
    score = fused(corpus)
    assert score is not None
    bare = dataclasses.replace(score, accuracy=Interval(0.5), recall=dict.fromkeys(score.recall), f1=dict.fromkeys(score.f1))
    alone = dataclasses.replace(corpus, scores=[bare], tests=[], reliability=[], slices=[], n_films=1)
    page = ReportPage(dataclasses.replace(report, corpora=[alone], agreement=None, reaction=[]), (), (), {})
    words = Outline(render_report(page)).words
    assert "No reliability was measured" in words and "0.50" in words


def test_a_model_that_knows_made_films_alone_is_said_to(report: ValidationReport) -> None:
    made = dataclasses.replace(report, trained_on={"films": "commercial, CC0"})
    scored = FilmCard(TALK, "t", 1000, 1, None, 0.9, (), None, None)
    assert warning(made, ()) is None
    assert "films made by Feelm alone" in str(warning(made, (scored,)))
    assert warning(report, (scored,)) is None


def test_slices_with_the_same_systems_share_a_table_and_a_repeated_one_is_left_out(report: ValidationReport) -> None:
    corpus = report.corpus("films")
    assert corpus is not None
    slices = [
        SliceScore("all", 9, {"fused": 0.9, "fused_no_context": 0.8, "face": 0.5}),
        SliceScore("context off", 9, {"fused": 0.9, "fused_no_context": 0.8}),
        SliceScore("agree", 4, {"face": 0.5, "fused": 1.0}),
        SliceScore("disagree", 5, {"fused": 0.8, "face": 0.5}),
    ]
    tables = slice_tables(dataclasses.replace(corpus, slices=slices))
    assert [(table.systems, [one.name for one in table.slices]) for table in tables] == [
        (("fused", "face", "fused_no_context"), ["all"]),
        (("fused", "face"), ["agree", "disagree"]),
    ]


@pytest.mark.parametrize(
    ("system", "name"),
    [("fused", "All together"), ("fused_face_text", "Face and words"), ("fused_voice", "Voice"), ("something_new", "something_new")],
)
def test_systems_have_names_for_people(system: str, name: str) -> None:
    assert system_name(system) == name
