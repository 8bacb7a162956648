"""Dagster's own launcher of runs, that also tells whether a run's process still lives.

A code server marks a run as failed when its process dies; when the server dies with it, as on a kill of everything or a power cut, nobody
does, and what waits for the run waits a day. Here run monitoring may ask: a run whose server is gone, or does not know it, is dead, is
marked as failed, and is started again by `run_retries`.
"""

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value


class WatchedRunLauncher(dg.DefaultRunLauncher):
    """Starts runs in the code server's processes, and asks that server for them."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks for each started run."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the server that started the run still executes it. A run that no server started is not asked for."""
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "started by a process of its own")
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=10)
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the server that started it is gone")
        known = deserialize_value(answer, CanCancelExecutionResult).can_cancel
        return CheckRunHealthResult(WorkerStatus.RUNNING if known else WorkerStatus.FAILED, None if known else "its process is gone")
