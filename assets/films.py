"""The curated films and what is seen and heard in them: sources with rights, shots, faces, sound."""

from collections.abc import Iterator

import dagster as dg

from assets.chain import STAGES
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.running import RETRY
from assets.telling import materialize_all

GROUP = "films"
OWNERS = ["team:curation"]


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            name,
            description=description,
            group_name=GROUP,
            owners=OWNERS,
            kinds=kinds,
            code_version=STAGES["film"].code_version,
        )
        for name, description, kinds in (
            (
                "film",
                "A film the team may use: its entry in films.yaml with rights and reference, sha256 of picture, subtitles and screenplay.",
                {"yaml"},
            ),
            ("video", "The file that is scanned, by its content: other subtitles or another title leave it as it is.", {"json"}),
        )
    ],
    partitions_def=films,
)
def curated_film(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> Iterator[dg.MaterializeResult]:
    """The picture stays where it is; subtitles and screenplay are copied as delivered."""
    yield from materialize_all(context, workspace, "film")


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            name,
            deps=["video"],
            description=description,
            group_name=GROUP,
            owners=OWNERS,
            kinds=kinds,
            code_version=STAGES["film_scan"].code_version,
        )
        for name, description, kinds in (
            ("shots", "Shots with their transition and thumbnail, the picture's means five times a second, stream facts.", {"parquet"}),
            ("faces", "Faces found five times a second, followed through each shot, with eye-aligned crops.", {"parquet", "safetensors"}),
            ("soundtrack", "The sound at 16 kHz, mono; sample 0 is the first frame's time.", {"flac"}),
        )
    ],
    partitions_def=films,
    retry_policy=RETRY,
)
def film_scan(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> Iterator[dg.MaterializeResult]:
    """The one pass over the video that every picture-based stage feeds on; nothing else opens the film."""
    yield from materialize_all(context, workspace, "film_scan")
