"""Tags of the assets, by which people pick them in Dagster's graph: `tag:"feelm/scope"="film"`.

They follow from the chain: the link that makes an asset (the name that `feelm stage`, dvc.yaml and the stamps use), what one run of it is
about, and whether DVC records it.
"""

from collections.abc import Iterable

import dagster as dg

from assets.chain import MADE_BY, RECORDED, STAGES
from assets.telling import asset_of
from corpus.datasets.registry import CORPORA

LINK_OF = {asset_of(output): link for output, link in MADE_BY.items()} | {
    asset: "corpus" for corpus in CORPORA.values() for asset in corpus.assets.values()
}
"""By asset, the link that makes it."""


def with_tags(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets, each with the tags of its link."""
    return [asset.map_asset_specs(_tagged) for asset in assets]


def _tagged(spec: dg.AssetSpec) -> dg.AssetSpec:
    link = LINK_OF[spec.key.to_user_string()]
    recorded = "recorded" if link in RECORDED else "not_recorded"
    return spec.merge_attributes(tags={"feelm/link": link, "feelm/scope": STAGES[link].scope.value, "feelm/dvc": recorded})
