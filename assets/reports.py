"""What people look at: a page per film, and the page of the whole."""

from functools import partial

from assets.annotations import annotation_batches, annotations, gold_labels
from assets.chain import FEATURES, SHOWN
from assets.models import champion, dataset_card, model_card, validation_report
from assets.running import link_asset

link = partial(link_asset, group_name="reports", owners=["team:ml"])


@link(
    deps=["film", "shots", "faces", "soundtrack", "dialogue", "scenes", *FEATURES, annotations, gold_labels, champion],
    kinds={"html"},
)
def film_report() -> None:
    """The film's page: thumbnails, the emotion curve over its subtitles, raters' labels beside the model's."""


@link(
    deps=[*SHOWN, annotation_batches, annotations, gold_labels, validation_report, dataset_card, model_card, champion],
    kinds={"html"},
)
def report() -> None:
    """The page of the whole (reports/report.html): scores beside baselines and raters, with a link to each film."""
