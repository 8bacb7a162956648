"""How old what a team relies on may grow before Dagster says so.

The weekly retraining is the safety net of the chain: whatever happens, annotations and champion are made anew each week, and the report
follows the champion. So one missed week is a warning and two are a failure; the days follow from the schedule and are no setting.
"""

from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

WEEK, GRACE = timedelta(days=7), timedelta(days=1)
RELIED_ON = ("annotations", "champion", "report")
POLICY = dg.FreshnessPolicy.time_window(fail_window=2 * WEEK + GRACE, warn_window=WEEK + GRACE)


def with_freshness(assets: Iterable[object]) -> list[dg.AssetsDefinition]:
    """The assets that are defined here, those that a team relies on with the policy."""
    return [asset.map_asset_specs(_relied_on) for asset in assets if isinstance(asset, dg.AssetsDefinition)]


def _relied_on(spec: dg.AssetSpec) -> dg.AssetSpec:
    return dg.apply_freshness_policy(spec, POLICY) if spec.key.to_user_string() in RELIED_ON else spec
