"""Whether the reply that is ranked first has the better effect: against the first candidate and a random one, by two judges.

Run as `python -m benchmarks.effect --home .feelm` (minutes). One judge is the reaction that the champion foresees, by which it ranks; the
other was never asked in ranking: words and word pairs of turn and reply, learned on the emotion of whoever answers in MELD's training part.
Both are weighed by what the domain wishes for.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import SHARED, table, write_result
from benchmarks.conversations import Conversation, conversations, domains
from benchmarks.reaction import dialogues
from corpus.paths import Home
from corpus.terms import EMOTIONS
from ml.models.dialogue import Turn
from service.champion import Champion, champion_folder
from service.domains.profile import profile
from service.respond.rank import Ranked, effect_of
from service.respond.reply import respond

DRAWS = 5000
SEED = 0
PACKAGES = ("torch", "numpy", "scikit-learn")


class Judge:
    """What somebody feels after a reply to their turn, from words alone (TF-IDF, logistic regression)."""

    def __init__(self, path: Path) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        asked, felt = [], []
        for one in dialogues(path):
            for t in range(1, len(one.turns) - 1):
                if one.turns[t].speaker != one.turns[t + 1].speaker and one.label[t + 1] >= 0:
                    asked.append(_told(one.turns[t - 1], one.turns[t].text))
                    felt.append(one.label[t + 1])
        self.words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        self.model = LogisticRegression(C=4.0, max_iter=500).fit(self.words.fit_transform(asked), felt)

    def feels(self, turn: Turn, replies: Sequence[str]) -> np.ndarray:
        """Probabilities (n, 7) after each reply."""
        said = self.model.predict_proba(self.words.transform([_told(turn, reply) for reply in replies]))
        felt = np.zeros((len(replies), len(EMOTIONS)))
        felt[:, self.model.classes_] = said
        return felt


def _told(turn: Turn, reply: str) -> str:
    """Both texts, the words of each its own."""
    return " ".join([*(f"a_{word}" for word in turn.text.lower().split()), *(f"b_{word}" for word in reply.lower().split())])


@dataclass(frozen=True)
class Effects:
    """Of a conversation, by judge (foreseen, independent): the effect of the reply ranked first, of the first candidate, and the mean of
    all candidates, which a random one has in expectation.
    """

    domain: str
    foreseen: tuple[float, float, float]
    independent: tuple[float, float, float]


def effects(champion: Champion, judge: Judge, talk: Conversation) -> Effects:
    """Of the candidates that the service writes for a conversation; a hand-over is looked at as the reply it would have been."""
    purpose = profile(talk.domain)
    reply = respond(champion, purpose, talk.turns, "en")
    order = _as_written(reply.ranked)
    felt = judge.feels(talk.turns[-1], [one.candidate.text for one in reply.ranked])
    own = np.array([one.effect for one in reply.ranked])
    other = np.array([effect_of(purpose, p) for p in felt])
    return Effects(talk.domain, *((float(by[0]), float(by[order]), float(by.mean())) for by in (own, other)))


def _as_written(ranked: Sequence[Ranked]) -> int:
    """Where the candidate that was written first stands: the first of the likeliest way."""
    return min(range(len(ranked)), key=lambda i: ranked[i].written)


def rows(found: Sequence[Effects]) -> list[list[str]]:
    """By domain and judge how far the ranked reply is ahead of the first and of a random one, with 95 % intervals over conversations."""
    told = []
    for domain in [*domains(), "all"]:
        own = [one for one in found if domain in ("all", one.domain)]
        for name in ("foreseen", "independent"):
            values = np.array([getattr(one, name) for one in own])
            ahead = [_ahead(values[:, 0] - values[:, i]) for i in (1, 2)]
            told.append([domain, len(own), name, f"{values[:, 0].mean():+.3f}", *ahead])
    return told


def _ahead(difference: np.ndarray) -> str:
    draws = np.random.default_rng(SEED).integers(len(difference), size=(DRAWS, len(difference)))
    means = difference[draws].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{difference.mean():+.4f} ({low:+.4f} to {high:+.4f}), p {float((means <= 0).mean()):.4f}"


def main() -> None:
    """Run it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".feelm"))
    parser.add_argument("--train", type=Path, default=SHARED / "meld" / "train_sent_emo.csv")
    parser.add_argument("--half", choices=("dev", "test"), default="test")
    given = parser.parse_args()
    champion, judge = Champion.load(champion_folder(Home(given.home))), Judge(given.train)
    found = [effects(champion, judge, talk) for domain in domains() for talk in conversations(domain, given.half)]
    head = ["domain", "conversations", "judge", "effect of the reply (-1..1)", "ahead of the first candidate", "ahead of a random one"]
    told = f"Champion {champion.origin.model_version}, trained on {champion.origin.trained_on}; the {given.half} halves."
    body = f"{told}\n\n{table(head, rows(found))}"
    write_result("effect", "The effect of ranked replies", body, PACKAGES)


if __name__ == "__main__":
    main()
