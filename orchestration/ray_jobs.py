"""Dagster's own ways to run on Ray, as options: each step a job of a cluster, or each run.

A job takes seconds before it does anything, so that films are better handed over in batches (`FEELM_COMPUTE=ray`); here are those for teams
that want every step isolated, or no run on the machine of the daemon. The cluster's machines share the home's file system, and
have Feelm and their own settings and secrets: what Ray is told of a job, its pages show.
"""

import os
from typing import Any

import dagster as dg

STEPS, RUNS = "FEELM_RAY_STEPS", "FEELM_RAY_RUNS"
"""Addresses of Ray's jobs, such as http://127.0.0.1:8265, for steps and for runs."""

CARRIED = ("DAGSTER_HOME", "FEELM_HOME")
"""What a job is told of the environment; all else is its machine's."""

JOB_CPUS = 1

HERE = dg.multiprocess_executor.configured(
    {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["orchestration.definitions"]}}}
)


def executor() -> dg.ExecutorDefinition:
    """Steps as two processes of this machine at a time, or as Ray's jobs."""
    address = os.environ.get(STEPS)
    if not address:
        return HERE
    from dagster_ray import ray_executor

    return ray_executor.configured({"ray": _job(address)}, name="ray_jobs")


def launcher() -> dict[str, Any]:
    """What dagster.yaml says of who starts runs, where Ray does."""
    address = os.environ.get(RUNS)
    if not address:
        return {}
    return {"run_launcher": {"module": "dagster_ray", "class": "RayRunLauncher", "config": {"ray": _job(address)}}}


def _job(address: str) -> dict[str, Any]:
    return {"address": address, "num_cpus": JOB_CPUS, "env_vars": list(CARRIED)}
