"""A look of a sensor, as the daemon makes it."""

from __future__ import annotations

import dagster as dg


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None) -> list[dg.RunRequest]:
    """One tick: partitions are added, and the runs that are asked for are returned."""
    found = sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
    if isinstance(found, dg.SkipReason):
        return []
    assert isinstance(found, dg.SensorResult)
    for request in found.dynamic_partitions_requests or []:
        assert isinstance(request, dg.AddDynamicPartitionsRequest)
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return list(found.run_requests or [])
