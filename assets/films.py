"""The curated films and what is seen and heard in them: sources with rights, shots, faces, sound."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assets.chain import STAGES
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.running import RETRY
from assets.telling import materialize_all

CURATED = {
    "film": "A film the team may use: its entry in films.yaml with rights and reference, sha256 of picture, subtitles and screenplay.",
    "video": "The file that is scanned, by its content: other subtitles or another title leave it as it is.",
}
SCANNED = {
    "shots": "Shots with their transition and thumbnail, the picture's means five times a second, stream facts.",
    "faces": "Faces found five times a second, followed through each shot, with eye-aligned crops.",
    "soundtrack": "The sound at 16 kHz, mono; sample 0 is the first frame's time.",
}
KINDS = {"film": {"yaml"}, "video": {"json"}, "shots": {"parquet"}, "faces": {"parquet", "safetensors"}, "soundtrack": {"flac"}}


def _specs(link: str, described: Mapping[str, str], **settings: Any) -> list[dg.AssetSpec]:
    own = {"group_name": "films", "owners": ["team:curation"], "code_version": STAGES[link].code_version, **settings}
    return [dg.AssetSpec(name, description=description, kinds=KINDS[name], **own) for name, description in described.items()]


@dg.multi_asset(specs=_specs("film", CURATED), partitions_def=films)
def curated_film(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> Iterator[dg.MaterializeResult]:
    """The picture stays where it is; subtitles and screenplay are copied as delivered."""
    yield from materialize_all(context, workspace, "film")


@dg.multi_asset(specs=_specs("film_scan", SCANNED, deps=["video"]), partitions_def=films, retry_policy=RETRY)
def film_scan(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> Iterator[dg.MaterializeResult]:
    """The one pass over the video that every picture-based stage feeds on; nothing else opens the film."""
    yield from materialize_all(context, workspace, "film_scan")
