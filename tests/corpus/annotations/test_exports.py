"""What is exported and imported again is the same, for what the format holds; spreadsheets get no formulas."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.annotations.details import DETAILS, details_of, with_details
from corpus.annotations.exporters import audformat, emotionml, long_csv
from corpus.annotations.exporters.rows import judgements_of
from corpus.annotations.exporters.writing import FilmMedia, Judged
from corpus.annotations.importers import audformat as audformat_importer
from corpus.annotations.importers import emotionml as emotionml_importer
from corpus.annotations.importers import long_csv as long_importer
from corpus.annotations.importers.reading import Importer, Told, UnreadableRow
from corpus.annotations.judgements import CUES, VALUE_RANGES, Delivery, Judgement, Trace, annotation_rows, trace_table
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.contracts import ANNOTATIONS, TRACES
from corpus.terms import EMOTIONS, JUDGEMENT_STATUSES, PERSPECTIVES

FILMS = {name: FilmMedia(name, media, 25.0, 7_200_000) for name, media in {"made-1-01": "Made One.mkv", "made_2": "x/ä#2?.mp4"}.items()}
TOLD_BY_IDS = ["annotation_id", "group_id", "batch_id", "source_tool", "source_file_sha256", "source_ref"]
NOT_HELD = ["label_raw", "vocabulary_id", "value_raw", "scale_min", "scale_max", "time_basis", "fps_used"]

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).map(
    lambda text: unicodedata.normalize("NFC", f"n{text}")
)
shares = st.floats(0, 1, width=32)
instants = (
    st.datetimes(datetime(1000, 1, 1))
    .map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
    .filter(lambda text: text > "0999")
)


@st.composite
def spans(draw: st.DrawFn, kinds: tuple[str, ...]) -> dict[str, object]:
    kind = draw(st.sampled_from(kinds))
    start = draw(st.integers(0, 10_000_000))
    times = {"span": {"start_ms": start, "end_ms": start + draw(st.integers(1, 100_000))}, "point": {"start_ms": start}, "unit": {}}
    unit = draw(words) if kind == "unit" else draw(st.none() | words)
    return {**times[kind], "unit_id": unit}


@st.composite
def groups(draw: st.DrawFn, kinds: tuple[str, ...]) -> list[Judgement]:
    """One rater's judgement of one span: emotions in order or side by side, values on the first."""
    common = Judgement(
        film_id=draw(st.sampled_from(sorted(FILMS))),
        annotator_id=draw(st.sampled_from(["r-00000001", "r-00000002", "r-0123456789ab"])),
        source_ref="made",
        pass_no=draw(st.integers(1, 3)),
        cut_id=draw(st.none() | words),
        character_id=draw(st.none() | words),
        perspective=draw(st.sampled_from(PERSPECTIVES)),
        direction=draw(st.sampled_from([None, "self", "other"])),
        confidence=draw(st.none() | shares),
        cues=tuple(cue for cue in CUES if draw(st.booleans())),
        modality_seen=draw(st.sampled_from(["a", "av", "avt"])),
        note=draw(st.none() | words | st.just("n <&>\"' two\nlines, \t=")),
        lead_time_ms=draw(st.none() | st.integers(0, 10**12)),
        created_at=draw(st.none() | instants),
        **draw(spans(kinds)),  # type: ignore[arg-type]
    )
    dimensions = draw(st.dictionaries(st.sampled_from(["valence", "arousal", "dominance"]), st.floats(-1, 1, width=32), max_size=3))
    named = draw(st.lists(st.sampled_from(EMOTIONS), unique=True, max_size=3))
    if not named:
        intensity = draw(st.dictionaries(st.just("intensity"), shares, max_size=1))
        return [replace(common, values=dimensions | intensity or {"valence": 0.0})]
    ranks = draw(st.sampled_from([(1, 2, 3), (1, 1, 1), (1, 1, 2), (2, 3, 5)]))
    emotions = [replace(common, emotion=emotion, rank=rank) for emotion, rank in zip(named, ranks, strict=False)]
    rated = [replace(j, values=draw(st.dictionaries(st.just("intensity"), shares, max_size=1))) for j in emotions]
    return [replace(rated[0], values=rated[0].values | dimensions), *rated[1:]]


def judgements(*kinds: str) -> st.SearchStrategy[list[Judgement]]:
    several = st.lists(groups(kinds), max_size=6, unique_by=lambda group: group[0].key)
    return several.map(lambda found: [judgement for group in found for judgement in group])


def table(judged: Iterable[Judgement]) -> pd.DataFrame:
    return ANNOTATIONS.frame(row for judgement in judged for row in annotation_rows(judgement, "b", "made/1", "0" * 64))


def again(importer: Importer, files: dict[str, bytes], folder: Path) -> Delivery:
    delivery = importer.read(files, Pseudonyms(folder / "a.json"), Told())
    assert (delivery.fault, delivery.refusals) == (None, ())
    assert delivery.rows_read == len(delivery.judgements) + len(delivery.traces)
    return delivery


def assert_same(given_: pd.DataFrame, read: pd.DataFrame, not_held: Iterable[str] = NOT_HELD, *, within_ms: int = 0) -> None:
    """The same rows but for `not_held`, with the same ids for judgement and group."""
    order = ["annotation_id"]
    left, right = (side.drop(columns=[*TOLD_BY_IDS[2:], *not_held]).sort_values(order, ignore_index=True) for side in (given_, read))
    pd.testing.assert_frame_equal(left, right, check_exact=False, rtol=0, atol=max(1e-6, within_ms), check_dtype=False)


@settings(deadline=None, max_examples=40)
@given(judgements("span", "point", "unit"), st.data())
def test_emotionml_comes_back_as_it_went(tmp_path_factory: pytest.TempPathFactory, judged: list[Judgement], data: st.DataObject):
    judged = [replace(j, status=data.draw(st.sampled_from(JUDGEMENT_STATUSES))) for j in judged]
    given_ = table(judged)
    files = emotionml.EXPORTER.write(Judged(given_, TRACES.empty(), FILMS))
    assert_same(given_, table(again(emotionml_importer.IMPORTER, files, tmp_path_factory.getbasetemp()).judgements))


@settings(deadline=None, max_examples=40)
@given(judgements("span"))
def test_audformat_comes_back_as_it_went(tmp_path_factory: pytest.TempPathFactory, judged: list[Judgement]):
    given_ = table(judged)
    files = audformat.EXPORTER.write(Judged(given_, TRACES.empty(), FILMS))
    if judged:
        assert_same(given_, table(again(audformat_importer.IMPORTER, files, tmp_path_factory.getbasetemp()).judgements))


@settings(deadline=None, max_examples=40)
@given(judgements("span", "unit"))
def test_the_long_table_comes_back_as_it_went_with_the_raters_own_words(tmp_path_factory: pytest.TempPathFactory, judged: list[Judgement]):
    given_ = table(replace(j, emotion=j.emotion and j.emotion.upper(), scheme="plutchik") for j in judged)
    files = long_csv.EXPORTER.write(Judged(given_, TRACES.empty(), FILMS))
    read = table(again(long_importer.IMPORTER, files, tmp_path_factory.getbasetemp()).judgements)
    assert_same(given_, read, ["value_raw", "scale_min", "scale_max", "time_basis", "fps_used"])


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    rate = draw(st.sampled_from([1.0, 2.5, 10 / 3, 25.0, 29.97]))
    values = draw(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30))
    start = draw(st.integers(0, 10**7))
    return Trace(
        draw(st.sampled_from(sorted(FILMS))),
        draw(st.sampled_from(["r-00000001", "r-00000002"])),
        "made",
        draw(st.sampled_from(list(VALUE_RANGES))),
        tuple(start + round(1000 * number / rate) for number in range(len(values))),
        tuple(values),
        (0.0, 1.0),
        draw(st.sampled_from([None, rate])),
        draw(st.none() | shares.map(lambda share: (share,) * len(values))),
        draw(st.integers(1, 2)),
        draw(st.none() | words),
        draw(st.sampled_from(PERSPECTIVES)),
    )


@settings(deadline=None, max_examples=40)
@given(st.lists(traces(), max_size=4, unique_by=lambda trace: trace.key))
def test_traces_at_one_rate_come_back_through_emotionml(tmp_path_factory: pytest.TempPathFactory, given_: list[Trace]):
    files = emotionml.EXPORTER.write(Judged(ANNOTATIONS.empty(), trace_table(given_, "b", "made/1", "0" * 64), FILMS))
    delivery = again(emotionml_importer.IMPORTER, files, tmp_path_factory.getbasetemp())
    read = {trace.key: trace for trace in delivery.traces}
    assert set(read) == {trace.key for trace in given_}
    for trace in given_:
        assert np.abs(np.subtract(read[trace.key].times_ms, trace.times_ms)).max() <= 1
        np.testing.assert_allclose(read[trace.key].values, trace.values, atol=1e-6)
        np.testing.assert_allclose(read[trace.key].confidences or (), trace.confidences or (), atol=1e-6)


def a_trace(times: tuple[int, ...], scale: tuple[float, float] | None = (0.0, 1.0)) -> pd.DataFrame:
    return trace_table([Trace("made_2", "r-00000001", "made", "valence", times, (0.5,) * len(times), scale)], "b", "made/1", "0" * 64)


@pytest.mark.parametrize("samples", [a_trace((0, 1000, 5000)), a_trace((0, 1000), None), a_trace((7,))])
def test_traces_that_emotionml_cannot_hold_are_left_out(tmp_path: Path, samples: pd.DataFrame):
    files = emotionml.EXPORTER.write(Judged(ANNOTATIONS.empty(), samples, FILMS))
    assert again(emotionml_importer.IMPORTER, files, tmp_path).rows_read == 0


def test_groups_of_the_tools_own_stay_apart_on_one_span(tmp_path: Path):
    one = Judgement("made_2", "r-00000001", "made", start_ms=0, end_ms=900, emotion="joy", values={"valence": 0.5}, tool_id="region 1")
    given_ = table([one, replace(one, emotion="fear", values={"valence": -0.5}, tool_id="region 2")])
    for exporter, importer in ((emotionml.EXPORTER, emotionml_importer.IMPORTER), (audformat.EXPORTER, audformat_importer.IMPORTER)):
        read = table(again(importer, dict(exporter.write(Judged(given_, TRACES.empty(), FILMS))), tmp_path).judgements)
        of_group = read.groupby("group_id")["value"].max(), read.groupby("group_id")["label"].first()
        assert dict(zip(of_group[1], of_group[0], strict=True)) == {"joy": 0.5, "fear": -0.5}


def test_what_a_tool_exports_twice_is_the_same_bytes():
    given_ = table([Judgement("made_2", "r-00000001", "made", start_ms=0, end_ms=900, emotion="joy", values={"intensity": 0.3})])
    for exporter in (emotionml.EXPORTER, audformat.EXPORTER, long_csv.EXPORTER):
        first, second = (exporter.write(Judged(given_, TRACES.empty(), FILMS)) for _ in range(2))
        assert first == second


def test_points_and_units_without_times_are_left_out_of_audformat():
    point = Judgement("made_2", "r-00000001", "made", start_ms=0, emotion="joy")
    files = audformat.EXPORTER.write(Judged(table([point, replace(point, start_ms=None, unit_id="u")]), TRACES.empty(), FILMS))
    assert list(files) == ["db.yaml"]


def test_control_characters_never_break_the_xml(tmp_path: Path):
    given_ = table([Judgement("made_2", "r-00000001", "made", start_ms=0, end_ms=9, emotion="joy", note="a\x00\x0b\x1b\ufffeb")])
    files = emotionml.EXPORTER.write(Judged(given_, TRACES.empty(), FILMS))
    assert again(emotionml_importer.IMPORTER, dict(files), tmp_path).judgements[0].note == "ab"


@pytest.mark.parametrize("start", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "'=1", "''@x"])
def test_no_cell_of_text_begins_as_a_formula(start: str):
    said = Judgement("made_2", "r-00000001", "made", start_ms=0, end_ms=900, emotion=start, character_id=start, note=start, unit_id=start)
    content = long_csv.EXPORTER.write(Judged(table([said]), TRACES.empty(), FILMS))["annotations.csv"]
    (row,) = csv.DictReader(io.StringIO(content.decode(), newline=""))
    for column in ("emotion", "character", "note", "unit_id"):
        assert row[column] == "'" + start
        assert re.sub(r"^'(?='*[=+\-@\t\r])", "", row[column]) == start


@pytest.mark.parametrize("text", ["-", "'", "'quoted'", "a=b", " =1", ""])
def test_guarding_is_undone_by_one_apostrophe(text: str):
    assert re.sub(r"^'(?='*[=+\-@\t\r])", "", long_csv.guarded(text)) == text


def test_numbers_below_zero_stay_numbers():
    said = Judgement("made_2", "r-00000001", "made", start_ms=0, end_ms=900, values={"valence": -0.3})
    content = long_csv.EXPORTER.write(Judged(table([said]), TRACES.empty(), FILMS))["annotations.csv"]
    (row,) = csv.DictReader(io.StringIO(content.decode()))
    assert row["valence"] == "-0.3"


def test_rows_come_together_to_the_judgements_they_came_of():
    first = Judgement("made_2", "r-1", "made", start_ms=0, end_ms=900, emotion="joy", values={"intensity": 0.3, "arousal": -0.7})
    second = replace(first, emotion="fear", rank=2, values={"intensity": 0.9})
    alone = replace(first, end_ms=None, emotion=None, values={"intensity": 0.1, "valence": 0.25})
    assert judgements_of(table([first, second, alone])) == [first, second, replace(alone, scheme="feelm")]


def test_every_detail_comes_back_from_its_text():
    whole = Judgement(
        "made_2",
        "r-1",
        "made",
        unit_id="u",
        cut_id="c",
        pass_no=2,
        character_id="Ö",
        perspective="felt",
        direction="self",
        rank=3,
        confidence=0.5,
        cues=("face", "music"),
        modality_seen="v",
        note="n",
        lead_time_ms=7,
        created_at="2026-01-01T00:00:00.000Z",
        updated_at="2026-01-02T00:00:00.000Z",
        status="rejected",
        tool_id="t",
    )
    assert set(details_of(whole)) == set(DETAILS)
    assert with_details(Judgement("", "r-1", "made"), details_of(whole)) == whole


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("film_id", "../x"),
        ("pass_no", "0"),
        ("rank", "9999999999"),
        ("perspective", "seen"),
        ("confidence", "1.5"),
        ("confidence", "nan"),
        ("cues", "face,smell"),
        ("note", "n" * 4001),
        ("created_at", "yesterday"),
        ("created_at", "0001-01-01T00:00:00+10:00"),
        ("lead_time_ms", "-1"),
    ],
)
def test_a_detail_that_cannot_be_is_refused(name: str, text: str):
    with pytest.raises(UnreadableRow):
        with_details(Judgement("made_2", "r-1", "made"), {name: text})
