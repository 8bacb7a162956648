"""Everything Dagster loads: assets, checks, resources, jobs, sensors.

Loading needs no network, GPU, credentials or data, and imports nothing heavy. The same definitions serve the UI, `feelm run` and the
tests; where things live comes from FEELM_HOME alone.
"""

import dagster as dg

from assets import annotations, dialogue, features, films, models, reports
from assets.resources import FeelmWorkspace
from orchestration.alerts import alerts
from orchestration.batch import film_batch_job
from orchestration.checks import ALL_CHECKS
from orchestration.drift import drift, drift_job, nightly_drift
from orchestration.freshness import with_freshness
from orchestration.jobs import ALL_JOBS
from orchestration.ray_jobs import executor
from orchestration.sensors import annotation_inbox, film_library, label_studio_export, retraining, weekly_retraining
from orchestration.tags import with_tags

ALL_ASSETS = with_tags(with_freshness(dg.load_assets_from_modules([films, dialogue, features, annotations, models, reports])))

defs = dg.Definitions(
    assets=ALL_ASSETS,
    asset_checks=[*ALL_CHECKS, drift],
    jobs=[*ALL_JOBS, film_batch_job, drift_job],
    schedules=[weekly_retraining, nightly_drift],
    sensors=[film_library, annotation_inbox, retraining, label_studio_export, alerts],
    resources={"workspace": FeelmWorkspace()},
    executor=executor(),
)
