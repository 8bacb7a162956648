"""What is learned: the training set's manifest, the model, its honest report, the cards, the snapshot, the champion."""

import dagster as dg

from assets.annotations import annotations, gold_labels, public_corpora
from assets.chain import STAGES
from assets.links import trained_run
from assets.resources import FeelmWorkspace
from assets.running import DVC_POOL, RETRY
from assets.telling import materialize

GROUP = "models"
OWNERS = ["team:ml"]


@dg.asset(
    deps=[gold_labels, "film", "scenes", "face_features", "voice_features", "text_features", *public_corpora],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["training_set"].code_version,
)
def training_set(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The manifest: one row per unit with its gold, its modalities, its licence and the group that no split may part.

    It stands unpartitioned between films and model, so that one data version says what a model was trained on.
    """
    return materialize(context, workspace, "training_set")


@dg.asset(
    deps=[training_set],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"pytorch", "mlflow"},
    code_version=STAGES["emotion_model"].code_version,
    retry_policy=RETRY,
)
def emotion_model(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The challenger: a CNN on faces, nets on voice and words, a transformer over the sequence of units, with a reaction head.

    Every film is predicted once by a model that never saw it; the final weights are trained on all.
    """
    return materialize(context, workspace, "emotion_model")


@dg.asset(
    deps=[training_set, gold_labels, emotion_model],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"json"},
    code_version=STAGES["validation_report"].code_version,
)
def validation_report(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """What the model is worth on films it never saw, beside each modality alone, baselines and the human ceiling."""
    return materialize(context, workspace, "validation_report")


@dg.asset(
    deps=[training_set, gold_labels, annotations],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"markdown", "json"},
    code_version=STAGES["dataset_card"].code_version,
)
def dataset_card(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The training set's datasheet, and its units and gold as files that Croissant 1.0 describes; no words that may not leave."""
    return materialize(context, workspace, "dataset_card")


@dg.asset(
    deps=[training_set, gold_labels, emotion_model, validation_report],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"markdown"},
    code_version=STAGES["model_card"].code_version,
)
def model_card(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Which data and weights made the model, what it is worth by unseen film, what it is for and what is forbidden."""
    return materialize(context, workspace, "model_card")


@dg.asset(
    deps=[training_set, emotion_model, validation_report, dataset_card, model_card],
    group_name=GROUP,
    owners=["team:platform"],
    kinds={"dvc"},
    pool=DVC_POOL,
    code_version=STAGES["dataset_snapshot"].code_version,
    retry_policy=RETRY,
)
def dataset_snapshot(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Every artifact recorded by DVC, pushed and verified; its revision is the sha256 of dvc.lock. The only DVC writer."""
    return materialize(context, workspace, "dataset_snapshot")


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
