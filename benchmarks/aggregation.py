"""Gold of simulated raters against known truth, with crowd-kit on the same votes: `python -m benchmarks.aggregation`.

Raters (aggregation_raters.py) follow from seeds and from CREMA-D's votes in the shared material; crowd-kit's environment lies in the
cache folder. Gold is made by `build_gold` from tables of annotations, as a film's is. Three quarters of an hour, of which crowd-kit takes
most. The rules of copying and the pool's weight in Dawid-Skene were made on crowds of seeds 1 to 5, which are also those of the page;
other seeds are told with --first-seed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.aggregation_balance import balance_told
from benchmarks.aggregation_peer import AGGREGATORS, ONE_START, VERSION, Answer, Peer
from benchmarks.aggregation_raters import COPIED, FAST_MS, HONEST_MS, KINDS, OWN_CONFUSIONS, VICTIMS, Crowd, Size, crowd
from benchmarks.common import SHARED, CpuClock, table, write_result
from corpus import statistics
from corpus.annotations.gold import build_gold
from corpus.annotations.judgements import Judgement, annotation_rows
from corpus.annotations.spam import rate_raters
from corpus.contracts import ANNOTATIONS, GOLD_LABELS, RATERS, TRACES, UNITS
from corpus.datasets.crema_d import Votes, read_votes
from corpus.statistics import FloatArray, IntArray
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS

SPAM = 0.4
LINE_MS = 2000
FILM = "simulated"
CONDITIONS: dict[str, dict[str, float]] = {"honest": {}, **{kind: {kind: SPAM} for kind in ("constant", "random", "copy")}}
MIXED = dict.fromkeys(KINDS, SPAM / len(KINDS))
SMALL = Size(items=160)
TIMED_RATERS = 1000
OWN = ("gold: vote share, spam left out", "MACE", "Dawid-Skene, pooled, spam left out")
PLAIN = "vote share of all"


@dataclass(frozen=True)
class Made:
    """Gold of one crowd: shares (n_items, 7), which items have a gold label, and the table RATERS in the order of the raters' numbers."""

    shares: FloatArray
    labelled: np.ndarray
    raters: pd.DataFrame

    @property
    def flagged(self) -> np.ndarray:
        return self.raters["flagged"].to_numpy(bool)


@dataclass(frozen=True)
class Trial:
    """Accuracy of each aggregation on one crowd (None: it crashed), of gold's labels where it gives one, and the share where it does."""

    accuracy: dict[str, float | None]
    on_labelled: dict[str, float | None]
    coverage: float
    found: float
    falsely: float


def main() -> None:
    """Run all trials and write the page."""
    options = _options()
    source = SHARED / "crema_d_labels" / "tabulatedVotes.csv"
    if not source.is_file():
        raise SystemExit(f"the confusions are those of {source}, which is not here")
    options.cache.mkdir(parents=True, exist_ok=True)
    peer = Peer.installed(options.cache)
    votes = read_votes(source.read_text(encoding="utf-8"))
    parts = [_method(options, peer)]
    for clips in (False, True):
        parts.append(_accuracy_told(votes["both"], peer, options, clips))
        print(parts[-1], flush=True)
    parts.append(balance_told(votes["both"], peer, range(options.first_seed, options.first_seed + options.paired_seeds)))
    parts += [_detection_told(votes["both"], options), _real_told(votes), _time_told(votes["both"], peer, options)]
    print("\n\n".join(parts[3:]))
    print(write_result("aggregation", "Aggregation of several raters' labels", "\n\n".join(parts), ("numpy", "pandas")))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "feelm-aggregation", help="folder of crowd-kit")
    parser.add_argument("--first-seed", type=int, default=1, help="of the first crowd of each condition")
    parser.add_argument("--seeds", type=int, default=5, help="crowds of each condition")
    parser.add_argument("--paired-seeds", type=int, default=20, help="crowds of each frequency of neutral")
    parser.add_argument("--timed-votes", type=int, default=200_000, help="votes of the comparison of speed")
    return parser.parse_args()


def _seeds_of(options: argparse.Namespace) -> range:
    return range(options.first_seed, options.first_seed + options.seeds)


def gold_of(simulated: Crowd) -> Made:
    """Gold as a film's: annotations and units as tables, through build_gold."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        ANNOTATIONS.write(_annotations(simulated), folder / "annotations.parquet")
        TRACES.write(TRACES.empty(), folder / "traces.parquet")
        UNITS.write(UNITS.frame(_unit(item) for item in range(len(simulated.truth))), folder / "units.parquet")
        (folder / "gold").mkdir()
        build_gold(folder, {FILM: folder / "units.parquet"}, folder / "gold")
        gold = GOLD_LABELS.read(folder / "gold" / "gold.parquet").sort_values("unit_id")
        raters = RATERS.read(folder / "gold" / "raters.parquet").sort_values("annotator_id", ignore_index=True)
    return Made(gold[list(PROBABILITY_COLUMNS)].to_numpy(np.float64), gold["label"].notna().to_numpy(), raters)


def _annotations(simulated: Crowd) -> pd.DataFrame:
    columns = zip(simulated.items, simulated.raters, simulated.labels, simulated.lead_ms, strict=True)
    times = pd.date_range("2026-01-01", periods=len(simulated.items), freq="s").strftime("%Y-%m-%dT%H:%M:%SZ")
    judgements = (
        Judgement(
            FILM, f"rater{rater:04d}", f"row {row}", unit_id=_unit_id(item), emotion=EMOTIONS[label], lead_time_ms=int(lead), created_at=at
        )
        for row, ((item, rater, label, lead), at) in enumerate(zip(columns, times, strict=True))
    )
    return ANNOTATIONS.frame(row for judgement in judgements for row in annotation_rows(judgement, "simulated", "simulated", ""))


def _unit_id(item: int) -> str:
    return f"{FILM}.u{item:05d}"


def _unit(item: int) -> dict[str, object]:
    times = {"start_ms": item * LINE_MS, "end_ms": (item + 1) * LINE_MS}
    return {"unit_id": _unit_id(item), "film_id": FILM, "level": "utterance", "text": "...", "position": item, **times}


def _trial(simulated: Crowd, peer: Peer) -> Trial:
    made = gold_of(simulated)
    arrays, n = (simulated.items, simulated.raters, simulated.labels), len(EMOTIONS)
    scores = {
        PLAIN: _hits(statistics.label_counts(*arrays[::2], len(simulated.truth), n), simulated.truth),
        OWN[0]: _hits(made.shares, simulated.truth),
        OWN[1]: _hits(statistics.mace(*arrays, n).posterior, simulated.truth),
        OWN[2]: _hits(statistics.dawid_skene(*arrays, n, (~made.flagged).astype(np.float64)[simulated.raters]), simulated.truth),
    }
    answers = peer.aggregate(simulated, {name: ONE_START if name == "MACE" else {} for name in AGGREGATORS})
    hits = {**scores, **{f"crowd-kit {name}": _right(answer, simulated.truth) for name, answer in answers.items()}}
    spam = simulated.is_spam
    return Trial(
        accuracy={name: None if hit is None else float(hit.mean()) for name, hit in hits.items()},
        on_labelled={name: None if hit is None else float(hit[made.labelled].mean()) for name, hit in hits.items()},
        coverage=float(made.labelled.mean()),
        found=float(made.flagged[spam].mean()) if spam.any() else float("nan"),
        falsely=float(made.flagged[~spam].mean()),
    )


def _hits(scores: FloatArray, truth: IntArray) -> FloatArray:
    """Whether the greatest score is the truth's; of k equal ones each counts 1/k."""
    top = scores >= scores.max(axis=1, keepdims=True) - 1e-9
    return top[np.arange(len(truth)), truth] / top.sum(axis=1)


def _right(answer: Answer, truth: IntArray) -> FloatArray | None:
    return None if answer.labels is None else (answer.labels == truth).astype(np.float64)


def _method(options: argparse.Namespace, peer: Peer) -> str:
    size = Size()
    return (
        f"{size.items} items with {size.votes} honest votes each by {size.raters} raters ({size.items * size.votes // size.raters} votes a"
        f" rater), seeds {options.first_seed} to {options.first_seed + options.seeds - 1}."
        f" Spam comes on top until it is {SPAM:.0%} of all answers, so gold without the spam is gold of"
        f" the honest condition. A rater's confusions are a Dirichlet's draw (concentration {OWN_CONFUSIONS:.0f}) about CREMA-D's in voice"
        f" and face together. Constant raters give one label each; copies give {COPIED:.0%} of the answers of one of {VICTIMS} honest"
        f" raters, later than these; fast ones answer as well as anybody, in {FAST_MS} ms by the median ({HONEST_MS} the others)."
        f" Ties count in parts. Peer: {peer.versions()}, defaults, but one restart for its MACE, whose ten all start from the same numbers."
    )


def _accuracy_told(votes: Votes, peer: Peer, options: argparse.Namespace, clips: bool) -> str:
    trials = {
        name: [_trial(crowd(votes, seed, clips=clips, size=Size(), spam=spam), peer) for seed in _seeds_of(options)]
        for name, spam in CONDITIONS.items()
    }
    title = (
        "Items are real clips: honest votes are drawn from the clip's own"
        if clips
        else "Items of one emotion are alike: honest votes by confusions"
    )
    names = list(trials["honest"][0].accuracy)
    head = ["accuracy, %", *(name if name == "honest" else f"{SPAM:.0%} {name}" for name in trials)]
    rows = [[name, *(_seeds([trial.accuracy[name] for trial in trials[condition]]) for condition in trials)] for name in names]
    covered = [["share of items that gold labels", *(_seeds([trial.coverage for trial in group]) for group in trials.values())]]
    gold_rows = [
        [f"of these right: {name}", *(_seeds([t.on_labelled[name] for t in group]) for group in trials.values())]
        for name in _compared(names)
    ]
    found = [["spammers flagged", *(_seeds([trial.found for trial in group]) for group in trials.values())]]
    falsely = [["honest raters flagged", *(_seeds([trial.falsely for trial in group]) for group in trials.values())]]
    return "\n\n".join([f"## {title}", table(head, rows), table(head, covered + gold_rows + found + falsely), _verdict(trials)])


def _compared(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in OWN or name == "crowd-kit DawidSkene"]


def _seeds(values: Sequence[float | None]) -> str:
    """Mean and, in brackets, each seed's figure, in percent."""
    given = [value for value in values if value is not None]
    if not given:
        return "crashes"
    if np.isnan(given).all():
        return "-"
    return f"{100 * np.mean(given):.1f} ({', '.join(f'{100 * value:.1f}' for value in given)})"


def _verdict(trials: dict[str, list[Trial]]) -> str:
    """Where crowd-kit is better by the mean over the seeds, and how far gold falls with spam."""
    told = []
    for own in OWN:
        behind = [said for condition, group in trials.items() if (said := _behind(own, condition, group))]
        told.append(f"- {own}: {'behind ' + '; '.join(behind) if behind else 'at or above every crowd-kit aggregator in all conditions'}.")
    honest = _mean(trials["honest"], OWN[0])
    falls = ", ".join(
        f"{condition} {100 * (honest - _mean(group, OWN[0])):+.1f}" for condition, group in trials.items() if condition != "honest"
    )
    return "\n".join([*told, f"- Gold with {SPAM:.0%} spam lies below gold without it by, in points: {falls}."])


def _behind(own: str, condition: str, group: list[Trial]) -> str | None:
    ours = _mean(group, own)
    better = {
        name: _mean(group, name) - ours for name, value in group[0].accuracy.items() if name.startswith("crowd-kit") and value is not None
    }
    ahead = [f"{name.removeprefix('crowd-kit ')} by {100 * gap:.1f}" for name, gap in better.items() if gap > 0]
    return f"{condition}: {', '.join(ahead)}" if ahead else None


def _mean(group: list[Trial], name: str) -> float:
    return float(np.mean([trial.accuracy[name] for trial in group]))


def _detection_told(votes: Votes, options: argparse.Namespace) -> str:
    rows = []
    for size in (Size(), SMALL):
        a_rater = size.items * size.votes // size.raters
        for kind, spam in {**{kind: {kind: SPAM} for kind in KINDS}, "all four": MIXED}.items():
            crowds = [crowd(votes, seed, clips=clips, size=size, spam=spam) for clips in (False, True) for seed in _seeds_of(options)]
            rows.append([a_rater, kind, *_detection(crowds, kind)])
    head = ["votes a rater", f"spam, {SPAM:.0%}", "figure", "AUC of the figure", "AUC of the flag", "spammers flagged", "honest flagged"]
    return "\n\n".join(
        [
            "## Who is found",
            f"Over {options.seeds} seeds of alike items and as many of real clips: mean, least. The flag is all that gold acts on; its AUC"
            " is that of a figure of 0 or 1: half the sum of the spammers flagged and the honest spared.",
            table(head, rows),
        ]
    )


FIGURES: dict[str, tuple[str, Callable[[pd.DataFrame], FloatArray]]] = {
    "constant": ("top label's share", lambda raters: raters["top_label_share"].to_numpy(np.float64)),
    "random": ("MACE competence", lambda raters: -raters["competence"].fillna(1.0).to_numpy(np.float64)),
    "fast": ("median time", lambda raters: -raters["median_lead_time_ms"].to_numpy(np.float64)),
}


def _detection(crowds: list[Crowd], kind: str) -> list[str]:
    figures, flags, found, falsely = [], [], [], []
    for simulated in crowds:
        raters, spam = _rated(simulated), simulated.is_spam
        flagged = raters["flagged"].to_numpy(bool)
        figures.append(_auc(_figure(simulated, raters, kind), spam))
        flags.append(_auc(flagged.astype(np.float64), spam))
        found.append(float(flagged[spam].mean()))
        falsely.append(float(flagged[~spam].mean()))
    name = FIGURES[kind][0] if kind in FIGURES else "share copied" if kind == "copy" else "-"
    return [name, "-" if name == "-" else _least(figures), _least(flags), f"{np.mean(found):.1%}", f"{np.mean(falsely):.1%}"]


def _rated(simulated: Crowd) -> pd.DataFrame:
    """The table RATERS in the order of the raters' numbers, as gold makes it."""
    names = np.array([f"rater{rater:04d}" for rater in range(len(simulated.kinds))], dtype=object)
    labels = np.array(EMOTIONS, dtype=object)[simulated.labels]
    votes = {"item": simulated.items, "annotator_id": names[simulated.raters], "label": labels, "lead_time_ms": simulated.lead_ms}
    return rate_raters(pd.DataFrame(votes)).sort_values("annotator_id", ignore_index=True)


def _figure(simulated: Crowd, raters: pd.DataFrame, kind: str) -> FloatArray:
    if kind in FIGURES:
        return FIGURES[kind][1](raters)
    return _copied(simulated)


def _copied(simulated: Crowd) -> FloatArray:
    """For each rater the greatest share copied from one who judged earlier."""
    pairs = statistics.copied_answers(simulated.items, simulated.raters, simulated.labels, len(EMOTIONS))
    later = np.where(pairs.second_later > 0.5, pairs.raters[:, 1], pairs.raters[:, 0])
    share = np.zeros(len(simulated.kinds))
    np.maximum.at(share, later, pairs.copied)
    return share


def _auc(scores: FloatArray, positive: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    difference = scores[positive][:, None] - scores[~positive]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def _least(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f}, {min(values):.3f}"


def _real_told(votes: dict[str, Votes]) -> str:
    """What pooled Dawid-Skene does to CREMA-D's own votes, which have no rater's name, so that all raters are one."""
    rows = []
    for modality, of in votes.items():
        items, labels = (np.repeat(index, of.counts[np.nonzero(of.counts)].astype(np.int64)) for index in np.nonzero(of.counts))
        shares = statistics.smoothed_shares(of.counts)
        fitted = statistics.dawid_skene(items, np.zeros_like(items), labels, of.counts.shape[1])
        for name, p in (("vote share", shares), ("Dawid-Skene, pooled", fitted)):
            surprise = -np.log(np.maximum(p[np.arange(len(p)), of.intended], 1e-9)).mean()
            rows.append([modality, name, f"{_hits(p, of.intended).mean():.1%}", f"{_calibration(p, of.intended):.3f}", f"{surprise:.2f}"])
    return "\n\n".join(
        [
            "## Why gold's shares stay shares",
            "CREMA-D's real votes against the emotion that the actor intended. Dawid-Skene names the intention more often, and is far too"
            " sure of itself: its posteriors are no soft labels.",
            table(["modality", "label", "accuracy", "calibration error (ECE, 10 bins)", "negative log-likelihood, nats"], rows),
        ]
    )


def _calibration(p: FloatArray, truth: IntArray) -> float:
    sure, right = p.max(axis=1), p.argmax(axis=1) == truth
    bins = np.minimum((sure * 10).astype(int), 9)
    return float(sum(abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)))


def _time_told(votes: Votes, peer: Peer, options: argparse.Namespace) -> str:
    size = Size(items=options.timed_votes // 5, raters=TIMED_RATERS)
    simulated = crowd(votes, 1, clips=False, size=size, spam={})
    arrays, n = (simulated.items, simulated.raters, simulated.labels), len(EMOTIONS)
    a_start = [
        (_seconds(lambda: statistics.mace(*arrays, n, restarts=1, iterations=50)), _peer_s(peer, simulated, ONE_START)) for _ in range(3)
    ]
    default = (_seconds(lambda: statistics.mace(*arrays, n)), _peer_s(peer, simulated, {}))
    others = {
        "Dawid-Skene, pooled": _seconds(lambda: statistics.dawid_skene(*arrays, n)),
        "copied answers": _seconds(lambda: statistics.copied_answers(*arrays, n)),
    }
    rows = [[f"one start, 50 sweeps, turn {turn}", *_ratio(*pair)] for turn, pair in enumerate(a_start, start=1)]
    rows.append(["as called without arguments (4 starts of 60 sweeps here, 10 of 50 there)", *_ratio(*default)])
    return "\n\n".join(
        [
            f"## Time at {len(simulated.items):,} votes",
            f"{size.items:,} items, {TIMED_RATERS:,} raters, {size.votes} votes an item; CPU seconds, both sides taking turns.",
            table(["MACE", "here, s", f"crowd-kit {VERSION}, s", "ratio"], rows),
            "Also here: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in others.items()) + ".",
        ]
    )


def _seconds(work: Callable[[], object]) -> float:
    with CpuClock() as clock:
        work()
    return clock.seconds


def _peer_s(peer: Peer, simulated: Crowd, arguments: dict[str, object]) -> float:
    """Of the aggregation alone, its Python's start and reading left out."""
    return peer.aggregate(simulated, {"MACE": arguments})["MACE"].seconds


def _ratio(here: float, there: float) -> list[str]:
    return [f"{here:.2f}", f"{there:.1f}", f"{there / here:.0f}"]


if __name__ == "__main__":
    main()
