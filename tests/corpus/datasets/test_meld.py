"""MELD by the same contracts as the films, its dirt told row by row."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.contracts import GOLD_LABELS, UNITS
from corpus.datasets.dialogues import build_dialogues
from corpus.datasets.meld import MELD, one_speaker
from corpus.terms import EMOTIONS, FeelmError
from tests.emotions import WRITTEN

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


def row(
    text: str, where: tuple[int, int, int, int], emotion: str = "joy", speaker: str = "Ross", span: str = "0:00:01,000 00:00:02,500"
) -> str:
    """A row; `where` is season, episode, dialogue, utterance."""
    season, episode, dialogue, utterance = where
    start, end = span.split()
    return f'1,"{text}",{speaker},{emotion},positive,{dialogue},{utterance},{season},{episode},"{start}","{end}"'


def build(tmp_path: Path, *rows: str, file: str = "train_sent_emo.csv", encoding: str = "utf-8") -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """UNITS by unit_id, GOLD_LABELS by unit_id, summary.json of a corpus of these rows."""
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / file).write_bytes("\r\n".join([HEADER, *rows, ""]).encode(encoding))
    build_dialogues(MELD, source, tmp_path)
    units, gold = UNITS.read(tmp_path / "units.parquet"), GOLD_LABELS.read(tmp_path / "gold.parquet")
    return units.set_index("unit_id"), gold.set_index("unit_id"), json.loads((tmp_path / "summary.json").read_text())


def test_a_row_becomes_a_line_of_its_episode_with_its_emotion(tmp_path: Path) -> None:
    units, gold, summary = build(tmp_path, row("Hey, you!", (4, 7, 12, 0), "sadness", "Mrs. Geller"))
    unit = units.loc["meld-s04e07.train0012.u00"]
    assert (unit.film_id, unit.scene_id, unit.text) == ("meld-s04e07", "meld-s04e07.train0012", "Hey, you!")
    assert (unit.start_ms, unit.end_ms, unit.character_id, unit.position) == (1000, 2500, "mrs-geller", 0)
    assert gold.loc["meld-s04e07.train0012.u00", ["perspective", "status", "label"]].tolist() == ["portrayed", "gold", "sadness"]
    assert gold["n_raters"].tolist() == [1]
    assert summary["licence"] == "GPL-3.0" and summary["declared_use"] == "research"
    assert summary["groups"] == {"meld-s04e07": "friends-s04e07"}


def test_all_seven_words_are_the_platforms_own(tmp_path: Path) -> None:
    rows = [row("Hm.", (1, 1, 0, number), emotion) for number, emotion in enumerate(WRITTEN)]
    _, gold, _ = build(tmp_path, *rows)
    assert gold["label"].tolist() == list(WRITTEN)


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ("00:00:05,000 00:00:05,000", "an end that is not after the start: times left out"),
        ("00:00:05,000 00:00:04,000", "an end that is not after the start: times left out"),
        ("00:00:05,000 00:01:05,001", "a line that takes more than a minute: times left out"),
        ("00:00:05,000 00:00:06,28", "a time that is not hours:minutes:seconds,milliseconds: times left out"),
        ("0x 00:00:06,280", "a time that is not hours:minutes:seconds,milliseconds: times left out"),
    ],
)
def test_times_that_cannot_be_are_left_out_and_the_line_stays(tmp_path: Path, span: str, reason: str) -> None:
    units, gold, summary = build(tmp_path, row("Hm.", (1, 1, 0, 0), span=span))
    assert units["start_ms"].isna().all() and units["end_ms"].isna().all()
    assert gold["label"].tolist() == ["joy"]
    assert summary["doubted"] == {reason: ["train_sent_emo.csv line 2"]}


def test_a_minute_and_a_point_before_the_thousandths_are_kept(tmp_path: Path) -> None:
    units, _, summary = build(tmp_path, row("Hm.", (1, 1, 0, 0), span="0:00:05.000 00:01:05,000"))
    assert units[["start_ms", "end_ms"]].to_numpy().tolist() == [[5000, 65000]]
    assert not summary["doubted"]


def test_windows_characters_are_mended_and_counted_by_line(tmp_path: Path) -> None:
    rows = (row("It’s… it", (1, 1, 0, 0)), row("plain", (1, 1, 0, 1)))
    units, _, summary = build(tmp_path, *rows, encoding="cp1252")
    assert units["text"].tolist() == ["It’s… it", "plain"]
    assert summary["repaired"] == {"Windows characters in another encoding": ["train_sent_emo.csv line 2"]}


def test_what_cannot_be_used_is_refused_with_line_and_reason(tmp_path: Path) -> None:
    good = row("Hey.", (1, 1, 0, 0))
    rows = (
        good,
        row("Hey.", (1, 1, 0, 0)),
        row(" ", (1, 1, 0, 2)),
        row("Hm.", (1, 1, 0, 3), "love"),
        "1,2,3",
        good.replace(",1,1,", ",x,1,"),
    )
    units, _, summary = build(tmp_path, *rows)
    assert len(units) == 1
    assert summary["refused"] == {
        "the same dialogue and utterance as an earlier row": ["train_sent_emo.csv line 3"],
        "no words": ["train_sent_emo.csv line 4"],
        "the emotion 'love' is not one of the corpus's": ["train_sent_emo.csv line 5"],
        "another number of cells than the header": ["train_sent_emo.csv line 6"],
        "season, episode, dialogue or utterance is not a number": ["train_sent_emo.csv line 7"],
    }
    assert summary["rows_read"] == summary["rows_accepted"] + 5 == 6


def test_an_open_quotation_mark_swallows_rows_and_says_which(tmp_path: Path) -> None:
    rows = (row("Hey.", (1, 1, 0, 0)), '1,"open', row("lost", (1, 1, 0, 2)), row("lost", (1, 1, 0, 3)))
    _, _, summary = build(tmp_path, *rows)
    assert summary["refused"] == {"a quotation mark that is not closed on its line": ["train_sent_emo.csv lines 3 to 4"]}
    assert summary["n"] == 2


def test_dialogues_stand_in_order_of_time_and_their_lines_as_numbered(tmp_path: Path) -> None:
    late, early = "00:10:00,000 00:10:01,000", "00:01:00,000 00:01:01,000"
    rows = (row("c", (1, 1, 0, 0), span=late), row("b", (1, 1, 5, 1), span=early), row("a", (1, 1, 5, 0), span="? ?"))
    units, _, _ = build(tmp_path, *rows)
    assert units.sort_values("position")["text"].tolist() == ["a", "b", "c"]


def test_an_episode_is_one_film_whatever_split_its_dialogues_were_published_in(tmp_path: Path) -> None:
    build(tmp_path, row("a", (1, 1, 0, 0)))
    units, _, summary = build(tmp_path, row("b", (1, 1, 0, 0)), file="test_sent_emo.csv")
    assert set(units["film_id"]) == {"meld-s01e01"} and units["scene_id"].nunique() == 2
    assert "the split dev (dev_sent_emo.csv) is not there" in summary["missing"]


def test_what_the_numbering_shows_to_be_absent_is_told(tmp_path: Path) -> None:
    _, _, summary = build(tmp_path, row("a", (1, 1, 0, 0)), row("b", (1, 1, 0, 2)), row("c", (1, 1, 2, 0)))
    assert "dialogues absent from the numbering: 1 (train 1)" in summary["missing"]
    assert "lines absent within the dialogues: 1" in summary["missing"]


def test_several_speakers_are_no_one() -> None:
    assert one_speaker("Rachel") == "Rachel"
    assert [one_speaker(name) for name in ("All", "Ross and Rachel", "Joey, Ross")] == [None] * 3


def test_a_folder_or_file_that_is_not_melds_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="meld is not at"):
        build_dialogues(MELD, tmp_path, tmp_path / "out")
    (tmp_path / "dev_sent_emo.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FeelmError, match="does not have the columns"):
        build_dialogues(MELD, tmp_path, tmp_path / "out")
    (tmp_path / "dev_sent_emo.csv").write_text(HEADER + "\n1,2\n")
    with pytest.raises(FeelmError, match="another number of cells"):
        build_dialogues(MELD, tmp_path, tmp_path / "out")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.lists(st.sampled_from(["0", "1", "joy", "", "x\n", '"', "0:00:01,000", "\x92", "é"]), min_size=9, max_size=12)))
def test_whatever_stands_in_the_rows_each_is_accounted_for(tmp_path: Path, rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    _, _, summary = build(tmp_path, row("Hey.", (9, 9, 0, 0)), written.getvalue().rstrip("\r\n"))
    assert summary["rows_read"] == 1 + len(rows)
    assert summary["n"] + sum(len(places) for places in summary["refused"].values()) == summary["rows_read"]


def test_the_real_corpus_is_accounted_for_row_by_row(shared_data: Path, tmp_path: Path) -> None:
    summary = build_dialogues(MELD, shared_data / "meld", tmp_path)
    published = pd.concat([pd.read_csv(path) for path in sorted((shared_data / "meld").glob("*.csv"))])
    assert summary.rows_read == len(published) == summary.n + sum(len(places) for places in summary.refused.values())
    assert summary.by_label == {emotion: int((published["Emotion"] == emotion).sum()) for emotion in EMOTIONS}
    assert summary.n_films == len(published[["Season", "Episode"]].drop_duplicates())
    units = UNITS.read(tmp_path / "units.parquet")
    assert units["start_ms"].isna().sum() == sum(len(places) for reason, places in summary.doubted.items() if "times left out" in reason)
