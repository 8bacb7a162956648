"""`feelm plan` on a home whose films' costs are known, because they are written here."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assets.chain import STAGES, Scope, keys_of, needs_of, output_path
from assets.costs import measured
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home, write_json
from corpus.terms import FeelmError
from orchestration.cli import app

FILM_LINKS = [name for name, stage in STAGES.items() if stage.scope is Scope.FILM]
CPU_S_PER_MINUTE = {name: 2.0 * place for place, name in enumerate(FILM_LINKS, start=1)}
CPU_S_PER_FILM = 5.0
MB_PER_MINUTE = 3.0
WHOLE_CPU_S = 360.0
WALL_FACTOR = 1.5
"""Seconds of clock for one of CPU."""

LENGTHS = {"a": 2.0, "b": 5.0, "c": 10.0, "d": 30.0, "e": 60.0, "f": 90.0}
SETTINGS = (
    "rights: {train: [cc0], export: [cc0]}\ndeclared_use: research\ntraining: {seed: 0, folds: 3, face_network: small}\n"
    "retrain: {min_new_gold: 1}\nscan: {shots: fast}\ndialogue: {recognition: auto}\ngold: {trace_lag_ms: 3000}\ntext: {encoder: minilm}\n"
)


def cost(cpu_s: float, megabytes: float, **more: Any) -> dict[str, Any]:
    return {"cpu_s": cpu_s, "wall_s": WALL_FACTOR * cpu_s, "gpu_s": 0.0, "written_bytes": int(megabytes * 1e6), **more}


def stamp(home: Home, name: str, key: str, spent: dict[str, Any]) -> None:
    """Make artifacts of a link, and say what they cost."""
    workspace, stage = Workspace(home), STAGES[name]
    folders = {output: output_path(workspace, stage, output, key) for output in stage.outputs}
    for folder in folders.values():
        write_json(folder / "made.json", [name, key])
    if name == "film_scan":
        write_json(folders["shots"] / "stream.json", {"duration_ms": LENGTHS[key] * 60_000})
    outputs = {output: workspace.versions.of(folder) for output, folder in folders.items()}
    told = {**needs_of(workspace, name, key), "outputs": outputs, "cost": spent, "dagster_run": None}
    write_json(home.stamp(name, key), told)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Six films through every link of theirs, and gold labels of the whole."""
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / ".feelm"))
    (tmp_path / "params.yaml").write_text(SETTINGS)
    made = Home(tmp_path / ".feelm")
    write_catalogue(made.catalogue, [Film(film_id, film_id, tmp_path / f"{film_id}.mp4", language="en") for film_id in LENGTHS])
    for film_id in LENGTHS:
        (tmp_path / f"{film_id}.mp4").write_bytes(b"not looked at here")
    for name in STAGES:
        if name in ("annotations", "gold_labels"):
            stamp(made, name, "", cost(WHOLE_CPU_S, 1.0))
        for film_id, minutes in LENGTHS.items() if name in FILM_LINKS else ():
            spent = CPU_S_PER_FILM + CPU_S_PER_MINUTE[name] * minutes
            stamp(made, name, film_id, cost(spent, MB_PER_MINUTE * minutes, peak_memory_mb=100.0 + minutes, resumed=False))
    return made


def plan(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["plan", *arguments, "--json"])
    if isinstance(done.exception, FeelmError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def link_named(told: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (link for link in [*told["of_films"], *told["of_whole"]] if link["link"] == name)
    return dict(found)


def test_the_fixture_is_fresh_throughout(home: Home) -> None:
    found = measured(home)
    assert {name: len(spent) for name, spent in found.of_films.items()} == dict.fromkeys(FILM_LINKS, len(LENGTHS))
    assert keys_of(Workspace(home), STAGES["film"]) == sorted(found.minutes)


def test_each_stage_costs_its_rate_and_its_fixed_part(home: Home) -> None:
    told = plan("--films", "100", "--hours", "50")
    for name in FILM_LINKS:
        link = link_named(told, name)
        assert link["rates"]["cpu_s"]["per_film_minute"] == pytest.approx(CPU_S_PER_MINUTE[name])
        assert link["rates"]["cpu_s"]["per_film"] == pytest.approx(CPU_S_PER_FILM)
        hours = (100 * CPU_S_PER_FILM + 50 * 60 * CPU_S_PER_MINUTE[name]) / 3600
        assert link["cost"]["cpu_h"]["expected"] == pytest.approx(hours)
        assert link["cost"]["wall_h"]["expected"] == pytest.approx(WALL_FACTOR * hours)
        assert link["peak_memory_mb"] == 190.0
    assert link_named(told, "film_scan")["cost"]["storage_gb"]["expected"] == pytest.approx(50 * 60 * MB_PER_MINUTE / 1000)


def test_films_that_follow_their_lengths_leave_no_range_and_stages_add_up(home: Home) -> None:
    told = plan("--films", "100", "--hours", "50")
    hours = sum(100 * CPU_S_PER_FILM + 50 * 60 * rate for rate in CPU_S_PER_MINUTE.values()) / 3600
    assert told["films_cost"]["cpu_h"] == pytest.approx({"expected": hours, "low": hours, "high": hours})


def test_what_was_made_once_of_the_whole_lies_between_as_measured_and_in_proportion(home: Home) -> None:
    told = plan("--films", "100", "--hours", "50")
    in_proportion = WHOLE_CPU_S / 3600 * 50 * 60 / sum(LENGTHS.values())
    gold = link_named(told, "gold_labels")
    assert gold["cost"]["cpu_h"] == pytest.approx({"expected": in_proportion, "low": WHOLE_CPU_S / 3600, "high": in_proportion})
    (left_out,) = [note for note in told["notes"] if note.startswith("Not made here")]
    assert "emotion_model" in left_out and "`feelm run`" in left_out and "corpus" not in left_out, "no corpus was added"


def test_films_go_side_by_side_and_the_whole_after_them(home: Home) -> None:
    told = plan("--films", "100", "--hours", "50", "--workers", "8")
    films, whole = told["films_cost"]["wall_h"]["expected"], told["whole_cost"]["wall_h"]["expected"]
    assert told["hours_on_workers"]["expected"] == pytest.approx(films / 100 * math.ceil(100 / 8) + whole)


def test_prices_are_of_what_is_used(home: Home) -> None:
    told = plan("--films", "10", "--hours", "5", "--cpu-price", "0.05", "--storage-price", "0.02")
    assert told["computing_price"]["expected"] == pytest.approx(0.05 * told["total"]["cpu_h"]["expected"])
    assert told["storage_price_a_month"]["expected"] == pytest.approx(0.02 * told["total"]["storage_gb"]["expected"])
    assert plan("--films", "10", "--hours", "5")["computing_price"] is None


def test_a_link_that_took_up_pieces_is_left_out_and_told(home: Home) -> None:
    stamp(home, "film_report", "a", cost(0.0, 1.0, resumed=True))
    told = plan("--films", "10", "--hours", "5")
    assert link_named(told, "film_report")["measured_films"] == len(LENGTHS) - 1
    assert any("film_report: 1 films are left out" in note for note in told["notes"])


def test_a_link_that_is_not_up_to_date_tells_nothing_of_what_it_will_cost(home: Home) -> None:
    (home.root.parent / "params.yaml").write_text(SETTINGS.replace("minilm", "multilingual-e5"))
    told = plan("--films", "10", "--hours", "5")
    assert link_named(told, "text_features") == {**link_named(told, "text_features"), "measured_films": 0, "cost": None}
    assert any("text_features is left out" in note and "`feelm run`" in note for note in told["notes"])


def test_other_lengths_than_were_measured_are_told(home: Home) -> None:
    def warned(films: int) -> bool:
        return any(
            "The measured films are 2.0 to 90.0 minutes long" in note for note in plan("--films", str(films), "--hours", "50")["notes"]
        )

    assert warned(10) and not warned(50)


def test_too_few_measured_films_are_an_error_that_says_what_to_run(home: Home) -> None:
    for film_id in ("c", "d", "e", "f"):
        for name in FILM_LINKS:
            home.stamp(name, film_id).unlink()
    with pytest.raises(FeelmError, match=r"cost of 2 films is known here, and 3 are needed.*`feelm run`"):
        plan("--films", "10", "--hours", "5")


def test_people_read_it_in_eighty_columns(home: Home) -> None:
    done = CliRunner().invoke(app, ["plan", "--films", "10", "--hours", "5", "--cpu-price", "1"], env={"COLUMNS": "80"})
    assert done.exit_code == 0 and "film_scan" in done.stdout and "price of computing" in done.stdout
    assert "\u2026" not in done.stdout and max(map(len, done.stdout.splitlines())) <= 80
