"""Rows of a benchmark: each is made once, kept, and the same whoever makes it."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.benchmarks import rows as rows_module
from ml.evaluation.benchmarks.rows import Job, Rows, data_digest, run_key
from tests.ml.evaluation.benchmarks.row_jobs import ended_once, numbers


class Shares:
    """What is told of rows."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def __call__(self, row: str, share: float) -> None:
        self.told.append((row, share))

    def of(self, row: str) -> list[float]:
        return [share for name, share in self.told if name == row]


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def jobs(marks: Path, *seeds: int) -> list[Job]:
    return [Job(f"row-{seed}", partial(numbers, marks, seed)) for seed in seeds]


def made(marks: Path) -> list[int]:
    """Seeds of the rows that were made, one for each time."""
    return sorted(int(mark.name.split("-")[0]) for mark in marks.iterdir() if mark.name[0].isdigit())


def expected(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 3)).astype(np.float32)


def test_a_row_that_is_kept_is_not_made_again(marks: Path, tmp_path: Path):
    first, then = Shares(), Shares()
    Rows(tmp_path / "work", 1, first).make(jobs(marks, 1, 2))
    found = Rows(tmp_path / "work", 1, then).make(jobs(marks, 1, 2, 3))
    assert made(marks) == [1, 2, 3]
    assert list(found) == ["row-1", "row-2", "row-3"]
    assert all((found[f"row-{seed}"] == expected(seed)).all() for seed in (1, 2, 3))
    assert first.of("row-1") == [0.0, 0.5, 1.0, 1.0]
    assert then.of("row-1") == [1.0] and then.of("row-3")[0] == 0.0


def test_two_workers_make_what_one_makes_and_the_shares_they_are_told_never_fall(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rows_module, "POLL_S", 0.01)
    told = Shares()
    found = Rows(tmp_path / "two", 2, told).make(jobs(marks, 1, 2, 3))
    assert made(marks) == [1, 2, 3]
    assert str(os.getpid()) not in {mark.name.split("-")[1] for mark in marks.iterdir()}
    alone = Rows(tmp_path / "one", 1, Shares()).make(jobs(marks, 1, 2, 3))
    assert all((found[name] == alone[name]).all() for name in alone)
    for name in alone:
        own = told.of(name)
        assert own == sorted(own) and (own[0], own[-1]) == (0.0, 1.0)
    assert sorted(path.suffix for path in (tmp_path / "two").iterdir()) == [".safetensors"] * 3


def test_a_row_that_is_kept_is_done_even_before_its_worker_says_so(tmp_path: Path, marks: Path):
    Rows(tmp_path, 1, Shares()).make(jobs(marks, 1))
    assert (rows_module._share(tmp_path, "row-1"), rows_module._share(tmp_path, "row-2")) == (1.0, 0.0)
    (tmp_path / "row-2.share").write_text("0.25", encoding="utf-8")
    assert rows_module._share(tmp_path, "row-2") == 0.25


@pytest.mark.parametrize("workers", [1, 2])
def test_an_ended_run_goes_on_at_the_row_and_the_round_it_was_in(marks: Path, tmp_path: Path, workers: int):
    own = [Job("ended", partial(ended_once, marks, 7)), *jobs(marks, 1)]
    rows = Rows(tmp_path / "work", workers, Shares())
    with pytest.raises(InterruptedError, match="row 7 is ended"):
        rows.make(own)
    assert (rows.folder / "ended.checkpoint").is_file() and not (rows.folder / "ended.safetensors").exists()
    found = rows.make(own)
    assert (marks / "went on").is_file() and made(marks).count(7) == 1
    assert (found["ended"] == expected(7)).all() and (found["row-1"] == expected(1)).all()
    assert not list(rows.folder.glob("ended.[cs]h*"))


def test_rows_tell_how_long_they_took(marks: Path, tmp_path: Path):
    rows = Rows(tmp_path, 1, Shares())
    rows.make(jobs(marks, 1))
    assert 0 <= rows.seconds(["row-1"])["row-1"] < 5


def test_a_runs_folder_is_named_after_all_it_depends_on():
    assert run_key("data", "settings") == run_key("data", "settings")
    assert len({run_key("data", "settings"), run_key("data", "other"), run_key("datasettings"), run_key("data")}) == 4


def test_data_are_told_apart_by_name_and_content_of_every_file(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "a.csv").write_text("1")
    assert data_digest(one) == data_digest(other)
    (other / "deep" / "a.csv").write_text("2")
    changed = data_digest(other)
    (other / "deep" / "a.csv").rename(other / "deep" / "b.csv")
    assert len({data_digest(one), changed, data_digest(other), data_digest(one / "deep" / "a.csv", other)}) == 4
