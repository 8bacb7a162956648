"""Shares of emotions for tests, as many as there are: whoever adds an emotion to `corpus/emotions.py` changes no test."""

from corpus.terms import EMOTIONS

N_EMOTIONS = len(EMOTIONS)

WRITTEN = ("neutral", "joy", "anger", "fear", "sadness", "surprise", "disgust")
"""Those that made films, templates, test lines and public corpora have words and faces for; of others only networks know."""


def shares(rest: float | None = None, /, **named: float) -> list[float]:
    """A number for each emotion in the platform's order: that `named` for it, `rest` for all others.

    Without `rest` the others share evenly what the named ones leave of 1. KeyError when a name is no emotion.
    """
    if unknown := set(named) - set(EMOTIONS):
        raise KeyError(f"no emotions: {sorted(unknown)}")
    if rest is None:
        rest = (1 - sum(named.values())) / (N_EMOTIONS - len(named))
    return [named.get(emotion, rest) for emotion in EMOTIONS]
