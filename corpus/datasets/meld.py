"""MELD: dialogue of the series Friends, each line with one of exactly the platform's seven emotions, by majority of three raters.

The published split is by dialogue: all but one of its test episodes are in its training part too, so a figure on it says nothing of unseen
films. Here the episode is the film and decides. Only the majority label was published; how many of the three agreed is not known.

Source: Poria et al., MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL 2019 (declare-lab/MELD).
"""

from __future__ import annotations

from corpus.datasets.dialogues import Format
from corpus.datasets.summary import Terms
from corpus.terms import EMOTIONS, DeclaredUse

NOT_ONE = frozenset({"all", "both", "everyone"})


def one_speaker(name: str) -> str | None:
    """The speaker; None for "All" and for "Ross and Rachel", who are not one person."""
    folded = name.casefold()
    return None if folded in NOT_ONE or " and " in folded or "&" in folded or "," in folded else name


MELD = Format(
    name="meld",
    series="friends",
    terms=Terms(
        licence="GPL-3.0",
        declared_use=DeclaredUse.RESEARCH,
        credit="MELD, Poria et al. 2019, declare-lab; the repository is GPL-3.0, the words are those of the series Friends: for research",
    ),
    files={"train": "train_sent_emo.csv", "dev": "dev_sent_emo.csv", "test": "test_sent_emo.csv"},
    columns={
        "text": "Utterance",
        "speaker": "Speaker",
        "emotion": "Emotion",
        "dialogue": "Dialogue_ID",
        "utterance": "Utterance_ID",
        "season": "Season",
        "episode": "Episode",
        "start": "StartTime",
        "end": "EndTime",
    },
    emotions={emotion: emotion for emotion in EMOTIONS},
    speaker=one_speaker,
    first=0,
    by_episode=False,
)
