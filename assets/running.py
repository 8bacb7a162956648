"""How links run: what may not run side by side, and what is tried again.

A pool is a number of slots that all runs of an instance share. What computes on the GPU takes a slot of `gpu` where the machine has one,
for two networks beside each other do not fit into its memory; on a machine without one such a link is ordinary work, and a slot would
only hold the other cores up. Pools are given when definitions load, so the machine that counts is the one that executes.
"""

import os
from importlib.metadata import version
from pathlib import Path

import dagster as dg

DVC_POOL = "dvc"
"""One slot: DVC has one writer."""

DRIVER = Path("/dev/nvidiactl")
"""There where NVIDIA's driver is loaded and let into a container."""

RETRY = dg.RetryPolicy(max_retries=1, delay=10)
"""For links that run long or reach a server: a killed process (out of memory, a restarted node) or a broken connection costs a repeat,
which goes on where the finished pieces end. What a user must mend is never tried again (`assets.telling.run_link`)."""


def gpu_pool() -> str | None:
    """The pool `gpu`, None on a machine where nothing computes on one. Told without loading torch."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return "gpu" if DRIVER.exists() and not hidden and "+cpu" not in version("torch") else None
