"""Who is who in a film: face tracks brought together into persons by how they look, and persons named by who speaks.

A track's embedding and colours say which tracks are one person; tracks that share their pictures are two. A person who is alone in the
picture while somebody speaks is probably the speaker: over a film these turns name the persons. How well they do is measured first, each
turn left out of what it is told by, and where it is no better than chance nobody is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.chunks import ChunkStore
from corpus.contracts import PEOPLE
from corpus.weights import WeightError
from ml.features.people import grouping
from ml.features.people.identity import embed_chosen
from ml.features.people.likeness import lit, look_of

if TYPE_CHECKING:
    import pandas as pd

PEOPLE_FILE = "people.parquet"
FACES_FILE = "people_faces.safetensors"
SHEET_PERSONS, SHEET_FACES = 12, 8
PICTURES_PER_TRACK = 4
MOST_TRACKS = 4000
"""Tracks that are compared with each other, the longest first; the others go to the person whom they fit best."""

LONG_TOGETHER_MS = 1500
"""Two faces that share this much time are two persons; less may be one and the same on both sides of a dissolve."""

MIN_SOLO_TURNS = 6
MIN_AGREEMENT = 0.65
SUREST = 0.95
"""A speaker is never taken to be in the picture more often than this: cameras show listeners too."""

MIN_CERTAINTY = 0.7
SILENT = 0.5
"""How likely it is, against being any one character, that somebody who is seen never speaks."""


@dataclass(frozen=True)
class People:
    """What is known of a film's tracks, by track id.

    `character`: for whom the track is taken, where somebody could be named. `agreement`: how often the turns name the speaker of a turn
    right that they were not told of, the mean over the speakers; None where too few turns can tell. `person`: the person's id, stable
    within the film (film id + '.person' + number by time on screen). `likeness`: 0..1, how surely the track is that person and no other.
    `certainty`: 0..1, how surely a named track's person is that character. `missing` says what could not be used.
    """

    character: dict[str, str]
    agreement: float | None
    person: dict[str, str] = field(default_factory=dict)
    likeness: dict[str, float] = field(default_factory=dict)
    certainty: dict[str, float] = field(default_factory=dict)
    missing: str | None = None


@dataclass(frozen=True)
class _Tracks:
    """Track ids in order (n,), the track and time of each face, faces per track (n,), pairs (m, 2) that are two persons for sure."""

    ids: np.ndarray
    of_face: np.ndarray
    t_ms: np.ndarray
    length: np.ndarray
    pairs: np.ndarray


def find_people(
    faces: pd.DataFrame, crops: np.ndarray, units: pd.DataFrame, *, device: str = "cpu", store: ChunkStore | None = None
) -> People:
    """Find and name the persons of a film.

    Without the weight of the embedding, colours alone decide, and `missing` says so.

    Args:
        faces: table FACES.
        crops: uint8 (n, side, side, 3) RGB, row-aligned with `faces`.
        units: table UNITS; utterances with a character and times are the speaking turns.
        device: torch device of the embedding.
        store: where embeddings that are known already are found, and kept.
    """
    if not len(faces):
        return People({}, None)
    tracks = _read_tracks(faces)
    cues, missing = _cues(tracks, crops, device, store)
    person, likeness = _grouped(cues, tracks)
    turns = _read_turns(units)
    solo = _solo_turns(tracks, person, turns)
    agreement = _agreement(solo)
    named, certainty = _named(solo, agreement, _together(tracks.pairs, person))
    person, named, certainty = _joined(person, named, certainty)
    number = _by_screen_time(person, tracks.length)
    film = str(faces["film_id"].iloc[0])
    ids = tracks.ids.tolist()
    return People(
        character={track: turns.characters[named[who]] for track, who in zip(ids, person, strict=True) if named[who] >= 0},
        agreement=agreement,
        person={track: f"{film}.person{number[who]:02d}" for track, who in zip(ids, person, strict=True)},
        likeness=dict(zip(ids, likeness.tolist(), strict=True)),
        certainty={track: float(certainty[who]) for track, who in zip(ids, person, strict=True) if named[who] >= 0},
        missing=missing,
    )


def people_table(people: People, faces: pd.DataFrame) -> pd.DataFrame:
    """Table PEOPLE: a row per track, in the order of time."""
    spans = faces.groupby("track_id", sort=True).agg(film_id=("film_id", "first"), start_ms=("t_ms", "min"), end_ms=("t_ms", "max"))
    spans["n_faces"] = faces.groupby("track_id", sort=True).size()
    told = spans[spans.index.isin(list(people.person))].sort_values("start_ms", kind="stable").reset_index()
    told["person_id"] = [people.person[track] for track in told["track_id"]]
    told["likeness"] = [people.likeness[track] for track in told["track_id"]]
    told["character_id"] = [people.character.get(track) for track in told["track_id"]]
    told["certainty"] = [people.certainty.get(track) for track in told["track_id"]]
    return PEOPLE.frame(told[PEOPLE.names].to_dict("records"))


def write_people(people: People, faces: pd.DataFrame, crops: np.ndarray, out: Path) -> None:
    """Write people.parquet and people_faces.safetensors into the folder `out`.

    The second holds, for at most SHEET_PERSONS persons in the order of their numbers, SHEET_FACES moments evenly over their pictures:
    `crops` uint8 (k, SHEET_FACES, side, side, 3) RGB and `t_ms` int64 (k, SHEET_FACES), -1 where a person has fewer.

    Args:
        people: what `find_people` found.
        faces: table FACES.
        crops: uint8 (n, side, side, 3) RGB, row-aligned with `faces`.
        out: an existing folder.
    """
    from safetensors.numpy import save_file

    PEOPLE.write(people_table(people, faces), out / PEOPLE_FILE)
    owner = np.array([people.person.get(track, "") for track in faces["track_id"]], str)
    persons = sorted(set(owner) - {""}, key=lambda name: (len(name), name))[:SHEET_PERSONS]
    t_ms = np.full((len(persons), SHEET_FACES), -1, np.int64)
    shown = np.zeros((len(persons), SHEET_FACES, *crops.shape[1:]), np.uint8)
    for row, person in enumerate(persons):
        chosen = _moments(np.flatnonzero(owner == person), faces, crops)
        t_ms[row, : len(chosen)], shown[row, : len(chosen)] = faces["t_ms"].to_numpy()[chosen], crops[chosen]
    save_file({"crops": shown, "t_ms": t_ms}, out / FACES_FILE)


def _moments(rows: np.ndarray, faces: pd.DataFrame, crops: np.ndarray) -> list[int]:
    """The surest of each of SHEET_FACES equal parts of a person's lit pictures in the order of time."""
    by_time = rows[np.argsort(faces["t_ms"].to_numpy()[rows], kind="stable")]
    score = faces["score"].to_numpy()
    parts = np.array_split(by_time[lit(crops[by_time])], SHEET_FACES)
    return [int(part[score[part].argmax()]) for part in parts if len(part)]


def _read_tracks(faces: pd.DataFrame) -> _Tracks:
    ids, of_face = np.unique(faces["track_id"].to_numpy(str), return_inverse=True)
    t_ms = faces["t_ms"].to_numpy(np.int64)
    length = np.bincount(of_face)
    return _Tracks(ids, of_face, t_ms, length, _seen_together(t_ms, of_face, length))


def _seen_together(t_ms: np.ndarray, of_face: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Pairs (m, 2) of tracks that share more than half of the longer one's pictures, or LONG_TOGETHER_MS.

    In a dissolve one face is seen twice: it ends while it begins elsewhere in the picture, so that a long track shares a short time.
    """
    shared: dict[tuple[int, int], list[int]] = {}
    for t, tracks in _by_time(t_ms, of_face):
        for place, one in enumerate(tracks.tolist()):
            for other in tracks[place + 1 :].tolist():
                shared.setdefault((one, other), []).append(t)
    pairs = [pair for pair, times in shared.items() if 2 * len(times) > max(length[list(pair)]) or times[-1] - times[0] >= LONG_TOGETHER_MS]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _by_time(t_ms: np.ndarray, of_face: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each picture's time with the tracks in it, each once."""
    order = np.argsort(t_ms, kind="stable")
    times, starts = np.unique(t_ms[order], return_index=True)
    for t, tracks in zip(times, np.split(of_face[order], starts[1:]), strict=True):
        yield int(t), np.unique(tracks)


_Cues = list[tuple[grouping.Cue, np.ndarray]]


def _cues(tracks: _Tracks, crops: np.ndarray, device: str, store: ChunkStore | None) -> tuple[_Cues, str | None]:
    rows = [np.flatnonzero(tracks.of_face == track) for track in range(len(tracks.ids))]
    looks = [look_of(crops[own]) for own in rows]
    cues = [
        (grouping.TONE, np.stack([look.tone for look in looks])),
        (grouping.HUE, np.stack([look.hue for look in looks])),
        (grouping.SKIN, np.stack([look.skin for look in looks])),
    ]
    bright = [own[lit(crops[own])] for own in rows]
    chosen = [own[_inner(len(own))] for own in bright]
    try:
        embedded = embed_chosen(tracks.t_ms, crops, np.concatenate(chosen), device=device, store=store)
    except WeightError as error:
        return cues, f"persons are told apart by colour alone: {error}"
    parts = np.split(embedded, np.cumsum([len(own) for own in chosen])[:-1])
    return [(grouping.EMBEDDING, np.stack([part.mean(0) for part in parts])), *cues], None


def _inner(count: int) -> np.ndarray:
    """At most PICTURES_PER_TRACK of `count` pictures, evenly, without the first and last: a track begins and ends half seen."""
    return np.unique(np.linspace(0, count - 1, PICTURES_PER_TRACK + 2)[1:-1].round().astype(int))


def _grouped(cues: _Cues, tracks: _Tracks) -> tuple[np.ndarray, np.ndarray]:
    """Person (n,) of each track, and how surely it is that one (n,)."""
    n = len(tracks.ids)
    known = np.sort(np.argsort(-tracks.length, kind="stable")[:MOST_TRACKS])
    place = np.full(n, -1)
    place[known] = np.arange(len(known))
    apart = np.zeros((len(known), len(known)), bool)
    both = place[tracks.pairs][(place[tracks.pairs] >= 0).all(1)]
    apart[both[:, 0], both[:, 1]] = apart[both[:, 1], both[:, 0]] = True
    measures = [grouping.calibrate(cue, points, known, apart) for cue, points in cues]
    unlike = grouping.evidence(measures, known, known)
    label = grouping.group(unlike, apart)
    size = int(label.max()) + 1
    person, likeness = np.full(n, -1), np.zeros(n)
    for row, track in enumerate(known):
        others = np.arange(len(known)) != row
        person[track] = label[row]
        likeness[track] = _likeness(grouping.fits(unlike[row, others], apart[row, others], label[others], size), label[row])
    for track in np.flatnonzero(person < 0):
        seen = np.isin(known, tracks.pairs[(tracks.pairs == track).any(1)])
        fit = grouping.fits(grouping.evidence(measures, np.array([track]), known)[0], seen, label, size)
        person[track] = int(fit.argmin())
        likeness[track] = _likeness(fit, person[track])
    return person, likeness


def _likeness(fit: np.ndarray, own: int) -> float:
    """Probability of the own group against the next best one, or against a new person's."""
    mine, others = min(fit[own], grouping.NEW_PERSON), np.delete(fit, own)
    against = min(others.min(initial=np.inf), grouping.NEW_PERSON)
    return float(1 / (1 + np.exp(np.clip(mine - against, -30, 30))))


@dataclass(frozen=True)
class _Turns:
    """Speaking turns: times in ms and the speaker's row in `characters`."""

    start_ms: np.ndarray
    end_ms: np.ndarray
    speaker: np.ndarray
    characters: tuple[str, ...]


def _read_turns(units: pd.DataFrame) -> _Turns:
    spoken = units[(units["level"] == "utterance") & units["character_id"].notna() & units["start_ms"].notna()]
    characters, speaker = np.unique(spoken["character_id"].to_numpy(str), return_inverse=True)
    return _Turns(spoken["start_ms"].to_numpy(float), spoken["end_ms"].to_numpy(float), speaker, tuple(characters.tolist()))


def _solo_turns(tracks: _Tracks, person: np.ndarray, turns: _Turns) -> np.ndarray:
    """How many turns of each character have each person, and nobody else, in the picture: (k, c)."""
    solo = np.zeros((int(person.max()) + 1, len(turns.characters)))
    order = np.argsort(tracks.t_ms, kind="stable")
    t_ms, seen = tracks.t_ms[order], person[tracks.of_face[order]]
    for start, end, who in zip(turns.start_ms, turns.end_ms, turns.speaker, strict=True):
        found = np.unique(seen[slice(*np.searchsorted(t_ms, [start, end]))])
        if len(found) == 1:
            solo[found[0], who] += 1
    return solo


def _agreement(solo: np.ndarray) -> float | None:
    """Of the turns with one person in the picture, how many have the speaker whom that person's other turns name; mean over speakers.

    Each person's turns are counted by their share of the speaker's, so that who speaks most is not named by that alone.
    """
    right, told = np.zeros(solo.shape[1]), np.zeros(solo.shape[1])
    for person, who in zip(*np.nonzero(solo), strict=True):
        others = solo.copy()
        others[person, who] -= 1
        if others[person].any() and (others.sum(0) > 0).sum() > 1:
            share = others[person] / np.maximum(others.sum(0), 1)
            told[who] += solo[person, who]
            right[who] += solo[person, who] * (share.argmax() == who)
    if told.sum() < MIN_SOLO_TURNS or (told > 1).sum() < 2:
        return None
    return float((right[told > 0] / told[told > 0]).mean())


def _together(pairs: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Boolean (k, k): the two persons are seen together."""
    seen = np.zeros((int(person.max()) + 1,) * 2, bool)
    one, other = person[pairs[:, 0]], person[pairs[:, 1]]
    seen[one, other] = seen[other, one] = True
    return seen


def _named(solo: np.ndarray, agreement: float | None, together: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Character of each person (k,), -1 for nobody, and its probability (k,).

    The surest is named first; whoever is seen together with him is then not he, which makes another name surer.
    """
    named, certainty = np.full(len(solo), -1), np.zeros(len(solo))
    if agreement is None or agreement < MIN_AGREEMENT:
        return named, certainty
    chance = _chances(solo, min(agreement, SUREST))
    for _ in range(len(solo)):
        sure = chance[:, :-1] / np.maximum(chance.sum(1, keepdims=True), 1e-12)
        sure[named >= 0] = 0
        person, who = np.unravel_index(sure.argmax(), sure.shape)
        if sure[person, who] < MIN_CERTAINTY:
            break
        named[person], certainty[person] = who, sure[person, who]
        chance[together[person], who] = 0
    return named, certainty


def _chances(solo: np.ndarray, agreement: float) -> np.ndarray:
    """How likely each person's turns are (k, c + 1), the largest 1: if it is each character, and last if it is nobody who speaks.

    A character who is alone in the picture speaks with the probability `agreement`, else the others by their share of the talk; while
    somebody is seen who never speaks, all do by theirs.
    """
    talk = np.maximum(solo.sum(0), 1e-9) / max(solo.sum(), 1e-9)
    speaks = np.tile(talk * (1 - agreement), (len(talk), 1)) / np.maximum(1 - talk, 1e-9)[:, None]
    np.fill_diagonal(speaks, agreement)
    odds = solo @ np.log(np.maximum(np.vstack([speaks, talk]), 1e-9)).T
    odds[:, -1] += np.log(SILENT)
    chances: np.ndarray = np.exp(odds - odds.max(1, keepdims=True))
    return chances


def _joined(person: np.ndarray, named: np.ndarray, certainty: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Persons of one name become one; the surest of them stands for all."""
    stands = np.arange(len(named))
    for who in np.unique(named[named >= 0]):
        same = np.flatnonzero(named == who)
        stands[same] = same[certainty[same].argmax()]
    kept, joined = np.unique(stands, return_inverse=True)
    return joined[person], named[kept], certainty[kept]


def _by_screen_time(person: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Number of each person from 1, whoever is longest on screen first."""
    shown = np.bincount(person, weights=length)
    number = np.empty(len(shown), int)
    number[np.argsort(-shown, kind="stable")] = np.arange(1, len(shown) + 1)
    return number
