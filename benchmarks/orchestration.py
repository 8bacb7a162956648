"""What Dagster and Feelm's own bookkeeping cost: CPU an asset, wall a step, and whether a film costs more the more films there are.

Run as `python -m benchmarks.orchestration` (quarter of an hour). The chain is the real one with stand-ins for scans, features and pages
(`tests.orchestration.stub_chain`); definitions, checks, sensors, catalogue, stamps and the event log on disk are real. Each
film is a real file that is dropped into the home, found by the sensor, run, and given its page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np

from assets.chain import STAGES, read_stamp, run_stage
from assets.telling import ONLY_STALE_TAG
from assets.workspace import Workspace
from benchmarks.common import CpuClock, table, write_result
from corpus.paths import Home
from orchestration.due import assets_of_film, plan
from orchestration.execution import Job, execute
from orchestration.instance import dagster_instance, prepare_dagster_home, sync_partitions
from orchestration.wanted import FILM_LINKS
from tests.corpus.films.conftest import texture, write_film
from tests.orchestration.stub_chain import record_in_dagster, stub_home, work_through
from tests.orchestration.ticks import tick
from tests.storage import running_postgres

SIZES = (1, 10, 100, 1000)
COMPARED = (SIZES[0], SIZES[-1])
ROUNDS = 7
PAGE = "film_report"
ASSETS = assets_of_film()
CUES = 1000
CATALOGUES = (1, 1000)
PACKAGES = ("dagster", "dagster-postgres", "sqlalchemy", "pyyaml")


@dataclass(frozen=True)
class Spent:
    """Seconds of one piece of work."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Looks:
    """What it costs to look at a home at which nothing changed: a process's first tick, a later one, and `feelm run`'s look."""

    first: Spent
    later: Spent
    page_first: Spent
    page_later: Spent
    plan: Spent


@dataclass(frozen=True)
class Added:
    """What one more film costs, piece by piece; `alone` is its run once more, where all is fresh and no check is asked for."""

    tick: Spent
    run: Spent
    page_tick: Spent
    page: Spent
    alone: Spent
    n_checks: int
    stand_ins_cpu_s: float

    @property
    def cpu_s(self) -> float:
        """All pieces."""
        return self.tick.cpu_s + self.run.cpu_s + self.page_tick.cpu_s + self.page.cpu_s


@dataclass(frozen=True)
class Steps:
    """A film's run under the executor of the definitions: `step_s` are the steps' own walls, from their process' start to their end."""

    wall_s: float
    step_s: list[float]


@contextmanager
def _clock(into: list[Spent]) -> Iterator[None]:
    began = time.perf_counter()
    with CpuClock() as clock:
        yield
    into.append(Spent(clock.seconds, time.perf_counter() - began))


# What the processes of the benchmark do


def seed(root: Path, films: int) -> None:
    """A home whose films are up to date with their pages, as Dagster knows; on a disk that is not waited for."""
    from benchmarks import stub_definitions

    assert stub_definitions.defs
    setattr(os, "fsync", lambda _: None)  # noqa: B010 (mypy takes no assignment to a function)
    home = stub_home(root, films, sources=root / ".feelm" / "films")
    keys = sorted(Workspace(home).films)
    work_through(home, FILM_LINKS, keys)
    run_stage(Workspace(home), "champion")
    work_through(home, (PAGE,), keys)
    run_stage(Workspace(home), "report")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as quick:
        home.dagster.symlink_to(quick)
        _tell(home, keys)
        home.dagster.unlink()
        shutil.copytree(quick, home.dagster)


def _tell(home: Home, keys: list[str]) -> None:
    prepare_dagster_home(Workspace(home))
    with dagster_instance() as instance:
        sync_partitions(Workspace(home), instance)
        record_in_dagster(home, instance, (*FILM_LINKS, PAGE), keys)
        record_in_dagster(home, instance, ("champion",), [""])


def look(root: Path) -> Looks:
    """Looks at the home."""
    home = _opened(root)
    with dagster_instance() as instance:
        return _looks(home, instance)


def measure(root: Path) -> tuple[Looks, Added]:
    """Looks at the home, then two films added to it, of which the second is counted."""
    home = _opened(root)
    with dagster_instance() as instance:
        looks = _looks(home, instance)
        _add(home, instance)
        return looks, _add(home, instance)


def _opened(root: Path) -> Home:
    import orchestration.sensors
    from benchmarks import stub_definitions

    assert stub_definitions.defs
    orchestration.sensors.now_s = lambda: time.time() + 60  # files count at once
    home = Home(root / ".feelm")
    prepare_dagster_home(Workspace(home))
    return home


def _looks(home: Home, instance: dg.DagsterInstance) -> Looks:
    from orchestration.sensors import film_library, retraining

    spent: list[Spent] = []
    for sensor in (film_library, film_library, retraining, retraining):
        with _clock(spent):
            assert not [request for request in tick(sensor, instance) if request.partition_key]  # the page of the whole may be due
    with _clock(spent):
        assert not [due for due in plan(Workspace(home)).due if due.key]
    return Looks(*spent)


def _add(home: Home, instance: dg.DagsterInstance) -> Added:
    from orchestration.sensors import film_library, retraining

    spent: list[Spent] = []
    drop_film(home)
    with _clock(spent):
        (request,) = tick(film_library, instance)
    film_id = str(request.partition_key)
    with _clock(spent):
        assert execute(Job(ASSETS, film_id)).succeeded
    with _clock(spent):
        (page,) = tick(retraining, instance)
    assert (page.job_name, page.partition_key) == ("film_pages", film_id)
    with _clock(spent):
        assert execute(Job((PAGE,), film_id)).succeeded
    with _clock(spent):
        _record_alone(instance, film_id)
    stamps = [read_stamp(Workspace(home), link, film_id) or {} for link in FILM_LINKS]
    first_tick, run, page_tick, its_page, alone = spent
    return Added(first_tick, run, page_tick, its_page, alone, _checks(), sum(float(stamp["cost"]["cpu_s"]) for stamp in stamps))


def _record_alone(instance: dg.DagsterInstance, film_id: str) -> None:
    """The chain of a film that is fresh, without its checks."""
    from benchmarks.stub_definitions import defs

    keys = {dg.AssetKey(name) for name in ASSETS}
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=keys, asset_check_selection=set())
    run_config = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
    assert job.execute_in_process(instance=instance, partition_key=film_id, tags={ONLY_STALE_TAG: "true"}, run_config=run_config).success


def _checks() -> int:
    """How many checks a film's chain has."""
    from orchestration.checks import FILM_CHECKS

    return sum(len(list(definition.check_specs)) for definition in FILM_CHECKS)


def drop_film(home: Home) -> None:
    """Put a film of its own picture and words into the home's folder of films."""
    rng = np.random.default_rng(time.time_ns())
    number = int(rng.integers(1, 10**9))
    pictures = [texture(number + k) for k in range(10)]
    video = write_film(home.made_films / f"added {number}.mkv", pictures, [40 * k for k in range(10)])
    video.with_suffix(".srt").write_text(_cues(rng, 3))


def _cues(rng: np.random.Generator, count: int) -> str:
    lines = [" ".join(f"w{word}" for word in rng.integers(10**6, size=6)) for _ in range(count)]
    stamps = [f"{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(count)]
    return "\n".join(f"{n + 1}\n{at},000 --> {at},900\n{line}\n" for n, (at, line) in enumerate(zip(stamps, lines, strict=True)))


def measure_steps(root: Path) -> Steps:
    """A new film's run as the daemon's workers make it."""
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    from orchestration.sensors import film_library

    home = _opened(root)
    spent: list[Spent] = []
    with dagster_instance() as instance:
        drop_film(home)
        (request,) = tick(film_library, instance)
        repository = ReconstructableRepository.for_module("benchmarks.stub_definitions", "defs", str(Path.cwd()))
        job = repository.get_reconstructable_job("film_chain")
        tags = {**request.tags, "dagster/partition": str(request.partition_key)}
        with _clock(spent), dg.execute_job(job, instance, tags=tags) as result:
            assert result.success
        assert execute(Job((PAGE,), str(request.partition_key))).succeeded  # a home that is kept is left up to date
        return Steps(spent[0].wall_s, _step_walls(instance, result.run_id))


def _step_walls(instance: dg.DagsterInstance, run_id: str) -> list[float]:
    began: dict[str, float] = {}
    walls = []
    for entry in instance.all_logs(run_id):
        kind, step = entry.dagster_event.event_type if entry.dagster_event else None, str(entry.step_key)
        if kind is dg.DagsterEventType.STEP_WORKER_STARTING:
            began[step] = entry.timestamp
        elif kind is dg.DagsterEventType.STEP_SUCCESS:
            walls.append(entry.timestamp - began[step])
    return walls


def measure_catalogue(root: Path) -> Spent:
    """One film with real subtitles' length added to a catalogue of such films, by a new process."""
    from corpus.films.catalogue.add import add_films

    home = Home(root)
    spent: list[Spent] = []
    drop_film(home)
    dropped = max(home.made_films.glob("*.mkv"), key=lambda path: path.stat().st_mtime_ns)
    dropped.with_suffix(".srt").write_text(_cues(np.random.default_rng(time.time_ns()), CUES))
    with _clock(spent):
        add_films(home.catalogue, dropped)
    return spent[0]


def seed_catalogue(root: Path, films: int) -> None:
    """A catalogue of films with long subtitles; one film is added, so that all words were read once."""
    from corpus.films.catalogue.entries import Film
    from corpus.films.catalogue.store import write_catalogue

    home = Home(root)
    home.made_films.mkdir(parents=True)
    entries = []
    for number in range(films):
        subtitles = home.made_films / f"{number:04}.srt"
        subtitles.write_text(_cues(np.random.default_rng(number), CUES))
        entries.append(Film(f"film-{number:04}", f"film {number}", home.made_films / f"{number:04}.mkv", subtitles=subtitles))
    write_catalogue(home.catalogue, entries)


# The benchmark itself


def main() -> None:
    """Seed homes, measure in processes of their own, in turn, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=list(TASKS))
    parser.add_argument("--root", type=Path)
    parser.add_argument("--films", type=int, default=1)
    parser.add_argument("--work", type=Path, help="a folder that keeps the seeded homes for the next time")
    given = parser.parse_args()
    if given.task:
        found = TASKS[given.task](given.root, given.films)
        sys.stdout.write("\n" + json.dumps(found, default=asdict) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="feelm-orchestration-") as folder:
        body = "\n\n".join(_parts(given.work or Path(folder)))
    sys.stdout.write(f"{write_result('orchestration', 'What orchestration costs', body, PACKAGES)}\n")


TASKS = {
    "seed": lambda root, films: seed(root, films),
    "look": lambda root, _: look(root),
    "measure": lambda root, _: measure(root),
    "steps": lambda root, _: measure_steps(root),
    "seed-catalogue": lambda root, films: seed_catalogue(root, films),
    "catalogue": lambda root, _: measure_catalogue(root),
}


def _task(task: str, root: Path, films: int = 1, variables: dict[str, str] | None = None) -> Any:
    command = [sys.executable, "-m", "benchmarks.orchestration", "--task", task, "--root", str(root), "--films", str(films)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(variables or {})})
    if done.returncode:
        raise SystemExit(f"{task} of {films} films failed:\n{done.stderr[-4000:]}")
    sys.stderr.write(f"{task} {root.name}: {done.stdout.splitlines()[-1]}\n")
    return json.loads(done.stdout.splitlines()[-1])


def _measured(root: Path, variables: dict[str, str] | None = None) -> tuple[Looks, Added]:
    looks, added = _task("measure", root, variables=variables)
    values: dict[str, Any] = {name: Spent(**value) if isinstance(value, dict) else value for name, value in added.items()}
    return _looked(looks), Added(**values)


def _looked(looks: dict[str, dict[str, float]]) -> Looks:
    return Looks(**{k: Spent(**v) for k, v in looks.items()})


def _parts(folder: Path) -> Iterator[str]:
    for films in SIZES:
        _seed_once(folder / str(films), films)
    looks = {films: _looked(_task("look", folder / str(films))) for films in SIZES if films not in COMPARED}
    rounds = [{films: _measured(folder / str(films)) for films in COMPARED} for _ in range(ROUNDS)]
    looks |= {films: rounds[0][films][0] for films in COMPARED}
    yield _about_assets([one[COMPARED[0]][1] for one in rounds], _on_postgres(folder))
    steps = {films: _task("steps", folder / str(films)) for films in COMPARED}
    yield _about_steps({films: Steps(**one) for films, one in steps.items()})
    yield _about_growth(rounds)
    yield _about_looks({films: looks[films] for films in SIZES})
    yield _about_catalogues(folder)


def _seed_once(root: Path, films: int) -> None:
    """A home that is there is taken where the code has not changed since: with other code all its films are stale."""
    code, mark = " ".join(stage.code_version for stage in STAGES.values()), root / "seeded"
    if not mark.is_file() or mark.read_text() != code:
        shutil.rmtree(root, ignore_errors=True)
        _task("seed", root, films)
        mark.write_text(code)


def _on_postgres(folder: Path) -> list[Added]:
    data = Path(tempfile.mkdtemp(prefix="feelm-pg-"))  # no folder of ours: as root the server runs as another user
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        storage = stack.enter_context(running_postgres(data)).fresh()
        shutil.rmtree(folder / "postgres", ignore_errors=True)
        _task("seed", folder / "postgres", 1, storage.variables)
        return [_measured(folder / "postgres", storage.variables)[1]]


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _about_assets(sqlite: list[Added], postgres: list[Added]) -> str:
    rows = [_asset_row(storage, found) for storage, found in (("SQLite on disk", sqlite), ("Postgres", postgres))]
    n_checks = sqlite[0].n_checks
    head = [
        "event log",
        "film's run, CPU s",
        "of it stand-ins",
        "an asset with its checks",
        "an asset or a check",
        "assets alone, CPU s an asset",
        "wall s",
    ]
    words = (
        "## An asset in process\n\nThe film chain of one film as `feelm run` starts it in a worker (`execution.execute`): "
        f"{len(ASSETS)} assets and {n_checks} checks in one run, after one film to warm up. CPU seconds without the stand-ins' own; "
        f"medians of {ROUNDS} (SQLite), one (Postgres, without the server's seconds). *Assets alone* is the run once more without checks, "
        "where all is fresh. Asked for: at most 0.1 CPU s an asset."
    )
    return words + "\n\n" + table(head, rows)


def _asset_row(storage: str, found: list[Added]) -> list[str]:
    own = _median([one.run.cpu_s - one.stand_ins_cpu_s for one in found])
    alone = _median([one.alone.cpu_s for one in found])
    stand_ins = _median([one.stand_ins_cpu_s for one in found])
    each = [own / len(ASSETS), own / (len(ASSETS) + found[0].n_checks), alone / len(ASSETS)]
    wall = _median([one.run.wall_s for one in found])
    return [storage, f"{own + stand_ins:.2f}", f"{stand_ins:.2f}", *(f"{value:.3f}" for value in each), f"{wall:.1f}"]


def _about_steps(found: dict[int, Steps]) -> str:
    rows = [
        [films, len(one.step_s), *(f"{s:.2f}" for s in (one.wall_s / len(one.step_s), _median(one.step_s), max(one.step_s)))]
        for films, one in found.items()
    ]
    head = ["films in the home", "steps", "wall s a step (run / steps)", "a step's own wall s, median", "slowest"]
    words = (
        "## A step in a process of its own\n\nThe job `film_chain` of a new film under the executor of `orchestration/definitions.py` "
        f"(forkserver, two at a time), with whatever else the machine did (load {os.getloadavg()[0]:.1f} when this was written). "
        "Asked for: at most 3 s wall a step."
    )
    return words + "\n\n" + table(head, rows)


def _about_growth(rounds: list[dict[int, tuple[Looks, Added]]]) -> str:
    small, large = COMPARED
    rows = []
    for name in ("tick", "run", "page_tick", "page"):
        pair = [_median([getattr(one[films][1], name).cpu_s for one in rounds]) for films in COMPARED]
        rows.append([_PIECES[name], *(f"{value:.3f}" for value in pair), f"{pair[1] - pair[0]:+.3f}"])
    ratios = [one[large][1].cpu_s / one[small][1].cpu_s for one in rounds]
    whole = [_median([one[films][1].cpu_s for one in rounds]) for films in COMPARED]
    rows.append(["all", *(f"{value:.3f}" for value in whole), f"ratio **{_median(ratios):.2f}** ({', '.join(f'{r:.2f}' for r in ratios)})"])
    head = ["piece", f"to {small}, CPU s", f"to {large:,}, CPU s", "difference"]
    words = (
        f"## One more film\n\nA film file is dropped into a home of {small} and of {large:,} films (each process adds one film first and "
        f"counts the next); CPU seconds in process, medians of {ROUNDS} rounds in which the two take turns. Gold labels, manifest, model, "
        "snapshot and the page of the whole are left out. Asked for: no more than 1.20."
    )
    return words + "\n\n" + table(head, rows)


_PIECES = {
    "tick": "tick of `film_library`: the file is found, probed, entered into the catalogue, its partition added, its run asked for",
    "run": "the film's run, up to its features",
    "page_tick": "tick of `retraining`: its page is asked for",
    "page": "the run of its page",
}


def _about_looks(found: dict[int, Looks]) -> str:
    rows = [
        [films] + [f"{getattr(looks, name).cpu_s:.3f}" for name in ("first", "later", "page_first", "page_later", "plan")]
        for films, looks in found.items()
    ]
    head = ["films", "`film_library`, first tick", "later ticks", "`retraining`, first", "later", "`feelm run --dry-run`"]
    words = (
        "## A look at which nothing has changed\n\nCPU seconds. The first tick of a process (a code server that was just started) judges "
        "every film, later ones read only what was written since. The last column hashes every artifact, as `feelm run` does (those of "
        "stand-ins are tiny: real ones take some 2.5 s a GB), and asks Dagster what it knows."
    )
    return words + "\n\n" + table(head, rows)


def _about_catalogues(folder: Path) -> str:
    rows = []
    for films in CATALOGUES:
        root = folder / f"catalogue-{films}"
        shutil.rmtree(root, ignore_errors=True)
        _task("seed-catalogue", root, films)
        first, later = (Spent(**_task("catalogue", root)) for _ in range(2))
        rows.append([films, f"{first.cpu_s:.2f}", f"{later.cpu_s:.2f}"])
    head = ["films in the catalogue", "the first that is added, CPU s", "the next, in another process"]
    words = (
        f"## `feelm films add` with subtitles of {CUES:,} cues\n\nA film's words are compared with every other's; they are read once and "
        "kept by file."
    )
    return words + "\n\n" + table(head, rows)


if __name__ == "__main__":
    main()
