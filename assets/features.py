"""What faces, voices, words and the picture itself say about each unit."""

import dagster as dg

from assets.chain import STAGES
from assets.partitions import films
from assets.resources import FeelmWorkspace
from assets.running import RETRY, gpu_pool
from assets.telling import materialize

GROUP = "features"
OWNERS = ["team:ml"]


@dg.asset(
    deps=["faces", "scenes"],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"pytorch", "parquet"},
    code_version=STAGES["face_features"].code_version,
    retry_policy=RETRY,
    pool=gpu_pool(),
)
def face_features(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Expression, head pose, posture and crops of the speaker's face for each unit; who is who, and the course of every face."""
    return materialize(context, workspace, "face_features")


@dg.asset(
    deps=["soundtrack", "scenes"],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"pytorch", "parquet"},
    code_version=STAGES["voice_features"].code_version,
    retry_policy=RETRY,
)
def voice_features(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """Pitch, loudness, timbre, fine structure and pace of each unit's voice, kept apart from music, against the speaker's own level."""
    return materialize(context, workspace, "voice_features")


@dg.asset(
    deps=["film", "dialogue", "scenes"],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"pytorch", "parquet"},
    code_version=STAGES["text_features"].code_version,
    retry_policy=RETRY,
)
def text_features(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """A sentence embedding (MiniLM), valence, typography and described sounds of each unit's words."""
    return materialize(context, workspace, "text_features")


@dg.asset(
    deps=["shots", "faces", "soundtrack", "scenes"],
    partitions_def=films,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"opencv", "parquet"},
    code_version=STAGES["scene_features"].code_version,
    retry_policy=RETRY,
)
def scene_features(context: dg.AssetExecutionContext, workspace: FeelmWorkspace) -> dg.MaterializeResult:
    """The film's own means: light, colour, motion, size of faces, pace of cutting, loudness, music and tempo around each unit."""
    return materialize(context, workspace, "scene_features")
