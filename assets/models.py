"""What is learned: the training set's manifest, the model, its honest report, the cards, the snapshot, the champion."""

from functools import partial

import dagster as dg

from assets.annotations import annotations, gold_labels, public_corpora
from assets.chain import STAGES
from assets.links import trained_run
from assets.resources import FeelmWorkspace
from assets.running import DVC_POOL, RETRY, link_asset
from assets.telling import materialize

GROUP, OWNERS = "models", ["team:ml"]
link = partial(link_asset, group_name=GROUP, owners=OWNERS)


@link(deps=[gold_labels, "film", "scenes", "face_features", "voice_features", "text_features", *public_corpora], kinds={"parquet"})
def training_set() -> None:
    """The manifest: one row per unit with its gold, its modalities, its licence and the group that no split may part.

    It stands unpartitioned between films and model, so that one data version says what a model was trained on.
    """


@link(deps=[training_set], kinds={"pytorch", "mlflow"}, retry_policy=RETRY)
def emotion_model() -> None:
    """The challenger: a CNN on faces, nets on voice and words, a transformer over the sequence of units, with a reaction head.

    Every film is predicted once by a model that never saw it; the final weights are trained on all.
    """


@link(deps=[training_set, gold_labels, emotion_model], kinds={"json"})
def validation_report() -> None:
    """What the model is worth on films it never saw, beside each modality alone, baselines and the human ceiling."""


@link(deps=[training_set, gold_labels, annotations], kinds={"markdown", "json"})
def dataset_card() -> None:
    """The training set's datasheet, and its units and gold as files that Croissant 1.0 describes; no words that may not leave."""


@link(deps=[training_set, gold_labels, emotion_model, validation_report], kinds={"markdown"})
def model_card() -> None:
    """Which data and weights made the model, what it is worth by unseen film, what it is for and what is forbidden."""


@link(
    deps=[training_set, emotion_model, validation_report, dataset_card, model_card],
    owners=["team:platform"],
    kinds={"dvc"},
    pool=DVC_POOL,
    retry_policy=RETRY,
)
def dataset_snapshot() -> None:
    """Every artifact recorded by DVC, pushed and verified; its revision is the sha256 of dvc.lock. The only DVC writer."""


@dg.asset(
    deps=[emotion_model, validation_report, model_card, dataset_snapshot],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"mlflow", "safetensors"},
    code_version=STAGES["champion"].code_version,
    retry_policy=RETRY,
)
def champion(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The model in use: the challenger where it passed the gate, else the one before; the decision and its reasons."""
    result = materialize(context, workspace, "champion")
    registered = trained_run(workspace.open())
    if registered is not None:
        context.log_event(registered)
    return result
