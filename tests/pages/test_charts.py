"""Charts draw what they are given: positions computed by hand."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.terms import EMOTIONS
from pages import charts, squares
from pages.charts import Bar, Point, Run, Span
from pages.squares import Bin, Curve

SVG = "{http://www.w3.org/2000/svg}"
HALF_JOY = tuple(0.5 if emotion in ("neutral", "joy") else 0.0 for emotion in EMOTIONS)


def only(emotion: str) -> tuple[float, ...]:
    return tuple(float(name == emotion) for name in EMOTIONS)


def rectangles(svg: str, css: str) -> list[dict[str, str]]:
    root = ElementTree.fromstring(svg)
    return [node.attrib for node in root.iter() if node.tag.removeprefix(SVG) == "rect" and node.attrib.get("class") == css]


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def paths(svg: str, css: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [node.attrib["d"] for node in root.iter() if node.tag.removeprefix(SVG) == "path" and node.attrib.get("class") == css]


def test_a_column_is_as_wide_as_its_line_and_stacks_from_the_bottom() -> None:
    svg = charts.stacked_spans([Span(2000, 4000, HALF_JOY)], duration_ms=10_000, height=100, label="x")
    [neutral], [joy] = rectangles(svg, "e-neutral"), rectangles(svg, "e-joy")
    assert [neutral[k] for k in ("x", "width", "y", "height")] == ["200", "200", "50", "50"]
    assert [joy[k] for k in ("x", "width", "y", "height")] == ["200", "200", "0", "50"]


def test_emotions_without_probability_are_not_drawn() -> None:
    svg = charts.stacked_spans([Span(0, 1000, HALF_JOY)], duration_ms=1000, height=100, label="x")
    assert rectangles(svg, "e-fear") == []


@given(st.lists(st.floats(0.01, 1), min_size=len(EMOTIONS), max_size=len(EMOTIONS)))
def test_the_parts_of_a_column_fill_its_height(weights: list[float]) -> None:
    shares = tuple(weight / sum(weights) for weight in weights)
    svg = charts.stacked_spans([Span(0, 1000, shares)], duration_ms=1000, height=200, label="x")
    heights = [float(rectangles(svg, f"e-{emotion}")[0]["height"]) for emotion in EMOTIONS]
    assert sum(heights) == pytest.approx(200, abs=0.05)
    assert heights == pytest.approx([200 * share for share in shares], abs=0.006)


def test_the_course_passes_through_the_middle_of_each_second_and_breaks_where_there_is_no_face() -> None:
    spans = [Span(0, 1000, only("joy")), Span(1000, 2000, only("joy")), Span(3000, 4000, only("joy"))]
    first, second = paths(charts.stacked_course(spans, 4000, 80, "x"), "e-joy")
    assert points(first)[:4] == [(0, 0), (125, 0), (375, 0), (500, 0)]
    assert points(first)[4:] == [(500, 80), (375, 80), (125, 80), (0, 80)]
    assert points(second)[0] == (750, 0)


def test_a_line_follows_its_values_and_breaks_where_one_is_missing() -> None:
    course = [Point(0, 100), Point(100, 200), Point(200, None), Point(300, 150)]
    [path] = paths(charts.line(course, duration_ms=400, height=50, low=100, high=200, label="x"), "line")
    strokes = path.split("M")[1:]
    assert points(strokes[0]) == [(0, 50), (250, 0)]
    assert points(strokes[1]) == [(750, 25), (750, 25)]


def test_a_line_without_any_value_is_an_empty_picture_with_its_label() -> None:
    svg = charts.line([Point(0, None)], 100, 50, 0, 1, label="nothing <here>")
    assert paths(svg, "line") == []
    assert ElementTree.fromstring(svg).attrib["aria-label"] == "nothing <here>"


def test_thinning_keeps_means_and_gaps() -> None:
    course = [Point(t, None if 4 <= t < 6 else float(t)) for t in range(8)]
    thinned = charts.thin(course, most=4)
    assert [point.value for point in thinned] == [0.5, 2.5, None, 6.5]


def test_a_bar_shows_value_interval_and_ceiling_at_their_shares() -> None:
    svg = charts.interval_bar(Bar(0.87, 0.8, 0.9, "k-fused"), ceiling=0.91, label="x")
    assert rectangles(svg, "k-fused")[0]["width"] == "870"
    assert paths(svg, "whisker")[0].startswith("M800,11 H900")
    assert paths(svg, "ceiling")[0].startswith("M910,")


def test_a_bar_without_interval_has_no_whisker() -> None:
    assert paths(charts.interval_bar(Bar(0.5), None, "x"), "whisker") == []


def test_a_distribution_fills_its_bar_in_the_order_of_the_emotions() -> None:
    svg = charts.distribution(HALF_JOY)
    assert [rectangles(svg, f"e-{name}")[0]["x"] for name in ("neutral", "joy")] == ["0", "50"]


def test_a_confusion_cell_stands_in_gold_row_and_predicted_column_with_its_count() -> None:
    counts = [[0] * len(EMOTIONS) for _ in EMOTIONS]
    counts[1][4] = 13
    root = ElementTree.fromstring(squares.confusion(counts, "x"))
    [cell] = [node for node in root.iter() if node.text == "13"]
    assert float(cell.attrib["x"]) == 74 + 4.5 * 44
    assert float(cell.attrib["y"]) == 30 + 1.5 * 44 + 4


@given(st.floats(0, 1))
def test_confusion_text_changes_colour_where_the_cell_becomes_strong(share: float) -> None:
    strength = squares.cell_strength(share)
    assert 0 <= strength <= 1
    assert strength <= 0.4 + 1e-9 if share <= 0.5 else strength >= 0.8


def test_reliability_dots_stand_at_confidence_and_accuracy_with_area_by_share() -> None:
    root = ElementTree.fromstring(squares.reliability([Bin(0.5, 0.25, 0.25), Bin(1.0, 1.0, 1.0)], "x"))
    dots = [node.attrib for node in root.iter() if node.tag.removeprefix(SVG) == "circle"]
    assert [(float(dot["cx"]), float(dot["cy"]), float(dot["r"])) for dot in dots] == [(208, 237, 8), (358, 12, 13)]


def test_neighbouring_seconds_with_the_same_emotion_are_one_run_and_a_gap_ends_it() -> None:
    spans = [Span(0, 1000, only("fear")), Span(1000, 2000, only("fear")), Span(2000, 3000, only("joy")), Span(5000, 6000, only("joy"))]
    assert charts.leading_runs(spans) == [Run(0, 2000, "fear"), Run(2000, 3000, "joy"), Run(5000, 6000, "joy")]


@given(st.integers(1, 4 * 3_600_000))
def test_an_axis_has_few_round_ticks_inside_the_film(duration_ms: int) -> None:
    ticks = charts.time_ticks(duration_ms)
    assert 1 <= len(ticks) <= 9
    assert ticks[0] == 0 and ticks[-1] <= duration_ms


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (-0.001, "0"), (12.0, "12"), (0.256, "0.26"), (100.5, "100.5")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert charts.number(value) == text


def test_bins_hold_the_mean_of_their_lines_weighted_by_length() -> None:
    spans = [Span(0, 3000, only("joy")), Span(3000, 4000, only("fear")), Span(9000, 10_000, only("joy"))]
    first, last = charts.binned(spans, 10_000, most=2)
    assert (first.start_ms, first.end_ms, last.start_ms, last.end_ms) == (0, 5000, 5000, 10_000)
    assert first.probabilities[EMOTIONS.index("joy")] == pytest.approx(0.75)
    assert last.probabilities == only("joy")


def test_a_coverage_curve_runs_through_its_points_and_stands_in_the_key() -> None:
    chart = ElementTree.fromstring(
        squares.coverage_curves([Curve("All together", "c-fused", ((0.5, 1.0), (1.0, 0.75))), Curve("Face", "c-face", ((1.0, 0.5),))], "c")
    )
    paths = [path.get("d") for path in chart.iter("path") if path.get("class") == "curve c-fused"]
    assert paths[0] == "M208,12 358,87" and len(paths) == 2
    assert {"All together", "Face"} <= {text.text for text in chart.iter("text")}


def test_courses_have_nought_in_the_middle_and_the_raters_first() -> None:
    chart = ElementTree.fromstring(charts.courses([1.0, -1.0], [0.0, 0.5], 40, "c"))
    drawn = {path.get("class"): path.get("d") for path in chart.iter("path")}
    assert drawn == {"base": "M0,20 H1000", "line raters": "M0,0 1000,40", "line": "M0,20 1000,10"}
