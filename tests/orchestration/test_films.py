"""What `feelm films` shows, in the terminals people have, and what programs get."""

import io
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from corpus.contracts import GOLD_LABELS
from corpus.films.catalogue.coverage import FilmSize, measure_coverage
from corpus.films.catalogue.fetch import fetchable_films
from corpus.paths import Home
from orchestration.cli import app
from orchestration.run import run_chain
from orchestration.summary_films import coverage_tables, film_table


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def _run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_coverage_and_catalogue_fit_the_terminal(home: Home, width: int) -> None:
    films = fetchable_films(home)
    coverage = measure_coverage(films, {film.film_id: FilmSize(600_000) for film in films}, GOLD_LABELS.empty())
    shown = io.StringIO()
    console = Console(width=width, file=shown)
    console.print(coverage_tables(coverage))
    console.print(film_table("Films", films))
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    flat = " ".join(" ".join(lines).split())
    for sentence in coverage.missing:
        assert sentence in flat
    for film in films:
        assert any(film.film_id in line and film.rights.value in line for line in lines)


def test_coverage_for_programs_holds_counts_and_sentences(home: Home) -> None:
    home.root.mkdir()
    home.catalogue.write_text(yaml.safe_dump({"films": [{"id": "a", "video": "a.mkv", "year": 1999, "arc": "icarus"}]}))
    told = json.loads(_run("films", "coverage", "--json"))
    assert told["decades"] == [{"name": "1990s", "films": 1, "minutes": 0, "film_ids": ["a"]}]
    assert any("unknown rights" in sentence for sentence in told["missing"])


def test_fetch_without_an_id_shows_what_can_be_fetched(home: Home) -> None:
    assert {film["film_id"] for film in json.loads(_run("films", "fetch", "--json"))} >= {"big-buck-bunny", "sintel"}
    assert not home.root.exists()


def test_a_run_on_films_that_nobody_fetched_says_how_to_get_them(home: Home) -> None:
    from assets.workspace import Workspace
    from corpus.terms import FeelmError

    home.root.mkdir()
    home.catalogue.write_text("films: [{id: a, sources: [{role: video, url: 'https://example.org/a.mkv'}]}]")
    for named in (None, ["a"]):
        with pytest.raises(FeelmError, match="feelm films fetch a"):
            run_chain(Workspace(home), named)
