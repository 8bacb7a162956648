"""EmoryNLP: dialogue of the first four seasons of Friends, each line with one of the seven emotions of Willcox's wheel.

Five of them are the platform's: joyful, mad, sad, scared, neutral. Peaceful and powerful are not (the platform's neutral is the absence of
an emotion, not calm), and a line so labelled stays without a label. Its episodes are MELD's too: both go to the same side of a split.

Source: Zahiri and Choi, Emotion Detection on TV Show Transcripts with Sequence-based CNNs, AAAI workshops 2018; CSV by declare-lab/MELD.
"""

from __future__ import annotations

import ast

from corpus.datasets.dialogues import Format
from corpus.datasets.summary import Terms
from corpus.terms import DeclaredUse

LONGEST_NAMES = 300
NOT_ONE = frozenset({"#ALL#", "Both"})


def one_speaker(names: str) -> str | None:
    """The speaker of a cell such as "['Rachel Green']"; None for several, for "#ALL#" and for a cell that is no such list."""
    try:
        listed = ast.literal_eval(names[:LONGEST_NAMES])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    match listed:
        case [str(name)] if name not in NOT_ONE:
            return name
        case _:
            return None


EMORYNLP = Format(
    name="emorynlp",
    series="friends",
    terms=Terms(
        licence="GPL-3.0",
        declared_use=DeclaredUse.RESEARCH,
        credit="EmoryNLP, Zahiri and Choi 2018, in MELD's GPL-3.0 repository; the words are those of the series Friends: for research",
    ),
    files={"train": "emorynlp_train_final.csv", "dev": "emorynlp_dev_final.csv", "test": "emorynlp_test_final.csv"},
    columns={
        "text": "Utterance",
        "speaker": "Speaker",
        "emotion": "Emotion",
        "dialogue": "Scene_ID",
        "utterance": "Utterance_ID",
        "season": "Season",
        "episode": "Episode",
        "start": "Start_Time",
        "end": "End_Time",
    },
    emotions={
        "Joyful": "joy",
        "Mad": "anger",
        "Sad": "sadness",
        "Scared": "fear",
        "Neutral": "neutral",
        "Peaceful": None,
        "Powerful": None,
    },
    speaker=one_speaker,
    first=1,
    by_episode=True,
)
