"""Everything Dagster loads: assets, checks, resources, jobs, sensors.

Loading needs no network, GPU, credentials or data, and imports nothing heavy. The same definitions serve the UI, `feelm run` and the
tests; where things live comes from FEELM_HOME alone.
"""

import dagster as dg

from assets import annotations, dialogue, features, films, models, reports
from assets.resources import FeelmWorkspace
from orchestration.checks import ALL_CHECKS
from orchestration.sensors import annotation_intake_job, label_studio_export

ONE_AT_A_TIME_TAG = "feelm/one_at_a_time"
"""Of runs with the same value of this tag the queue starts one at a time (dagster.yaml)."""

ALL_ASSETS = dg.load_assets_from_modules([films, dialogue, features, annotations, models, reports])

film_chain_job = dg.define_asset_job(
    "film_chain",
    selection=dg.AssetSelection.assets("film").downstream() & dg.AssetSelection.groups("films", "dialogue", "features"),
    description="One film from its source to its features.",
)

retrain_job = dg.define_asset_job(
    "retrain",
    selection=dg.AssetSelection.assets("annotations").downstream() & dg.AssetSelection.groups("annotations", "models"),
    description="Gold labels, training set, model, report, snapshot and the gate to champion.",
    tags={ONE_AT_A_TIME_TAG: "retrain"},
)

weekly_retraining = dg.ScheduleDefinition(
    name="weekly_retraining",
    job=retrain_job,
    cron_schedule="0 3 * * 0",
    description="A safety net: trains again on what was accepted in the week, whether or not a trigger was seen.",
)

defs = dg.Definitions(
    assets=ALL_ASSETS,
    asset_checks=ALL_CHECKS,
    jobs=[film_chain_job, retrain_job, annotation_intake_job],
    schedules=[weekly_retraining],
    sensors=[label_studio_export],
    resources={"workspace": FeelmWorkspace()},
    executor=dg.multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": ["orchestration.definitions"]}}}
    ),
)
