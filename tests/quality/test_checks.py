"""The Dagster checks at work: what blocks downstream and what only warns."""

import inspect
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from corpus.annotations.batches import build_batch
from corpus.annotations.sidecars import Rejection
from corpus.paths import Home, writing
from quality import annotation_rules, media_rules, rules
from quality.checks import annotation_checks
from quality.gate import decide
from quality.suite import load_suite
from tests.simulated_raters import Simulated, write_csv

SIMULATED = Simulated(lines=40, films=("made-1-01", "made-1-02"))
KEYS = dg.DynamicPartitionsDefinition(name="annotation_batches")
Rows = list[dict[str, object]]


def test_suites_ask_for_every_rule_and_for_no_other() -> None:
    suites = [load_suite(path.stem) for path in Path(rules.__file__).with_name("suites").glob("*.yaml")]
    asked = {own.kwargs["rule"] for suite in suites for own in suite.expectations if own.type == "film_rule"}
    functions = [own for module in (rules, annotation_rules, media_rules) for _, own in inspect.getmembers(module, inspect.isfunction)]
    assert asked == {own.__name__ for own in functions if own.__annotations__.get("return") == "Finding" and own.__name__ != "rows_where"}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dg.ExecuteInProcessResult]:
    """Materialise a batch, its checks and an asset downstream of it."""
    home = Home(tmp_path)

    def run_chain(rows: Rows, rejected: Rejection | None = None) -> dg.ExecuteInProcessResult:
        source = write_csv(tmp_path / "inbox" / "b.csv", rows)

        @dg.asset(partitions_def=KEYS)
        def annotation_batches() -> None:
            with writing(home.batch("b")) as out:
                build_batch(source, "b", tmp_path / "annotators.json", out)

        @dg.asset(partitions_def=KEYS, deps=[annotation_batches])
        def downstream() -> None: ...

        checks = annotation_checks(
            "annotation_batches",
            KEYS,
            lambda batch_id, _: decide(home.batch(batch_id), SIMULATED.durations, rejected),
            home.batch,
        )
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("annotation_batches", ["b"])
            job = dg.Definitions(assets=[annotation_batches, downstream], asset_checks=[checks]).resolve_implicit_global_asset_job_def()
            return job.execute_in_process(partition_key="b", instance=instance, raise_on_error=False)

    return run_chain


def _ran(result: dg.ExecuteInProcessResult) -> bool:
    return any(event.asset_key == dg.AssetKey("downstream") for event in result.get_asset_materialization_events())


def _failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckSeverity]:
    return {e.check_name: e.severity for e in result.get_asset_check_evaluations() if not e.passed}


def test_a_good_batch_passes_and_its_spammer_only_warns(run: Callable[..., dg.ExecuteInProcessResult]):
    result = run(SIMULATED.rows())
    assert result.success
    assert _ran(result)
    assert _failed(result) == {"raters_not_spam": dg.AssetCheckSeverity.WARN}
    assert len(result.get_asset_check_evaluations()) == len(load_suite("annotations").expectations)


@pytest.mark.parametrize(
    ("column", "value", "check"), [("emotion", "happyish", "label_in_vocabulary"), ("end_ms", 10**6, "interval_inside_film")]
)
def test_a_bad_row_blocks_what_comes_after(run: Callable[..., dg.ExecuteInProcessResult], column: str, value: object, check: str):
    rows = SIMULATED.rows()
    rows[7] = rows[7] | {column: value}
    result = run(rows)
    assert not result.success
    assert not _ran(result)
    assert _failed(result)[check] is dg.AssetCheckSeverity.ERROR
    found = next(e for e in result.get_asset_check_evaluations() if e.check_name == check)
    assert found.metadata["unexpected_count"].value >= 1
    # The header is line 1 of the file.
    assert {record.data["where"] for record in found.metadata["failing_rows"].value.records} == {"line 9"}


def test_a_rejected_batch_holds_up_nothing_and_its_checks_say_that_it_was_rejected_and_what_was_wrong(
    run: Callable[..., dg.ExecuteInProcessResult],
) -> None:
    rows = SIMULATED.rows()
    rows[7] = rows[7] | {"emotion": "happyish"}
    assert not _ran(run(rows))
    result = run(rows, Rejection("2026-11-27T05:22:00Z", "a test of the tool"))
    assert result.success and _ran(result)
    assert _failed(result) == {"raters_not_spam": dg.AssetCheckSeverity.WARN}
    told = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert {e.metadata["rejected"].value for e in told.values()} == {"rejected by name on 2026-11-27: a test of the tool"}
    lifted = told["label_in_vocabulary"]
    assert lifted.passed and str(lifted.description).startswith("rejected by name on 2026-11-27: a test of the tool; it was: ")
    assert lifted.metadata["unexpected_count"].value == len(lifted.metadata["failing_rows"].value.records) == 1
    assert told["id_unique"].description == told["id_unique"].metadata["observed"].value
