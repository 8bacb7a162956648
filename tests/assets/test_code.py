"""Code versions change with behaviour and with nothing else."""

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
    return tmp_path


def version_of(*modules: str, data: tuple[str, ...] = ()) -> str:
    """The version in a new process: nothing remembered."""
    for cached in (code._version, code._closure, code._source, code._read):
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


def test_a_module_that_is_not_there_is_an_error(project: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"corpus\.absent"):
        version_of("corpus.absent")
