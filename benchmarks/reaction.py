"""Whether the champion foresees the next emotion on MELD's development part better than what needs no model, and ranks the real next line.

Run as `python -m benchmarks.reaction --home .feelm` (minutes). The home's champion must not have learned from that part: train it on the
training file alone. Every system starts from what the champion itself reads of each line, so none is given gold but the oracle. Real next
lines are ranked there and in dialogues of made films of another seed than a home's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.common import SHARED, table, write_result
from corpus.datasets.dialogues import read_lines
from corpus.datasets.meld import MELD
from corpus.datasets.summary import Notes
from corpus.maker.story import plan_stories
from corpus.paths import Home
from corpus.terms import EMOTIONS
from ml.evaluation.metrics import confusions, macro_f1
from ml.models import foresight
from ml.models.dataset import FloatArray, UnitArrays
from ml.models.dialogue import Turn, dialogue_arrays
from service.anticipate import Reaction, foresee, usual
from service.champion import Champion, champion_folder
from service.respond.rank import relatedness, standardised

DRAWS = 2000
RIVALS = 9
"""Random lines that the real next one is ranked among."""

SEED = 0
MADE_FILMS, MADE_SEED = 60, 1007
"""Films of a seed that no home is made with: the demo's has seed 7."""

PACKAGES = ("torch", "numpy", "tokenizers")
IntArray = np.ndarray


@dataclass(frozen=True)
class Dialogue:
    """Turns, and the gold emotion of each (-1: none)."""

    turns: list[Turn]
    label: list[int]


@dataclass(frozen=True)
class Pair:
    """A line and what came after it: dialogue, whether another speaks next, the gold label now and next, and by system what was said."""

    dialogue: int
    changes: bool
    now: int
    following: int
    said: dict[str, int]


def dialogues(path: Path) -> list[Dialogue]:
    """MELD's lines, dialogue by dialogue."""
    found: dict[str, Dialogue] = {}
    for line in read_lines(MELD, {"dev": path}, Notes()):
        one = found.setdefault(line.scene_id, Dialogue([], []))
        one.turns.append(Turn(line.text, line.speaker or None))
        one.label.append(EMOTIONS.index(str(line.emotion)) if line.emotion is not None else -1)
    return list(found.values())


def pairs(champion: Champion, spoken: Sequence[Dialogue]) -> list[Pair]:
    """Every line that is followed by one with gold, with what each system says comes next."""
    return [
        Pair(i, one.turns[t].speaker != one.turns[t + 1].speaker, one.label[t], one.label[t + 1], _said(reaction))
        for i, one in enumerate(spoken)
        for t, reaction in enumerate(foresee(champion, one.turns, "en")[:-1])
        if one.label[t + 1] >= 0
    ]


def with_gold_history(champion: Champion, rows: Sequence[Pair], learned: Sequence[Dialogue], spoken: Sequence[Dialogue]) -> list[Pair]:
    """The pairs with what a linear model says that knew gold where the champion has its own readings: an oracle."""
    labels, following = _gold(champion, learned)
    weights = np.array(foresight.learn(labels, following).weights, np.float32)
    labels, following = _gold(champion, spoken)
    told = foresight.named(foresight.foreseen(weights, labels, following), usual(champion))
    follows = (following.next_row >= 0) & (following.label[following.next_row] >= 0)
    says = told[follows].tolist()
    return [replace(row, said={**row.said, "linear on gold (oracle)": said}) for row, said in zip(rows, says, strict=True)]


def _gold(champion: Champion, spoken: Sequence[Dialogue]) -> tuple[FloatArray, UnitArrays]:
    """Gold as certain readings (n, 7), even where there is none, and the dialogues' order and speakers as the model takes them."""
    labels = np.array([label for one in spoken for label in one.label])
    columns, n = champion.model.facts.columns, len(labels)
    data = dialogue_arrays([one.turns for one in spoken], np.zeros((n, 0), np.float32), np.zeros(n, bool), columns, 0)
    certain = np.eye(len(EMOTIONS), dtype=np.float32)[labels]
    certain[labels < 0] = 1 / len(EMOTIONS)
    return certain, replace(data, label=labels)


def _said(reaction: Reaction) -> dict[str, int]:
    """The model's emotion, and each baseline's from the champion's own reading of the line before, whoever spoke it."""
    said = {"model": EMOTIONS.index(reaction.emotion), "model, most probable": int(np.argmax(reaction.probabilities))}
    said |= {
        f"own {one.name}" if one.name in ("persistence", "transitions") else one.name: EMOTIONS.index(one.emotion)
        for one in reaction.baselines
    }
    return said | {"persistence": int(np.argmax(reaction.sounds.probabilities))}


def scores(rows: Sequence[Pair]) -> list[list[str]]:
    """By system macro-F1, accuracy, and how much the model is ahead with its 95 % interval by dialogue."""
    n = 1 + max(row.dialogue for row in rows)
    dialogue, gold = (np.array([getattr(row, name) for row in rows]) for name in ("dialogue", "following"))
    names = sorted({name for row in rows for name in row.said}, key=lambda name: (not name.startswith("model"), name))
    oracle = np.array([row.now for row in rows])
    systems = {name: np.array([row.said.get(name, 0) for row in rows]) for name in names} | {"persistence of gold (oracle)": oracle}
    by_dialogue = {name: confusions(gold[said >= 0], said[said >= 0], dialogue[said >= 0], n) for name, said in systems.items()}
    draws = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)
    resampled = {name: macro_f1(np.einsum("dn,nij->dij", draws, each)) for name, each in by_dialogue.items()}
    return [_row(name, by_dialogue[name].sum(axis=0), resampled["model"] - resampled[name], len(rows)) for name in systems]


def _row(name: str, confusion: np.ndarray, ahead: np.ndarray, n: int) -> list[str]:
    low, high = np.percentile(ahead, [2.5, 97.5])
    behind = float((ahead <= 0).mean())
    told = "" if name == "model" else f"{ahead.mean():+.3f} ({low:+.3f} to {high:+.3f}), p {behind:.4f}"
    return [name, f"{float(macro_f1(confusion)):.3f}", f"{np.trace(confusion) / confusion.sum():.3f}", told]


def made_dialogues(films: int = MADE_FILMS, seed: int = MADE_SEED) -> list[Dialogue]:
    """The scenes of made films as they are written, before anything is performed."""
    found: dict[tuple[str, int], Dialogue] = {}
    for story in plan_stories(films, seed):
        for line in story.lines:
            one = found.setdefault((story.film_id, line.scene), Dialogue([], []))
            one.turns.append(Turn(line.text, story.characters[line.speaker].name))
            one.label.append(EMOTIONS.index(line.emotion))
    return list(found.values())


def ranks_of_real(champion: Champion, spoken: Sequence[Dialogue]) -> list[list[str]]:
    """How often the real next line is before a random one, by what it is ranked by, with a 95 % interval by dialogue."""
    rng, pool = np.random.default_rng(SEED), sorted({turn.text for one in spoken for turn in one.turns})
    alone = {text: heard.so_far[0] for text, heard in zip(pool, champion.hear([[Turn(text)] for text in pool], "en"), strict=True)}
    wins: list[tuple[int, list[float]]] = []
    for i, one in enumerate(spoken):
        (heard,) = champion.hear([one.turns], "en")
        for t in range(1, len(one.turns)):
            texts = [one.turns[t].text, *(pool[k] for k in rng.integers(len(pool), size=RIVALS))]
            near = relatedness(champion, one.turns[:t], texts)
            fits = np.log(np.stack([alone[text] for text in texts]) @ (heard.following[t - 1] / usual(champion)))
            wins.append((i, [_wins(by) for by in (near, fits, standardised(near) + standardised(fits))]))
    dialogue, won = np.array([i for i, _ in wins]), np.array([each for _, each in wins])
    count = np.bincount(dialogue, minlength=len(spoken))
    draws = rng.multinomial(len(spoken), np.full(len(spoken), 1 / len(spoken)), size=DRAWS)
    rows = []
    for name, column in zip(("nearness to the talk", "the reaction foreseen", "both"), won.T, strict=True):
        low, high = np.percentile(draws @ np.bincount(dialogue, column, len(spoken)) / (draws @ count), [2.5, 97.5])
        rows.append([name, f"{column.mean():.3f} ({low:.3f} to {high:.3f})"])
    return rows


def _wins(by: np.ndarray) -> float:
    """The share of others that the first is before; ties count half."""
    return float(np.mean((by[0] > by[1:]) + 0.5 * (by[0] == by[1:])))


def main() -> None:
    """Run it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".feelm"))
    parser.add_argument("--data", type=Path, default=SHARED / "meld" / "dev_sent_emo.csv")
    parser.add_argument("--learned", type=Path, default=SHARED / "meld" / "train_sent_emo.csv", help="what the oracle learns from")
    given = parser.parse_args()
    champion = Champion.load(champion_folder(Home(given.home)))
    spoken = dialogues(given.data)
    rows = with_gold_history(champion, pairs(champion, spoken), dialogues(given.learned), spoken)
    head = ["system", "macro-F1", "accuracy", "model ahead by (95 % by dialogue, share of draws in which it is not)"]
    parts = [
        f"Champion {champion.origin.model_version}, trained on {champion.origin.trained_on}.",
        f"## All {len(rows)} lines that are followed by one\n\n{table(head, scores(rows))}",
    ]
    changed = [row for row in rows if row.changes]
    parts.append(f"## The {len(changed)} after which another speaks\n\n{table(head, scores(changed))}")
    for name, talks in (("MELD's development part", spoken), (f"{MADE_FILMS} made films of seed {MADE_SEED}", made_dialogues())):
        lines = sum(len(one.turns) - 1 for one in talks)
        told = table(["ranked by", f"before a random line, {lines} lines, {RIVALS} rivals each"], ranks_of_real(champion, talks))
        parts.append(f"## The real next line among random ones: {name}\n\n{told}")
    write_result("reaction", "Reactions foreseen on MELD's development part", "\n\n".join(parts), PACKAGES)


if __name__ == "__main__":
    main()
