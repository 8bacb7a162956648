"""EmoryNLP: five of its emotions are the platform's, two have no place."""

from pathlib import Path

import pandas as pd
import pytest

from corpus.contracts import GOLD_LABELS, UNITS
from corpus.datasets.dialogues import build_dialogues
from corpus.datasets.emorynlp import EMORYNLP, one_speaker

CSV = """Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time
"Oh, yeah!",['Rachel Green'],Joyful,1,1,1,2,00:00:07.924,00:00:09.508
So?,['Ross Geller'],Powerful,1,2,1,2,00:00:10.000,00:00:11.000
Go.,"['Joey Tribbiani', 'Ross Geller']",Mad,1,4,1,2,00:00:12.000,00:00:13.000
No.,['#ALL#'],Scared,3,1,1,2,00:00:20.000,00:00:21.000
Mm.,['Ross Geller'],Peaceful,3,2,1,2,00:00:22.000,00:01:23.000
"""


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "emorynlp_dev_final.csv").write_text(CSV, encoding="utf-8")
    return tmp_path


def test_the_same_emotions_are_mapped_and_the_others_stay_unlabelled_and_counted(built: Path) -> None:
    summary = build_dialogues(EMORYNLP, built, built / "out")
    gold = GOLD_LABELS.read(built / "out" / "gold.parquet")
    assert gold["label"].tolist() == ["joy", "anger", "fear"]
    assert summary.without_place == {"Peaceful": 1, "Powerful": 1}
    assert (summary.rows_read, summary.n, summary.n_gold) == (5, 5, 3)


def test_an_unlabelled_line_keeps_its_place_in_the_dialogue(built: Path) -> None:
    build_dialogues(EMORYNLP, built, built / "out")
    units = UNITS.read(built / "out" / "units.parquet")
    assert units["text"].tolist() == ["Oh, yeah!", "So?", "Go.", "No.", "Mm."]
    assert units["position"].tolist() == [0, 1, 2, 3, 4]
    assert units["character_id"].fillna("").tolist() == ["rachel-green", "ross-geller", "", "", "ross-geller"]


def test_episodes_are_tied_to_melds_and_gaps_are_told(built: Path) -> None:
    summary = build_dialogues(EMORYNLP, built, built / "out")
    assert summary.groups == {"emorynlp-s01e02": "friends-s01e02"}
    assert "dialogues absent from the numbering: 1 (dev s01e02 2)" in (summary.missing or "")
    assert list(summary.doubted) == ["a line that takes more than a minute: times left out"]


@pytest.mark.parametrize("cell", ["[", "[" * 5000, "Ross", "['a', 'b']", "[]", "[1]", "{}", "['#ALL#']", "\x00"])
def test_a_cell_that_names_no_single_speaker_names_nobody(cell: str) -> None:
    assert one_speaker(cell) is None


def test_the_real_corpus_is_accounted_for_row_by_row(shared_data: Path, tmp_path: Path) -> None:
    summary = build_dialogues(EMORYNLP, shared_data / "emorynlp", tmp_path)
    published = pd.concat([pd.read_csv(path) for path in sorted((shared_data / "emorynlp").glob("*.csv"))])
    words = published["Emotion"].value_counts()
    assert summary.rows_read == len(published) == summary.n + sum(len(places) for places in summary.refused.values())
    assert summary.n_gold + sum(summary.without_place.values()) == summary.n
    assert summary.without_place == {"Peaceful": words["Peaceful"], "Powerful": words["Powerful"]}
    assert summary.by_label["fear"] == words["Scared"] and summary.by_label["surprise"] == 0
