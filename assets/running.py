"""How links run as assets: what may not run side by side, and what is tried again.

A pool is a number of slots that all runs of an instance share. What computes on the GPU takes a slot of `gpu` where the machine has one,
for two networks beside each other do not fit into its memory; on a machine without one such a link is ordinary work, and a slot would
only hold the other cores up. Pools are given when definitions load, so the machine that counts is the one that executes.
"""

import inspect
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg

from assets.chain import STAGES
from assets.partitions import PARTITIONS
from assets.resources import FeelmWorkspace
from assets.telling import materialize

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


def link_asset(**settings: Any) -> Callable[[Callable[[], None]], dg.AssetsDefinition]:
    """Make the asset of a link with one output: a function bears the link's name, and as its docstring the asset's description.

    Partitions and code version follow from the chain; `settings` are the rest of what `dg.asset` takes. The function is never called: what
    an asset does is to run its link.
    """

    def define(described: Callable[[], None]) -> dg.AssetsDefinition:
        stage = STAGES[described.__name__]

        @dg.asset(
            name=stage.name,
            description=inspect.getdoc(described),
            partitions_def=PARTITIONS.get(stage.scope),
            code_version=stage.code_version,
            **settings,
        )
        def asset(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
            return materialize(context, workspace, stage.name)

        return asset

    return define
