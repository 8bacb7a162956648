"""Films on a Ray of one worker and of two: how much faster, and whether the bytes are those that the same links make in one process.

Run as `python -m benchmarks.compute --home HOME` on a quiet machine (half an hour) with the home of `feelm demo` after `feelm films fetch
big-buck-bunny`: its films are entered into empty homes and made from their sources to their features. At last one of two workers is killed
while it has a film; the longest film is left out there.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.compute.on_ray import Extractor, on_ray
from assets.compute.port import by_size
from assets.compute.work import FilmDone, FilmWork, make_film
from assets.workspace import Workspace
from benchmarks.common import table, write_result
from corpus.films.catalogue.add import enter_film
from corpus.films.catalogue.entries import Film
from corpus.paths import Home, file_digest
from orchestration.wanted import FILM_LINKS
from tests.ray_cluster import cluster

ASKED = 1.6
PACKAGES = ("ray", "torch", "numpy", "av")
BEGUN = "begun"


class Noting(Extractor):
    """Notes each film that it begins, with its process."""

    def __init__(self, home: str) -> None:
        super().__init__(home)
        self._begun = Path(home) / BEGUN

    def make(self, work: FilmWork) -> FilmDone:
        """See `Extractor`."""
        with self._begun.open("a") as stream:
            stream.write(f"{work.film_id} {os.getpid()}\n")
        return super().make(work)


@dataclass(frozen=True)
class Made:
    """What a cluster took for all films, and the digest of each file of their artifacts."""

    name: str
    wall_s: float
    files: dict[str, str]


@dataclass(frozen=True)
class Killed:
    """A run of two workers one of which was killed: how often each film was begun, and the files at the end."""

    victim: str
    begun: Counter[str]
    files: dict[str, str]


def entered(home: Home, films: Sequence[Film]) -> Workspace:
    """A home with films, none of them made."""
    for film in films:
        enter_film(home.catalogue, film)
    return Workspace(home)


def works_of(workspace: Workspace) -> list[FilmWork]:
    """All films, from their sources to their features."""
    return by_size(workspace, [FilmWork(film_id, FILM_LINKS) for film_id in workspace.films])


def files_of(home: Home) -> dict[str, str]:
    """sha256 of every file of the home's artifacts."""
    return {str(path.relative_to(home.data)): file_digest(path) for path in sorted(home.data.rglob("*")) if path.is_file()}


def of_films(files: dict[str, str], film_ids: Collection[str]) -> dict[str, str]:
    """The files of some films, whose ids are the names of folders."""
    return {name: digest for name, digest in files.items() if Path(name).parts[1] in film_ids}


def locally(home: Home, films: Sequence[Film]) -> dict[str, str]:
    """The files that this process makes, one film after another."""
    workspace = entered(home, films)
    for work in works_of(workspace):
        _check(make_film(workspace, work))
    return of_films(files_of(home), [film.film_id for film in films])


def clustered(home: Home, films: Sequence[Film], workers: int) -> Made:
    """Films in the workers of a cluster that is up."""
    works = works_of(entered(home, films))
    with cluster(workers):
        began = time.perf_counter()
        for done in on_ray(home, works):
            _check(done)
        wall_s = time.perf_counter() - began
    return Made(f"Ray, {workers} worker{'s' if workers > 1 else ''}", wall_s, files_of(home))


def killed(home: Home, films: Sequence[Film]) -> Killed:
    """Two workers; when the second film is done, the one that was begun last loses its worker."""
    works, victim = works_of(entered(home, films)), ""
    with cluster(2):
        for count, done in enumerate(on_ray(home, works, Noting), start=1):
            _check(done)
            if count == 2:
                time.sleep(3)  # into the next film
                victim, pid = _begun(home)[-1]
                os.kill(pid, signal.SIGKILL)
    return Killed(victim, Counter(film_id for film_id, _ in _begun(home)), files_of(home))


def _begun(home: Home) -> list[tuple[str, int]]:
    lines = (home.root / BEGUN).read_text().splitlines()
    return [(film_id, int(pid)) for film_id, pid in map(str.split, lines)]


def _check(done: FilmDone) -> None:
    if done.failure:
        raise RuntimeError(f"{done.film_id}: {done.failure}")


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Files that are not in both with the same bytes."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def page(films: Sequence[Film], local: dict[str, str], made: Sequence[Made], lost: Killed) -> str:
    """The results in words and figures."""
    one, two = made
    speed_up = one.wall_s / two.wall_s
    rows = [[way.name, f"{way.wall_s:.0f}", f"{one.wall_s / way.wall_s:.2f}", _same(local, way.files)] for way in made]
    repeats = {film_id: times - 1 for film_id, times in lost.begun.items() if times > 1}
    return f"""
{len(films)} films: {", ".join(film.film_id for film in films)}; each from its source to its features ({", ".join(FILM_LINKS)}).
The cluster was up already; its workers were not. The largest films are begun first.

{table(["where", "wall s", "times one worker", "files with other bytes than one process makes"], rows)}

- Two workers against one, at least {ASKED}: {"met" if speed_up >= ASKED else "not met"} ({speed_up:.2f}).
- A worker was killed while it had {lost.victim}: begun more than once were {repeats or "none"}; nothing was lost;
  files with other bytes: {_same(of_films(local, lost.begun), lost.files)}.
"""


def _same(one: dict[str, str], other: dict[str, str]) -> str:
    different = differing(one, other)
    return f"{len(different)} of {len(one)}{': ' + ', '.join(different[:3]) if different else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a home with films; it is only read")
    parser.add_argument("--local", type=Path, help="where what this process makes is kept: a second call finds it")
    parser.add_argument("--only", nargs="*", help="these films alone, to try it")
    parser.add_argument("--dry", action="store_true", help="print the page instead of writing it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = [film for film in Workspace(Home(asked.home.resolve())).films.values() if not asked.only or film.film_id in asked.only]
        local = locally(Home((asked.local or folder / "local").resolve()), films)
        made = [clustered(Home(folder / f"ray-{workers}"), films, workers) for workers in (1, 2)]
        longest = max(films, key=lambda film: film.video.stat().st_size)
        lost = killed(Home(folder / "killed"), [film for film in films if film is not longest])
        text = page(films, local, made, lost)
    print(text if asked.dry else write_result("compute", "Films on a cluster", text, PACKAGES))


if __name__ == "__main__":
    main()
