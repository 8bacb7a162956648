"""The run that lineage names is the one that Dagster's log knows, and the log is not needed to name it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.ancestry import products, read_stamps
from assets.lineage_targets import read_lineage
from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.definitions import defs
from orchestration.instance import prepare_dagster_home, sync_partitions
from tests.orchestration.stub_chain import put_stand_ins, stub_home
from tests.simulated_raters import Simulated, write_csv
from tests.storage import Storage

FILM = "film-000"


@pytest.fixture(scope="module")
def ran(module_storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, dict[str, str]]]:
    """A home whose film, batch and gold labels Dagster made in three runs, and the runs that its log names, by asset."""
    with pytest.MonkeyPatch.context() as patch:
        put_stand_ins(patch)
        home = stub_home(tmp_path_factory.mktemp("ran"), 1)
        for name in ("FEELM_HOME", "DAGSTER_HOME"):
            patch.setenv(name, str(home.root))
        write_csv(home.inbox / "first.csv", Simulated(lines=2, films=(FILM,)).rows())
        prepare_dagster_home(Workspace(home))
        with dg.DagsterInstance.get() as instance:
            sync_partitions(Workspace(home), instance)
            for job, partition in (("film_chain", FILM), ("annotation_intake", "first"), ("gold", None)):
                assert defs.resolve_job_def(job).execute_in_process(instance=instance, partition_key=partition).success
            yield home, {key.to_user_string(): _last_run(instance, key) for key in instance.all_asset_keys()}


def _last_run(instance: dg.DagsterInstance, key: dg.AssetKey) -> str:
    return instance.fetch_materializations(key, limit=1).records[0].run_id


def test_every_artifact_tells_the_run_that_dagsters_log_tells(ran: tuple[Home, dict[str, str]]) -> None:
    home, runs = ran
    stamped = {thing.name: stamp.dagster_run for stamp in read_stamps(home) for thing in products(stamp)}
    assert {name: stamped[name] for name in runs} == runs
    assert len(set(runs.values())) == 3


def test_a_decision_tells_the_run_whose_checks_let_the_batch_in(ran: tuple[Home, dict[str, str]]) -> None:
    home, runs = ran
    (gate,) = (stamp for stamp in read_stamps(home) if stamp.stage == "annotation_gate")
    assert gate.dagster_run == runs["annotation_batches"]


def test_lineage_is_the_same_when_dagsters_log_is_gone(ran: tuple[Home, dict[str, str]], tmp_path: Path) -> None:
    home, runs = ran
    copy = Home(shutil.copytree(home.root.parent, tmp_path / "copy") / home.root.name)
    shutil.rmtree(copy.dagster)
    told = {
        node.name: node.facts["Dagster run"] for node in read_lineage(copy, f"film:{FILM}").graph.nodes.values() if node.kind == "artifact"
    }
    assert told == {name: runs[name] for name in told} and {"film", "scenes", "text_features"} <= told.keys()
