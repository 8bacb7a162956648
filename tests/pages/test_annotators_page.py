"""The annotators' page tells agreement, pairs, spam, coverage, disputes and the checks; foreign text is text in HTML and Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from corpus.annotations.agreement import PairAgreement
from corpus.annotations.decisions import Outcome, read_decisions, write_decision
from corpus.annotations.sidecars import Rejection
from corpus.contracts import ANNOTATIONS, FAILING_ROWS, GOLD_LABELS, RATERS, TRACES, VOTES
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS
from pages.annotators import MOST_BATCHES, MOST_EXAMPLES, Ceiling, read_annotators, write_annotators
from pages.disputes import MOST_NOTES, MOST_OF_NOTE
from pages.markdown import plain
from pages.raters import MOST_RATERS, matrix, read_raters
from tests.pages.outline import Outline
from tests.pages.sample import BARE, DISSENTING, FLAGGED_REASON, HOSTILE, HOSTILE_MARKUP, N_LINES, SAYINGS, SILENT, TALK, make_home

FILMS = [TALK, SILENT, BARE]


@pytest.fixture(scope="module")
def html(written: Path) -> str:
    return (written / "annotators.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


@pytest.fixture(scope="module")
def twin(written: Path) -> str:
    return (written / "annotators.md").read_text(encoding="utf-8")


def page_of(home: Home, out: Path, tested: Ceiling | None = None) -> Outline:
    write_annotators(home, FILMS, set(FILMS), read_raters(home), out, tested)
    return Outline((out / "annotators.html").read_text(encoding="utf-8"))


def linked(outline: Outline) -> list[str]:
    return [str(attributes["href"]) for tag, attributes in outline.tags if tag == "a"]


def test_agreement_is_told_with_its_interval_the_ceiling_and_every_emotion(outline: Outline) -> None:
    for words in (
        "4 raters gave 56 judgements on 14 lines.", "in 91 % of them", "1 rater is set aside", "The checks refused 1 of 2 batches.",
        "All emotions", "0.74–0.90", "alpha 0.71", "0.12 bits", "Intensity",
    ):  # fmt: skip
        assert words in " ".join(outline.words.split()), words
    bars = [str(attributes.get("aria-label")) for tag, attributes in outline.tags if tag == "svg" and attributes.get("aria-label")]
    assert {"All emotions: alpha 0.83", "fear: alpha −0.04", "disgust: alpha –"} <= set(bars)
    assert all(any(bar.startswith(f"{emotion}: ") for bar in bars) for emotion in EMOTIONS)


def test_the_ceiling_is_told_with_the_units_it_is_over_and_beside_the_reports(outline: Outline, twin: str, tmp_path: Path) -> None:
    sentence = (
        "91 %: how often one rater gives what most of the others give, over all 14 lines judged, those on which they split too; "
        "the report’s 91 % leaves those out, since it is over the 212 lines of gold that the model was tested on."
    )
    assert sentence in " ".join(outline.words.split())
    assert f"Human ceiling {sentence}" in " ".join(Outline(rendered(twin)).words.split())
    alone = " ".join(page_of(make_home(tmp_path / "home"), tmp_path).words.split())
    assert "over all 14 lines judged, those on which they split too." in alone and "the report’s" not in alone


def test_who_agrees_with_whom_leaves_the_flagged_out(outline: Outline) -> None:
    titles = [str(attributes["title"]) for tag, attributes in outline.tags if tag == "td" and attributes.get("title")]
    assert len(titles) == 6 and not any("rater-4" in title for title in titles)
    assert " ".join(titles[0].split()) == "rater-1 and rater-3: the same emotion on 93 % of 14 units"


def test_the_flagged_rater_stands_with_the_reason(outline: Outline) -> None:
    assert f"rater-4 flagged {FLAGGED_REASON}" in outline.words


def test_coverage_counts_units_by_raters_and_status(home: Home) -> None:
    rows = {row.film.film_id: row for row in read_annotators(home, FILMS, (), ()).coverage}
    gold = GOLD_LABELS.read(home.artifact("gold_labels") / "gold.parquet")
    talk = rows[TALK]
    assert (talk.units, talk.judged, talk.spread, talk.alpha) == (N_LINES, N_LINES, (0, 0, 0, N_LINES, 0, 0), 0.83)
    assert (talk.gold, talk.ambiguous) == ((gold["status"] == "gold").sum(), (gold["status"] == "ambiguous").sum())
    assert (rows[SILENT].level, rows[SILENT].units, rows[SILENT].spread[0]) == ("span", 5, 5)
    assert (rows[BARE].units, rows[BARE].spread_words) == (0, "")


def test_films_judged_under_two_perspectives_have_a_row_of_each(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    path = home.artifact("gold_labels") / "gold.parquet"
    gold = GOLD_LABELS.read(path)
    GOLD_LABELS.write(pd.concat([gold, gold.head(3).assign(perspective="felt", n_raters=7)], ignore_index=True), path)
    rows = read_annotators(home, [TALK], (), ()).coverage
    assert [(row.perspective, row.judged, row.spread[5]) for row in rows] == [("felt", 3, 3), ("portrayed", N_LINES, 0)]
    words = page_of(home, tmp_path).words
    assert "felt 3 of 14 lines" in words


def test_the_most_disputed_scene_comes_first_with_picture_dialogue_votes_and_note(outline: Outline, home: Home) -> None:
    first, second = read_annotators(home, FILMS, set(FILMS), ()).scenes
    (moment,) = first.moments
    assert moment.dispute.named_by == (("joy", 1), ("fear", 1), ("disgust", 1))
    assert [(spoken.text, spoken.disputed) for spoken in moment.spoken] == [(SAYINGS[5], False), (SAYINGS[6], True), (SAYINGS[0], False)]
    assert [note.text for note in moment.notes] == [HOSTILE_MARKUP]
    assert str(first.thumbnail).startswith("data:image/jpeg;base64,")
    assert first.pictured_ms == 1000 + 3000 * 6 + 1250
    (other,) = second.moments
    assert other.dispute.unit_id == f"{TALK}.u{DISSENTING[1]:05d}" and other.dispute.named_by == (("sadness", 2), ("anger", 1))
    assert "On 2 lines at least three raters who count differ." in outline.words


def test_a_scene_judged_as_a_whole_shows_what_is_said_in_it(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    gold = home.artifact("gold_labels")
    for schema, name in ((GOLD_LABELS, "gold.parquet"), (VOTES, "votes.parquet")):
        table = schema.read(gold / name)
        schema.write(table[table["unit_id"] == f"{TALK}.u00006"].assign(unit_id=f"{TALK}.scene001"), gold / name)
    told = json.loads((gold / "agreement.json").read_text()) | {"level": "scene"}
    write_json(gold / "agreement.json", told)
    page = read_annotators(home, FILMS, set(FILMS), ())
    ((moment,),) = [scene.moments for scene in page.scenes]
    assert [spoken.text for spoken in moment.spoken] == [SAYINGS[index % len(SAYINGS)] for index in range(5, 10)]
    assert moment.href == f"films/{TALK}.html"
    assert [note.text for note in moment.notes] == [HOSTILE_MARKUP, "She smiles, but her hands do not."]


def test_a_film_without_words_is_disputed_by_its_spans(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    gold = home.artifact("gold_labels")
    for schema, name in ((GOLD_LABELS, "gold.parquet"), (VOTES, "votes.parquet")):
        table = schema.read(gold / name)
        span = table[table["unit_id"] == f"{TALK}.u00006"].assign(unit_id=f"{SILENT}.span0002", film_id=SILENT)
        schema.write(pd.concat([table, span], ignore_index=True), gold / name)
    scene = next(scene for scene in read_annotators(home, FILMS, set(FILMS), ()).scenes if scene.film.film_id == SILENT)
    (moment,) = scene.moments
    assert moment.spoken == () and moment.href == f"films/{SILENT}.html#line-3"
    assert "Nobody speaks here." in page_of(home, tmp_path).words


def test_notes_are_shown_in_order_and_cut(outline: Outline, tmp_path: Path) -> None:
    assert outline.words.index("rater-2 on The second cup") < outline.words.index("She smiles, but her hands do not.")
    home = make_home(tmp_path / "home")
    path = home.artifact("annotations") / "annotations.parquet"
    one = ANNOTATIONS.read(path).head(1)
    many = [one.assign(annotation_id=f"n{i}", start_ms=i, note=f"{i} " + "x" * 3990) for i in range(2 * MOST_NOTES)]
    ANNOTATIONS.write(pd.concat(many, ignore_index=True), path)
    words = page_of(home, tmp_path).words
    assert f"The first {MOST_NOTES} of {2 * MOST_NOTES} notes" in words
    assert max(map(len, re.findall(r"x+", words))) < MOST_OF_NOTE


def test_batches_stand_latest_first_with_what_failed_and_ten_rows(home: Home, outline: Outline) -> None:
    second, first = read_annotators(home, FILMS, (), ()).batches
    assert (second.batch_id, second.verdict) == ("second", "Refused as delivery 2: 1 of 4 checks passed; nothing of it is in use.")
    assert (first.batch_id, first.verdict) == ("first", "Accepted as delivery 1: 1 of 2 checks passed.")
    assert [(failure.check, failure.severity, failure.blocks) for failure in second.failures] == [
        ("label_in_vocabulary", "critical", True),
        ("agreement_floor", "could not be carried out", True),
        ("ratings_not_too_quick", "warning", False),
    ]
    assert len(second.failures[0].rows) == MOST_EXAMPLES and "row-09" in outline.words and "row-10" not in outline.words
    assert "14 rows, 10 shown" in outline.words and "Rule: Every emotion is one of ours" in outline.words


def test_the_content_in_use_beside_a_refused_delivery_is_told(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    folder = home.batch("first")
    write_json(folder / "summary.json", {"batch_id": "first", "again": True})
    write_decision(folder, (Outcome("rows_present", False, False, "critical", 0, (), "no rows", "Rows"),), FAILING_ROWS.empty())
    latest = read_annotators(home, FILMS, (), ()).batches[0]
    assert latest.verdict == "Refused as delivery 3: 0 of 1 check passed; the content of delivery 1 stays in use."


HOSTILE_PLACES = (HOSTILE, HOSTILE_MARKUP, "](javascript:alert(3))")


def test_foreign_text_stays_text_in_the_page(html: str, outline: Outline) -> None:
    for text in HOSTILE_PLACES[:2]:
        assert text not in html and outline.words.count(text) >= 3
    assert outline.words.count(HOSTILE) >= 12  # title, heading, note, reason, observation, row ids, place
    assert not [tag for tag, attributes in outline.tags if tag == "script" or any(name.startswith("on") for name in attributes)]
    assert [attributes["src"] for tag, attributes in outline.tags if tag == "img" and not str(attributes["src"]).startswith("data:")] == []


def rendered(text: str) -> str:
    """By a CommonMark reader with HTML, links, tables and everything else allowed."""
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def test_foreign_text_stays_text_in_the_markdown(twin: str) -> None:
    assert "<" not in twin
    read = Outline(rendered(twin))
    assert {tag for tag, _ in read.tags} <= {"h1", "h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong"}
    for text in (*HOSTILE_PLACES, f"The second cup {HOSTILE}", FLAGGED_REASON, "it crashed: | `x` *y*"):
        assert text in read.words, text


def test_the_markdown_tells_the_figures_and_the_decisions(twin: str) -> None:
    words = Outline(rendered(twin)).words
    for told in (
        "without the flagged raters 0.83 (95 % interval 0.74 to 0.90), with them 0.71", "Human ceiling 91 %", "rater-1 rater-2 86 % 14",
        "Refused as delivery 2", "label_in_vocabulary (critical)", "10 of 14 rows: row-00", "14 of 14 lines 3 raters: 14",
    ):  # fmt: skip
        assert told in words, told
    assert "row-10" not in words


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b>", "[a](b)", "![a](b)", "`a`", "*a* _b_ __c__ ~~d~~", "| a | b |", "# a", "&lt; &amp;", "https://a.b www.a.b m@a.b", "a\\",
        "\\<b>", "<!-- a -->", "<http://a.b>", "$x$", ":smile:", "a_b_c", "0.83: 1.5, 2.", "[^1]", "{{ x }}", "<a\nb>", "line\u2028break",
    ],
)  # fmt: skip
def test_any_text_is_shown_by_markdown_as_it_is(text: str) -> None:
    for before, after in (("", ""), ("- at ", "."), ("| x |\n| --- |\n| ", " |")):
        read = Outline(rendered(f"{before}{plain(text)}{after}"))
        assert {tag for tag, _ in read.tags} <= {"p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
        assert " ".join(text.split()) in read.words


def test_marks_that_turn_text_around_are_not_passed_on() -> None:
    assert plain("a\u202eb\u2066c\x00d\x1b[31m") == "a b c d \\[31m"


def test_no_web_address_survives_for_readers_that_link_them_unasked() -> None:
    for address in ("https://a.b", "http://a.b", "www.a.b", "mailto:m@a.b", "ftp://a.b"):
        assert not re.search(r"(?<!\\)(://|@)|www\.|mailto:", plain(address)), address


def test_a_batch_rejected_by_name_is_told_with_its_reason_in_html_and_markdown(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    (refused,) = [decision for decision in read_decisions(home) if not decision.accepted]
    rejected = Rejection("2026-11-27T05:22:00Z", f"of another film {HOSTILE_MARKUP}")
    write_decision(home.batch(refused.batch_id), refused.outcomes, FAILING_ROWS.empty(), rejected)
    told = f"Rejected by name on 2026-11-27: {rejected.reason}. Refused as delivery 2: 1 of 4 checks passed; nothing of it is in use."
    page = page_of(home, tmp_path)
    words = " ".join(page.words.split())
    assert "The checks refused 1 of 2 batches; 1 of them was rejected by name." in words
    assert "second rejected" in words and told in words
    read = Outline(rendered((tmp_path / "annotators.md").read_text(encoding="utf-8")))
    assert told in " ".join(read.words.split())
    assert HOSTILE_MARKUP not in (tmp_path / "annotators.html").read_text(encoding="utf-8")


def test_links_have_their_ends(outline: Outline, written: Path) -> None:
    pages: dict[str, set[str]] = {}
    for name in ("annotators.html", "report.html", *(f"films/{film_id}.html" for film_id in FILMS)):
        tags = Outline((written / name).read_text(encoding="utf-8")).tags
        pages[name] = {str(attributes["id"]) for _, attributes in tags if attributes.get("id")}
    for link in linked(outline):
        name, _, anchor = link.partition("#")
        assert (written / (name or "annotators.html")).is_file(), link
        assert not anchor or anchor in pages[name or "annotators.html"], link
    assert f"films/{TALK}.html#line-7" in linked(outline) and "report.html" in linked(outline)
    assert "annotators.html" in linked(Outline((written / "report.html").read_text(encoding="utf-8")))


def test_ids_are_unique_and_headings_descend_step_by_step(outline: Outline) -> None:
    ids = [attributes["id"] for _, attributes in outline.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    named = [str(attributes["aria-labelledby"]) for _, attributes in outline.tags if attributes.get("aria-labelledby")]
    assert set(named) <= set(ids)
    levels = [int(tag[1]) for tag, _ in outline.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1 and all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_loads_nothing_from_elsewhere(outline: Outline, html: str) -> None:
    targets = [str(attributes.get(name)) for _, attributes in outline.tags for name in ("src", "href") if attributes.get(name)]
    assert all(target.startswith(("data:image/jpeg", "#", "films/", "report.html", "annotators.md")) for target in targets)
    assert "url(" not in html and "@import" not in html
    assert any(str(attributes.get("content")).startswith("default-src 'none'; img-src data:;") for _, attributes in outline.tags)


def test_the_same_artifacts_give_the_same_bytes(home: Home, written: Path, tmp_path: Path) -> None:
    page_of(home, tmp_path, Ceiling(0.91, 212))
    for name in ("annotators.html", "annotators.md"):
        assert (tmp_path / name).read_bytes() == (written / name).read_bytes()


def test_everything_absent_is_told_in_sentences(tmp_path: Path) -> None:
    words = page_of_nothing(tmp_path)
    for told in (
        "No judgement is in use yet, so there is no agreement to tell.", "nobody can be held against another",
        "Nobody’s judgements are in use",
        "There are no films yet.", "nothing is disputed", "Nobody has written a note.", "No batch has been delivered yet.",
    ):  # fmt: skip
        assert told in words, told
    assert "No batch has been delivered yet." in (tmp_path / "annotators.md").read_text(encoding="utf-8")


def page_of_nothing(out: Path) -> str:
    write_annotators(Home(out / "home"), [], (), (), out)
    return Outline((out / "annotators.html").read_text(encoding="utf-8")).words


def test_empty_tables_are_as_good_as_none(tmp_path: Path) -> None:
    """What the stages leave before anybody judged."""
    home = make_home(tmp_path / "home")
    gold = home.artifact("gold_labels")
    for schema, name in ((GOLD_LABELS, "gold.parquet"), (VOTES, "votes.parquet"), (RATERS, "raters.parquet")):
        schema.write(schema.empty(), gold / name)
    nothing: dict[str, object] = {"level": "", "units": 0, "n_raters": 0, "n_judgements": 0, "alpha_interval": None, "human_ceiling": None}
    alphas = {"alpha": {"category": None}, "alpha_unflagged": {"category": None}, "alpha_by_emotion": dict.fromkeys(EMOTIONS)}
    write_json(gold / "agreement.json", nothing | alphas | {"alpha_by_film": {}, "noise_floor_bits": None, "flagged": {}})
    ANNOTATIONS.write(ANNOTATIONS.empty(), home.artifact("annotations") / "annotations.parquet")
    outline = page_of(home, tmp_path)
    assert "No judgement is in use yet" in outline.words and "0 of 14 lines" in outline.words


def crowd(count: int, share: Callable[[int, int], float]) -> list[PairAgreement]:
    return [PairAgreement(f"r{a:02d}", f"r{b:02d}", 20, share(a, b)) for a in range(count) for b in range(a + 1, count)]


def test_the_most_agreeing_raters_stand_first_and_shades_run_over_what_is_shown() -> None:
    found = matrix(crowd(4, lambda a, b: 0.9 - 0.1 * a - 0.1 * b))
    assert found.names == ("r00", "r01", "r02", "r03")
    assert found.rows[0][0].own and found.rows[0][0].share is None
    assert found.rows[0][1].share == found.rows[1][0].share == pytest.approx(0.8)
    assert (found.rows[0][1].strength, found.rows[2][3].strength) == (1.0, 0.0)
    assert found.means[0] == pytest.approx((0.8 + 0.7 + 0.6) / 3)


def test_of_many_raters_those_with_most_partners_are_shown() -> None:
    found = matrix([*crowd(MOST_RATERS + 5, lambda a, b: 0.5), PairAgreement("lone", "r00", 20, 1.0)])
    assert len(found.names) == MOST_RATERS and found.hidden == 6 and "lone" not in found.names


def test_a_great_many_of_everything_stays_small(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    gold = home.artifact("gold_labels")
    votes, rng = VOTES.read(gold / "votes.parquet"), np.random.default_rng(0)
    one = votes[votes["annotator_id"] == "rater-1"]
    crowded = [one.assign(annotator_id=f"r-{r:08x}", group_id=f"g{r}", label=rng.choice(EMOTIONS, len(one))) for r in range(60)]
    VOTES.write(pd.concat(crowded, ignore_index=True), gold / "votes.parquet")
    long = "<&>" * 5000
    ids = tuple(f"{i}{long}" for i in range(50))
    outcomes = tuple(Outcome(f"check-{i}", False, False, "warning", 50, ids, long, long) for i in range(2))
    for index in range(MOST_BATCHES + 5):
        folder = home.batch(f"b{index}")
        for schema, name in ((ANNOTATIONS, "annotations.parquet"), (TRACES, "traces.parquet")):
            schema.write(schema.empty(), folder / name)
        write_json(folder / "summary.json", {"batch_id": f"b{index}"})
        write_decision(folder, outcomes, FAILING_ROWS.empty())
    outline = page_of(home, tmp_path)
    assert f"The latest {MOST_BATCHES} of {MOST_BATCHES + 7} batches." in outline.words
    assert f"{60 - MOST_RATERS} raters with fewer partners not shown" in outline.words
    assert (tmp_path / "annotators.html").stat().st_size < 3_000_000
    assert (tmp_path / "annotators.md").stat().st_size < 3_000_000


def test_tags_are_closed_in_order(html: str) -> None:
    """Every start tag has its end, so that no foreign text could break out of its element unseen."""
    unclosed: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "img", "rect", "path"):
                unclosed.append(tag)

        def handle_endtag(self, tag: str) -> None:
            if tag not in ("rect", "path"):
                assert unclosed.pop() == tag

    Balance().feed(html)
    assert unclosed == []
