"""How far people agree: CREMA-D's crowd and studyforrest's observers, against an independent package and naive loops."""

import csv
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest

from corpus.annotations.courses import Courses
from corpus.terms import FeelmError
from ml.evaluation.benchmarks import Options, run_benchmark
from ml.evaluation.benchmarks.raters import _presence_f1, left_out

CHANNELS = {1: "voice", 2: "face", 3: "both"}
HEADER = "start,end,character,arousal,valence,direction,emotion,oncue,offcue"


def run(name: str, data: Path, test: Path | None = None):
    return run_benchmark(name, data, test, Options(work=data / "unused"))


def test_crema_ds_votes_agree_with_what_was_played_as_often_as_others_have_counted(shared_data: Path):
    found = run("crema-d", shared_data / "crema_d_labels")
    votes = [found.metrics[f"vote_accuracy_{channel}"] for channel in CHANNELS.values()]
    modes = [found.metrics[f"mode_accuracy_{channel}"] for channel in CHANNELS.values()]
    assert votes == pytest.approx([0.400, 0.574, 0.631], abs=0.0006)
    assert modes == pytest.approx([0.446, 0.685, 0.744], abs=0.0006)
    assert found.baselines["chance"]["vote_accuracy_voice"] == pytest.approx(1 / 6)
    assert found.protocol.system == "people" and set(found.spread.values()) == {0.0}


def test_crema_ds_alpha_is_the_packages(shared_data: Path, tmp_path: Path):
    table = pd.read_csv(shared_data / "crema_d_labels" / "tabulatedVotes.csv", index_col=0).iloc[::20]
    table.to_csv(tmp_path / "tabulatedVotes.csv")
    found = run("crema-d", tmp_path)
    for number, channel in CHANNELS.items():
        counts = table.loc[table.index // 100_000 == number, list("ADFHNS")].to_numpy()
        counts = counts[counts.sum(1) > 1]
        expected = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
        assert len(counts) > 100 and found.metrics[f"alpha_{channel}"] == pytest.approx(expected, abs=1e-6)


def test_the_votes_of_a_test_folder_are_measured_instead(tmp_path: Path):
    rows = ["", "A", "D", "F", "H", "N", "S", "fileName"]
    for folder, votes in (("data", "0,0,0,0,9,1"), ("test", "0,0,0,0,1,9")):
        (tmp_path / folder).mkdir()
        lines = [",".join(rows), *(f"{number}00001,{votes},1001_IEO_NEU_XX" for number in CHANNELS)]
        (tmp_path / folder / "tabulatedVotes.csv").write_text("\n".join(lines))
    found = run("crema-d", tmp_path / "data", tmp_path / "test")
    assert found.metrics["vote_accuracy_face"] == pytest.approx(0.1) and found.metrics["mode_accuracy_face"] == 0


def test_votes_that_are_not_there_or_not_crema_ds_are_refused(tmp_path: Path):
    with pytest.raises(FeelmError, match=r"CREMA-D's votes are not at .*give the folder that holds tabulatedVotes\.csv"):
        run("crema-d", tmp_path)
    (tmp_path / "tabulatedVotes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FeelmError, match=r"not CREMA-D's tabulatedVotes\.csv"):
        run("crema-d", tmp_path)


@pytest.fixture(scope="module")
def observers(shared_data: Path) -> dict[str, list[dict[str, str]]]:
    """The raw rows of each observer's file."""
    paths = sorted((shared_data / "studyforrest" / "raw").glob("*.csv"))
    return {path.stem: list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())) for path in paths}


def test_studyforrests_observers_agree_as_the_package_and_naive_loops_say(shared_data: Path, observers: dict):
    found = run("studyforrest", shared_data / "studyforrest")
    seconds = int(np.ceil(max(float(row["end"]) for rows in observers.values() for row in rows)))
    for word in ("FEAR", "HAPPINESS"):
        matrix = np.zeros((6, seconds))
        for rater, rows in enumerate(rows for name, rows in observers.items() if name.startswith("av")):
            for row in rows:
                if word in row["emotion"].split():
                    # Every whole second at which the episode is open.
                    matrix[rater, int(np.ceil(float(row["start"]))) : int(np.ceil(float(row["end"])))] = 1
        expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement="nominal")
        assert found.metrics[f"av_alpha_{word.lower()}"] == pytest.approx(expected, abs=1e-6)
        f1 = []
        for rater in range(6):
            right = said = gold = 0
            for second in range(seconds):
                others = [matrix[other, second] for other in range(6) if other != rater]
                most = sum(others) >= len(others) / 2
                said += matrix[rater, second] == 1
                gold += most
                right += most and matrix[rater, second] == 1
            f1.append(2 * right / (said + gold))
        assert found.metrics[f"av_leave_one_out_f1_{word.lower()}"] == pytest.approx(np.mean(f1), abs=1e-6)
    each = [value for name, value in found.metrics.items() if name.startswith("av_leave_one_out_f1_")]
    assert found.metrics["av_leave_one_out_f1"] == pytest.approx(np.mean(each))
    assert found.protocol.scored_on.startswith("9 observers")
    assert {name.split("_")[0] for name in found.metrics} == {"a", "av"}


def write_observer(path: Path, *rows: str) -> None:
    path.write_text("\n".join([HEADER, *rows]) + "\n")


def test_observers_who_say_the_same_agree_wholly_and_those_who_differ_less(tmp_path: Path):
    own = ["0.0,10.0,ANNA,HIGH,POS,SELF,JOY,FACE,SCENEEND", "20.0,30.0,ANNA,LOW,NEG,SELF,FEAR,FACE,SCENEEND"]
    write_observer(tmp_path / "av1o01.csv", *own)
    write_observer(tmp_path / "av1o02.csv", own[0], own[1].replace("20.0", "25.0"))
    found = run("studyforrest", tmp_path).metrics
    assert found["av_alpha_joy"] == found["av_leave_one_out_f1_joy"] == found["av_alpha_valence_pos"] == 1
    assert found["av_alpha_fear"] < 0.8 and found["av_alpha_fear"] == found["av_alpha_valence_neg"]
    # Ten seconds against five of them: 2 * 5 / 15 both ways.
    assert found["av_leave_one_out_f1_fear"] == pytest.approx(2 / 3)
    assert found["av_leave_one_out_f1"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_rater_is_held_against_the_mean_of_the_others_where_both_speak():
    nan = float("nan")
    course = Courses(("a", "b", "c"), np.array([[1, 0, nan, 1], [1, 0, 0, nan], [0, 0, 1, nan]]))
    seen = []
    left_out(course, lambda own, others: seen.append((own.tolist(), others.tolist())) or 1.0)
    assert seen == [([1, 0], [0.5, 0]), ([1, 0, 0], [0.5, 0, 1]), ([0, 0, 1], [1, 0, 0])]
    assert _presence_f1(np.array([1.0, 1, 0]), np.array([0.5, 0, 1])) == pytest.approx(0.5)
    assert np.isnan(left_out(Courses(("a", "b"), np.full((2, 3), nan)), lambda own, others: float("nan")))


def test_observers_who_are_too_few_or_absent_are_refused(tmp_path: Path):
    with pytest.raises(FeelmError, match="no observer's file of studyforrest under"):
        run("studyforrest", tmp_path)
    write_observer(tmp_path / "av1o01.csv", "0.0,10.0,ANNA,HIGH,POS,SELF,JOY,FACE,SCENEEND")
    write_observer(tmp_path / "ao1o01.csv", "0.0,10.0,ANNA,HIGH,POS,SELF,JOY,FACE,SCENEEND")
    with pytest.raises(FeelmError, match="at least two observers of one kind are needed"):
        run("studyforrest", tmp_path)
