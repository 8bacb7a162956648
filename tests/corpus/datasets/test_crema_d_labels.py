"""CREMA-D's votes by channel, with the intended emotion beside what was perceived."""

from pathlib import Path

import numpy as np
import pytest

from corpus.contracts import GOLD_LABELS, UNITS, VOTES
from corpus.datasets import crema_d
from corpus.datasets.crema_d_labels import build_crema_d
from corpus.datasets.registry import CORPORA
from corpus.terms import EMOTIONS, FeelmError

SMOOTHED = 0.5 / len(EMOTIONS)
"""Of half a vote that is spread over all emotions."""

HEADER = '"","A","D","F","H","N","S","fileName","numResponses","meanEmoResp"'
ROWS = (
    '"100001",0,0,0,1,9,0,"1001_IEO_HAP_LO",10,50',
    '"200001",0,0,0,5,5,0,"1001_IEO_HAP_LO",10,60',
    '"300001",0,0,0,8,2,0,"1001_IEO_HAP_LO",10,70',
    '"300002",1,1,0,0,0,0,"1002_IEO_ANG_XX",2,-1',
    '"300003",1,1,0,0,0,0,"1002_IEO_ANG_XX",2,10',
    '"300004",1,1,0,0,0,0,"1003_IEO_ANG_XX",9,10',
    '"900004",1,1,0,0,0,0,"1003_IEO_ANG_XX",2,10',
    '"300005",1,1,0,0,0,0,"clip",2,10',
    '"300006",1.5,1,0,0,0,0,"1003_IEO_ANG_XX",2,10',
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "tabulatedVotes.csv").write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    return tmp_path


def test_perceived_and_intended_stand_side_by_side_and_each_channel_by_itself(source: Path) -> None:
    build_crema_d(source, source / "out")
    gold = GOLD_LABELS.read(source / "out" / "gold.parquet").set_index(["unit_id", "perspective"])
    clip = "crema-d-1001.1001_IEO_HAP_LO"
    both = gold.loc[(clip, "perceived")]
    assert (both.status, both.label, both.n_raters) == ("gold", "joy", 10)
    assert both[["p_joy", "p_surprise", "intensity"]].tolist() == pytest.approx([(8 + SMOOTHED) / 10.5, SMOOTHED / 10.5, 0.7])
    assert gold.loc[(clip, "intended"), ["label", "n_raters"]].tolist() == ["joy", 0]
    voice, face = (GOLD_LABELS.read(source / "out" / f"gold-{name}.parquet").set_index("unit_id").loc[clip] for name in ("voice", "face"))
    assert (voice.label, face.status) == ("neutral", "ambiguous")


def test_fewer_than_three_votes_are_insufficient(source: Path) -> None:
    build_crema_d(source, source / "out")
    gold = GOLD_LABELS.read(source / "out" / "gold.parquet").set_index(["unit_id", "perspective"])
    few = gold.loc[("crema-d-1002.1002_IEO_ANG_XX", "perceived")]
    assert few.status == "insufficient" and few.isna()["label"] and np.isnan(few.intensity)


def test_every_vote_is_a_row_by_nobody_named(source: Path) -> None:
    build_crema_d(source, source / "out")
    votes = VOTES.read(source / "out" / "votes.parquet")
    assert len(votes) == 12 and set(votes["annotator_id"]) == {"unnamed"}
    assert votes["label"].value_counts().to_dict() == {"joy": 8, "neutral": 2, "anger": 1, "disgust": 1}


def test_rows_that_cannot_be_are_refused_with_line_and_reason(source: Path) -> None:
    summary = build_crema_d(source, source / "out")
    assert summary.refused == {
        "the same clip and channel as an earlier row": ["line 6"],
        "no votes, or votes that do not sum to the number of responses": ["line 7"],
        "a number that tells neither voice nor face nor both": ["line 8"],
        "not named as 1001_IEO_HAP_LO, with an emotion of CREMA-D": ["line 9"],
        "a count of votes that is not a whole number": ["line 10"],
    }
    assert (summary.rows_read, summary.rows_accepted, summary.n) == (9, 4, 2)


def test_it_says_that_it_has_no_media(source: Path) -> None:
    assert "the clips themselves are not read" in (build_crema_d(source, source / "out").missing or "")
    assert "no media" in CORPORA["crema-d"].media
    assert CORPORA["crema-d"].assets == {"corpus": "crema_d"}


def test_another_folder_or_table_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="CREMA-D is not at"):
        build_crema_d(tmp_path, tmp_path / "out")
    (tmp_path / "tabulatedVotes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FeelmError, match="does not have CREMA-D's columns"):
        build_crema_d(tmp_path, tmp_path / "out")


def test_the_real_votes_are_those_of_the_plain_reader(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "crema_d_labels"
    summary = build_crema_d(folder, tmp_path)
    assert (summary.rows_read, summary.rows_accepted, summary.n, summary.n_films) == (22_326, 22_326, 7_442, 91)
    read = crema_d.read_votes((folder / "tabulatedVotes.csv").read_text(encoding="utf-8"))
    for channel, suffix in (("voice", "-voice"), ("face", "-face"), ("both", "")):
        votes = VOTES.read(tmp_path / f"votes{suffix}.parquet")
        counted = votes["label"].value_counts().reindex(crema_d.EMOTIONS, fill_value=0)
        assert counted.tolist() == read[channel].counts.sum(axis=0).tolist()
    assert len(UNITS.read(tmp_path / "units.parquet")) == summary.n
    assert summary.by_label["surprise"] == 0 and set(summary.by_label) == set(EMOTIONS)
