"""What people look at: a page per film, and the page of the whole."""

import dagster as dg

from assets.annotations import annotation_batches, annotations, gold_labels
from assets.chain import FEATURES, STAGES
from assets.models import champion, dataset_card, model_card, validation_report
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.telling import materialize

GROUP = "reports"
OWNERS = ["team:ml"]


@dg.asset(
    deps=["film", "shots", "faces", "soundtrack", "dialogue", "scenes", *FEATURES, annotations, gold_labels, champion],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"html"},
    code_version=STAGES["film_report"].code_version,
)
def film_report(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The film's page: thumbnails, the emotion curve over its subtitles, raters' labels beside the model's."""
    return materialize(context, workspace, "film_report")


@dg.asset(
    deps=[
        "film",
        "shots",
        "scenes",
        annotation_batches,
        annotations,
        gold_labels,
        validation_report,
        dataset_card,
        model_card,
        champion,
        film_report,
    ],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"html"},
    code_version=STAGES["report"].code_version,
)
def report(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The page of the whole (reports/report.html): scores beside baselines and raters, with a link to each film."""
    return materialize(context, workspace, "report")
