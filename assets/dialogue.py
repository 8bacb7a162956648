"""What is said: subtitles on their second, with speaker and script line."""

import dagster as dg

from assets.chain import STAGES
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.telling import materialize


@dg.asset(
    deps=["film", "soundtrack", "shots"],
    partitions_def=films,
    group_name="dialogue",
    owners=["team:curation"],
    kinds={"parquet"},
    code_version=STAGES["dialogue"].code_version,
)
def dialogue(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Utterances: subtitles moved onto the speech that is heard, with speaker, heading and line from the screenplay.

    The verdict says whether the subtitles fitted, were corrected (offset, drift), or do not belong to this film.
    """
    return materialize(context, workspace, "dialogue")
