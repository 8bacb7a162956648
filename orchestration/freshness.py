"""How old what a team relies on may grow before Dagster says so.

The weekly retraining is the safety net of the whole chain: it makes annotations, champion and report anew whether or not anything
changed. So one missed week is a warning and two are a failure; the days follow from the schedule and are no setting of their own.
"""

from datetime import timedelta

import dagster as dg

WEEK, GRACE = timedelta(days=7), timedelta(days=1)
RELIED_ON = ("annotations", "champion", "report")
POLICY = dg.FreshnessPolicy.time_window(fail_window=2 * WEEK + GRACE, warn_window=WEEK + GRACE)


def with_freshness(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, those that a team relies on with the policy."""
    return [asset.map_asset_specs(_relied_on) for asset in assets]


def _relied_on(spec: dg.AssetSpec) -> dg.AssetSpec:
    return dg.apply_freshness_policy(spec, POLICY) if spec.key.to_user_string() in RELIED_ON else spec
