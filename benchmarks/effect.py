"""Whether the reply that is ranked first has the better effect: against the first candidate and a random one, by three judges.

Run as `python -m benchmarks.effect --home .feelm` (ten minutes; `feelm weights fetch multilingual-e5` first). One judge is the reaction
that the champion foresees, by which it ranks. Two others learned on the emotion of whoever answers in MELD's training part and have no part
in ranking: one from word pairs of turn and reply, one from sentence embeddings of an encoder that the champion does not use. How far each
can be believed is told first, on MELD's development part. All are weighed by what the domain wishes for.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.common import SHARED, table, write_result
from benchmarks.conversations import Conversation, conversations, domains
from benchmarks.reaction import dialogues
from corpus.paths import Home
from corpus.terms import EMOTIONS
from ml.features.text.encoder import sentence_encoder
from service.champion import Champion, champion_folder
from service.domains.profile import profile
from service.respond.rank import Ranked
from service.respond.reply import respond

DRAWS = 5000
SEED = 0
FORESEEN = "foreseen"
FloatArray = np.ndarray
PACKAGES = ("torch", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Exchange:
    """A turn, what another answers, and the emotion (number) of whoever speaks after that."""

    turn: str
    reply: str
    felt: int


def exchanges(path: Path) -> list[Exchange]:
    """Every line of MELD that another speaker follows, with the line before it and the emotion of the next."""
    return [
        Exchange(one.turns[t - 1].text, one.turns[t].text, one.label[t + 1])
        for one in dialogues(path)
        for t in range(1, len(one.turns) - 1)
        if one.turns[t].speaker != one.turns[t + 1].speaker and one.label[t + 1] >= 0
    ]


class Judge(Protocol):
    """Says what somebody feels after a reply to their turn."""

    name: str

    def feels(self, turns: Sequence[str], replies: Sequence[str]) -> FloatArray:
        """Probabilities (n, 7) after each reply to its turn."""


class WordJudge:
    """From words alone: TF-IDF of words and word pairs, logistic regression."""

    name = "independent, word pairs"

    def __init__(self, learned: Sequence[Exchange]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        self.words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        rows = self.words.fit_transform([_told(one.turn, one.reply) for one in learned])
        self.model = LogisticRegression(C=4.0, max_iter=500).fit(rows, [one.felt for one in learned])

    def feels(self, turns: Sequence[str], replies: Sequence[str]) -> FloatArray:
        rows = self.words.transform([_told(turn, reply) for turn, reply in zip(turns, replies, strict=True)])
        return _all_seven(self.model.predict_proba(rows), self.model.classes_)


class SentenceJudge:
    """From the embeddings of both sentences by an encoder that neither the champion nor the ranking uses, logistic regression."""

    name = "independent, sentences"

    def __init__(self, learned: Sequence[Exchange], encoder: str = "multilingual-e5") -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.encoder, self.known = sentence_encoder(encoder), dict[str, FloatArray]()
        rows = self._rows([one.turn for one in learned], [one.reply for one in learned])
        self.model = make_pipeline(StandardScaler(), LogisticRegression(C=3e-4, max_iter=1000)).fit(rows, [one.felt for one in learned])

    def feels(self, turns: Sequence[str], replies: Sequence[str]) -> FloatArray:
        return _all_seven(self.model.predict_proba(self._rows(turns, replies)), self.model.classes_)

    def _rows(self, turns: Sequence[str], replies: Sequence[str]) -> FloatArray:
        """Both embeddings side by side, (n, 2 widths); each sentence is read once."""
        if new := sorted({*turns, *replies} - set(self.known)):
            self.known |= dict(zip(new, self.encoder.encode(new), strict=True))
        return np.stack([np.concatenate([self.known[turn], self.known[reply]]) for turn, reply in zip(turns, replies, strict=True)])


def _told(turn: str, reply: str) -> str:
    """Both texts, the words of each its own."""
    return " ".join([*(f"a_{word}" for word in turn.lower().split()), *(f"b_{word}" for word in reply.lower().split())])


def _all_seven(said: FloatArray, classes: FloatArray) -> FloatArray:
    felt = np.zeros((len(said), len(EMOTIONS)))
    felt[:, classes] = said
    return felt


def validity(judges: Sequence[Judge], learned: Sequence[Exchange], unseen: Sequence[Exchange]) -> list[list[str]]:
    """How far each judge is right on exchanges it has not learned: loss, and how the effect it tells goes with the real one."""
    felt, usual = np.array([one.felt for one in unseen]), np.bincount([one.felt for one in learned], minlength=len(EMOTIONS))
    shares = usual / usual.sum()
    told = [["none (how usual each emotion is)", f"{-np.log(shares[felt]).mean():.3f}", ""]]
    for judge in judges:
        p = judge.feels([one.turn for one in unseen], [one.reply for one in unseen])
        goes = [np.corrcoef(p @ wished, wished[felt])[0, 1] for wished in (np.array(profile(name).desired) for name in domains())]
        loss = -np.log(np.maximum(p[np.arange(len(felt)), felt], 1e-6)).mean()
        told.append([judge.name, f"{loss:.3f}", f"{np.mean(goes):.3f} ({min(goes):.3f} to {max(goes):.3f})"])
    return told


@dataclass(frozen=True)
class Effects:
    """Of a conversation the `reply` and, by judge, its effect, that of the first candidate, and the mean of all candidates, which a random
    one has in expectation.
    """

    domain: str
    reply: str
    by_judge: Mapping[str, tuple[float, float, float]]


def effects(champion: Champion, judges: Sequence[Judge], talk: Conversation) -> Effects:
    """Of the candidates that the service writes for a conversation; a hand-over is looked at as the reply it would have been."""
    purpose = profile(talk.domain)
    reply = respond(champion, purpose, talk.turns, "en")
    order, texts = _as_written(reply.ranked), [one.candidate.text for one in reply.ranked]
    told = {FORESEEN: np.array([one.effect for one in reply.ranked])}
    for judge in judges:
        told[judge.name] = judge.feels([talk.turns[-1].text] * len(texts), texts) @ np.array(purpose.desired)
    return Effects(talk.domain, texts[0], {name: (float(by[0]), float(by[order]), float(by.mean())) for name, by in told.items()})


def _as_written(ranked: Sequence[Ranked]) -> int:
    """Where the candidate that was written first stands: the first of the likeliest way."""
    return min(range(len(ranked)), key=lambda i: ranked[i].written)


def rows(found: Sequence[Effects]) -> list[list[str]]:
    """By domain and judge how far the ranked reply is ahead of the first and of a random one, with 95 % intervals over conversations, and
    over the different replies: a template that is given in many talks is judged once, whatever they are.
    """
    told = []
    for domain in [*domains(), "all"]:
        own = [one for one in found if domain in ("all", one.domain)]
        replies = np.unique([one.reply for one in own], return_inverse=True)[1]
        for name in own[0].by_judge:
            values = np.array([one.by_judge[name] for one in own])
            ahead = [f"{_ahead(values[:, 0] - values[:, i], np.arange(len(own)))}" for i in (1, 2)]
            by_reply = _ahead(values[:, 0] - values[:, 2], replies)
            told.append([domain, f"{len(own)} ({replies.max() + 1})", name, f"{values[:, 0].mean():+.3f}", *ahead, by_reply])
    return told


def _ahead(difference: FloatArray, group: FloatArray) -> str:
    """The mean, its interval over resampled groups (n,), and how often it is not above zero."""
    total, count = np.bincount(group, difference), np.bincount(group)
    draws = np.random.default_rng(SEED).integers(len(total), size=(DRAWS, len(total)))
    means = total[draws].sum(axis=1) / count[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{difference.mean():+.4f} ({low:+.4f} to {high:+.4f}), p {float((means <= 0).mean()):.4f}"


def main() -> None:
    """Run it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".feelm"))
    parser.add_argument("--meld", type=Path, default=SHARED / "meld", help="folder with MELD's training and development files")
    parser.add_argument("--half", choices=("dev", "test"), default="test")
    given = parser.parse_args()
    champion = Champion.load(champion_folder(Home(given.home)))
    learned, unseen = (exchanges(given.meld / f"{part}_sent_emo.csv") for part in ("train", "dev"))
    judges: list[Judge] = [WordJudge(learned), SentenceJudge(learned)]
    found = [effects(champion, judges, talk) for domain in domains() for talk in conversations(domain, given.half)]
    parts = [
        f"Champion {champion.origin.model_version}, trained on {champion.origin.trained_on}; the {given.half} halves.",
        f"## How far the judges can be believed: {len(unseen)} exchanges of MELD's development part\n\n"
        + table(VALIDITY, validity(judges, learned, unseen)),
        f"## Ranked replies\n\n{table(HEAD, rows(found))}",
    ]
    write_result("effect" if given.half == "test" else "effect-dev", "The effect of ranked replies", "\n\n".join(parts), PACKAGES)


VALIDITY = ["judge", "loss (nats)", "correlation of effect told and real, mean of the domains' wishes (least to most)"]
HEAD = [
    "domain",
    "conversations (different replies)",
    "judge",
    "effect of the reply (-1..1)",
    "ahead of the first candidate",
    "ahead of a random one",
    "the same over the different replies",
]


if __name__ == "__main__":
    main()
