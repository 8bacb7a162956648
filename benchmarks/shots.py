"""Shots: F1 of both settings on films with known transitions, and what they cost beside decoding alone.

Run as `python -m benchmarks.shots`. The first run makes the films (some fifteen minutes of one core, kept in the temporary folder), a
run with the films there takes some four minutes. A cut counts when it is found within one frame, a gradual change when a boundary lies
inside it, three frames more to either side; each boundary counts once. Costs are CPU seconds, the sides taking turns, one thread.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.common import CpuClock, peak_rss_mb, table, write_result
from benchmarks.material import CACHE, CUT, DISSOLVE, FADE, FPS, FULL_SIZE, Change, CutFilm, cut_film
from corpus.films.media.decode import VideoPass, fitted
from corpus.films.shots.listing import FilmShots, list_shots
from corpus.films.shots.measures import small_picture
from corpus.films.shots.shots import SOURCE_WIDTH, ShotSetting, shot_detector
from corpus.maker.films import make_films
from corpus.maker.truth import Truth, read_truth

FULL_SEED, FULL_SECONDS = 21, 150
SMALL_SIZE, SMALL_SECONDS = (640, 266), 60
TUNED_ON = {"cut together": (1, 2), "film maker": (7, 101)}
REPORTED = {"cut together": (11, 12), "film maker": (202, 303)}
MADE_FILMS = 3
ROUNDS, ROUND_FRAMES = 3, 960
REACH = {CUT: 1, DISSOLVE: 3, FADE: 3}
MADE_DISSOLVE_MS, MADE_FADE_MS = 500, 380
PACKAGES = ("torch", "scenedetect", "av", "opencv-python")


@dataclass
class Score:
    """Counts over films."""

    hits: int = 0
    false: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    kinds: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / (2 * self.hits + self.false + self.missed.total())

    def add(self, found: FilmShots, changes: Sequence[Change]) -> None:
        """Count one film: each change takes the nearest boundary in reach that is still free."""
        free = {round(shot.start_ms * FPS / 1000): shot.transition for shot in found.shots[1:]}
        for change in changes:
            reach = REACH[change.kind]
            near = [frame for frame in free if change.first - reach <= frame <= change.last + reach]
            if near:
                kind = free.pop(min(near, key=lambda frame: abs(2 * frame - change.first - change.last)))
                self.hits += 1
                self.kinds += kind == change.kind
            else:
                self.missed[change.kind] += 1
        self.false += len(free)

    def row(self) -> list[object]:
        """Cells of the table of results."""
        lost = ", ".join(f"{count} {kind}" for kind, count in self.missed.items()) or "none"
        return [self.hits + self.missed.total(), self.hits, self.false, lost, f"{self.kinds / self.hits:.3f}", f"**{self.f1:.3f}**"]


def _changes(truth: Truth) -> list[Change]:
    """What the film maker drew, in frames."""
    changes = []
    for shot in truth.shots[1:]:
        before = MADE_FADE_MS if shot.transition == FADE else 0
        after = {CUT: 0, DISSOLVE: MADE_DISSOLVE_MS, FADE: MADE_FADE_MS}[shot.transition]
        first, last = (-(-ms * FPS // 1000) for ms in (shot.start_ms - before, shot.start_ms + after))
        changes.append(Change(shot.transition, first, last))
    return changes


def _made(seeds: Sequence[int]) -> list[tuple[Path, list[Change]]]:
    folders = [folder for seed in seeds for folder in make_films(CACHE / f"made-{seed}", MADE_FILMS, seed, workers=1)]
    return [(folder / f"{folder.name}.mp4", _changes(read_truth(folder / "truth.json"))) for folder in folders]


def _cut(seeds: Sequence[int], half: int) -> list[tuple[Path, list[Change]]]:
    films = [cut_film(seed, SMALL_SECONDS, SMALL_SIZE, half=half) for seed in seeds]
    return [(film.path, list(film.changes)) for film in films]


def _judged(films: list[tuple[Path, list[Change]]], setting: ShotSetting) -> Score:
    score = Score()
    for path, changes in films:
        score.add(list_shots(path, setting), changes)
    return score


def _decode_only(path: Path) -> None:
    for _ in islice(VideoPass(path), ROUND_FRAMES):
        pass


def _with_shots(setting: ShotSetting) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        detector, video = shot_detector(setting), VideoPass(path)
        size = fitted(video.facts, SOURCE_WIDTH)
        for frame in islice(video, ROUND_FRAMES):
            detector.push(frame.t_ms, small_picture(frame.rgb(*size)))
        detector.finish()

    return run


def _costs(film: CutFilm) -> list[list[object]]:
    """Median CPU seconds and median ratio to decoding alone in the same round."""
    sides = {"decode only": _decode_only, **{str(setting): _with_shots(setting) for setting in (ShotSetting.FAST, ShotSetting.BEST)}}
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, work in sides.items():
            with CpuClock() as clock:
                work(film.path)
            spent[name].append(clock.seconds)
    ratios = {name: [a / b for a, b in zip(times, spent["decode only"], strict=True)] for name, times in spent.items()}
    return [
        [
            name,
            f"{statistics.median(times):.2f}",
            f"**{statistics.median(ratios[name]):.2f}**",
            f"{min(ratios[name]):.2f}-{max(ratios[name]):.2f}",
        ]
        for name, times in spent.items()
    ]


def _whole(path: Path, setting: ShotSetting) -> tuple[FilmShots, float]:
    """The shots of a whole film, and the highest memory of this process."""
    torch.set_num_threads(1)
    return list_shots(path, setting), peak_rss_mb()


def _in_own_process(path: Path, setting: ShotSetting) -> tuple[FilmShots, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_whole, path, setting).result()


def main() -> None:
    torch.set_num_threads(1)
    full = cut_film(FULL_SEED, FULL_SECONDS)
    rate = full.path.stat().st_size * 8 / (full.n_frames / FPS) / 1e6
    rows: list[list[object]] = []
    memory: list[list[object]] = []
    for setting in ShotSetting:
        found, peak_mb = _in_own_process(full.path, setting)
        score = Score()
        score.add(found, full.changes)
        rows.append([str(setting), f"the {FULL_SIZE[0]}x{FULL_SIZE[1]} film", *score.row()])
        memory.append([str(setting), f"{peak_mb:.0f}"])
    for said, seeds, half in (("reported", REPORTED, 1), ("tuned on", TUNED_ON, 0)):
        for name, films in (("cut together", _cut(seeds["cut together"], half)), ("film maker", _made(seeds["film maker"]))):
            for setting in ShotSetting:
                rows.append([str(setting), f"{name}, seeds {seeds[name]} ({said})", *_judged(films, setting).row()])
    body = _page(full, rate, rows, memory, _costs(full))
    print(write_result("shots", "Shots", body, PACKAGES))


def _page(full: CutFilm, rate: float, rows: list[list[object]], memory: list[list[object]], costs: list[list[object]]) -> str:
    kinds = Counter(change.kind for change in full.changes)
    pictures = "stretches of real films, each seen to be one shot" if full.real else "drawn pictures"
    first = (
        f"The film for costs: {FULL_SIZE[0]}x{FULL_SIZE[1]}, {FPS} fps, x264 at {rate:.1f} Mb/s, {full.n_frames / FPS:.0f} s, cut together "
        f"from {pictures}, grained: {kinds[CUT]} cuts, {kinds[DISSOLVE]} dissolves, {kinds[FADE]} fades, and {full.flashes} flashes and "
        f"{full.pans} fast pans that are no transitions. Films cut together that were tuned on and that are reported share no picture; "
        "many stretches were chosen where the network itself sees no transition, so false alarms on real motion are underrated for `best`."
    )
    quality = table(["setting", "films", "transitions", "found", "false", "missed", "kind right", "F1"], rows)
    cost = table(["side", "CPU s", "ratio", "range"], costs)
    return "\n\n".join(
        (
            first,
            quality,
            f"Cost over the first {ROUND_FRAMES / FPS:.0f} s, {ROUNDS} rounds taking turns, one thread, median:",
            cost,
            "Highest memory of a process that lists the whole film's shots, in MB:",
            table(["setting", "MB"], memory),
        )
    )


if __name__ == "__main__":
    main()
