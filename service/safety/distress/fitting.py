"""Fits the classifier behind the rules from the committed sentences: in closed form, without a random number, in seconds.

`python -m benchmarks.distress --fit` calls it after a change of `prototypes/`. Every sentence is scored by the fit to all others that are
not nearly the same (exact, in closed form), and on the sentences of another hand (`dev_*`) the bars are set: the lowest score that leaves
no more danger below it than the declared recall allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import save

from corpus.paths import write_bytes, write_json
from corpus.terms import FeelmError
from ml.features.text.cues import tidied
from ml.features.text.encoder import encoder_facts, sentence_encoder
from service.safety.distress.classifier import ENCODERS, FACTS, NARROWNESS, Floats, Sensitivity, centred

PROTOTYPES = Path(__file__).with_name("prototypes")
DANGER, NONE, ANOTHER_HAND = "_danger", "_none", "dev"
PENALTY = 0.1
ALIKE = 0.6
"""Cosine from which two sentences are told apart too little for one to be tested by a fit that knows the other."""

RECALL = {Sensitivity.HIGH: 0.985, Sensitivity.BALANCED: 0.9}
"""Of the sentences of another hand, by the classifier alone; rules come on top."""

ESCALATES_WRONGLY = 0.002
"""Share of harmless sentences that may score so high that a person is called at once."""

COURSE_FROM, COURSE_LOWERS = 0.6, 0.15
"""Fear and sadness together from which a course is dark (0..1), and by how much it lowers the bars."""


@dataclass(frozen=True)
class Sentences:
    """Texts, which of them tell of danger (n,), which are of another hand (n,) and which are English (n,)."""

    texts: tuple[str, ...]
    danger: np.ndarray
    another_hand: np.ndarray
    english: np.ndarray


def read_sentences(folder: Path = PROTOTYPES) -> Sentences:
    """All sentences of a folder, in the order of its files.

    Raises:
        FeelmError: a file is not as it must be, or a sentence stands on both sides.
    """
    found: dict[str, tuple[bool, bool, bool]] = {}
    for path in sorted(folder.glob("*.yaml")):
        if not path.stem.endswith((DANGER, NONE)):
            raise FeelmError(f"{path}: a file of sentences ends in {DANGER} or {NONE}")
        danger = path.stem.endswith(DANGER)
        for stratum, texts in dict(yaml.safe_load(path.read_text(encoding="utf-8"))).items():
            for text in texts:
                if found.setdefault(str(text), (danger, path.stem.startswith(ANOTHER_HAND), len(str(stratum)) > 2))[0] != danger:
                    raise FeelmError(f"{path}: {text!r} stands on both sides")
    return Sentences(tuple(found), *(np.array(column, bool) for column in zip(*found.values(), strict=True)))


def prototypes_digest() -> str:
    """Of all sentences as they are committed."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(PROTOTYPES.glob("*.yaml")))).hexdigest()


def fit_all(out: Path, encoders: Sequence[str] = ENCODERS) -> dict[str, Any]:
    """Fit a support for each encoder, write them with the facts into `out`, and return the facts.

    Raises:
        WeightError: an encoder is missing.
    """
    sentences = read_sentences()
    scores = {name: _fit(name, sentences, out / f"{name}.safetensors") for name in encoders}
    sets = [*((name,) for name in encoders), *([tuple(encoders)] if len(encoders) > 1 else [])]
    facts = {
        "prototypes_sha256": prototypes_digest(),
        "sentences": {"danger": int(sentences.danger.sum()), "none": int((~sentences.danger).sum())},
        "encoders": {name: encoder_facts(name).digest for name in encoders},
        "bars": {"+".join(names): _bars(names, scores, sentences) for names in sets},
    }
    write_json(out / FACTS, facts)
    return facts


def left_out_scores(encoders: Sequence[str] = ENCODERS) -> dict[str, dict[str, float]]:
    """By encoder, how each committed sentence that it reads is scored by the fit to all others.

    Raises:
        WeightError: an encoder is missing.
    """
    sentences = read_sentences()
    found = {}
    for name in encoders:
        readable = _readable(name, sentences)
        _, _, _, scores = _fitted(name, sentences, readable)
        texts = [text for text, kept in zip(sentences.texts, readable, strict=True) if kept]
        found[name] = dict(zip(texts, scores.tolist(), strict=True))
    return found


def _readable(name: str, sentences: Sentences) -> np.ndarray:
    return sentences.english if encoder_facts(name).languages is not None else np.ones(len(sentences.texts), bool)


def _fitted(name: str, sentences: Sentences, readable: np.ndarray) -> tuple[np.ndarray, np.ndarray, Floats, Floats]:
    """Centre and embeddings as they are stored, what each says, and leave-one-out scores of the sentences that are readable."""
    texts = [text for text, kept in zip(sentences.texts, readable, strict=True) if kept]
    embedded = sentence_encoder(name).encode([tidied(text) for text in texts]).astype(np.float64)
    centre = embedded.mean(axis=0).astype(np.float16)
    held = centred(embedded, centre.astype(np.float64)).astype(np.float16)
    return (centre, held, *solve(held.astype(np.float64), sentences.danger[readable]))


def _fit(name: str, sentences: Sentences, path: Path) -> Floats:
    """Write the support of one encoder; the leave-one-out score of each sentence, NaN where the encoder does not read it."""
    readable = _readable(name, sentences)
    centre, held, says, left_out = _fitted(name, sentences, readable)
    write_bytes(path, save({"centre": centre, "embedded": held, "says": says.astype(np.float32)}))
    scores = np.full(len(sentences.texts), np.nan)
    scores[readable] = left_out
    return scores


def solve(embedded: Floats, danger: np.ndarray) -> tuple[Floats, Floats]:
    """Weights (n,) of a kernel ridge regression in which both sides weigh the same, and left-out scores (n,).

    A left-out score is that of the fit to all sentences but the own one and those ALIKE, by the inverse of the inverse's own block.
    """
    target = np.where(danger, 1.0, -1.0)
    share = np.where(danger, 0.5 / danger.mean(), 0.5 / (1 - danger.mean()))
    cosine = embedded @ embedded.T
    inverse = np.linalg.inv(np.exp(NARROWNESS * (cosine - 1)) + 1 + np.diag(PENALTY / share))
    says = inverse @ target
    return says, np.array([_left_out(row, np.flatnonzero(cosine[row] >= ALIKE), inverse, says, target) for row in range(len(target))])


def _left_out(row: int, alike: np.ndarray, inverse: Floats, says: Floats, target: Floats) -> float:
    own = np.union1d(alike, [row])
    residuals = np.linalg.solve(inverse[np.ix_(own, own)], says[own])
    return float(target[row] - residuals[np.searchsorted(own, row)])


def _bars(names: Sequence[str], scores: Mapping[str, Floats], sentences: Sentences) -> dict[str, Any]:
    score = np.mean([scores[name] for name in names], axis=0)
    judged = sentences.another_hand & ~np.isnan(score)
    danger, none = np.sort(score[judged & sentences.danger]), score[judged & ~sentences.danger]
    asks = {level: float(danger[int((1 - recall) * len(danger))]) for level, recall in RECALL.items()}
    return {
        "asks": {level.value: round(bar, 4) for level, bar in asks.items()},
        "escalates": round(float(np.quantile(none, 1 - ESCALATES_WRONGLY)) + 0.05, 4),
        "recall": {level.value: round(float((danger >= bar).mean()), 4) for level, bar in asks.items()},
        "false_alarms_per_1000": {level.value: round(1000 * float((none >= bar).mean()), 1) for level, bar in asks.items()},
        "course_from": COURSE_FROM,
        "course_lowers": COURSE_LOWERS,
    }
