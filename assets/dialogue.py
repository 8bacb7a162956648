"""What is said and where it belongs: subtitles on their second, with speaker and script line; scenes, and the units that are judged.

Scenes are of this group, and not of the films', because they follow from the dialogue: so the graph of groups has no circle.
"""

from functools import partial

from assets.running import link_asset

link = partial(link_asset, group_name="dialogue", owners=["team:curation"])


@link(deps=["film", "soundtrack", "shots"], kinds={"parquet"})
def dialogue() -> None:
    """Utterances: subtitles moved onto the speech that is heard, with speaker, heading and line from the screenplay.

    The verdict says whether the subtitles fitted, were corrected (offset, drift), or do not belong to this film.
    """


@link(deps=["film", "shots", "soundtrack", dialogue], kinds={"parquet"})
def scenes() -> None:
    """Scenes by headings, or by picture, sound and dialogue; and the units that are labelled and predicted: utterances, scenes, spans."""
