"""Screenplay beside subtitles: are speaker, line and scene right, is the confidence true, what does it cost, what is refused?

Trials are made from studyforrest's dialogue (screenplay_noise) and go as files through the reader and the aligner; other films'
and languages' subtitles must be refused. `--fit` prints the weights of the confidence, fitted on the development seeds; the page is
written from other seeds. Some two minutes of CPU; needs ../shared/data.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.common import SHARED, CpuClock, table, write_result
from benchmarks.screenplay_noise import HARD, MILD, Level, Trial, film_lines, final_draft, fountain, make_trial, other_lines, plain
from corpus.dialogue.screenplay.align import Alignment, CueMatch, align, candidates
from corpus.dialogue.screenplay.likeness import words
from corpus.dialogue.screenplay.read import Speech, read_screenplay, speeches
from corpus.dialogue.subtitles.read import Cue, read_subtitles

DEVELOPMENT_SEEDS = range(8)
REPORT_SEEDS = range(100, 112)
WORSE = Level("worse", 0.5, 0.6, 0.5, moved=0.1, unspoken=0.15, unwritten=0.1)
LEVELS = (MILD, HARD, WORSE)
WRITERS: dict[str, Callable[[Trial], str]] = {".fountain": fountain, ".txt": plain, ".fdx": final_draft}
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Outcome:
    """One cue: whether its line stands in the screenplay, whether it was named, what was right, and with what confidence."""

    stands: bool
    named: bool
    speaker: bool = False
    line: bool = False
    scene: bool = False
    confidence: float = 0.0


@dataclass(frozen=True)
class Scored:
    outcomes: tuple[Outcome, ...]
    cpu_s: tuple[float, ...]


def main() -> None:
    """Print the fitted weights or write the page of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true", help="Fit the confidence on the development seeds and print its weights.")
    if parser.parse_args().fit:
        print(tuple(round(float(weight), 3) for weight in fitted_weights()))
    else:
        path = write_result("screenplay", "Screenplay beside subtitles", _page(), ["numpy", "screenplay-tools", "pysubs2"])
        print(path.read_text(encoding="utf-8"))


def trials(level: Level, seeds: Sequence[int]) -> Iterator[Trial]:
    """The pairs of these seeds."""
    lines, headings = film_lines(SHARED)
    others = other_lines(SHARED)
    return (make_trial(lines, headings, others, level, seed) for seed in seeds)


def fitted_weights() -> list[float]:
    """Intercept and weights of Candidate.features by logistic regression, ad-libs counted as wrong."""
    from sklearn.linear_model import LogisticRegression

    features, right = [], []
    for level in LEVELS:
        for trial in trials(level, DEVELOPMENT_SEEDS):
            script = _script(trial)
            for found in candidates([cue.text for cue in trial.cues], script)[0]:
                sources = trial.sources[found.cue]
                features.append(found.features)
                right.append(bool(sources) and script[sources[0]].character == script[found.speech].character)
    model = LogisticRegression(C=10.0).fit(np.array(features), np.array(right))
    return [float(model.intercept_[0]), *model.coef_[0].tolist()]


def _script(trial: Trial) -> tuple[Speech, ...]:
    return tuple(
        Speech(line.speaker, line.text, number, trial.headings[line.scene], line.scene) for number, line in enumerate(trial.script)
    )


def score(method: Callable[[Sequence[Cue], Sequence[Speech]], Alignment], level: Level, seeds: Sequence[int]) -> Scored:
    """What `method` makes of the trials of these seeds."""
    outcomes: list[Outcome] = []
    seconds: list[float] = []
    for trial in trials(level, seeds):
        script = _script(trial)
        with CpuClock() as clock:
            found = method(trial.cues, script)
        seconds.append(clock.seconds)
        outcomes += _outcomes(trial, script, found)
    return Scored(tuple(outcomes), tuple(seconds))


def _outcomes(trial: Trial, script: Sequence[Speech], found: Alignment) -> Iterator[Outcome]:
    matches = {match.cue: match for match in found.matches}
    for cue, sources in enumerate(trial.sources):
        match = matches.get(cue)
        if match is None or not sources:
            yield Outcome(bool(sources), match is not None, confidence=match.confidence if match else 0.0)
            continue
        said, truth = script[match.speech], script[sources[0]]
        yield Outcome(True, True, said.character == truth.character, match.speech in sources, said.scene == truth.scene, match.confidence)


def word_sequence(cues: Sequence[Cue], script: Sequence[Speech]) -> Alignment:
    """The method before: difflib's word sequence, a cue to the speech with two fifths of its words."""
    said = [(word, index) for index, cue in enumerate(cues) for word in words(cue.text)]
    written = [(word, index) for index, speech in enumerate(script) for word in words(speech.text)]
    blocks = SequenceMatcher(None, [word for word, _ in said], [word for word, _ in written], autojunk=False).get_matching_blocks()
    votes = Counter((said[block.a + step][1], written[block.b + step][1]) for block in blocks for step in range(block.size))
    sizes = Counter(index for _, index in said)
    best: dict[int, CueMatch] = {}
    for (cue, speech), count in votes.items():
        share = count / sizes[cue]
        if share >= 0.4 and (cue not in best or share > best[cue].confidence):
            best[cue] = CueMatch(cue, speech, share)
    return Alignment("aligned", None, 0.0, 0.0, tuple(best.values()), (), ())


def _page() -> str:
    scored = {level.name: score(align, level, REPORT_SEEDS) for level in LEVELS}
    before = {level.name: score(word_sequence, level, REPORT_SEEDS) for level in LEVELS}
    rows = [_row(name, "this", scored[name]) for name in scored] + [_row(name, "word sequence", before[name]) for name in before]
    head = [
        "level",
        "method",
        "speaker precision",
        "recall",
        "line right",
        "scene right",
        "ad-libs named",
        "above 0.9",
        "CPU s mean",
        "max",
    ]
    return "\n\n".join(
        [
            f"{len(REPORT_SEEDS)} seeds a level; development used others. Levels (shares): " + "; ".join(map(_told, LEVELS)) + ".",
            "## Cues whose line stands in both",
            table(head, rows),
            "## Confidence (ad-libs named count as wrong)",
            table(["confidence", *(name for name in scored)], list(_reliability(scored))),
            "## From files: reading and aligning, one hard trial (the film's text holds parentheticals, which .fdx keeps as spoken)",
            table(
                ["format", "speeches", "cues named", "otherwise than from Fountain", "CPU s reading", "CPU s aligning"], list(_formats())
            ),
            "## Subtitles of another film or language",
            table(["subtitles", "screenplay", "cues", "evidence nats/cue", "coverage", "verdict"], list(_strangers())),
        ]
    )


def _told(level: Level) -> str:
    return (
        f"{level.name}: {level.deletions:.0%} of lines deleted, {level.adlibs:.0%} ad-libs, {level.edits:.0%} of words edited, "
        f"{level.merges:.0%} of short neighbours merged, scenes {level.moved:.0%} moved, {level.unspoken:.0%} unspoken, "
        f"{level.unwritten:.0%} not in the screenplay"
    )


def _row(level: str, method: str, scored: Scored) -> list[str]:
    stand = [each for each in scored.outcomes if each.stands]
    named = [each for each in stand if each.named]
    adlibs = [each for each in scored.outcomes if not each.stands]
    right = sum(each.speaker for each in named)
    shares = [right / len(named), right / len(stand), *(np.mean([getattr(each, what) for each in named]) for what in ("line", "scene"))]
    told = [f"{share:.4f}" for share in shares]
    return [
        level,
        method,
        *told,
        f"{sum(each.named for each in adlibs)} of {len(adlibs)}",
        str(sum(each.confidence > 0.9 for each in adlibs)),
        f"{np.mean(scored.cpu_s):.2f}",
        f"{max(scored.cpu_s):.2f}",
    ]


def _reliability(scored: dict[str, Scored]) -> Iterator[list[str]]:
    for low, high in pairwise(EDGES):
        yield [f"{low} to {high}", *(_right_share(each, low, high) for each in scored.values())]
    yield ["above 0.9", *(_right_share(each, 0.9, 1.0) for each in scored.values())]


def _right_share(scored: Scored, low: float, high: float) -> str:
    inside = [each for each in scored.outcomes if each.named and low < each.confidence <= high]
    return f"{np.mean([each.speaker for each in inside]):.3f} of {len(inside)}" if inside else "-"


def _formats() -> Iterator[list[object]]:
    (trial,) = trials(HARD, REPORT_SEEDS[:1])
    found: dict[str, set[tuple[int, str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, write in WRITERS.items():
            path = Path(folder) / f"trial{suffix}"
            path.write_text(write(trial), encoding="utf-8")
            with CpuClock() as reading:
                script = speeches(read_screenplay(path))
            with CpuClock() as aligning:
                alignment = align(trial.cues, script)
            found[suffix] = {(match.cue, script[match.speech].character) for match in alignment.matches}
            yield [
                suffix,
                len(script),
                len(found[suffix]),
                len(found[suffix] - found[".fountain"]),
                f"{reading.seconds:.2f}",
                f"{aligning.seconds:.2f}",
            ]


def _strangers() -> Iterator[list[object]]:
    film = _script(next(trials(Level("as written", 0, 0, 0), [0])))
    meld, xed = other_lines(SHARED), _column("xed/xed_en_with_film.tsv", "text", "\t")
    steel = {path.stem: _spoken(path) for path in sorted((SHARED / "tears_of_steel_subs").glob("*.srt"))}
    sintel = {name: _spoken(SHARED / "sintel" / f"{name}.srt") for name in ("sintel", "sintel_it", "sintel_fa")}
    pairs = [(name, cues, "Tears of Steel", steel["TOS-en"]) for name, cues in steel.items()]
    pairs += [(name, cues, "Sintel", sintel["sintel"]) for name, cues in sintel.items()]
    pairs += [("TOS-en", steel["TOS-en"], "Sintel", sintel["sintel"]), ("sintel", sintel["sintel"], "MELD", meld[:1000])]
    pairs += [("MELD", meld[3000:4200], "MELD, other episodes", meld[:1000])]
    for subtitles, cues, title, lines in pairs:
        yield _stranger(subtitles, cues, title, [Speech(f"P{n % 7}", text, n, None, n // 12) for n, text in enumerate(lines)])
    for subtitles, cues in (("TOS-en", steel["TOS-en"]), ("sintel", sintel["sintel"]), ("MELD", meld[:1200]), ("XED", xed[:1200])):
        yield _stranger(subtitles, cues, "studyforrest", film)


def _stranger(subtitles: str, texts: Sequence[str], title: str, script: Sequence[Speech]) -> list[object]:
    cues = [Cue(n, 3000 * n, 3000 * n + 2500, text, text) for n, text in enumerate(texts, start=1)]
    found = align(cues, script)
    return [subtitles, title, len(cues), f"{found.evidence:.2f}", f"{found.coverage:.3f}", found.verdict]


def _spoken(path: Path) -> list[str]:
    return [cue.text for cue in read_subtitles(path).cues if cue.kind == "speech"]


def _column(path: str, name: str, delimiter: str) -> list[str]:
    with (SHARED / path).open(encoding="utf-8") as stream:
        return [row[name] for row in csv.DictReader(stream, delimiter=delimiter)]


if __name__ == "__main__":
    main()
