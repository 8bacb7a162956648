"""Dagster's instance of a home: where it lives, and which films and batches it knows.

The home holds DAGSTER_HOME with a copy of the project's dagster.yaml. Partitions follow the catalogue and the inbox: what is added
there becomes a partition before anything runs.
"""

import os
import shutil
from pathlib import Path

import dagster as dg

from assets.params import PROJECT
from assets.partitions import annotation_batch_keys, films
from assets.workspace import Workspace


def prepare_dagster_home(workspace: Workspace) -> Path:
    """Create DAGSTER_HOME with its dagster.yaml and point this process and its children there."""
    folder = workspace.home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.is_file():
        temporary = folder / f".dagster.yaml.{os.getpid()}"
        shutil.copyfile(PROJECT / "dagster.yaml", temporary)
        temporary.replace(settings)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["FEELM_HOME"] = str(workspace.home.root)
    return folder


def sync_partitions(workspace: Workspace, instance: dg.DagsterInstance) -> None:
    """Make the instance's films and batches those of the catalogue and the inbox."""
    for definition, wanted in ((films, set(workspace.films)), (annotation_batch_keys, set(workspace.inbox))):
        known = set(instance.get_dynamic_partitions(str(definition.name)))
        instance.add_dynamic_partitions(str(definition.name), sorted(wanted - known))
        for gone in sorted(known - wanted):
            instance.delete_dynamic_partition(str(definition.name), gone)
