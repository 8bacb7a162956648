"""Where to go on from a materialisation: the page that it made, the MLflow run behind it, the summary as it was written.

Links are to files of this home, as paths and `file://` addresses: a browser opens them where Feelm runs, and elsewhere they say where it
lies. A model is registered when it stands before the gate, so its run is told by the champion, of both.
"""

import json
from pathlib import Path

import dagster as dg

from assets.workspace import Workspace
from corpus.paths import content_version

PAGES = {"film_report": "film.html", "reports": "report.html"}
RUN = "mlflow_run"
"""Of the model itself; the champion's is that of the model in use."""


def links(workspace: Workspace, output: str, folder: Path) -> dict[str, dg.MetadataValue]:
    """The links of one output, by name; only what is there."""
    found: dict[str, dg.MetadataValue] = {}
    if (folder / "summary.json").is_file():
        found["summary_file"] = dg.MetadataValue.path(folder / "summary.json")
    if output in PAGES and (folder / PAGES[output]).is_file():
        found["page"] = dg.MetadataValue.url((folder / PAGES[output]).as_uri())
    run = _run_of(workspace, output, folder)
    if run is not None:
        found[RUN] = dg.MetadataValue.path(run)
    return found


def _run_of(workspace: Workspace, output: str, folder: Path) -> Path | None:
    """Where MLflow keeps the run of a model; None of other outputs, and where it was not registered yet."""
    match output:
        case "emotion_model":
            return _run_folder(workspace, content=content_version(folder))
        case "champion":
            version = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["version"]
            return _run_folder(workspace, number=version)
        case _:
            return None


def _run_folder(workspace: Workspace, content: str | None = None, number: int | None = None) -> Path | None:
    from ml.models import registry

    for record in reversed(registry.records(workspace.home)):
        if record.registered.content_version == content or record.registered.version == number:
            return registry.version_folder(workspace.home, record.registered)
    return None


def trained_run(workspace: Workspace) -> dg.AssetObservation | None:
    """The MLflow run of the model that was trained last, as an event on `emotion_model`; None before it was registered."""
    run = _run_of(workspace, "emotion_model", workspace.home.artifact("emotion_model"))
    return dg.AssetObservation("emotion_model", metadata={RUN: dg.MetadataValue.path(run)}) if run is not None else None
