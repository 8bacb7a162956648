"""Simulates four raters who judge every line of a set of films: three of known skill, and one who does not listen.

An honest rater names the true emotion in a share of lines that is their skill, and otherwise one that is easily taken for it; numbers
carry a personal bias and noise. The spammer answers at once, always the same or anything. Rows are the long template's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from corpus.maker.channels import Kind
from corpus.maker.played import PLAYED
from corpus.maker.truth import Truth, TruthLine

COLUMNS = (
    *("film_id", "start_ms", "end_ms", "annotator", "pass_no", "character", "perspective", "emotion", "intensity", "valence", "arousal"),
    *("cues", "modality_seen", "note", "lead_time_ms", "created_at"),
)

CONFUSIONS: dict[str, dict[str, float]] = {
    "neutral": {"sadness": 0.4, "joy": 0.3, "disgust": 0.15, "surprise": 0.15},
    "joy": {"surprise": 0.45, "neutral": 0.55},
    "anger": {"disgust": 0.5, "fear": 0.2, "neutral": 0.3},
    "fear": {"surprise": 0.45, "sadness": 0.3, "anger": 0.25},
    "sadness": {"neutral": 0.5, "fear": 0.3, "disgust": 0.2},
    "surprise": {"fear": 0.4, "joy": 0.4, "neutral": 0.2},
    "disgust": {"anger": 0.5, "neutral": 0.3, "sadness": 0.2},
}
"""What an honest rater takes an emotion for when wrong."""

_START = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
_NOTE_SHARE = 0.07
_SKIPPED_AFFECT = 0.04


@dataclass(frozen=True)
class Rater:
    """A simulated rater. `skill` is the share of lines named right; None is a spammer with `habit` constant or random."""

    name: str
    skill: float | None
    habit: str
    lead_time_ms: int
    bias: float
    noise: float


def raters(seed: int) -> tuple[Rater, ...]:
    """The four raters of a set, the spammer at a place that the seed chooses."""
    rng = np.random.default_rng([seed, 11])
    habit = "constant" if rng.random() < 0.5 else "random"
    honest = [
        Rater("anna", 0.90, "honest", 5200, 0.02, 0.07),
        Rater("bernd", 0.85, "honest", 6900, -0.06, 0.09),
        Rater("chloe", 0.80, "honest", 4300, 0.08, 0.12),
    ]
    place = int(rng.integers(4))
    return (*honest[:place], Rater("dario", None, habit, 620, 0.0, 0.0), *honest[place:])


def annotations_csv(truths: list[Truth], seed: int) -> str:
    """Every rater's judgement of every line of every film, as the text of a CSV file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for place, rater in enumerate(raters(seed)):
        writer.writerows(_judge_all(rater, truths, seed, place))
    return out.getvalue()


def _judge_all(rater: Rater, truths: list[Truth], seed: int, place: int) -> Iterator[dict[str, object]]:
    for truth in truths:
        rng = np.random.default_rng([seed, 12, place, truth.index])
        at = _START + timedelta(days=truth.index, minutes=7 * place)
        for line in truth.lines:
            lead_ms = round(rater.lead_time_ms * float(rng.lognormal(0, 0.3)))
            at += timedelta(milliseconds=lead_ms)
            judged = _spam(rng, rater) if rater.skill is None else _judge(rng, rater, rater.skill, line)
            yield {
                "film_id": truth.film_id,
                "start_ms": line.start_ms,
                "end_ms": line.end_ms,
                "annotator": rater.name,
                "pass_no": 1,
                "character": line.speaker,
                "perspective": "portrayed",
                "modality_seen": "avt",
                "lead_time_ms": lead_ms,
                "created_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                **judged,
            }


def _spam(rng: np.random.Generator, rater: Rater) -> dict[str, object]:
    emotion = "neutral" if rater.habit == "constant" else str(rng.choice(PLAYED))
    return {"emotion": emotion, "intensity": 0.5, "valence": 0.0, "arousal": 0.0, "cues": "", "note": ""}


def _judge(rng: np.random.Generator, rater: Rater, skill: float, line: TruthLine) -> dict[str, object]:
    right = rng.random() < skill
    confusions = CONFUSIONS[line.emotion]
    emotion = line.emotion if right else str(rng.choice(list(confusions), p=list(confusions.values())))
    noise = rng.normal(0, rater.noise, 3)
    numbers = (line.intensity + rater.bias, line.valence, line.arousal + rater.bias)
    intensity, valence, arousal = (round(float(v), 2) for v in np.clip(numbers + noise, (0, -1, -1), 1))
    felt_only = rng.random() < _SKIPPED_AFFECT
    return {
        "emotion": emotion,
        "intensity": intensity,
        "valence": "" if felt_only else valence,
        "arousal": "" if felt_only else arousal,
        "cues": _cues(line),
        "note": _note(rng, line),
    }


def _cues(line: TruthLine) -> str:
    shown = (("face", line.speaker_seen and line.shown.face), ("voice", line.shown.voice), ("verbal", line.shown.text))
    cues = [cue for cue, emotion in shown if emotion == line.emotion]
    return ",".join(cues if line.kind is not Kind.CONTEXT_ONLY else [*cues, "context"])


_NOTES: dict[Kind, tuple[str, ...]] = {
    Kind.CONSISTENT: ("clear", "no doubt here", "strong moment, well played"),
    Kind.FACE_MISLEADS: ("the face hides it", "forced expression, listen to the voice", "the smile is not real"),
    Kind.VOICE_MISLEADS: ("the voice pretends", "tone and words do not fit"),
    Kind.WORDS_MISLEAD: ("says the opposite of what is felt", "irony?", "look at the face, not at the words"),
    Kind.CONTEXT_ONLY: ("only clear from the line before", "means something else after what was said"),
}


def _note(rng: np.random.Generator, line: TruthLine) -> str:
    notes = _NOTES[line.kind]
    return notes[int(rng.integers(len(notes)))] if rng.random() < _NOTE_SHARE else ""
