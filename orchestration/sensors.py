"""What Dagster looks for by itself: films and annotations that arrive, a model that should learn from them, judgements in Label Studio.

The sensors keep nothing in mind: what ought to run is read off the home and what runs is read off the instance, so that a tick that dies is
made good by the next one and nothing is asked for twice. They are stopped until a team switches them on; the weekly schedule asks
for the same, for fewer new judgements.
"""

import dataclasses
import json
import os
import time
from collections.abc import Mapping, Sequence

import dagster as dg

from assets.compute.cluster import Compute
from assets.partitions import annotation_batch_keys, films
from assets.recorded import recorded
from assets.workspace import Workspace
from corpus.arrivals import Refused
from corpus.paths import Home
from orchestration.batch import film_batch_job
from orchestration.jobs import annotation_intake_job, film_chain_job, film_pages_job, gold_job, report_page_job, retrain_job
from orchestration.launching import batch_requests, failing_films, given_up, in_flight, run_requests
from orchestration.wanted import Retraining, Wanted, batches_wanted, films_wanted, gold_wanted, model_wanted, pages_wanted

EVERY_S = 120
ANSWER_S = 18.0
"""Longest time for each of the three answers of a poll: Dagster gives a tick 60 s."""

LOOK_EVERY_S = 30

BY_ITSELF = dg.DefaultSensorStatus.RUNNING if os.environ.get("FEELM_AUTOMATION") == "on" else dg.DefaultSensorStatus.STOPPED
"""Whether the home is kept up to date from the start; else somebody switches the sensors on in the UI."""


def now_s() -> float:
    """Seconds since the epoch."""
    return time.time()


@dg.sensor(
    name="film_library",
    jobs=[film_chain_job, film_batch_job],
    minimum_interval_seconds=LOOK_EVERY_S,
    default_status=BY_ITSELF,
    description="Takes whole films from FEELM_HOME/films into the catalogue, and brings every film whose files changed up to its "
    "features: each in a run of its own, or many in a batch where a cluster computes them (FEELM_COMPUTE=ray).",
)
def film_library(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One look at the film folder and the catalogue. The cursor names what could not be added, until it changes."""
    from orchestration.library import take_arrivals

    home = Home.from_environment()
    known = {name: Refused(**facts) for name, facts in json.loads(context.cursor or "{}").items()}
    refused = take_arrivals(home, known, now_s())
    view = recorded(home)
    unknown = sorted(set(view.films) - set(context.instance.get_dynamic_partitions(str(films.name))))
    requests = batch_requests if Compute.current() is Compute.RAY else run_requests
    return _result(context, requests(context.instance, films_wanted(view)), [films.build_add_request(unknown)] if unknown else [], refused)


@dg.sensor(
    name="annotation_inbox",
    jobs=[annotation_intake_job, gold_job],
    minimum_interval_seconds=LOOK_EVERY_S,
    default_status=BY_ITSELF,
    description="Has every file of the inbox that is new or changed read and judged, and then the gold labels made anew.",
)
def annotation_inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One look at the inbox; a file to which somebody still writes is left for the next one."""
    view = recorded(Home.from_environment())
    batches = batches_wanted(view, now_s())
    keys = annotation_batch_keys.build_add_request(sorted({one.partition for one in batches}))
    return _result(context, run_requests(context.instance, batches or gold_wanted(view)), [keys] if batches else [])


@dg.sensor(
    name="retraining",
    jobs=[retrain_job, film_pages_job, report_page_job],
    minimum_interval_seconds=LOOK_EVERY_S,
    default_status=BY_ITSELF,
    description="Trains when enough was judged anew (params.yaml, retrain: min_new_gold) and nothing that is learned from is under way.",
)
def retraining(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One look at the model's chain, then at the pages that show it."""
    view = recorded(Home.from_environment())
    found = retraining_now(context.instance, view)
    if found.waits:
        return dg.SkipReason(found.reason)
    if found.run is not None:
        return _result(context, run_requests(context.instance, [found.run]))
    told = _result(context, run_requests(context.instance, pages_wanted(view)))
    return dg.SkipReason(found.reason) if isinstance(told, dg.SkipReason) else told


def retraining_now(instance: dg.DagsterInstance, view: Workspace) -> Retraining:
    """Whether to train now, by the home and by the instance's checks and runs: all that is stale before the model comes first."""
    before = _before_the_model(view)
    hopeless = {one.needs for one in given_up(instance, before)}
    waits_for = [one for one in before if one.needs not in hopeless]
    return model_wanted(view, lambda: failing_films(instance, sorted(view.films)), waits_for, view.params.min_new_gold)


def _before_the_model(view: Workspace) -> list[Wanted]:
    return [*films_wanted(view), *batches_wanted(view, now_s()), *gold_wanted(view)]


@dg.schedule(
    name="weekly_retraining",
    job=retrain_job,
    cron_schedule="0 3 * * 0",
    default_status=dg.DefaultScheduleStatus.RUNNING if BY_ITSELF is dg.DefaultSensorStatus.RUNNING else dg.DefaultScheduleStatus.STOPPED,
    description="A safety net: trains on whatever changed in the week, however little, unless a check fails or something is under way.",
)
def weekly_retraining(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The sensor's question, without a least number of new judgements, and waiting for runs alone: it may be all that is switched on."""
    view = recorded(Home.from_environment())
    before = _before_the_model(view)
    running = in_flight(context.instance, before)
    under_way = [one for one in before if one in running]
    found = model_wanted(view, lambda: failing_films(context.instance, sorted(view.films)), under_way, at_least=0)
    asked, told = run_requests(context.instance, [found.run] if found.run else [])
    return asked[0] if asked else dg.SkipReason("; ".join(told) or found.reason)


def _result(
    context: dg.SensorEvaluationContext,
    requests: tuple[list[dg.RunRequest], list[str]],
    partitions: Sequence[dg.AddDynamicPartitionsRequest] = (),
    refused: Mapping[str, Refused] | None = None,
) -> dg.SensorResult | dg.SkipReason:
    """The runs to ask for, as `orchestration.launching` gives them; where there are none, why."""
    asked, told = requests
    told += [f"{name}: {why.reason}" for name, why in (refused or {}).items()]
    for line in told:
        context.log.info(line)
    if not asked and not partitions and refused is None:
        return dg.SkipReason("; ".join(told) or "nothing is stale")
    cursor = None if refused is None else json.dumps({name: dataclasses.asdict(why) for name, why in refused.items()})
    reason = None if asked else dg.SkipReason("; ".join(told) or "nothing is stale")
    return dg.SensorResult(run_requests=asked or None, skip_reason=reason, dynamic_partitions_requests=list(partitions), cursor=cursor)


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
