"""Recall and false alarms are counted as they are."""

import json

import pytest

from benchmarks.distress import alarm_rows, measure, read_cases, recall_rows, tallies
from corpus.statistics import exact_interval
from corpus.terms import FeelmError
from service.safety.distress import Distress, Level, Watch
from tests.service.safety.test_watch import Fixed

LINES = [
    {"id": "1", "stratum": "explicit", "language": "en", "distress": True, "before": [], "text": "I want to die"},
    {"id": "2", "stratum": "veiled", "language": "en", "distress": True, "before": [], "text": "the fish will need somebody"},
    {"id": "3", "stratum": "idiom", "language": "en", "distress": False, "before": [], "text": "I'm dying to see it"},
    {
        "id": "4",
        "stratum": "idiom",
        "language": "en",
        "distress": False,
        "before": [{"speaker": "agent", "text": "Hi"}],
        "text": "I can't do this anymore",
    },
]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "distress-x.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return file


def test_a_file_is_measured_by_stratum(path):
    lines, held = measure(path, Watch(Fixed()))
    assert (held["dangerous"], held["found"], held["recall"], held["false_alarms_per_1000"]) == (2, 1, 0.5, 500.0)
    assert held["recall_at_least"] == round(exact_interval(1, 2)[0], 4)
    assert held["strata"] == {"explicit": {"cases": 1, "found": 1}, "veiled": {"cases": 1, "found": 0}}
    assert any("idiom" in line for line in lines)


def test_rows_tell_questions_and_persons_apart(path):
    cases = read_cases(path)
    found = [Distress(level) for level in (Level.ESCALATE, Level.CHECK, Level.NONE, Level.CHECK)]
    assert recall_rows(tallies(cases, found, True))[-1][:4] == ["all", "2", "2", "1"]
    assert alarm_rows(tallies(cases, found, False)) == [["idiom", "2", "500", "0", "500"], ["all", "2", "500", "0", "500"]]


def test_a_line_that_is_no_case_is_told(path):
    path.write_text('{"id": "1"}\n')
    with pytest.raises(FeelmError, match="line 1"):
        read_cases(path)


@pytest.mark.parametrize(("right", "of", "low"), [(150, 150, 0.9757), (0, 10, 0.0), (5, 10, 0.1871), (0, 0, 0.0)])
def test_the_exact_bound_is_the_known_one(right, of, low):
    assert exact_interval(right, of)[0] == pytest.approx(low, abs=1e-3)
