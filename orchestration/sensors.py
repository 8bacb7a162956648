"""What Dagster looks for by itself: judgements that raters made in Label Studio.

The sensor is stopped until a team switches it on. Collecting keeps its own cursor in the home, once the export lies in the inbox; a run is
then asked for by what lies there, so that a tick that dies in between is made good by the next one and nothing is asked for twice.
"""

import dagster as dg

from assets.partitions import annotation_batch_keys

EVERY_S = 120
ANSWER_S = 18.0
"""Longest time for each of the three answers of a poll: Dagster gives a tick 60 s."""

annotation_intake_job = dg.define_asset_job(
    "annotation_intake",
    selection=dg.AssetSelection.assets("annotation_batches"),
    description="One delivered batch, read and put through the gate.",
)


@dg.sensor(
    name="label_studio_export",
    job=annotation_intake_job,
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Polls the Label Studio of `feelm annotations serve`, and has its batch read and checked when it changed.",
)
def label_studio_export(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One poll; a tool that is down is no failure, for nothing is lost."""
    from corpus.annotations.batches import scan_inbox
    from corpus.annotations.label_studio_server import ToolUnavailable
    from corpus.paths import Home
    from orchestration.label_studio import collect_once, read_server

    home = Home.from_environment()
    if read_server(home) is None:
        return dg.SkipReason("no Label Studio is known: `feelm annotations serve` starts or names one")
    try:
        collected = collect_once(home, limit_s=ANSWER_S)
    except ToolUnavailable as unavailable:
        return dg.SkipReason(str(unavailable))
    batch = next((item for item in scan_inbox(home) if item.path.name == collected.batch_file and item.is_news), None)
    if batch is None or context.cursor == batch.version:
        return dg.SkipReason(f"{collected.project}: nothing new")
    # The key makes one run of one content, whatever became of the cursor.
    request = dg.RunRequest(run_key=f"{batch.batch_id} {batch.version}", partition_key=batch.batch_id)
    return dg.SensorResult(
        run_requests=[request],
        dynamic_partitions_requests=[annotation_batch_keys.build_add_request([batch.batch_id])],
        cursor=batch.version,
    )
