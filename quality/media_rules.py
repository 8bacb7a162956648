"""The rules of films and their dialogue: whether picture, sound, cues and screenplay hold together, with the figures and the worst places.

Bounds are wide, because films differ: what breaks one is worth a look by a person, and blocks nothing. Each rule says in its observation
what was measured, so that a lineage view answers without opening a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from corpus.annotations.decisions import Example
from corpus.dialogue.language import base_code
from corpus.films.media.damage import clock
from quality.findings import Finding

WORST = 10
"""How many of the worst places are told."""


def shots_cover_film(table: pd.DataFrame, duration_ms: int) -> Finding:
    """Shots follow each other without gap or overlap from the first picture to the film's end."""
    ordered = table.reset_index(drop=True)
    before = np.concatenate([[0], ordered["end_ms"].to_numpy()[:-1]])
    broken = np.flatnonzero((ordered["start_ms"].to_numpy() != before) | (ordered["end_ms"] <= ordered["start_ms"]).to_numpy()).tolist()
    last_ms = int(ordered["end_ms"].iloc[-1]) if len(ordered) else 0
    observed = f"{len(ordered)} shots to {clock(last_ms)} of {clock(duration_ms)}"
    return Finding(not broken and last_ms == duration_ms, observed, broken, {"n_shots": len(ordered)})


def shots_plausible(table: pd.DataFrame, shortest_ms: int, most_short: float, longest_median_ms: int) -> Finding:
    """Hardly any shot is shorter than `shortest_ms`, and the median shot is not as long as an undetected reel."""
    length = (table["end_ms"] - table["start_ms"]).to_numpy()
    short = np.flatnonzero(length < shortest_ms)
    median_ms = float(np.median(length))
    holds = len(short) <= max(1, most_short * len(table)) and (median_ms <= longest_median_ms or len(table) == 1)
    worst = [Example(f"{table['shot_id'].iloc[i]} at {clock(int(table['start_ms'].iloc[i]))}", f"{length[i]} ms") for i in short[:WORST]]
    figures = {"median_shot_ms": median_ms, "short_shots": float(len(short))}
    observed = f"median {median_ms / 1000:.1f} s, {len(short)} of {len(table)} shorter than {shortest_ms} ms"
    return Finding(holds, observed, short.tolist(), figures, tuple(worst))


def duration_as_declared(table: pd.DataFrame, duration_ms: int, declared_ms: int | None, tolerance_ms: int) -> Finding:
    """The film lasts as long as its container says."""
    if declared_ms is None:
        return Finding(True, f"{clock(duration_ms)}; the container declares no length", figures={"duration_ms": duration_ms})
    figures = {"duration_ms": float(duration_ms), "declared_ms": float(declared_ms)}
    observed = f"{clock(duration_ms)} measured, {clock(declared_ms)} declared"
    return Finding(abs(duration_ms - declared_ms) <= tolerance_ms, observed, figures=figures)


def stream_undamaged(table: pd.DataFrame, damage: Sequence[str], checksums: bool) -> Finding:
    """Picture and sound decode without a fault; without checksums that proves less, and the observation says so."""
    worst = tuple(Example("film", fault) for fault in damage[:WORST])
    whole = "no damage, by the file's own checksums" if checksums else "no damage seen; the file has no checksums, so a turned bit may hide"
    return Finding(not damage, "; ".join(damage[:3]) if damage else whole, figures={"faults": float(len(damage))}, worst=worst)


def frame_rate_plausible(table: pd.DataFrame, fps: float, variable: bool, low: float, high: float) -> Finding:
    """Pictures come at a rate that films have."""
    told = f"{fps:g} pictures a second" + (", variable" if variable else "")
    return Finding(low <= fps <= high, told, figures={"fps": fps})


def sound_covers_film(table: pd.DataFrame, sound: dict[str, Any], duration_ms: int, tolerance_ms: int) -> Finding:
    """The film has sound that is not silence and lasts as long as the picture."""
    if sound.get("missing"):
        return Finding(False, str(sound["missing"]))
    lacking_ms = duration_ms - int(sound["duration_ms"])
    figures = {"sound_ms": float(sound["duration_ms"]), "loudness_db": float(sound["loudness_db"])}
    observed = f"{clock(int(sound['duration_ms']))} of sound at {sound['loudness_db']:.0f} dBFS"
    return Finding(lacking_ms <= tolerance_ms, observed, figures=figures)


def speech_covered(table: pd.DataFrame, coverage: float | None, speech_ms: int, unwritten: pd.DataFrame, floor: float) -> Finding:
    """Most of the speech that is heard has a cue."""
    if coverage is None or not len(table):
        return Finding(True, "no words to hold against speech" if coverage is not None else "nobody is heard")
    longest = unwritten.assign(length=unwritten["end_ms"] - unwritten["start_ms"]).nlargest(WORST, "length")
    worst = tuple(Example(clock(int(row.start_ms)), f"{row.length / 1000:.1f} s of speech without a cue") for row in longest.itertuples())
    figures = {"coverage": coverage, "speech_s": speech_ms / 1000, "unwritten_stretches": float(len(unwritten))}
    observed = f"{coverage:.0%} of {speech_ms / 1000:.0f} s of speech has a cue"
    return Finding(coverage >= floor, observed, figures=figures, worst=worst)


def lines_heard(table: pd.DataFrame, heard: pd.DataFrame, least_share: float, floor: float) -> Finding:
    """In the time of most lines speech is heard for at least `least_share` of it."""
    if not len(heard):
        return Finding(True, "no lines held against the sound")
    joined = table.merge(heard, on="utterance_id")
    silent = joined[joined["speech_share"] < least_share]
    share = 1 - len(silent) / len(joined)
    worst = [_line(row, f"speech in {row.speech_share:.0%} of its time") for row in silent.nsmallest(WORST, "speech_share").itertuples()]
    rows = np.flatnonzero(table["utterance_id"].isin(silent["utterance_id"])).tolist()
    return Finding(share >= floor, f"speech is heard in {share:.0%} of {len(joined)} lines", rows, {"heard_share": share}, tuple(worst))


def sync_residual(table: pd.DataFrame, heard: pd.DataFrame, most_ms: float, minimum_lines: int) -> Finding:
    """The median line begins within `most_ms` of a beginning of speech."""
    near = heard.dropna(subset=["onset_distance_ms"])
    if len(near) < minimum_lines:
        return Finding(True, f"{len(near)} lines begin near speech: too few to measure")
    joined = table.merge(near, on="utterance_id")
    distance = joined["onset_distance_ms"].abs()
    residual_ms = float(distance.median())
    far = joined.assign(distance=distance).nlargest(WORST, "distance")
    worst = tuple(_line(row, f"{row.onset_distance_ms:+.0f} ms from the nearest beginning of speech") for row in far.itertuples())
    figures = {"residual_ms": residual_ms, "within_250_ms": float((distance <= 250).mean())}
    observed = f"median {residual_ms:.0f} ms over {len(joined)} lines, {figures['within_250_ms']:.0%} within 250 ms"
    return Finding(residual_ms <= most_ms, observed, figures=figures, worst=worst)


def _line(row: Any, what: str) -> Example:
    return Example(f"{row.utterance_id} at {clock(int(row.start_ms))}", f"{what}: {row.text[:80]}")


def cues_inside_film(table: pd.DataFrame, outside: Sequence[dict[str, Any]], n_cues: int) -> Finding:
    """No cue had to be left out because it lies before or after the film."""
    worst = tuple(Example(f"cue {cue['number']} at {clock(max(0, cue['start_ms']))}", str(cue["text"])[:80]) for cue in outside[:WORST])
    figures = {"outside": float(len(outside)), "cues": float(n_cues)}
    return Finding(not outside, f"{len(outside)} of {n_cues} cues lie outside the film", figures=figures, worst=worst)


def screenplay_aligned(table: pd.DataFrame, coverage: float | None, fault: str | None, unmatched: int | None, floor: float) -> Finding:
    """Where there is a screenplay, it is this film's, and most words of the dialogue stand in it."""
    if fault is not None:
        return Finding(False, fault)
    if coverage is None:
        return Finding(True, "no screenplay")
    alone = table[table["script_line"].isna()]
    worst = tuple(_line(row, "not in the screenplay") for row in alone.head(WORST).itertuples())
    figures = {"coverage": coverage, "lines_alone": float(len(alone)), "speeches_alone": float(unmatched or 0)}
    observed = f"{coverage:.0%} of the words stand in the screenplay; {len(alone)} lines and {unmatched} speeches stay alone"
    return Finding(coverage >= floor, observed, figures=figures, worst=worst)


def language_as_declared(table: pd.DataFrame, declared: str | None, found: str | None, probability: float | None) -> Finding:
    """The words are in the language that the catalogue gives the film."""
    if found is None or declared is None:
        return Finding(True, f"{found or 'too few words to tell'}; {declared or 'none'} declared")
    figures = {"probability": float(probability or 0)}
    return Finding(found == base_code(declared), f"{found} found, {declared} declared", figures=figures)
