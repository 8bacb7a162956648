"""What people judged: delivered batches, the accepted union, gold labels that keep the doubt; public corpora beside them."""

from collections.abc import Iterator

import dagster as dg

from assets.chain import STAGES
from assets.partitions import annotation_batch_keys
from assets.resources import FeelmWorkspace
from assets.running import RETRY
from assets.telling import materialize, run_link, tell
from corpus.datasets.registry import CORPORA, PublicCorpus

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


def _corpus_asset(corpus: PublicCorpus) -> dg.AssetsDefinition:
    """A public corpus and the features of what it has: unpartitioned, one run for all of them."""
    about = f"{corpus.about} ({corpus.terms.licence})."
    told = {"corpus": about, "text": "Sentence embeddings and typographic cues of its lines.", "voice": "Voice of its recordings."}
    specs = [
        dg.AssetSpec(
            asset,
            description=told[output],
            group_name="corpora",
            owners=OWNERS,
            kinds={"pytorch", "parquet"} if output == "text" else {"parquet"},
            code_version=STAGES["corpus"].code_version,
        )
        for output, asset in corpus.assets.items()
    ]

    @dg.multi_asset(name=f"{corpus.assets['corpus']}_corpus", specs=specs, retry_policy=RETRY)
    def read(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> Iterator[dg.MaterializeResult]:
        """A public corpus by the same contracts as the films; empty, and saying so, until `feelm corpus add NAME PATH`."""
        opened, stage = workspace.open(), STAGES["corpus"]
        run = run_link(context, opened, stage.name, corpus.name)
        for output, asset in corpus.assets.items():
            metadata = tell(opened, stage, run, output)
            yield dg.MaterializeResult(asset_key=asset, metadata=metadata, data_version=dg.DataVersion(run.versions[output]))

    return read


public_corpora = [_corpus_asset(corpus) for corpus in CORPORA.values()]
