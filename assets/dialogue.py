"""What is said and where it belongs: subtitles on their second, with speaker and script line; scenes, and the units that are judged.

Scenes are of this group, and not of the films', because they follow from the dialogue: so the graph of groups has no circle.
"""

import dagster as dg

from assets.chain import STAGES
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.telling import materialize

GROUP = "dialogue"
OWNERS = ["team:curation"]


@dg.asset(
    deps=["film", "soundtrack", "shots"],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["dialogue"].code_version,
)
def dialogue(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Utterances: subtitles moved onto the speech that is heard, with speaker, heading and line from the screenplay.

    The verdict says whether the subtitles fitted, were corrected (offset, drift), or do not belong to this film.
    """
    return materialize(context, workspace, "dialogue")


@dg.asset(
    deps=["film", "shots", "soundtrack", dialogue],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"parquet"},
    code_version=STAGES["scenes"].code_version,
)
def scenes(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Scenes by headings, or by picture, sound and dialogue; and the units that are labelled and predicted: utterances, scenes, spans."""
    return materialize(context, workspace, "scenes")
