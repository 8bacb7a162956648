"""CREMA-D's votes give the figures that are known of them."""

from pathlib import Path

import numpy as np
import pytest

from corpus import statistics
from corpus.datasets.crema_d import EMOTIONS, Votes, read_votes
from corpus.terms import EMOTIONS as OURS
from corpus.terms import FeelmError

TABLE = '"","A","D","F","H","N","S","fileName"\n"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX"\n"300001",0,0,0,4,4,0,"1001_IEO_HAP_LO"\n'


@pytest.fixture(scope="module")
def votes(shared_data: Path) -> dict[str, Votes]:
    return read_votes((shared_data / "crema_d_labels" / "tabulatedVotes.csv").read_text(encoding="utf-8"))


def test_votes_are_parted_by_modality_and_the_intention_is_the_file_names():
    votes = read_votes(TABLE)
    assert {name: len(of.clips) for name, of in votes.items()} == {"voice": 1, "face": 0, "both": 1}
    assert EMOTIONS[votes["voice"].intended[0]] == "neutral"
    assert EMOTIONS[votes["both"].intended[0]] == "joy"
    assert set(EMOTIONS) < set(OURS)


def test_a_tie_counts_in_parts():
    assert read_votes(TABLE)["both"].majority_accuracy() == 0.5


@pytest.mark.parametrize(("modality", "accuracy", "alpha"), [("voice", 0.446, 0.281), ("face", 0.685, 0.458), ("both", 0.744, 0.497)])
def test_the_crowd_agrees_with_the_intention_and_itself_as_is_known(votes: dict[str, Votes], modality: str, accuracy: float, alpha: float):
    of = votes[modality]
    assert len(of.clips) == 7442
    assert of.majority_accuracy() == pytest.approx(accuracy, abs=0.0005)
    assert statistics.nominal_alpha(of.counts) == pytest.approx(alpha, abs=0.0005)


def test_confusions_are_shares_and_neutral_is_what_sadness_is_taken_for(votes: dict[str, Votes]):
    confusion = votes["both"].confusion()
    sad, neutral = EMOTIONS.index("sadness"), EMOTIONS.index("neutral")
    assert np.allclose(confusion.sum(axis=1), 1)
    assert confusion[sad].argmax() == neutral
    assert confusion.trace() / len(EMOTIONS) == pytest.approx(0.63, abs=0.01)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", TABLE.replace("HAP", "JOY"), TABLE.replace("10,0", "ten,0")])
def test_another_table_is_refused_in_one_line(text: str):
    with pytest.raises(FeelmError):
        read_votes(text)
