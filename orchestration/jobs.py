"""The jobs that sensors, schedules and people start: a film, a batch, the gold labels, the model, the pages."""

import dagster as dg

from orchestration.wanted import FILM_JOB, GOLD_JOB, INTAKE_JOB, PAGES_JOB, REPORT_JOB, RETRAIN_JOB

ONE_AT_A_TIME_TAG = "feelm/one_at_a_time"
"""Of runs with the same value of this tag the queue starts one at a time (dagster.yaml)."""

film_chain_job = dg.define_asset_job(
    FILM_JOB,
    selection=dg.AssetSelection.assets("film", "video").downstream() & dg.AssetSelection.groups("films", "dialogue", "features"),
    description="One film from its source to its features.",
)
annotation_intake_job = dg.define_asset_job(
    INTAKE_JOB,
    selection=dg.AssetSelection.assets("annotation_batches"),
    description="One delivered batch, read and put through the gate.",
)
gold_job = dg.define_asset_job(
    GOLD_JOB,
    selection=dg.AssetSelection.assets("annotations", "gold_labels"),
    description="The union of the accepted batches, and the gold labels that come of it.",
)
retrain_job = dg.define_asset_job(
    RETRAIN_JOB,
    selection=dg.AssetSelection.assets("annotations").downstream() & dg.AssetSelection.groups("annotations", "models"),
    description="Gold labels where they are stale, training set, model, report, cards, snapshot and the gate to champion.",
    tags={ONE_AT_A_TIME_TAG: "retrain"},
)
film_pages_job = dg.define_asset_job(
    PAGES_JOB, selection=dg.AssetSelection.assets("film_report"), description="The page of one film, with what the model in use says."
)
report_page_job = dg.define_asset_job(REPORT_JOB, selection=dg.AssetSelection.assets("report"), description="The page of the whole.")

ALL_JOBS = [film_chain_job, annotation_intake_job, gold_job, retrain_job, film_pages_job, report_page_job]
