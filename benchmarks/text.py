"""Sentence embeddings, ours and sentence-transformers', and what the text features say: `python -m benchmarks.text`.

Lines are distinct ones of XED and MELD in the shared material; the peer's environment lies in the cache folder. Both sides take turns, on
one thread, and only the embedding is timed, not the loading. Some five minutes on a free machine.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.common import SHARED, CpuClock, table, write_result
from benchmarks.text_peer import Peer
from corpus.annotations.vocabulary import canonical
from corpus.terms import EMOTIONS, FeelmError
from corpus.threads import one_torch_thread
from corpus.weights import weight
from ml.features.text.cues import tidied
from ml.features.text.encoder import SentenceEncoder, sentence_encoder
from ml.features.text.sense import SENSE, sense_of
from ml.features.text.valence import valence_lexicon

Floats = npt.NDArray[np.float32]

ASKED_PER_S = 500
LEAST_LIKENESS = 0.9999
PEER_BATCH = 32
UNPLEASANT = ("anger", "fear", "sadness", "disgust")

_STAGE = """
import sys
from pathlib import Path
from ml.features.text import build_text_features
folder = Path(sys.argv[1])
build_text_features(folder / "units.parquet", "en", folder, encoder=sys.argv[2])
print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1])
"""


@dataclass(frozen=True)
class Judged:
    """Lines and the emotion that people gave each."""

    name: str
    texts: list[str]
    emotions: list[str]


@dataclass
class Runs:
    """CPU seconds of each round of one way to embed, and its vectors."""

    name: str
    seconds: list[float] = field(default_factory=list)
    found: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def add(self, seconds: float, found: Floats) -> None:
        """One more round."""
        self.seconds.append(seconds)
        self.found = found


def read_meld() -> Judged:
    """MELD's development set: lines of television with one of the seven emotions."""
    with (SHARED / "meld" / "dev_sent_emo.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["Emotion"] in EMOTIONS]
    return Judged("MELD dev", [row["Utterance"] for row in rows], [row["Emotion"] for row in rows])


def read_xed() -> Judged:
    """XED's lines of films with one emotion that is among the seven, signs set as people write."""
    with (SHARED / "xed" / "xed_en_with_film.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    placed = [(tidied(row["text"]), canonical(row["labels"], "xed").emotion) for row in rows if "," not in row["labels"]]
    kept = [(text, emotion) for text, emotion in placed if emotion is not None]
    return Judged("XED", [text for text, _ in kept], [emotion for _, emotion in kept])


def timed_lines(count: int) -> list[str]:
    """Distinct lines, half of XED and half of MELD's training set."""
    with (SHARED / "meld" / "train_sent_emo.csv").open(encoding="utf-8") as stream:
        meld = [row["Utterance"] for row in csv.DictReader(stream)]
    halves = (list(dict.fromkeys(texts))[: count // 2] for texts in (read_xed().texts, meld))
    return list(dict.fromkeys(text for half in halves for text in half))


def exact_encoder() -> SentenceEncoder:
    """MiniLM with float32 products, whatever the processor does best."""
    with mock.patch("ml.features.text.encoder.number_type", lambda device: torch.float32):
        return sentence_encoder.__wrapped__("minilm")


def measure(lines: Sequence[str], peer: Peer, rounds: int) -> dict[str, Runs]:
    """All ways to embed, in turn."""
    folder = weight("minilm").folder
    ways: Mapping[str, Callable[[], tuple[float, Floats]]] = {
        "ours": lambda: _clocked(sentence_encoder(), lines),
        "ours, float32": lambda: _clocked(exact, lines),
        "sentence-transformers, float32": lambda: _asked(peer, folder, lines, "float32"),
        "sentence-transformers, bfloat16": lambda: _asked(peer, folder, lines, "bfloat16"),
    }
    exact = exact_encoder()
    for encoder in (exact, sentence_encoder()):
        encoder.encode(lines[:64])
    runs = {name: Runs(name) for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            runs[name].add(*way())
            print(f"round {number + 1}: {name} {len(lines) / runs[name].seconds[-1]:.0f} lines per CPU second", flush=True)
    return runs


def _clocked(encoder: SentenceEncoder, lines: Sequence[str]) -> tuple[float, Floats]:
    with CpuClock() as clock:
        found = encoder.encode(lines)
    return clock.seconds, found


def _asked(peer: Peer, folder: Path, lines: Sequence[str], number: str) -> tuple[float, Floats]:
    answer = peer.encode(folder, lines, number, PEER_BATCH)
    return answer.seconds, answer.embedding


def one_by_one(lines: Sequence[str]) -> Floats:
    """The reference: float32, each line alone."""
    encoder = exact_encoder()
    return np.concatenate([encoder.encode([line]) for line in lines])


def speed_table(runs: Mapping[str, Runs], alone: Floats, n_lines: int) -> str:
    """Lines a CPU second, the ratio to ours in the same round, and the likeness to the reference."""
    ours = runs["ours"].seconds
    rows = []
    for run in runs.values():
        rates = [n_lines / seconds for seconds in run.seconds]
        ratios = [other / own for other, own in zip(run.seconds, ours, strict=False)]
        likeness = (run.found * alone).sum(axis=1)
        rows.append(
            [run.name, f"{median(rates):.0f}", f"{min(rates):.0f} to {max(rates):.0f}", f"{median(ratios):.2f}", f"{likeness.min():.6f}"]
        )
    return table(["way", "lines per CPU second", "over rounds", "CPU time by ours", "least cosine to float32, one by one"], rows)


def memory_table(texts: Sequence[str]) -> str:
    """Peak memory of the whole stage in a process of its own."""
    from corpus.contracts import UNITS

    rows: list[list[object]] = []
    for encoder in ("minilm", "multilingual-e5"):
        with tempfile.TemporaryDirectory() as work:
            units: list[dict[str, object]] = [
                {"unit_id": f"x.{i}", "film_id": "x", "level": "utterance", "text": text} for i, text in enumerate(texts)
            ]
            UNITS.write(UNITS.frame(units), Path(work) / "units.parquet")
            done = subprocess.run([sys.executable, "-c", _STAGE, work, encoder], check=False, capture_output=True, text=True)
            if done.returncode:
                raise FeelmError(f"the text stage ends with {done.returncode}: {done.stderr[-300:]}")
            rows.append([encoder, len(texts), f"{int(done.stdout) * 1024 / 1e6:.0f} MB"])
    return table(["encoder", "lines", "peak memory of the stage"], rows)


def sense_table(sets: Sequence[Judged]) -> str:
    """How often a line that people judged to be of an emotion is above one that they did not (area under the curve)."""
    names = [dimension.name for dimension in SENSE]
    rows = []
    for encoder in (sentence_encoder(), sentence_encoder("multilingual-e5")):
        for judged in sets:
            given = np.array(judged.emotions)
            found = sense_of(encoder.encode(judged.texts), encoder)
            areas = [
                _area(found[given == name, names.index(f"sense_{name}")], found[given != name, names.index(f"sense_{name}")])
                for name in EMOTIONS
            ]
            pleasant = _area(*(found[rows_of, names.index("sense_valence")] for rows_of in _poles(given)))
            rows.append([encoder.facts.name, judged.name, len(given), *(f"{area:.2f}" for area in areas), f"{pleasant:.2f}"])
    return table(["encoder", "judged lines", "n", *EMOTIONS, "joy above anger, fear, sadness, disgust by sense_valence"], rows)


def valence_table(sets: Sequence[Judged]) -> str:
    """The same of the lexicon's valence."""
    rows = []
    for judged in sets:
        given = np.array(judged.emotions)
        values = np.array([valence_lexicon().describe(text)["valence"] for text in judged.texts])
        rows.append([judged.name, f"{_area(*(values[rows_of] for rows_of in _poles(given))):.2f}", f"{(values != 0).mean():.2f}"])
    return table(["judged lines", "joy above anger, fear, sadness, disgust by valence", "lines with a rated word"], rows)


def _poles(given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return given == "joy", np.isin(given, UNPLEASANT)


def _area(higher: np.ndarray, lower: np.ndarray) -> float:
    order = np.sort(lower)
    below = np.searchsorted(order, higher, "left") + np.searchsorted(order, higher, "right")
    return float(below.mean() / 2 / len(lower))


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "feelm-text", help="holds the peer's environment")
    parser.add_argument("--lines", type=int, default=4000, help="lines that are timed")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if not (SHARED / "xed").is_dir():
        raise FeelmError(f"XED and MELD are not at {SHARED}: this benchmark needs them")
    peer, lines = Peer.installed(given.cache), timed_lines(given.lines)
    with one_torch_thread():
        runs = measure(lines, peer, given.rounds)
        alone = one_by_one(lines)
        sets = [read_meld(), read_xed()]
        said = f"{sense_table(sets)}\n\n{valence_table(sets)}"
    ours = runs["ours"]
    rate, likeness = len(lines) / median(ours.seconds), float((ours.found * alone).sum(axis=1).min())
    met = "met" if rate >= ASKED_PER_S and likeness >= LEAST_LIKENESS else "not met"
    body = f"""
Asked: at least {ASKED_PER_S} utterances a second on two cores, with a cosine to the unbatched float32 of at least {LEAST_LIKENESS}. Here,
on **one** core: {rate:.0f} lines a CPU second, least cosine {likeness:.6f} ({sentence_encoder().precision} products): {met}.

{len(lines)} distinct lines of XED and MELD (so that keeping equal lines for one brings nothing here), {given.rounds} rounds in turn, one
thread, loading not counted. The peer: {peer.versions()}, batches of {PEER_BATCH}, sorted by length as it does.

{speed_table(runs, alone, len(lines))}

{memory_table(read_xed().texts)}

What the features say without any training, against lines that people judged: the area under the curve, 0.5 being chance.

{said}
"""
    print(write_result("text", "Text: embeddings and what the words say", body, ["torch", "tokenizers", "numpy"]))


if __name__ == "__main__":
    main()
