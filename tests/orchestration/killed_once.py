"""A job whose step is killed in its first try: as the system does that runs out of memory."""

import os
import signal
from pathlib import Path

import dagster as dg

from assets.running import RETRY
from orchestration.definitions import defs


class Mark(dg.Config):
    """Where the first try leaves a sign."""

    path: str


@dg.asset(retry_policy=RETRY)
def killed_once(config: Mark) -> dg.MaterializeResult:
    """Dies in the first try; says in the second who it is."""
    mark = Path(config.path)
    if not mark.exists():
        mark.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return dg.MaterializeResult(metadata={"first": int(mark.read_text()), "second": os.getpid()})


def job() -> dg.JobDefinition:
    """With the executor that this project's runs have."""
    asked = dg.define_asset_job("killed_once_job", selection=[killed_once])
    return dg.Definitions(assets=[killed_once], jobs=[asked], executor=defs.executor).resolve_job_def("killed_once_job")


def execute(mark: str) -> None:
    """Run it on the instance of DAGSTER_HOME; in a process of its own, for Python keeps a forkserver with the environment of its start."""
    with dg.DagsterInstance.get() as instance:
        dg.execute_job(dg.reconstructable(job), instance=instance, run_config={"ops": {"killed_once": {"config": {"path": mark}}}})
