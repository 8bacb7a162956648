"""`feelm annotations` by hand: any file or folder, nothing left behind."""

import io
import json
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from corpus.annotations.decisions import read_decision
from corpus.contracts import GOLD_LABELS
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.cli_annotations import annotations_app
from orchestration.run import RunReport
from orchestration.summary import run_table
from tests.conftest import REPOSITORY
from tests.simulated_raters import Simulated, write_csv

SIMULATED = Simulated(lines=30, films=("made-1-01",))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "table.csv", SIMULATED.rows())


def feelm_annotations(*arguments: object) -> Result:
    return CliRunner().invoke(annotations_app, [str(argument) for argument in arguments])


def told(result: Result) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(result.stdout)
    return parsed


def test_check_tells_every_row_and_every_check_without_a_catalogue(table: Path) -> None:
    result = feelm_annotations("check", table, "--json")
    assert result.exit_code == 0
    value = told(result)
    assert value["summary"]["rows_read"] == value["summary"]["judgements"] == 120  # type: ignore[index]
    failed = [outcome["check"] for outcome in value["outcomes"] if not outcome["passed"]]  # type: ignore[attr-defined]
    assert failed == ["raters_not_spam"]
    assert [path.name for path in table.parent.iterdir()] == ["table.csv"]


def test_check_ends_with_1_where_the_gate_would_refuse(tmp_path: Path) -> None:
    rows = SIMULATED.rows()
    rows[0]["emotion"] = "Freude"
    assert feelm_annotations("check", write_csv(tmp_path / "table.csv", rows)).exit_code == 1


def test_agreement_is_told_over_time_and_on_shared_spans(table: Path) -> None:
    figures = json.loads(feelm_annotations("agreement", table, "--json").stdout)
    assert {figure["level"] for figure in figures} == {"shared spans", "every 1000 ms"}
    assert all(figure["raters"] == 4 for figure in figures)
    assert next(f["value"] for f in figures if f["about"] == "presence") == 1.0


def test_that_one_rater_agrees_with_nobody_is_said(tmp_path: Path) -> None:
    rows = [row for row in SIMULATED.rows() if row["annotator"] == SIMULATED.rows()[0]["annotator"]]
    result = feelm_annotations("agreement", write_csv(tmp_path / "alone.csv", rows))
    assert result.exit_code == 0 and "nothing to compare" in " ".join(result.stdout.split())


def test_agreement_by_scene_and_person_is_told_when_asked_for(tmp_path: Path) -> None:
    rows = [row | {"character": "Ruth" if int(str(row["start_ms"])) < 30_000 else "Otto"} for row in SIMULATED.rows()]
    scenes = tmp_path / "scenes.csv"
    scenes.write_text("0,A KITCHEN\n20,A STREET\n40,A KITCHEN\n")
    result = feelm_annotations("agreement", write_csv(tmp_path / "t.csv", rows), "--scenes", scenes, "--by-character", "--json")
    figures = json.loads(result.stdout)
    assert {figure["places"] for figure in figures if figure["level"] == "scenes"} == {3}
    assert {figure["character"] for figure in figures} == {None, "Ruth", "Otto"}


def test_gold_of_the_spans_as_judged_is_that_of_the_raters_without_the_guesser(table: Path, tmp_path: Path) -> None:
    result = feelm_annotations("gold", table, "--out", tmp_path / "gold.parquet", "--json")
    gold = GOLD_LABELS.read(tmp_path / "gold.parquet")
    assert len(gold) == 30 and gold["n_raters"].eq(3).all()
    assert len(told(result)["agreement"]["flagged"]) == 1  # type: ignore[index]
    truth = [SIMULATED.truth[f"made-1-01.u{start // 2000:05d}"] for start in gold["unit_id"].str.extract(r"\.(\d+)-")[0].astype(int)]
    settled = gold["status"] == "gold"
    assert (gold["label"][settled] == pd.Series(truth)[settled]).mean() > 0.9


def test_gold_of_equal_stretches_covers_the_film(table: Path) -> None:
    value = told(feelm_annotations("gold", table, "--every-ms", 4000, "--json"))
    assert [unit["unit_id"] for unit in value["gold"]][:2] == ["made-1-01.0-4000", "made-1-01.4000-8000"]  # type: ignore[attr-defined]


def test_what_is_exported_by_hand_can_be_read_again(table: Path, tmp_path: Path) -> None:
    assert feelm_annotations("export", table, "--to", "elan", "--out", tmp_path / "out").exit_code == 0
    again = told(feelm_annotations("check", tmp_path / "out", "--json"))
    assert again["summary"]["judgements"] == 120  # type: ignore[index]
    assert again["summary"]["raters"] == told(feelm_annotations("check", table, "--json"))["summary"]["raters"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "TABLE", "--scale", "joy=1:5"), "'joy' is none of"),
        (("check", "TABLE", "--scale", "valence=low:high"), "is not like"),
        (("check", "TABLE", "--format", "xls"), "is not known"),
        (("export", "TABLE", "--to", "xls", "--out", "OUT"), "is not written"),
        (("gold", "TABLE", "--out", "gold.xls"), "written as .parquet or .csv"),
        (("check", "nowhere.csv"), "there is no file"),
        (("agreement", "TABLE", "--scenes", "TABLE"), "begin with their start in seconds"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(table: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    named = {"TABLE": str(table), "OUT": str(tmp_path / "out")}
    result = feelm_annotations(*(named.get(argument, argument) for argument in arguments))
    assert isinstance(result.exception, FeelmError)
    assert words in str(result.exception)


def test_formats_are_listed_with_what_is_read_and_written() -> None:
    formats = {entry["name"]: entry for entry in json.loads(feelm_annotations("formats", "--json").stdout)}
    assert formats["nova"] == {"name": "nova", "what": formats["nova"]["what"], "read": True, "written": False}
    assert formats["elan"]["read"] and formats["elan"]["written"]


@pytest.fixture
def refused(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that was given `table.csv` and has refused it: nobody added its film."""
    home = Home(tmp_path / ".feelm")
    monkeypatch.setenv("FEELM_HOME", str(home.root))
    monkeypatch.setenv("DAGSTER_HOME", str(home.dagster))
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    assert feelm_annotations("import", table).exit_code == 1
    return home


def failing_checks(home: Home) -> set[str]:
    """The blocking checks that the latest run left failed, as Dagster holds them."""
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        (run,) = instance.get_runs(limit=1)
        found = [
            record.asset_check_evaluation for record in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
    assert found
    return {e.check_name for e in found if e is not None and not e.passed and e.severity is dg.AssetCheckSeverity.ERROR}


@pytest.mark.long
def test_a_refused_batch_is_rejected_by_name_as_it_was_checked_and_that_can_be_undone(refused: Home) -> None:
    assert failing_checks(refused) == {"film_known"}
    delivered = refused.inbox / "table.csv"
    content = delivered.read_bytes()
    delivered.write_bytes(content + b"\n")
    unchecked = feelm_annotations("reject", "table.csv").exception
    assert isinstance(unchecked, FeelmError) and "was not checked as it lies there: `feelm run` checks it" in str(unchecked)
    delivered.write_bytes(content)
    result = feelm_annotations("reject", "table.csv", "--reason", "of another project")
    assert result.exit_code == 0, result.output
    assert "of another project" in result.stdout and "--undo" in result.stdout
    decision = read_decision(refused.batch("table"))
    assert decision is not None and not decision.accepted
    assert decision.rejected is not None and decision.rejected.reason == "of another project"
    assert not failing_checks(refused)
    (told,) = json.loads(feelm_annotations("reject", "table", "--undo", "--json").stdout)
    assert told["rejected"] is None and not told["accepted"]
    assert failing_checks(refused) == {"film_known"}


def test_what_takes_a_rejection_back_needs_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path))
    assert feelm_annotations("reject", "table.csv", "--undo", "--reason", "x").exit_code == 2
    assert "waiting in quarantine: none" in str(feelm_annotations("reject", "table.csv").exception)


def test_a_run_tells_rejected_batches_apart_from_those_that_wait() -> None:
    report = RunReport(refused={"one": ("film_known: seen",)}, rejected={"two": ("rejected by name on 2026-11-27: why [/b]",)})
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(run_table(report))
    words = console.export_text()
    waits, rejected = words.index("Batches in quarantine"), words.index("Batches rejected by name")
    assert waits < words.index("film_known: seen") < rejected < words.index("rejected by name on 2026-11-27: why [/b]")
