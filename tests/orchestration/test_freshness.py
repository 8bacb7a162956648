"""Which assets must not grow old, and how old they may."""

from datetime import timedelta

import dagster as dg

from orchestration.definitions import defs, weekly_retraining


def policies() -> dict[str, dg.FreshnessPolicy]:
    specs = defs.resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec.freshness_policy for spec in specs if spec.freshness_policy is not None}


def test_what_a_team_relies_on_has_a_policy_and_nothing_else_has():
    assert set(policies()) == {"annotations", "champion", "report"}


def test_a_missed_week_warns_and_two_fail():
    policy = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=8), fail_window=timedelta(days=15))
    assert list(policies().values()) == [policy] * 3
    assert weekly_retraining.cron_schedule == "0 3 * * 0", "the days follow from the weekly schedule"
