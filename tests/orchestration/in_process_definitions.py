"""The real definitions, whose runs stay in one process: for tests that start runs as the daemon does, with stand-ins."""

import dagster as dg

from orchestration.definitions import defs as real

defs = dg.Definitions(
    assets=real.assets,
    asset_checks=real.asset_checks,
    jobs=real.jobs,
    resources=real.resources,
    executor=dg.in_process_executor,
)
