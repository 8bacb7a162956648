"""Scenes found against scenes known: made films with and without their screenplay, and a real film's dialogue with headings and without.

Made films and their scans are kept in the temporary folder; constants were chosen on the development
seeds, the page tells of others. studyforrest has no picture: its shot boundaries, dialogue and music score what headings and dialogue
alone give. Some five minutes of CPU the first time, then half a minute; the second part needs ../shared/data.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from assets.code import code_version
from benchmarks.common import SHARED, CpuClock, table, write_result
from benchmarks.material import CACHE
from corpus.contracts import UTTERANCES
from corpus.dialogue.build import build_dialogue
from corpus.dialogue.screenplay.align import align
from corpus.dialogue.screenplay.read import Speech
from corpus.dialogue.subtitles.read import Cue
from corpus.films.catalogue.entries import film_from_entry
from corpus.films.catalogue.reading import load_yaml
from corpus.films.catalogue.store import build_film, read_film
from corpus.films.scan import build_scan
from corpus.films.scenes.evidence import Line, Shot
from corpus.films.scenes.headings import Part
from corpus.films.scenes.scenes import find_scenes, read_lines, read_parts, read_shots
from corpus.films.scenes.sound_bed import band_levels, bed_changes
from corpus.maker.films import is_complete, make_film
from corpus.maker.story import plan_stories
from corpus.maker.truth import read_truth
from corpus.paths import writing

Floats = npt.NDArray[np.float64]

DEVELOPMENT_SEED, REPORT_SEED = 11, 12
N_FILMS, N_LINES = 8, 12
TOLERANCE_S = 2.0
UNHEARD_DB, MUSIC_DB = 3.5, 9.5
"""Difference of beds that stands for no change and for music that begins or ends: studyforrest's sound is known only by its music."""
SCANNED = ("film", "shots", "faces", "soundtrack")


@dataclass(frozen=True)
class Known:
    """A film as scene grouping sees it, with the truth: starts of scenes but the first, and of what may be a scene or not, in seconds."""

    name: str
    shots: list[Shot]
    lines: list[Line]
    parts: list[Part]
    beds: Floats | None
    truth_s: Floats
    either_s: Floats

    @property
    def end_s(self) -> float:
        return self.shots[-1].end_ms / 1000

    def unwritten(self) -> Known:
        """Without its screenplay."""
        return replace(self, lines=[replace(line, part=None) for line in self.lines], parts=[])

    def silent(self) -> Known:
        """Without sound, dialogue and screenplay."""
        return replace(self, lines=[], parts=[], beds=None)

    def unseen(self) -> Known:
        """Without picture, dialogue and screenplay."""
        return replace(self, lines=[], parts=[], shots=[replace(shot, histogram=None, transition="cut") for shot in self.shots])


@dataclass(frozen=True)
class Score:
    """Counts of boundaries hit, found and true; hits within one shot; coverage and overflow in shots."""

    hits: float
    near: float
    found: float
    true: float
    covered: float
    overflow: float
    n_shots: float

    def __add__(self, other: Score) -> Score:
        return Score(*(one + two for one, two in zip(self.values, other.values, strict=True)))

    @property
    def values(self) -> tuple[float, ...]:
        return self.hits, self.near, self.found, self.true, self.covered, self.overflow, self.n_shots

    @property
    def cells(self) -> list[str]:
        """Boundaries found and true, precision, recall and F1 within 2 s, F1 within a shot, coverage and overflow."""
        shares = (self.hits / max(self.found, 1), self.hits / max(self.true, 1), self.f1(self.hits), self.f1(self.near))
        more = (self.covered / self.n_shots, self.overflow / self.n_shots)
        return [f"{self.found} / {self.true}", *(f"{share:.3f}" for share in (*shares, *more))]

    def f1(self, hits: float) -> float:
        return 2 * hits / max(self.found + self.true, 1)


LOOKED_AT = """Seen by eye on contact sheets (no truth, one viewer, 2026-11-23; fixed text, not computed by this run). Big Buck Bunny, 137
shots: 15 boundaries; of nine places where I would begin a scene 6 are found (cave 0:32, the hunt 5:00, the capture 7:23, the last meadow
7:41, credits 8:10, the scene after them 9:40), 3 are missed (under the tree 2:01, into the forest 4:04, the flight 6:21: green meadow
and green forest resemble each other more than shot and reverse shot do). The others are the cave's outside, the sky behind the hero, a
branch seen through leaves, rodents in the meadow, a fast pan, the meadow again, and titles and black. Sintel's trailer, 17 shots: 6
boundaries, all new places or titles; three more changes of place within its fast middle are missed. Popeye, 5 shots of coarse pictures
without sound: none, although tent and desert are two places."""

HEAD = ("", "found / true", "precision", "recall", "F1 ±2 s", "F1 ±1 shot", "coverage", "overflow")


def main() -> None:
    """Write the page of results; `--development` prints the figures on the development seed instead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--development", action="store_true", help="Print the figures that constants were chosen by.")
    if parser.parse_args().development:
        print(_made_table(DEVELOPMENT_SEED), _forrest_table(half=0), sep="\n\n")
    else:
        path = write_result("scenes", "Scenes", _page(), ["numpy", "scipy", "librosa"])
        print(path.read_text(encoding="utf-8"))


def _page() -> str:
    return "\n\n".join(
        [
            f"{N_FILMS} made films of {N_LINES} lines and four scenes, seed {REPORT_SEED}; constants are of seed {DEVELOPMENT_SEED}. "
            "A boundary is right within 2 s, each true one counted once. Coverage (better high) and overflow (better low) are those of "
            "Vendrig and Worring (2002), counted in shots.",
            _made_table(REPORT_SEED),
            "studyforrest, second half of the film; constants were chosen on the first. Its list counts every change of place as a scene "
            "(median 18 s). Headings are the list's, in order, the lines under them those of the dialogue, aligned by their text; there is "
            "no picture, and of the sound only where music begins and ends.",
            _forrest_table(half=1) if SHARED.is_dir() else "not scored: no shared data here",
            _cost(),
            LOOKED_AT,
        ]
    )


def score(found_s: Floats, known: Known) -> Score:
    """Boundaries one to one within 2 s, and within one shot; coverage and overflow of Vendrig and Worring ("Systematic evaluation of
    logical story unit segmentation", IEEE Trans. Multimedia 4:492, 2002), in shots."""
    spare = np.array([bool((np.abs(known.either_s - at) <= TOLERANCE_S).any()) for at in found_s], dtype=bool)
    counted = found_s[~spare]
    shots_s = np.array([shot.start_ms / 1000 for shot in known.shots])
    hits = _matched(counted, known.truth_s, TOLERANCE_S)
    begun, truly = (np.searchsorted(shots_s, times_s + 0.2).astype(np.float64) for times_s in (counted, known.truth_s))
    near = _matched(begun, truly, 1)
    covered, overflow = _cover(*(_shots_at(shots_s, times_s) for times_s in (counted, known.truth_s)))
    return Score(hits, near, len(counted), len(known.truth_s), covered, overflow, len(shots_s))


def _matched(found: npt.NDArray[np.float64], true: npt.NDArray[np.float64], tolerance: float) -> int:
    """Largest number of pairs within the tolerance, each used once; both rising."""
    hits, at = 0, 0
    for place in true:
        while at < len(found) and found[at] < place - tolerance:
            at += 1
        if at < len(found) and found[at] <= place + tolerance:
            hits, at = hits + 1, at + 1
    return hits


def _shots_at(shots_s: Floats, times_s: Floats) -> Floats:
    """The shots that begin nearest to the times, with the film's first and its end."""
    nearest = np.abs(shots_s[None, :] - times_s[:, None]).argmin(axis=1)
    return np.unique([0, *nearest, len(shots_s)]).astype(np.float64)


def _cover(found: Floats, true: Floats) -> tuple[float, float]:
    shared = np.maximum(np.minimum(found[1:, None], true[None, 1:]) - np.maximum(found[:-1, None], true[None, :-1]), 0.0)
    lengths, total = np.diff(true), np.diff(found)
    outside = ((total[:, None] - shared) * (shared > 0)).sum(axis=0)
    beside = np.convolve(lengths, [1, 0, 1], mode="same")
    return float(shared.max(axis=0).sum()), float((lengths * np.minimum(outside / np.maximum(beside, 1), 1)).sum())


def found_starts(known: Known) -> Floats:
    """What the product finds, in seconds, without the film's own start."""
    scenes = find_scenes(known.shots, known.lines, known.parts, known.beds).scenes
    return np.array([scene.start_ms / 1000 for scene in scenes[1:]])


def made_film(seed: int, index: int) -> Known:
    """A made film through its stages, cached."""
    story = plan_stories(N_FILMS, seed, lines=N_LINES)[index]
    folder = CACHE / "scenes" / "films" / story.film_id
    if not is_complete(folder):
        make_film(story, folder)
    # Another detector finds other shots: a scan is kept for the code that made it.
    scanned = CACHE / "scenes" / code_version(("corpus.films.scan",)) / story.film_id
    if not scanned.is_dir():
        _scan(folder, scanned)
    shots = read_shots(scanned / "shots")
    parts, part_of_line = read_parts(read_film(scanned / "film").screenplay)
    beds = bed_changes(band_levels(scanned / "soundtrack" / "sound.flac"), [shot.start_ms for shot in shots[1:]])
    starts_s = np.array([scene.start_ms / 1000 for scene in read_truth(folder / "truth.json").scenes])
    # Between title and first scene lies a boundary that no heading and no viewer would call a scene's for certain.
    return Known(story.film_id, shots, read_lines(_dialogue(scanned), part_of_line), parts, beds, starts_s[1:], starts_s[:1])


def _scan(folder: Path, scanned: Path) -> None:
    with writing(scanned) as out:
        for name in SCANNED:
            (out / name).mkdir()
        build_film(film_from_entry(load_yaml(folder / "film.yaml"), folder, str(folder)), out / "film")
        build_scan(out / "film", out / "shots", out / "faces", out / "soundtrack")


def _dialogue(scanned: Path) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as out:
        build_dialogue(scanned / "film", scanned / "soundtrack", scanned / "shots", Path(out))
        return UTTERANCES.read(Path(out) / "utterances.parquet")


def _made_table(seed: int) -> str:
    films = [made_film(seed, index) for index in range(N_FILMS)]
    views = {
        "screenplay": films,
        "picture, sound, dialogue": [film.unwritten() for film in films],
        "picture and sound": [replace(film.unwritten(), lines=[]) for film in films],
        "picture": [film.silent() for film in films],
        "sound": [film.unseen() for film in films],
    }
    rows = [[name, *_total(score(found_starts(film), film) for film in seen).cells] for name, seen in views.items()]
    rows.append(["every k-th shot, right number", *_total(score(_every_kth(film), film) for film in films).cells])
    rows.append(["coherence below a threshold (before)", *_total(score(_incoherent(film), film) for film in films).cells])
    return table(HEAD, rows)


def _total(scores: Iterator[Score]) -> Score:
    first = next(scores)
    return sum(scores, start=first)


def _every_kth(known: Known) -> Floats:
    starts_s = np.array([shot.start_ms / 1000 for shot in known.shots[1:]])
    places = np.linspace(0, len(starts_s), len(known.truth_s) + 2)[1:-1].astype(int)
    return starts_s[places]


def _incoherent(known: Known) -> Floats:
    """The method before: a boundary over which no shot of the last three resembles any of the next three."""
    shots, found = known.shots, [0.0]
    for at in range(1, len(shots)):
        pairs = [(one.histogram, two.histogram) for one in shots[max(0, at - 3) : at] for two in shots[at : at + 3]]
        best = max(float(np.minimum(one, two).sum()) for one, two in pairs if one is not None and two is not None)
        start_s = shots[at].start_ms / 1000
        if best < (0.65 if shots[at].transition == "cut" else 0.87) and start_s - found[-1] >= 4 and known.end_s - start_s >= 4:
            found.append(start_s)
    return np.array(found[1:])


def forrest(kept: float = 1.0) -> Known:
    """studyforrest's film without picture; the screenplay has its 205 headings in order and `kept` of the lines, seeded."""
    folder = SHARED / "studyforrest"
    scenes = [(float(at), f"{setting}. {place} - {time}") for at, place, time, setting in csv.reader((folder / "movie_scenes.csv").open())]
    spoken = [
        (float(row["start"]), float(row["end"]), re.sub(r"\s*\(.*", "", row["person"]), row["text"])
        for row in csv.DictReader((folder / "english_dialog.csv").open())
    ]
    starts_s = np.array([at for at, _ in scenes])
    part = np.maximum(np.searchsorted(starts_s, [(one + two) / 2 for one, two, *_ in spoken], side="right") - 1, 0)
    written = np.random.default_rng(7).random(len(spoken)) < kept
    script = [Speech(who, text, n, scenes[part[n]][1], int(part[n])) for n, (_, _, who, text) in enumerate(spoken) if written[n]]
    cues = [Cue(n, round(one * 1000), round(two * 1000), text, text) for n, (one, two, _, text) in enumerate(spoken)]
    matches = {match.cue: script[match.speech].scene for match in align(cues, script).matches}
    lines = [Line(cue.start_ms, cue.end_ms, matches.get(n), spoken[n][2]) for n, cue in enumerate(cues)]
    parts = [Part(heading, n in set(part[written].tolist())) for n, (_, heading) in enumerate(scenes)]
    cuts_ms = sorted({round(float(row[0]) * 1000) for row in csv.reader((folder / "movie_shots.csv").open())})
    ends_ms = [*cuts_ms[1:], max(cuts_ms[-1] + 1, cues[-1].end_ms)]
    shots = [Shot(one, two, "cut", None) for one, two in zip(cuts_ms, ends_ms, strict=True)]
    return Known("forrest", shots, lines, parts, _music_beds(folder, shots), starts_s[1:], starts_s[:1])


def _music_beds(folder: Path, shots: Sequence[Shot]) -> Floats:
    rows = list(csv.DictReader((folder / "music.tsv").open(), delimiter="\t"))
    edges = np.array([edge for row in rows for edge in (float(row["onset"]), float(row["onset"]) + float(row["duration"]))])
    distance = [np.abs(edges - shot.start_ms / 1000).min() for shot in shots[1:]]
    return np.where(np.array(distance) < 1.5, MUSIC_DB, UNHEARD_DB)


def _forrest_table(half: int) -> str:
    """Scores of one half of the film: 0 is what constants were chosen by."""
    whole, third = forrest(), forrest(kept=0.7)
    quiet = replace(whole.unwritten(), beds=None)
    nameless = replace(quiet, lines=[replace(line, speaker=None) for line in quiet.lines])
    ways: dict[str, tuple[Known, Floats]] = {
        "headings": (whole, found_starts(replace(whole, beds=None))),
        "headings, music": (whole, found_starts(whole)),
        "headings, 30 % of the lines unwritten": (third, found_starts(replace(third, beds=None))),
        "dialogue": (quiet, found_starts(quiet)),
        "dialogue without speakers": (nameless, found_starts(nameless)),
        "dialogue, music": (quiet, found_starts(whole.unwritten())),
        "longest shots, right number": (whole, _longest_shots(whole)),
        "longest pauses, right number": (whole, _longest_pauses(whole)),
        "every k-th shot, right number": (whole, _every_kth(whole)),
        "equal lengths, right number": (whole, np.linspace(0, whole.end_s, len(whole.truth_s) + 2)[1:-1]),
        "every shot": (whole, np.array([shot.start_ms / 1000 for shot in whole.shots[1:]])),
    }
    return table(HEAD, [[name, *score(*_half(known, found, half)).cells] for name, (known, found) in ways.items()])


def _half(known: Known, found_s: Floats, half: int) -> tuple[Floats, Known]:
    """One half of a film on its own clock."""
    middle_s = known.end_s / 2
    middle_ms = round(middle_s * 1000)
    first_ms, last_ms = (0, middle_ms) if half == 0 else (middle_ms, known.shots[-1].end_ms)
    shots = [
        replace(shot, start_ms=max(shot.start_ms, first_ms) - first_ms, end_ms=min(shot.end_ms, last_ms) - first_ms)
        for shot in known.shots
        if shot.end_ms > first_ms and shot.start_ms < last_ms
    ]
    truth, either, found = (
        times[(times >= first_ms / 1000) & (times < last_ms / 1000)] - first_ms / 1000 for times in (known.truth_s, known.either_s, found_s)
    )
    return found, replace(known, shots=shots, truth_s=truth, either_s=either)


def _longest_shots(known: Known) -> Floats:
    lengths = [shot.end_ms - shot.start_ms for shot in known.shots[1:]]
    order = np.argsort(-np.array(lengths), kind="stable")[: len(known.truth_s)]
    return np.array([known.shots[at + 1].start_ms / 1000 for at in np.sort(order)])


def _longest_pauses(known: Known) -> Floats:
    """Shot boundaries nearest to the middles of the longest pauses between lines."""
    pauses = sorted(((after.start_ms - before.end_ms, before.end_ms) for before, after in pairwise(known.lines)), reverse=True)
    middles = [end_ms + pause / 2 for pause, end_ms in pauses[: len(known.truth_s)]]
    starts_ms = np.array([shot.start_ms for shot in known.shots[1:]])
    return np.unique([starts_ms[np.abs(starts_ms - middle).argmin()] / 1000 for middle in middles])


def _cost() -> str:
    """CPU seconds for a film of 3000 shots and 2000 lines, made up: places that alternate, speakers that change."""
    rng = np.random.default_rng(3)
    edges = np.concatenate([[0], np.cumsum(rng.integers(800, 4500, 3000))])
    places = rng.dirichlet(np.ones(76), 150)
    shots = [Shot(int(one), int(two), "cut", places[n // 20]) for n, (one, two) in enumerate(pairwise(edges.tolist()))]
    begins = np.sort(rng.integers(0, edges[-1] - 4000, 2000))
    lines = [Line(int(begin), int(begin) + 1800, None, f"person {rng.integers(5)}") for begin in begins]
    with CpuClock() as clock:
        n_scenes = len(find_scenes(shots, lines, (), rng.normal(5, 3, len(shots) - 1)).scenes)
    return f"A film of 3000 shots and 2000 lines takes {clock.seconds:.1f} s of CPU ({n_scenes} scenes found)."


if __name__ == "__main__":
    main()
