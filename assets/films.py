"""The curated films and what is seen in them: sources with rights, shots, faces, sound, scenes."""

from collections.abc import Iterator

import dagster as dg

from assets.chain import STAGES
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.running import RETRY
from assets.telling import materialize, partition_of, run_link, tell

GROUP = "films"
OWNERS = ["team:curation"]


@dg.asset(
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"yaml"},
    code_version=STAGES["film"].code_version,
)
def film(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """A film the team may use: its entry in films.yaml with rights and reference, sha256 of picture, subtitles and screenplay.

    The picture stays where it is; subtitles and screenplay are copied as delivered.
    """
    return materialize(context, workspace, "film")


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            name,
            deps=[film],
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
    opened, stage = workspace.open(), STAGES["film_scan"]
    run = run_link(context, opened, stage.name, partition_of(context, stage))
    for output in stage.outputs:
        metadata = tell(opened, stage, run, output)
        yield dg.MaterializeResult(asset_key=output, metadata=metadata, data_version=dg.DataVersion(run.versions[output]))


@dg.asset(
    deps=[film, "shots", "soundtrack", "dialogue"],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["scenes"].code_version,
)
def scenes(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Scenes by headings, or by picture, sound and dialogue; and the units that are labelled and predicted: utterances, scenes, spans."""
    return materialize(context, workspace, "scenes")
