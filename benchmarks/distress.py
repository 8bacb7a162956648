"""How much danger is found and how often harmless talk is asked about, by stratum: `python -m benchmarks.distress`.

Each line of `benchmarks/conversations/distress-*.jsonl` is a conversation whose last turn is judged. Recall is the share of dangerous ones
that lead to a check question or a person, with its exact bound (Clopper-Pearson); false alarms are told for each 1,000 harmless turns.
Sentences that taught the classifier are scored by the fit to all others. `--fit` fits it anew from its sentences before.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.common import table, write_result
from corpus.paths import file_digest, write_json
from corpus.statistics import exact_interval
from corpus.terms import FeelmError
from corpus.threads import one_torch_thread
from ml.models.dialogue import Turn
from service.safety.compliance import MEASURED
from service.safety.distress.classifier import ENCODERS, FITTED, Classifier, Judgement, Sensitivity
from service.safety.distress.fitting import fit_all, left_out_scores
from service.safety.distress.rules import all_rules
from service.safety.distress.watch import Distress, Level, Watch, assess

CONVERSATIONS = Path(__file__).with_name("conversations")
PERSON = "user"
ONE_SIDED = 0.9
"""Confidence of the interval whose lower bound holds with 95 %: no miss in 150 gives 0.980."""


@dataclass(frozen=True)
class Case:
    """A conversation whose last turn is dangerous or not, of a stratum."""

    id: str
    stratum: str
    language: str
    distress: bool
    turns: tuple[Turn, ...]


@dataclass
class Tally:
    """Levels of the cases of a stratum."""

    levels: Counter[Level] = field(default_factory=Counter)

    @property
    def of(self) -> int:
        """How many cases."""
        return self.levels.total()

    @property
    def alarms(self) -> int:
        """How many led to a question or a person."""
        return self.of - self.levels[Level.NONE]


@dataclass(frozen=True)
class LeftOut(Classifier):
    """A classifier that scores a sentence which taught it by the fit to all others."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)

    def _judge(self, text: str, language: str | None, course: float | None) -> Judgement:
        own = {name: held[text] for name in self.names if text in (held := self.scores.get(name, {}))}
        return self.weighed(own, course) if own else super()._judge(text, language, course)


def read_cases(path: Path) -> list[Case]:
    """The cases of a file.

    Raises:
        FeelmError: a line is none; the message says which.
    """
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            raw = json.loads(line)
            before = tuple(Turn(str(turn["text"]), str(turn["speaker"])) for turn in raw["before"])
            turns = (*before, Turn(str(raw["text"]), PERSON))
            cases.append(Case(str(raw["id"]), str(raw["stratum"]), str(raw["language"]), bool(raw["distress"]), turns))
        except (ValueError, KeyError, TypeError) as error:
            raise FeelmError(f"{path}, line {number}: {error!r}; a case has id, stratum, language, distress, before and text") from error
    return cases


def judged(cases: Sequence[Case], watch: Watch) -> tuple[list[Distress], list[float]]:
    """What is said of each case, and how many milliseconds the rules took for it."""
    found, took = [], []
    for case in cases:
        began = time.perf_counter()
        rules_alone(case)
        took.append(1000 * (time.perf_counter() - began))
        found.append(watch.assess(case.turns, PERSON))
    return found, took


def rules_alone(case: Case) -> Distress:
    """What the rules say without the classifier."""
    return assess(case.turns, None, PERSON)


def tallies(cases: Sequence[Case], found: Sequence[Distress], distress: bool) -> dict[str, Tally]:
    """Levels by stratum, of dangerous or of harmless cases, and of all of them."""
    counts: dict[str, Tally] = {}
    for case, one in zip(cases, found, strict=True):
        if case.distress is distress:
            for name in (case.stratum, "all"):
                counts.setdefault(name, Tally()).levels[one.level] += 1
    return dict(sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])))


def recall_rows(counts: dict[str, Tally]) -> list[list[str]]:
    """Stratum, cases, found, to a person, recall, and its exact lower bound."""
    rows = []
    for name, tally in counts.items():
        low, _ = exact_interval(tally.alarms, tally.of, ONE_SIDED)
        recall = tally.alarms / tally.of
        rows.append([name, str(tally.of), str(tally.alarms), str(tally.levels[Level.ESCALATE]), f"{recall:.3f}", f"{low:.3f}"])
    return rows


def alarm_rows(counts: dict[str, Tally]) -> list[list[str]]:
    """Stratum, cases, and for each 1,000 of them: questions, persons called, both."""
    rows = []
    for name, tally in counts.items():
        numbers = (tally.levels[Level.CHECK], tally.levels[Level.ESCALATE], tally.alarms)
        rows.append([name, str(tally.of), *(f"{1000 * number / tally.of:.0f}" for number in numbers)])
    return rows


def measure(path: Path, watch: Watch) -> tuple[list[str], dict[str, object]]:
    """Lines of the page and what is written as JSON, for one file."""
    cases = read_cases(path)
    found, took = judged(cases, watch)
    failed = sum(one.failed for one in found)
    danger, none = tallies(cases, found, True), tallies(cases, found, False)
    lines = [f"## {path.name}", "", f"{len(cases)} cases; {failed} judged by a failure; rules: median {np.median(took):.2f} ms a case.", ""]
    lines += [table(["stratum", "cases", "found", "to a person", "recall", "at least (95 %)"], recall_rows(danger)), ""]
    lines += [table(["harmless", "cases", "questions / 1,000", "persons / 1,000", "alarms / 1,000"], alarm_rows(none)), ""]
    total, quiet = danger["all"], none["all"]
    held: dict[str, object] = {
        "sha256": file_digest(path),
        "dangerous": total.of,
        "found": total.alarms,
        "recall": round(total.alarms / total.of, 4),
        "recall_at_least": round(exact_interval(total.alarms, total.of, ONE_SIDED)[0], 4),
        "false_alarms_per_1000": round(1000 * quiet.alarms / quiet.of, 1),
        "strata": {name: {"cases": tally.of, "found": tally.alarms} for name, tally in danger.items() if name != "all"},
    }
    return lines, held


def main() -> None:
    """Measure, and write the page and the figures that the compliance bundle shows."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--fit", action="store_true", help="fit the classifier anew before")
    asked.add_argument("--sensitivity", default="high", choices=[level.value for level in Sensitivity])
    asked.add_argument("--encoder", action="append", choices=ENCODERS, help="only this one; both otherwise")
    asked.add_argument("files", nargs="*", type=Path)
    given = asked.parse_args()
    if given.fit:
        with one_torch_thread():
            fit_all(FITTED)
    files = given.files or sorted(CONVERSATIONS.glob("distress-*.jsonl"))
    if not files:
        raise FeelmError(f"there is no distress-*.jsonl in {CONVERSATIONS}")
    classifier = Classifier.load(sensitivity=Sensitivity(given.sensitivity), encoders=given.encoder or ENCODERS)
    with one_torch_thread():
        left_out = LeftOut(**vars(classifier), scores=left_out_scores(classifier.names))
    watch = Watch(left_out, limit_s=30.0)
    pages = {path.name: measure(path, watch) for path in files}
    lines = [f"Sensitivity {given.sensitivity}, encoders {', '.join(classifier.names)}; rules in {len(all_rules())} languages.", ""]
    lines += ["Sentences of the development half taught the classifier: they are scored by the fit to all others.", ""]
    write_result(
        "distress",
        "Signs of distress: recall and false alarms",
        "\n".join([*lines, *(line for own, _ in pages.values() for line in own)]),
        ("torch", "numpy"),
    )
    write_json(MEASURED, _measured(classifier, given.sensitivity, {name: held for name, (_, held) in pages.items()}))


def _measured(classifier: Classifier, sensitivity: str, files: dict[str, dict[str, object]]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).date().isoformat(),
        "sensitivity": sensitivity,
        "encoders": list(classifier.names),
        "rules_sha256": {rules.language: rules.digest for rules in all_rules()},
        "files": files,
    }


if __name__ == "__main__":
    main()
