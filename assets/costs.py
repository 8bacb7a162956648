"""What the links of a home cost when they were computed, as their stamps tell it, beside the length of each film.

Only fresh links count: what other code or other settings cost says nothing of what they will. Nor does a link that took up pieces which an
earlier run had finished, for that run paid for them. What lies in the home beside artifacts, by size, tells what storage it takes in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from assets.chain import STAGES, Scope, is_fresh, keys_of, read_stamp
from assets.recorded import recorded
from assets.workspace import Workspace, size_of
from corpus.paths import Home


@dataclass(frozen=True)
class Spent:
    """What computing one link took: seconds of clock, CPU and (where it held one) GPU, bytes of artifacts, and the most memory if known."""

    wall_s: float
    cpu_s: float
    written_bytes: int
    gpu_s: float = 0.0
    peak_memory_mb: float | None = None

    @classmethod
    def of(cls, cost: dict[str, Any]) -> Spent:
        """From a stamp's cost."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in cost.items() if name in names})


@dataclass(frozen=True)
class Measured:
    """What was measured in a home.

    `minutes` has the length of each film that was scanned, `of_films` by link and film what it took, `resumed` by link how many films
    are left out there because an earlier run had done a part; `of_whole` by link (batches, corpora, the whole) what each key took, and
    `not_made` are those of them that do not stand whole and fresh. `besides` are bytes of what lies beside the artifacts, by what it is.
    """

    minutes: dict[str, float]
    of_films: dict[str, dict[str, Spent]]
    resumed: dict[str, int]
    of_whole: dict[str, tuple[Spent, ...]]
    not_made: tuple[str, ...]
    besides: dict[str, int]


def film_minutes(workspace: Workspace, film_id: str) -> float | None:
    """Length of a film as its scan found it; None before that, and of one without a picture."""
    stream = workspace.stream(film_id)
    return stream["duration_ms"] / 60_000 or None if stream else None


def measured(home: Home) -> Measured:
    """Read the stamps of the home's fresh links."""
    view = recorded(home)
    lengths = {film_id: film_minutes(view, film_id) for film_id in view.films}
    minutes = {film_id: length for film_id, length in lengths.items() if length is not None}
    of_films: dict[str, dict[str, Spent]] = {}
    resumed: dict[str, int] = {}
    of_whole: dict[str, tuple[Spent, ...]] = {}
    not_made: list[str] = []
    for name, stage in STAGES.items():
        costs = dict(_costs(view, name))
        if stage.scope is Scope.FILM:
            whole = {film_id: cost for film_id, cost in costs.items() if film_id in minutes and not cost.get("resumed")}
            of_films[name] = {film_id: Spent.of(cost) for film_id, cost in whole.items()}
            resumed[name] = sum(bool(cost.get("resumed")) for cost in costs.values())
        else:
            of_whole |= {name: tuple(Spent.of(cost) for cost in costs.values())} if costs else {}
            not_made += [name] if len(costs) < len(keys_of(view, stage)) else []
    return Measured(minutes, of_films, resumed, of_whole, tuple(not_made), _besides(home))


def _costs(view: Workspace, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in keys_of(view, STAGES[name]):
        stamp = read_stamp(view, name, key)
        if stamp is not None and is_fresh(view, name, key):
            yield key, stamp["cost"]


def _besides(home: Home) -> dict[str, int]:
    folders = {
        "finished pieces (cache, may be deleted)": home.root / "cache",
        "DVC's remote in the home": home.root / "remote",
        "DVC's cache": home.root.parent / ".dvc" / "cache",
        "Dagster's and MLflow's homes": home.dagster,
    }
    sizes = {name: size_of(folder) for name, folder in folders.items()}
    sizes["Dagster's and MLflow's homes"] += size_of(home.mlflow)
    return {name: size for name, size in sizes.items() if size}
