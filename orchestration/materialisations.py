"""What Dagster remembers of each materialisation: the asset, its partition and version, and the run that made it.

The event log is read as it is, newest first, whoever started the runs. A home in which nothing ran under Dagster has none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.ancestry import Thing
from assets.chain import STAGES, Stage
from assets.workspace import Workspace
from corpus.datasets.registry import CORPORA
from orchestration.instance import prepare_dagster_home

PAGE = 1000
"""Events read at once."""


PRODUCTS: dict[str, tuple[str, str]] = {
    "report": ("reports", ""),
    **{asset: (output, name) for name, corpus in CORPORA.items() for output, asset in corpus.assets.items()},
}
"""Output and key of the assets that are not called after their output."""


@dataclass(frozen=True)
class Materialisation:
    """One event: `version` is the data version, `partition` '' where the asset has none, `at_s` seconds since 1970.

    `computed` is false where the run found the artifact as it should be and only recorded it.
    """

    asset: str
    partition: str
    version: str
    run_id: str
    step_key: str
    at_s: float
    computed: bool
    n_rows: int | None
    n_bytes: int | None


def read_materialisations(workspace: Workspace) -> list[Materialisation]:
    """Every materialisation of this graph's assets, the newest of each asset first; none before the first run."""
    if not workspace.home.dagster.is_dir():
        return []
    prepare_dagster_home(workspace)
    with dg.DagsterInstance.get() as instance:
        return [event for key in instance.all_asset_keys() for event in _of_asset(instance, key)]


def _of_asset(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[Materialisation]:
    cursor = None
    while True:
        page = instance.fetch_materializations(key, limit=PAGE, cursor=cursor)
        for record in page.records:
            event = record.asset_materialization
            if event is not None and (event.tags or {}).get("dagster/data_version"):
                yield _materialisation(key.to_user_string(), record, event)
        if not page.has_more:
            return
        cursor = page.cursor


def _materialisation(asset: str, record: dg.EventLogRecord, event: dg.AssetMaterialization) -> Materialisation:
    return Materialisation(
        asset=asset,
        partition=event.partition or "",
        version=(event.tags or {})["dagster/data_version"],
        run_id=record.run_id,
        step_key=record.event_log_entry.step_key or asset,
        at_s=record.timestamp,
        computed=_figure(event, "computed") is not False,
        n_rows=_figure(event, "dagster/row_count"),
        n_bytes=_figure(event, "written_bytes"),
    )


def _figure(event: dg.AssetMaterialization, name: str) -> Any:
    value = event.metadata.get(name)
    return None if value is None else value.value


def runs_by_thing(materialisations: list[Materialisation]) -> dict[Thing, str]:
    """By artifact and version the run that made it last, else the last that recorded it."""
    made: dict[Thing, Materialisation] = {}
    for event in sorted(materialisations, key=lambda event: (event.computed, event.at_s)):
        made[thing_of(event)] = event
    return {thing: event.run_id for thing, event in made.items()}


def thing_of(event: Materialisation) -> Thing:
    """The artifact and version that an event is of."""
    return Thing(*PRODUCTS.get(event.asset, (event.asset, event.partition)), event.version)


def link_of(event: Materialisation) -> tuple[Stage, str] | None:
    """The link and key that an event is of; None for an asset that this graph has no more."""
    thing = thing_of(event)
    stage = next((stage for stage in STAGES.values() if thing.name in stage.outputs), None)
    return (stage, thing.key) if stage is not None else None
