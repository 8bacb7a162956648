"""What people judged: delivered batches, the accepted union, gold labels that keep the doubt; public corpora beside them."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from assets.chain import STAGES
from assets.resources import FeelmWorkspace
from assets.running import RETRY, link_asset
from assets.telling import materialize_all
from corpus.datasets.registry import CORPORA, PublicCorpus

OWNERS = ["team:annotation"]
link = partial(link_asset, group_name="annotations", owners=OWNERS)


@link(kinds={"parquet"})
def annotation_batches() -> None:
    """One delivered file, read row by row: accepted, repaired and refused rows are counted and kept.

    The checks on this asset decide whether the batch may go on; a refused batch waits in quarantine and holds up no other.
    """


@link(deps=[annotation_batches], kinds={"parquet"})
def annotations() -> None:
    """The union of all accepted batches; a later revision of a judgement replaces the earlier one."""


@link(deps=[annotations, "scenes"], kinds={"parquet"})
def gold_labels() -> None:
    """Soft labels for each unit from several raters, spam down-weighted, with agreement and a status."""


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
        yield from materialize_all(context, workspace, "corpus", corpus.name)

    return read


public_corpora = [_corpus_asset(corpus) for corpus in CORPORA.values()]
