"""`feelm pages export`: what it tells of what it wrote and of what it kept back."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from corpus.terms import FeelmError
from orchestration.cli import app
from tests.pages.site.conftest import NEW, make_site


def test_the_pages_are_written_and_what_is_not_shown_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_site(tmp_path)
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    result = CliRunner().invoke(app, ["pages", "export", str(tmp_path / "out"), "--with-videos", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert (told["films"], told["pairs"], told["videos"], told["without_page"]) == (3, 1, 1, [NEW])
    assert len(told["kept_back"]) == 1 and "A secret film" in told["kept_back"][0]
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_folder_of_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(FeelmError, match="no export of pages"):
        CliRunner().invoke(app, ["pages", "export", str(tmp_path / "mine")], catch_exceptions=False)
