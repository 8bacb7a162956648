"""Code versions change with behaviour and with nothing else."""

import os
import time
from pathlib import Path

import pytest

from assets import code


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two modules, one importing the other inside a function."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "__init__.py").write_text("")
    (tmp_path / "corpus" / "low.py").write_text('"""Low."""\nRATE = 16_000\n')
    (tmp_path / "corpus" / "high.py").write_text("def f():\n    from corpus.low import RATE\n    return RATE\n")
    (tmp_path / "corpus" / "aside.py").write_text("X = 1\n")
    monkeypatch.setattr(code, "PROJECT", tmp_path)
    monkeypatch.setattr(code, "KEPT", tmp_path / "kept" / "code.json")
    return tmp_path


def settle(project: Path) -> None:
    """Have the sources be a day old."""
    for path in project.rglob("*.py"):
        os.utime(path, (time.time(), time.time() - 86_400))


def version_of(*modules: str, data: tuple[str, ...] = ()) -> str:
    """The version in a new process: nothing remembered."""
    for cached in (code._version, code._closure, code._source, code._read, code._kept, code._new):
        cached.cache_clear()
    return code.code_version(modules, data)


def test_version_has_fixed_width(project: Path) -> None:
    assert len(version_of("corpus.high")) == 32


def test_comments_docstrings_and_layout_change_nothing(project: Path) -> None:
    before = version_of("corpus.high")
    (project / "corpus" / "low.py").write_text('"""Another text."""\n\n# why\nRATE = 16000\n')
    assert version_of("corpus.high") == before


def test_a_change_in_a_module_imported_inside_a_function_changes_the_version(project: Path) -> None:
    before = version_of("corpus.high")
    (project / "corpus" / "low.py").write_text("RATE = 22_050\n")
    assert version_of("corpus.high") != before


def test_a_change_elsewhere_changes_nothing(project: Path) -> None:
    before = version_of("corpus.high")
    (project / "corpus" / "aside.py").write_text("X = 2\n")
    assert version_of("corpus.high") == before


def test_data_files_count_by_their_bytes(project: Path) -> None:
    (project / "corpus" / "suite.yaml").write_text("a: 1\n")
    before = version_of("corpus.aside", data=("corpus/*.yaml",))
    (project / "corpus" / "suite.yaml").write_text("a: 2\n")
    assert version_of("corpus.aside", data=("corpus/*.yaml",)) != before


def test_sources_that_stand_as_they_were_are_not_read_again_and_give_the_same_version(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(project)
    before = version_of("corpus.high")
    monkeypatch.setattr(code, "_digested", lambda tree: pytest.fail("read again"))
    assert version_of("corpus.high") == before


def test_a_source_that_became_another_is_read_again_though_what_was_read_is_kept(project: Path) -> None:
    settle(project)
    before = version_of("corpus.high")
    (project / "corpus" / "low.py").write_text("RATE = 22_050\n")
    changed = version_of("corpus.high")
    assert changed != before
    (project / "corpus" / "low.py").write_text("RATE = 44_100\n")  # as long as before, and within a tick of the file system's clock
    assert version_of("corpus.high") not in (before, changed)


def test_a_name_that_became_a_module_counts_though_who_imports_it_is_as_it_was(project: Path) -> None:
    (project / "corpus" / "high.py").write_text("from corpus import later\n")
    settle(project)
    before = version_of("corpus.high")
    (project / "corpus" / "later.py").write_text("X = 1\n")
    assert version_of("corpus.high") != before


@pytest.mark.parametrize("kept", ["", "{", '{"else": 1}'])
def test_what_is_kept_may_be_gone_or_damaged(project: Path, kept: str) -> None:
    settle(project)
    before = version_of("corpus.high")
    code.KEPT.write_text(kept)
    assert version_of("corpus.high") == before


def test_an_environment_that_nobody_may_write_to_goes_without(project: Path) -> None:
    settle(project)
    (project / "kept").write_text("no folder")
    assert version_of("corpus.high") == version_of("corpus.high")


def test_a_module_that_is_not_there_is_an_error(project: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"corpus\.absent"):
        version_of("corpus.absent")
