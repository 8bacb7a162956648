"""The real definitions, whose runs stay in one process: for tests that start runs as the daemon does, with stand-ins."""

import dagster as dg

from orchestration import definitions as real

defs = dg.Definitions(
    assets=real.defs.assets,
    asset_checks=real.defs.asset_checks,
    jobs=real.defs.jobs,
    resources=real.defs.resources,
    executor=dg.in_process_executor,
)
