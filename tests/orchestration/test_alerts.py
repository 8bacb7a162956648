"""The sensor `alerts` on Dagster's own events: failed runs and failed blocking checks become messages, each once."""

import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from orchestration.alerting.settings import NO_TARGET
from orchestration.alerts import alerts
from tests.orchestration.alerting.servers import Hook, free_port, webhook

KEYS = dg.DynamicPartitionsDefinition(name="films")
WORD = "pass-w0rd"


@dg.asset(partitions_def=KEYS)
def film() -> None: ...


@dg.asset_check(asset=film, blocking=True)
def readable() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, description="3 pictures of 90 cannot be decoded")


@dg.asset_check(asset=film, blocking=True)
def loud() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="it is quiet")


@dg.asset(deps=[film], partitions_def=KEYS)
def after() -> None: ...


@dg.asset
def broken() -> None:
    raise dg.Failure("the disk is full", allow_retries=False)


DEFS = dg.Definitions(assets=[film, after, broken], asset_checks=[readable, loud])


def fail(instance: dg.DagsterInstance, *assets: str, partition: str | None = None) -> str:
    """A run of these assets that fails; its id."""
    if partition is not None:
        instance.add_dynamic_partitions("films", [partition])
    selection = [dg.AssetKey(name) for name in assets]
    job = DEFS.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=selection, partition_key=partition, raise_on_error=False)
    assert not result.success
    return result.run_id


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WEBHOOK", "SMTP", "FROM", "TO", "USER", "PASSWORD"):
        monkeypatch.delenv(f"FEELM_ALERT_{name}", raising=False)
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / ".feelm"))
    return tmp_path


@pytest.fixture
def hook(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with webhook() as found:
        monkeypatch.setenv("FEELM_ALERT_WEBHOOK", found.url)
        yield found


def tick(instance: dg.DagsterInstance, cursor: str | None) -> tuple[str, str]:
    """One tick of the sensor: its words and its cursor."""
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = alerts(context)
    assert isinstance(result, dg.SensorResult) and result.skip_reason is not None and result.cursor is not None
    return str(result.skip_reason.skip_message), result.cursor


def test_a_blocking_check_and_a_failed_run_are_told_once_each_and_a_warning_is_not(instance: dg.DagsterInstance, hook: Hook):
    _, cursor = tick(instance, None)
    first = fail(instance, "film", "after", partition="sintel")
    second = fail(instance, "broken")
    said, cursor = tick(instance, cursor)
    assert said == "2 sent"
    assert tick(instance, cursor) == ("nothing to tell", cursor)
    check, run = (content["alert"] for _, content in hook.posts)
    assert check["what"] == "Check readable failed on film sintel"
    assert (check["asset"], check["partition"], check["check"], check["run_id"]) == ("film", "sintel", "readable", first)
    assert check["message"] == "3 pictures of 90 cannot be decoded"
    assert check["link"] == f"http://127.0.0.1:3000/runs/{first}"
    assert (run["kind"], run["run_id"], run["message"]) == ("run_failed", second, "broken: the disk is full")


def test_failures_before_the_sensor_was_there_are_no_news(instance: dg.DagsterInstance, hook: Hook):
    fail(instance, "broken")
    assert tick(instance, None)[0] == "nothing to tell"
    assert not hook.posts


def test_a_tick_that_is_repeated_because_it_died_tells_nothing_twice(instance: dg.DagsterInstance, hook: Hook):
    _, cursor = tick(instance, None)
    fail(instance, "broken")
    assert tick(instance, cursor)[0] == "1 sent"
    assert tick(instance, cursor)[0] == "nothing to tell"
    assert len(hook.posts) == 1


def test_a_target_that_is_down_gets_it_in_a_later_tick(instance: dg.DagsterInstance, home: Path, monkeypatch: pytest.MonkeyPatch):
    port = free_port()
    monkeypatch.setenv("FEELM_ALERT_WEBHOOK", f"http://127.0.0.1:{port}/services/s3cret-path")
    _, cursor = tick(instance, None)
    run_id = fail(instance, "broken")
    said, cursor = tick(instance, cursor)
    assert said == "0 sent; 1 wait (webhook: Connection refused)"
    with webhook(port) as hook:
        assert tick(instance, cursor)[0] == "1 sent"
        assert tick(instance, cursor)[0] == "nothing to tell"
    assert hook.alert_ids == [f"run-{run_id}"]


def test_without_a_target_the_sensor_says_so_and_what_failed_meanwhile_stays_untold(home: Path, monkeypatch: pytest.MonkeyPatch):
    with dg.DagsterInstance.ephemeral() as instance:
        fail(instance, "broken")
        said, cursor = tick(instance, None)
        assert said == NO_TARGET
        with webhook() as hook:
            monkeypatch.setenv("FEELM_ALERT_WEBHOOK", hook.url)
            assert tick(instance, cursor)[0] == "nothing to tell"
    assert not hook.posts


def test_a_wrong_setting_is_told_and_nothing_is_lost_by_it(home: Path, monkeypatch: pytest.MonkeyPatch):
    with dg.DagsterInstance.ephemeral() as instance, webhook() as hook:
        monkeypatch.setenv("FEELM_ALERT_WEBHOOK", hook.url)
        _, cursor = tick(instance, None)
        fail(instance, "broken")
        monkeypatch.setenv("FEELM_ALERT_WEBHOOK", "nonsense")
        assert tick(instance, cursor) == ("FEELM_ALERT_WEBHOOK is no http or https address", cursor)
        monkeypatch.setenv("FEELM_ALERT_WEBHOOK", hook.url)
        assert tick(instance, cursor)[0] == "1 sent"


def test_secrets_come_into_no_log_and_no_file(
    instance: dg.DagsterInstance, memory_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("FEELM_ALERT_WEBHOOK", f"http://127.0.0.1:{free_port()}/services/s3cret-path")
    monkeypatch.setenv("FEELM_ALERT_SMTP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("FEELM_ALERT_FROM", "a@b.example")
    monkeypatch.setenv("FEELM_ALERT_TO", "c@d.example")
    monkeypatch.setenv("FEELM_ALERT_PASSWORD", WORD)
    caplog.set_level(logging.DEBUG)
    _, cursor = tick(instance, None)
    fail(instance, "broken")
    said, _ = tick(instance, cursor)
    assert said.startswith("0 sent; 1 wait")
    written = b"".join(path.read_bytes() for folder in (home, memory_folder) for path in folder.rglob("*") if path.is_file())
    for secret in ("s3cret", WORD):
        assert secret not in said + caplog.text
        assert secret.encode() not in written
