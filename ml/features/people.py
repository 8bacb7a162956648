"""Who is who in a film: face tracks joined to speakers by appearance and speaking turns.

A face that is alone in the picture while somebody speaks is probably the speaker; over a film these turns give each character a
likeness, and each track goes to the character it resembles, never two tracks seen at once to the same one. The likeness is a coarse
colour picture of the face, so its worth is measured first: where it does not predict who speaks, nobody is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

GRID = 8
ROUNDS = 5
MIN_SOLO_TRACKS = 6
MIN_AGREEMENT = 0.65
DOUBT = 4.0
"""Turns that a track is not seen in count this much: a turn shown on the listener must not name her after the speaker."""
STRANGER = 4.0
"""A track this many times farther from every likeness than is usual (squared) stays unnamed."""


@dataclass(frozen=True)
class People:
    """Character of each track that could be named, and how often appearance alone named the speaker of a solo track right."""

    character: dict[str, str]
    agreement: float | None


def find_people(faces: pd.DataFrame, crops: np.ndarray, units: pd.DataFrame) -> People:
    """Name the tracks of a film.

    Args:
        faces: table FACES.
        crops: uint8 (n, h, w, 3), row-aligned with `faces`.
        units: table UNITS; utterances with a character and times are the speaking turns.
    """
    turns = units[(units["level"] == "utterance") & units["character_id"].notna() & units["start_ms"].notna()]
    characters = sorted(set(turns["character_id"]))
    if len(characters) < 2 or not len(faces):
        return People({}, None)
    ids, track = np.unique(faces["track_id"].to_numpy(str), return_inverse=True)
    looks = np.stack([_look(crops[track == index]) for index in range(len(ids))])
    votes, solo = _votes(faces["t_ms"].to_numpy(), track, turns, characters)
    agreement = _agreement(looks, solo)
    if agreement is None or agreement < MIN_AGREEMENT:
        return People({}, agreement)
    named = _assign(looks, votes, solo, _seen_together(faces, track, len(ids)))
    return People({str(ids[index]): characters[who] for index, who in enumerate(named) if who >= 0}, agreement)


def _look(crops: np.ndarray) -> np.ndarray:
    """The median face in Lab on an 8x8 grid, each channel standardised so that the scene's light counts little: (192,)."""
    import cv2

    lab = cv2.cvtColor(np.median(crops, axis=0).astype(np.uint8), cv2.COLOR_RGB2LAB).astype(np.float32)
    small = cv2.resize(lab, (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    return ((small - small.mean(0)) / (small.std(0) + 1)).ravel()


def _votes(times: np.ndarray, track: np.ndarray, turns: pd.DataFrame, characters: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each track and character, turns in which the track is seen (by its share of the faces), and those in which it is alone."""
    votes, solo = np.zeros((track.max() + 1, len(characters))), np.zeros((track.max() + 1, len(characters)))
    for turn in turns.itertuples():
        seen, counts = np.unique(track[(times >= turn.start_ms) & (times < turn.end_ms)], return_counts=True)
        who = characters.index(turn.character_id)
        votes[seen, who] += counts / max(counts.sum(), 1)
        if len(seen) == 1:
            solo[seen[0], who] += 1
    return votes, solo


def _agreement(looks: np.ndarray, solo: np.ndarray) -> float | None:
    """Share of solo tracks whose speaker is the one they resemble, each left out of the likeness it is compared with."""
    tracks = np.flatnonzero(solo.any(1))
    speaker = solo[tracks].argmax(1)
    counts = np.bincount(speaker, minlength=solo.shape[1])
    comparable = counts[speaker] > 1
    if comparable.sum() < MIN_SOLO_TRACKS or (counts > 1).sum() < 2:
        return None
    right = []
    for place in np.flatnonzero(comparable):
        others = [np.flatnonzero((speaker == who) & (np.arange(len(tracks)) != place)) for who in range(solo.shape[1])]
        distance = [((looks[tracks[place]] - looks[tracks[rows]].mean(0)) ** 2).sum() if len(rows) else np.inf for rows in others]
        right.append(int(np.argmin(distance)) == speaker[place])
    return float(np.mean(right))


def _seen_together(faces: pd.DataFrame, track: np.ndarray, n_tracks: int) -> np.ndarray:
    """Boolean (n, n): the tracks have a picture in common."""
    together = np.zeros((n_tracks, n_tracks), bool)
    for rows in pd.Series(track).groupby(faces["t_ms"].to_numpy()).unique():
        together[np.ix_(rows, rows)] = True
    np.fill_diagonal(together, False)
    return together


def _assign(looks: np.ndarray, votes: np.ndarray, solo: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Character of each track, -1 for a stranger: likenesses and names in turn, as in k-means with speaking turns as a prior."""
    prior = np.log(votes + DOUBT)
    belongs = np.where(solo.any(1), solo.argmax(1), votes.argmax(1))
    belongs[~votes.any(1)] = -1
    for _ in range(ROUNDS):
        distance = np.stack([_distance(looks, belongs == who) for who in range(votes.shape[1])], axis=1)
        usual = max(float(np.median(distance.min(1))), 1e-6)
        score = prior - distance / (2 * usual)
        score[distance > STRANGER * usual] = -np.inf
        named = _greedy(score, together)
        if (named == belongs).all():
            break
        belongs = named
    return belongs


def _distance(looks: np.ndarray, members: np.ndarray) -> np.ndarray:
    if not members.any():
        return np.full(len(looks), np.inf)
    return ((looks - looks[members].mean(0)) ** 2).sum(1)


def _greedy(score: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Best characters first; what is seen together gets different ones."""
    named = np.full(len(score), -1)
    for index in np.argsort(-score, axis=None, kind="stable"):
        track, who = np.unravel_index(index, score.shape)
        if named[track] < 0 and np.isfinite(score[track, who]) and not (named[together[track]] == who).any():
            named[track] = who
    return named
