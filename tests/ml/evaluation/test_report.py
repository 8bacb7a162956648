"""A report reads back what it wrote, an earlier schema with what it had, a later one not at all."""

import dataclasses
import json
from pathlib import Path

import pytest

from corpus.terms import FeelmError
from ml.evaluation.report import SCHEMA_VERSION, ValidationReport
from tests.pages.sample import sample_report


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    report = sample_report()
    report.write(tmp_path / "report.json")
    assert ValidationReport.read(tmp_path / "report.json") == report
    assert report.schema_version == SCHEMA_VERSION == 4


def test_a_report_of_schema_1_can_still_be_read(tmp_path: Path) -> None:
    raw = dataclasses.asdict(sample_report()) | {"schema_version": 1}
    del raw["characters"]
    for corpus in raw["corpora"]:
        kept = {"name", "n_films", "n_units", "n_gold", "scores", "tests", "reliability", "slices"}
        for name in set(corpus) - kept:
            del corpus[name]
        for score in corpus["scores"]:
            del score["probability"]
        for test in corpus["tests"]:
            for name in ("low", "high", "p_holm", "uar"):
                del test[name]
    for score in raw["reaction"]:
        del score["probability"]
    (tmp_path / "report.json").write_text(json.dumps(raw))
    report = ValidationReport.read(tmp_path / "report.json")
    assert report.corpora[0].scores[0].accuracy == sample_report().corpora[0].scores[0].accuracy
    assert report.corpora[0].scores[0].probability is None and report.schema_version == 1


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"schema_version": 5}))
    with pytest.raises(FeelmError, match="schema 5"):
        ValidationReport.read(tmp_path / "report.json")
