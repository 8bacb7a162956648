"""What faces, voices, words and the picture itself say about each unit."""

from functools import partial

from assets.running import RETRY, gpu_pool, link_asset

link = partial(link_asset, group_name="features", owners=["team:ml"])


@link(deps=["faces", "scenes"], kinds={"pytorch", "parquet"}, retry_policy=RETRY, pool=gpu_pool())
def face_features() -> None:
    """Expression, head pose, posture and crops of the speaker's face for each unit; who is who, and the course of every face."""


@link(deps=["soundtrack", "scenes"], kinds={"pytorch", "parquet"}, retry_policy=RETRY)
def voice_features() -> None:
    """Pitch, loudness, timbre, fine structure and pace of each unit's voice, kept apart from music, against the speaker's own level."""


@link(deps=["film", "dialogue", "scenes"], kinds={"pytorch", "parquet"}, retry_policy=RETRY)
def text_features() -> None:
    """A sentence embedding (MiniLM), valence, typography and described sounds of each unit's words."""


@link(deps=["shots", "faces", "soundtrack", "scenes"], kinds={"opencv", "parquet"}, retry_policy=RETRY)
def scene_features() -> None:
    """The film's own means: light, colour, motion, size of faces, pace of cutting, loudness, music and tempo around each unit."""
