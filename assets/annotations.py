"""What people judged: delivered batches, the accepted union, gold labels that keep the doubt; public corpora beside them."""

from collections.abc import Iterator

import dagster as dg

from assets.chain import STAGES
from assets.partitions import annotation_batch_keys
from assets.resources import FeelmWorkspace
from assets.telling import materialize, run_link, tell

GROUP = "annotations"
OWNERS = ["team:annotation"]


@dg.asset(
    partitions_def=annotation_batch_keys,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["annotation_batches"].code_version,
)
def annotation_batches(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """One delivered file, read row by row: accepted, repaired and refused rows are counted and kept.

    The checks on this asset decide whether the batch may go on; a refused batch waits in quarantine and holds up no other.
    """
    return materialize(context, workspace, "annotation_batches")


@dg.asset(
    deps=[annotation_batches],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["annotations"].code_version,
)
def annotations(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The union of all accepted batches; a later revision of a judgement replaces the earlier one."""
    return materialize(context, workspace, "annotations")


@dg.asset(
    deps=[annotations, "scenes"],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["gold_labels"].code_version,
)
def gold_labels(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Soft labels for each unit from several raters, spam down-weighted, with agreement and a status."""
    return materialize(context, workspace, "gold_labels")


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            name,
            description=description,
            group_name="corpora",
            owners=OWNERS,
            kinds=kinds,
            code_version=STAGES["corpus"].code_version,
        )
        for name, description, kinds in (
            ("xed", "XED: lines of 48 films' subtitles with emotions, without times or media (CC-BY 4.0).", {"parquet"}),
            ("xed_text_features", "Sentence embeddings and typographic cues of XED's lines.", {"pytorch", "parquet"}),
        )
    ],
)
def xed_corpus(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> Iterator[dg.MaterializeResult]:
    """A public corpus by the same contracts as the films; empty, and saying so, until `feelm corpus add xed PATH`."""
    opened, stage = workspace.open(), STAGES["corpus"]
    run = run_link(context, opened, stage.name, "xed")
    for asset, output in (("xed", "corpus"), ("xed_text_features", "text")):
        metadata = tell(opened, stage, run, output)
        yield dg.MaterializeResult(asset_key=asset, metadata=metadata, data_version=dg.DataVersion(run.versions[output]))
