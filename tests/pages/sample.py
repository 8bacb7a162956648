"""A home as the chain leaves it, made up from the contracts: a film with everything, one without sound and dialogue, one with nothing.

Hostile strings stand wherever people or foreign files can write; the actress's course is sad, surprised, then joyful.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from corpus.annotations.decisions import Example, Outcome, write_decision
from corpus.contracts import (
    ANNOTATION_SCHEMA_VERSION,
    ANNOTATIONS,
    EXPLANATIONS,
    FACE_COURSE,
    FAILING_ROWS,
    GOLD_LABELS,
    PEOPLE,
    PICTURES,
    PREDICTIONS,
    RATERS,
    SCENES,
    SHOTS,
    TRACES,
    UNIT_FEATURES,
    UNITS,
    UTTERANCES,
    VOICE_COURSE,
    VOTES,
)
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from ml.evaluation.findings import (
    Abstention,
    ArcComparison,
    ArcScore,
    ContextUse,
    CoveragePoint,
    FilmArc,
    GroupScore,
    HumanComparison,
    Incongruence,
    Interval,
    LevelScore,
    ProbabilityScore,
    ReliabilityBin,
    Said,
    SoftLabelFit,
    WorstError,
)
from ml.evaluation.report import Agreement, CorpusReport, PairedTest, SliceScore, SystemScore, ValidationReport
from ml.evaluation.robustness.report import ConditionScore, RobustnessReport, SystemChange
from pages.film import build_film_page
from pages.report import build_report_page
from tests.emotions import N_EMOTIONS, WRITTEN, shares

HOSTILE = "<script>alert(1)</script>"
HOSTILE_MARKUP = '"><img src=x onerror=alert(2)>'
TALK, SILENT, BARE = "made-1-01", "actress", "bare"
SHOT_MS, LINE_MS, N_LINES = 4000, 2500, 14
SPLIT = ("joy", "fear", "disgust", "joy")
"""What the raters give to the line on which they are split."""

DISSENTING, DISSENT = (1, 11), "anger"
"""Rater and line where one of three gives another emotion."""

NOTES = {2: HOSTILE, 5: "She smiles, but her hands do not.", 6: HOSTILE_MARKUP}
FLAGGED_REASON = f"agrees no more than chance {HOSTILE}"
SAYINGS = (
    "You kept the letter. All these years, you kept it.",
    "I never asked you to come back.",
    "Then why is there a second cup on the table?",
    "Because I am a fool, and fools set tables.",
    "Listen. Somebody is on the stairs.",
    "It is only the wind, it was always only the wind.",
    "Marvellous. The one night we need quiet.",
)


def one_hot(emotion: str, share: float) -> dict[str, float]:
    """Probabilities with `share` on one emotion, the rest spread evenly."""
    return dict(zip(PROBABILITY_COLUMNS, shares(**{emotion: share}), strict=True))


def make_home(root: Path) -> Home:
    """Three films, gold, notes, a report, and predictions under each film's `film_report`."""
    home = Home(root)
    rng = np.random.default_rng(7)
    _talk(home, rng)
    _silent(home)
    home.artifact("film", BARE).mkdir(parents=True)
    write_json(home.artifact("film", BARE) / "film.json", {"film_id": BARE, "title": "A film nothing could be read from"})
    _raters(home)
    _agreement(home)
    _batches(home)
    sample_report().write(home.artifact("report") / "report.json")
    return home


def _shots(home: Home, film_id: str, duration_ms: int, hue: int) -> None:
    folder = home.artifact("shots", film_id)
    rows = []
    for index, start in enumerate(range(0, duration_ms, SHOT_MS)):
        name = f"thumbs/{index:04d}.jpg"
        rows.append(
            {
                "shot_id": f"{film_id}.shot{index:04d}",
                "film_id": film_id,
                "index": index,
                "start_ms": start,
                "end_ms": min(start + SHOT_MS, duration_ms),
                "transition": "cut" if index else "start",
                "thumbnail": name,
            }
        )
        _thumbnail(folder / name, hue + 9 * index)
    SHOTS.write(SHOTS.frame(rows), folder / "shots.parquet")
    times = range(0, duration_ms, 200)
    level = [0.45 + 0.3 * np.sin(t / 4000) for t in times]
    pictures = [{"t_ms": t, "brightness": b, "contrast": 0.4, "saturation": 0.3, "warmth": 0.1} for t, b in zip(times, level, strict=True)]
    PICTURES.write(PICTURES.frame(pictures), folder / "pictures.parquet")
    write_json(folder / "stream.json", {"duration_ms": duration_ms})
    write_json(folder / "summary.json", {"missing": None})


def _thumbnail(path: Path, hue: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:180, 0:320]
    hsv = np.stack([np.full_like(x, hue % 180), 90 + x // 4, 230 - y], axis=-1).astype(np.uint8)
    picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    cv2.circle(picture, (120 + hue % 80, 90), 46, (190, 205, 232), -1, cv2.LINE_AA)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])


def _talk(home: Home, rng: np.random.Generator) -> None:
    duration = N_LINES * 3000 + 2000
    write_json(
        home.artifact("film", TALK) / "film.json",
        {
            "film_id": TALK,
            "title": f"The second cup {HOSTILE}",
            "rights": "cc0",
            "declared_use": "commercial",
            "year": 2031,
            "language": "en",
        },
    )
    _shots(home, TALK, duration, hue=100)
    lines = [_line(index) for index in range(N_LINES)]
    UTTERANCES.write(UTTERANCES.frame([_utterance(line) for line in lines]), home.artifact("dialogue", TALK) / "utterances.parquet")
    sync = {"verdict": "corrected", "offset_ms": -1240, "scale": 1.0427, "breaks": [], "missing": None}
    write_json(home.artifact("dialogue", TALK) / "summary.json", sync)
    _scenes(home, TALK, duration, lines)
    _predict(home, TALK, lines, rng)
    _judge(home, lines, rng)
    _voice(home, duration, lines)
    _people(home, rng)
    _features(home, [str(line["unit_id"]) for line in lines])


def _line(index: int) -> dict[str, object]:
    start = 1000 + 3000 * index
    return {
        "unit_id": f"{TALK}.u{index:05d}",
        "film_id": TALK,
        "level": "utterance",
        "start_ms": start,
        "end_ms": start + LINE_MS,
        "text": HOSTILE_MARKUP if index == 3 else SAYINGS[index % len(SAYINGS)],
        "character_id": "mara" if index % 2 else HOSTILE if index == 8 else "jonas",
        "addressee_id": "jonas" if index % 2 else "mara",
        "scene_id": f"{TALK}.scene{index // 5:03d}",
        "position": index,
    }


def _utterance(line: dict[str, object]) -> dict[str, object]:
    same = {name: line[name] for name in ("film_id", "start_ms", "end_ms", "text", "character_id")}
    return {**same, "utterance_id": line["unit_id"], "index": line["position"], "raw_text": line["text"], "source": "subtitles"}


def _scenes(home: Home, film_id: str, duration: int, lines: list[dict[str, object]]) -> None:
    length = 15_000
    rows = [
        {
            "scene_id": f"{film_id}.scene{index:03d}",
            "film_id": film_id,
            "index": index,
            "start_ms": start,
            "end_ms": min(start + length, duration),
            "heading": "INT. KITCHEN - NIGHT" if index == 0 else HOSTILE if index == 1 else None,
            "method": "picture",
        }
        for index, start in enumerate(range(0, duration, length))
    ]
    units = [
        *lines,
        *(
            {**{k: row[k] for k in ("film_id", "start_ms", "end_ms", "scene_id")}, "unit_id": row["scene_id"], "level": "scene"}
            for row in rows
        ),
    ]
    SCENES.write(SCENES.frame(rows), home.artifact("scenes", film_id) / "scenes.parquet")
    UNITS.write(UNITS.frame(units), home.artifact("scenes", film_id) / "units.parquet")
    features = pd.DataFrame(
        {
            "unit_id": [unit["unit_id"] for unit in units],
            "present": True,
            "brightness": 0.4,
            "motion": 0.21,
            "shot_rate": 14.0,
            "loudness_db": -23.4,
            "tempo_bpm": 96.0,
        }
    )
    UNIT_FEATURES.write(features, home.artifact("scene_features", film_id) / "features.parquet")


def _predict(home: Home, film_id: str, lines: list[dict[str, object]], rng: np.random.Generator, fold: int = 0) -> None:
    rows = []
    for index, line in enumerate(lines):
        truth = WRITTEN[index % len(WRITTEN)]
        for system in ("fused", "face", "voice", "text"):
            right = index % 5 != 2 if system == "fused" else rng.random() < 0.6
            emotion = truth if right else WRITTEN[(index + 3) % len(WRITTEN)]
            rows.append({"unit_id": line["unit_id"], "film_id": film_id, "system": system, "fold": fold} | one_hot(emotion, 0.7))
    PREDICTIONS.write(PREDICTIONS.frame(rows), home.artifact("film_report", film_id) / "predictions.parquet")
    why = [row for index, line in enumerate(lines) for row in _why(lines, index, fold)]
    EXPLANATIONS.write(EXPLANATIONS.frame(why), home.artifact("film_report", film_id) / "explanations.parquet")


def _why(lines: list[dict[str, object]], index: int, fold: int) -> list[dict[str, object]]:
    """A face that speaks for it and a voice against, the lines before and after, two pictures; the last lines have no face."""
    faced, start = index < len(lines) - FACELESS, int(str(lines[index]["start_ms"]))
    emotion = WRITTEN[index % len(WRITTEN)] if index % 5 != 2 else WRITTEN[(index + 3) % len(WRITTEN)]
    same = {"unit_id": lines[index]["unit_id"], "film_id": lines[index]["film_id"], "fold": fold, "emotion": emotion}
    shares = {"face": 0.6, "voice": -0.1, "text": 0.3} if faced else {"voice": 0.25, "text": 0.75}
    told = [("modality", name, None, share, share) for name, share in shares.items()]
    near = [
        ("line", lines[at]["unit_id"], None, effect, None) for at, effect in ((index - 1, 0.7), (index + 1, -0.5)) if 0 <= at < len(lines)
    ]
    frames = [("frame", str(number), start + 300 * number, effect, None) for number, effect in ((2, 1.1), (5, -0.4)) if faced]
    columns = ("part", "name", "t_ms", "log_odds", "share")
    return [same | dict(zip(columns, row, strict=True)) | {"probability": 0.1} for row in (*told, *near, *frames)]


def _judge(home: Home, lines: list[dict[str, object]], rng: np.random.Generator) -> None:
    gold, votes, notes = [], [], []
    for index, line in enumerate(lines):
        truth = WRITTEN[index % len(WRITTEN)]
        split = index == 6
        gold.append(
            {
                "unit_id": line["unit_id"],
                "film_id": TALK,
                "perspective": "portrayed",
                "status": "ambiguous" if split else "gold",
                "label": None if split else truth,
                "n_raters": 3,
                "top_share": 0.34 if split else 0.84,
                "entropy_bits": 0.9,
            }
            | one_hot(truth, 0.8)
        )
        for rater in range(4):
            label = truth if rater != 3 or index % 3 == 0 else WRITTEN[rng.integers(len(WRITTEN))]
            label = SPLIT[rater] if split else DISSENT if (rater, index) == DISSENTING else label
            votes.append(_vote(line, f"rater-{rater + 1}", label))
        if index in NOTES:
            notes.append(_note(index, line, NOTES[index]))
    folder = home.artifact("gold_labels")
    GOLD_LABELS.write(GOLD_LABELS.frame(gold), folder / "gold.parquet")
    VOTES.write(VOTES.frame(votes), folder / "votes.parquet")
    ANNOTATIONS.write(ANNOTATIONS.frame(notes), home.artifact("annotations") / "annotations.parquet")


def _vote(line: dict[str, object], rater: str, label: str) -> dict[str, object]:
    same = {"unit_id": line["unit_id"], "film_id": line["film_id"], "perspective": "portrayed", "annotator_id": rater}
    return {**same, "group_id": rater, "label": label, "intensity": 0.6, "weight": float(rater != "rater-4")}


def _note(index: int, line: dict[str, object], note: str) -> dict[str, object]:
    return {
        "annotation_id": f"a{index}",
        "batch_id": "b",
        "schema_version": ANNOTATION_SCHEMA_VERSION,
        "film_id": TALK,
        "start_ms": line["start_ms"],
        "end_ms": line["end_ms"],
        "time_basis": "ms",
        "annotator_id": "rater-2",
        "pass_no": 1,
        "perspective": "portrayed",
        "dimension": "category",
        "label": "joy",
        "group_id": f"g{index}",
        "rank": 1,
        "modality_seen": "avt",
        "note": note,
        "status": "submitted",
        "source_tool": "csv 1",
        "source_file_sha256": "0" * 64,
        "source_ref": str(index),
    }


def _voice(home: Home, duration: int, lines: list[dict[str, object]]) -> None:
    rows = []
    for t in range(0, duration, 100):
        speaking = any(int(str(line["start_ms"])) <= t < int(str(line["end_ms"])) for line in lines)
        pitch = 170 + 60 * np.sin(t / 700) if speaking else None
        rows.append({"t_ms": t, "pitch_hz": pitch, "loudness_db": -22.0 if speaking else -48.0, "speech": float(speaking)})
    VOICE_COURSE.write(VOICE_COURSE.frame(rows), home.artifact("voice_features", TALK) / "course.parquet")


PERSONS = ("mara", HOSTILE, None)
"""Who is on screen, whoever is longest first; the last one has no name."""


def _people(home: Home, rng: np.random.Generator) -> None:
    """Three persons in ever fewer of the first twelve seconds, each track a second long, and what their faces show."""
    tracks, course = [], []
    faces, moments = np.zeros((3, 8, 64, 64, 3), np.uint8), np.full((3, 8), -1, np.int64)
    for number, name in enumerate(PERSONS):
        for second in range(number, 12 - 3 * number, number + 1):
            track = f"{TALK}.shot{second:04d}.face{number:02d}"
            span = {"track_id": track, "start_ms": 1000 * second, "end_ms": 1000 * second + 800, "n_faces": 5, "likeness": 0.9}
            person = {"person_id": f"{TALK}.person{number + 1:02d}", "character_id": name, "certainty": 0.97 if name else None}
            tracks.append({"film_id": TALK} | span | person)
            emotion = ("joy", "fear", "anger")[number]
            course += [{"t_ms": 1000 * second + 200 * k, "track_id": track} | one_hot(emotion, 0.8) for k in range(5)]
        shown = [track["start_ms"] for track in tracks if track["character_id"] == name][:8]
        moments[number, : len(shown)] = shown
        faces[number, : len(shown)] = rng.integers(60, 200, (len(shown), 8, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    folder = home.artifact("face_features", TALK)
    PEOPLE.write(PEOPLE.frame(tracks), folder / "people.parquet")
    FACE_COURSE.write(FACE_COURSE.frame(sorted(course, key=lambda row: row["t_ms"])), folder / "course.parquet")
    save_file({"crops": faces, "t_ms": moments}, folder / "people_faces.safetensors")


FACELESS = 2
"""So many lines at the end have no face."""


def _features(home: Home, lines: list[str]) -> None:
    """Faces in all lines but the last two, and why not; voices in all."""
    _measured(home, "face_features", lines, len(lines) - FACELESS, f"no face found in 2 of {len(lines)} units {HOSTILE}")
    crops = np.zeros((len(lines), 8, 48, 48), np.uint8) + np.arange(0, 240, 30, np.uint8)[:, None, None]
    mask = np.arange(len(lines))[:, None].repeat(8, 1) < len(lines) - FACELESS
    save_file({"crops": crops, "mask": mask}, home.artifact("face_features", TALK) / "crops.safetensors")
    _measured(home, "voice_features", lines, len(lines), None)


def _measured(home: Home, artifact: str, units: list[str], present: int, missing: str | None) -> None:
    folder = home.artifact(artifact, TALK)
    table = pd.DataFrame({"unit_id": units, "present": [index < present for index in range(len(units))], "measure": 0.5})
    UNIT_FEATURES.write(table, folder / "features.parquet")
    write_json(folder / "summary.json", {"missing": missing})


def _silent(home: Home) -> None:
    duration = 19_700
    write_json(home.artifact("film", SILENT) / "film.json", {"film_id": SILENT, "title": "An actress", "rights": "licensed"})
    _shots(home, SILENT, duration, hue=20)
    write_json(home.artifact("soundtrack", SILENT) / "summary.json", {"missing": "the sound is digital silence"})
    write_json(home.artifact("voice_features", SILENT) / "summary.json", {"missing": "the sound is digital silence"})
    write_json(home.artifact("dialogue", SILENT) / "summary.json", {"missing": "no subtitles", "verdict": None})
    spans = [
        {"unit_id": f"{SILENT}.span{i:04d}", "film_id": SILENT, "level": "span", "start_ms": t, "end_ms": min(t + 4000, duration)}
        for i, t in enumerate(range(0, duration, 4000))
    ]
    _scenes(home, SILENT, duration, spans)
    rows = []
    for t in range(0, duration, 200):
        emotion = "sadness" if t < 8000 else "surprise" if t < 10_000 else "joy"
        share = 0.62 + 0.2 * abs(np.sin(t / 900))
        rows.append({"t_ms": t, "track_id": f"{SILENT}.shot0000.face00"} | one_hot(emotion, share))
    FACE_COURSE.write(FACE_COURSE.frame(rows), home.artifact("face_features", SILENT) / "course.parquet")


def _raters(home: Home) -> None:
    rows = [
        {
            "annotator_id": f"rater-{index}",
            "n_judgements": 200 + index,
            "leave_one_out_agreement": 0.84 if index < 4 else 0.21,
            "competence": 0.8 if index < 4 else 0.03,
            "top_label_share": 0.3,
            "median_lead_time_ms": 5200 if index < 4 else 800,
            "flagged": index == 4,
            "reason": FLAGGED_REASON if index == 4 else None,
            "weight": 1.0 if index < 4 else 0.0,
        }
        for index in range(1, 5)
    ]
    RATERS.write(RATERS.frame(rows), home.artifact("gold_labels") / "raters.parquet")


def _agreement(home: Home) -> None:
    told = {
        "level": "utterance",
        "units": N_LINES,
        "n_raters": 4,
        "n_judgements": 4 * N_LINES,
        "alpha": {"category": 0.71, "intensity": 0.5},
        "alpha_unflagged": {"category": 0.83, "intensity": 0.58},
        "alpha_by_emotion": {**dict.fromkeys(EMOTIONS, 0.8), "fear": -0.04, "disgust": None},
        "alpha_by_film": {TALK: 0.83},
        "alpha_interval": [0.74, 0.9],
        "human_ceiling": 0.91,
        "noise_floor_bits": 0.12,
        "flagged": {"rater-4": FLAGGED_REASON},
    }
    write_json(home.artifact("gold_labels") / "agreement.json", told)


def _batches(home: Home) -> None:
    """A batch with a warning, then one that is refused for hostile labels."""
    ids = tuple(f"row-{index:02d} {HOSTILE}" for index in range(14))
    warning = Outcome(
        "ratings_not_too_quick", False, False, "warning", 1, (), f"12 in under a second {HOSTILE}", "Nobody judges in under 0.7 s"
    )
    critical = Outcome(
        "label_in_vocabulary", False, False, "critical", 14, ids, f"14 unknown: {HOSTILE_MARKUP}", "Every emotion is one of ours",
        worst=(Example(f"line 9 {HOSTILE}", "](javascript:alert(3))"),),
    )  # fmt: skip
    crashed = Outcome("agreement_floor", False, True, "warning", 0, (), "it crashed: | `x` *y*", "Raters agree better than chance")
    passed = Outcome("id_unique", True, False, "critical", 0, (), "all hold", "No two rows share an id")
    for name, outcomes in (("first", (passed, warning)), ("second", (passed, warning, critical, crashed))):
        folder = home.batch(name)
        ANNOTATIONS.write(ANNOTATIONS.empty(), folder / "annotations.parquet")
        TRACES.write(TRACES.empty(), folder / "traces.parquet")
        write_json(folder / "summary.json", {"batch_id": name})
        write_decision(folder, outcomes, FAILING_ROWS.empty())


def _score(system: str, kind: str, accuracy: float, n: int, films: list[str]) -> SystemScore:
    rng = np.random.default_rng(len(system))
    each, other = n / N_EMOTIONS, (1 - accuracy) / (N_EMOTIONS - 1)
    confusion = [[int(each * (accuracy if i == j else other)) for j in range(N_EMOTIONS)] for i in range(N_EMOTIONS)]
    recall = {emotion: float(np.clip(accuracy + rng.normal(0, 0.06), 0, 1)) for emotion in EMOTIONS}
    spread = Interval(accuracy, max(accuracy - 0.05, 0), min(accuracy + 0.05, 1))
    by_film = {film: float(np.clip(accuracy + rng.normal(0, 0.05), 0, 1)) for film in films}
    probability = None if kind == "human" else ProbabilityScore(1.2, 0.6, 0.05, 1.4, None if kind == "baseline" else 0.3, 0.55)
    return SystemScore(
        system, kind, n, spread, spread, spread, accuracy, 0.1, 0.04, by_film, by_film, recall, dict(recall), confusion, probability
    )  # fmt: skip


def sample_robustness() -> RobustnessReport:
    """Noise that costs the voice much and in the end more than the voice is worth, small faces without change, late words, wrong words."""
    alone = {"face": 0.66, "voice": 0.58, "text": 0.72}

    def around(value: float) -> Interval:
        return Interval(value, round(value - 0.04, 3), round(value + 0.04, 3))

    def one(disturbance: str, dose: float, fused: float, **parts: float) -> ConditionScore:
        own = SystemChange("fused", around(0.87 + fused), around(fused), 1.0)
        met = [SystemChange(name, around(alone[name] + lost), around(lost), 0.78 if lost < -0.3 else 1.0) for name, lost in parts.items()]
        return ConditionScore(disturbance, dose, "of something", [own, *met], 40.0)

    conditions = [
        one("noise", 20, -0.021, voice=-0.1), one("noise", 0, -0.123, voice=-0.4), one("small faces", 12, 0.0, face=0.0),
        one("late words", -2, -0.05, face=-0.1, voice=-0.2), one("misheard words", 0.4, -0.03, text=-0.2), one(HOSTILE, 1, 0.01, text=0.0),
    ]  # fmt: skip
    without = {name: around(value) for name, value in (("face", 0.8), ("voice", 0.79), ("text", 0.75))}
    clean = {name: around(value) for name, value in {"fused": 0.87, **alone}.items()}
    return RobustnessReport("3f1c9a", 0, 12, 212, clean, dict.fromkeys(alone, 1.0), without, conditions, [f"A note. {HOSTILE}"])


def _found() -> dict[str, Any]:
    """Everything that the films' report has beyond scores."""
    points = [CoveragePoint(0.05 * k, 1 - 0.03 * k, 1 - 0.0065 * k) for k in range(1, 21)]
    group = Interval(0.9, 0.85, 0.95)
    course = [round(0.5 * float(np.sin(k / 16)), 3) for k in range(100)]
    said = [Said("fused", "joy", 0.97, 0.01), Said("face", "fear", 0.6, 0.2), Said("text", "joy", 0.8, 0.1)]
    return {
        "abstention": [Abstention("fused", points, 0.91, 0.06), Abstention("text", points, 0.8, 0.2)],
        "soft_labels": SoftLabelFit(Interval(0.156, 0.141, 0.169), Interval(0.39, 0.38, 0.4), 0.203, 212),
        "humans": HumanComparison(12, 212, 636, 0.82, 0.91, Interval(-0.09, -0.12, -0.06), False),
        "groups": [
            GroupScore("genre", f"comedy {HOSTILE}", 90, 6, group, group, Interval(0.05, 0.04, 0.1), 0.93, {}, 0.02, 0.05, 0.01, 0.03),
            GroupScore("language", "en", 212, 12, group, group, Interval(0.05), None, {}, None, None, None, None),
        ],
        "groups_withheld": {"genre: war": 12},
        "context": [
            ContextUse("all lines with neighbours", 212, 12, group, group, None, Interval(0.04, 0.01, 0.07), None),
            ContextUse("lines whose words alone mislead", 60, 12, group, group, group, Interval(0.0), Interval(-0.01, -0.05, 0.03)),
        ],
        "incongruence": Incongruence(120, 12, {"fused": 0.8, "face": 0.5, "text": 0.4}, {"face": 0.55, "text": 0.5}, 0.04),
        "intensity": LevelScore(5, 12, 212, Interval(0.46), None, Interval(0.15), 0.89),
        "arcs": ArcComparison(
            [ArcScore("fused", 12, Interval(0.87, 0.8, 0.9), Interval(0.85), 0.61, 0.92, Interval(0.08, 0.06, 0.1))],
            [
                FilmArc(TALK, 14, course, course[::-1], -0.62, "icarus", "man_in_a_hole"),
                FilmArc("made-1-02", 20, course, course, None, "icarus", "icarus"),
            ],
            0.94,
        ),
        "errors": [
            WorstError(f"{TALK}.u00003", TALK, 10_000, 12_500, "fear", 4.6, {"fear": 2, "joy": 1}, said),
            WorstError("gone.u1", "gone", None, None, "anger", 3.2, {}, said[:1]),
        ],
    }


def sample_report() -> ValidationReport:
    """A report with every part filled."""
    films = [TALK, *(f"made-1-{index:02d}" for index in range(2, 13))]
    systems = [
        ("fused", "fused", 0.87), ("text", "modality", 0.72), ("face", "modality", 0.66), ("voice", "modality", 0.58),
        ("tfidf", "baseline", 0.55), ("persistence", "baseline", 0.31), ("majority", "baseline", 0.18), ("human", "human", 0.91),
    ]  # fmt: skip
    scores = [_score(name, kind, value, 212, films) for name, kind, value in systems]
    tests = [PairedTest(name, 12, 0.87 - value, 0.0002, 0.8 - value, 0.94 - value, 0.0007) for name, kind, value in systems[1:7]]
    bins = [ReliabilityBin(0.1 * k + 0.05, min(0.1 * k + 0.02 * (k % 3), 1.0), 10 + 4 * k) for k in range(2, 10)]
    slices = [
        SliceScore(f"contradictory lines {HOSTILE}", 41, {"fused": 0.8, "text": 0.5}),
        SliceScore("all other lines", 171, {"fused": 0.9, "text": 0.8}),
    ]
    xed_films = [f"xed-{index:02d}" for index in range(48)]
    tested = (("fused", "fused", 0.4), ("majority", "baseline", 0.06), ("tfidf", "baseline", 0.31))
    xed = [_score(name, kind, value, 7997, xed_films) for name, kind, value in tested]
    return ValidationReport(
        model_version="3f1c9a",
        trained_on={"films": "commercial, CC0", "xed": "research, CC-BY 4.0"},
        corpora=[
            CorpusReport("films", 12, 230, 212, scores, tests, bins, slices, **_found()),
            CorpusReport("xed", 48, 7997, 7997, xed, [PairedTest("tfidf", 48, 0.09, 0.0001)], bins),
        ],
        agreement=Agreement({"category": 0.71, "intensity": 0.58}, 4, 848, {"rater-4": f"agrees no more than chance {HOSTILE}"}),
        reaction=[_score("fused", "fused", 0.42, 190, films), _score("persistence", "baseline", 0.31, 190, films)],
        characters={
            "speaker": [_score("reaction", "fused", 0.4, 171, films), _score("transitions", "baseline", 0.3, 171, films)],
            "addressee": [_score("reaction", "fused", 0.44, 160, films), _score("answer", "baseline", 0.35, 160, films)],
        },
        left_out={SILENT: "nobody has judged it", "x": HOSTILE},
        notes=[f"Films of one series never stand on both sides. {HOSTILE}"],
        robustness=sample_robustness(),
    )


def write_pages(home: Home, out: Path) -> Path:
    """Make every film's page in the home, then the report with copies of them in `out`."""
    for film_id in (TALK, SILENT, BARE):
        folder = home.artifact("film_report", film_id)
        folder.mkdir(parents=True, exist_ok=True)
        build_film_page(home, film_id, folder / "predictions.parquet", folder)
    build_report_page(home, home.artifact("report"), [TALK, SILENT, BARE], out)
    return out
