"""States and ways of answering on the written conversations: learned from the dev halves, measured on the test halves.

Run as `python -m benchmarks.talk --home .feelm` (a minute); `--fit` learns first and writes `service/states/weights.json` and
`service/respond/chooser.json`. What is learned sees the champion's readings, so the figures are of one champion.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import table, write_result
from benchmarks.conversations import AGENT, USER, Conversation, conversations, domains, unmeasured
from corpus.paths import Home
from service.champion import Champion, champion_folder
from service.domains.profile import Strategy, profile
from service.respond.choose import CHOOSER_FILE, Seen, choose, fit_chooser, read_chooser
from service.states.read import STATES, WEIGHTS_FILE, features, fit_states, read_weights, states_at
from service.turns import DetectedTurn, detected

PACKAGES = ("torch", "numpy", "tokenizers")
Read = tuple[Conversation, tuple[DetectedTurn, ...]]


def read_all(champion: Champion, half: str) -> list[Read]:
    """Every conversation of a half with the champion's reading of its turns, each as it was when the turn was the last."""
    talks = [talk for domain in domains() for talk in conversations(domain, half)]
    return [(talk, _read(champion, talk)) for talk in talks]


def _read(champion: Champion, talk: Conversation) -> tuple[DetectedTurn, ...]:
    parts = [talk.turns[: end + 1] for end in range(len(talk.turns))]
    heard = champion.hear(parts, "en")
    return tuple(detected(champion, part, one).turns[-1] for part, one in zip(parts, heard, strict=True))


def fit_all(read: Sequence[Read]) -> None:
    """Learn the states, then the ways of answering, which see the states, and write both."""
    rows, there = [], []
    for talk, turns in read:
        for at, turn in enumerate(talk.turns):
            if turn.speaker == USER:
                rows.append(features(talk.turns, turns, at))
                there.append([state in talk.states[at] for state in STATES])
    fit_states(np.stack(rows), np.array(there, np.float32)).write(WEIGHTS_FILE)
    read_weights.cache_clear()
    seen = [_seen(talk, turns) for talk, turns in read]
    fit_chooser(seen, [Strategy(talk.strategy) for talk, _ in read], STATES).write(CHOOSER_FILE)
    read_chooser.cache_clear()


def _seen(talk: Conversation, turns: Sequence[DetectedTurn]) -> Seen:
    now, last = turns[-1], len(turns) - 1
    states = {one.state.value: one.value for one in states_at(talk.turns, turns, last)}
    asked = last > 0 and talk.turns[-2].speaker == AGENT and "?" in talk.turns[-2].text
    return Seen(now.text, now.language, now.probabilities, now.intensity, states, len(turns), asked)


def states_table(read: Sequence[Read]) -> str:
    """Precision, recall and F1 of each state over the user's turns, and how many there are."""
    said, gold = [], []
    for talk, turns in read:
        for at, turn in enumerate(talk.turns):
            if turn.speaker == USER:
                said.append([one.there for one in states_at(talk.turns, turns, at)])
                gold.append([state in talk.states[at] for state in STATES])
    found, labelled = np.array(said), np.array(gold)
    rows = []
    for i, state in enumerate(STATES):
        right = int((found[:, i] & labelled[:, i]).sum())
        precision, recall = right / max(found[:, i].sum(), 1), right / max(labelled[:, i].sum(), 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        rows.append([state, int(labelled[:, i].sum()), f"{precision:.2f}", f"{recall:.2f}", f"{f1:.2f}"])
    return table(["state", f"of {len(labelled)} turns", "precision", "recall", "F1"], rows)


def strategies_table(read: Sequence[Read]) -> str:
    """By domain macro-F1 and accuracy of the chosen way against the label, and how often it is the label or as acceptable."""
    rows = []
    for domain in [*domains(), "all"]:
        own = [one for one in read if domain in ("all", one[0].domain)]
        said = [choose(profile(talk.domain), _seen(talk, turns)).strategy.value for talk, turns in own]
        gold = [talk.strategy for talk, _ in own]
        accepted = np.mean([way == talk.strategy or way in talk.also for way, (talk, _) in zip(said, own, strict=True)])
        usual = max(set(gold), key=gold.count)
        right = np.mean([way == talk.strategy for way, (talk, _) in zip(said, own, strict=True)])
        figures = (_macro_f1(gold, said), right, accepted, _macro_f1(gold, [usual] * len(gold)))
        rows.append([domain, len(own), *(f"{figure:.2f}" for figure in figures)])
    return table(["domain", "conversations", "macro-F1", "accuracy", "label or as acceptable", "macro-F1 of the usual way"], rows)


def _macro_f1(gold: Sequence[str], said: Sequence[str]) -> float:
    scores = []
    for name in sorted(set(gold)):
        right = sum(g == s == name for g, s in zip(gold, said, strict=True))
        scores.append(2 * right / (gold.count(name) + list(said).count(name)))
    return float(np.mean(scores))


def main() -> None:
    """Learn where it is asked for, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".feelm"))
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--half", choices=("dev", "test"), default="test")
    given = parser.parse_args()
    champion = Champion.load(champion_folder(Home(given.home)))
    if given.fit:
        fit_all(read_all(champion, "dev"))
    read = read_all(champion, given.half)
    body = f"Champion {champion.origin.model_version}, trained on {champion.origin.trained_on}; the {given.half} halves.\n\n"
    body += f"## States\n\n{states_table(read)}\n\n## Ways of answering\n\n{strategies_table(read)}"
    if unmeasured():
        body += f"\n\nNo conversations were written for {', '.join(unmeasured())}: nothing is measured of it."
    page = "talk" if given.half == "test" else "talk-dev"
    write_result(page, "States and ways of answering on the written conversations", body, PACKAGES)


if __name__ == "__main__":
    main()
