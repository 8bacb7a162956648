"""What a materialisation tells of its cost and where it leads."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dagster as dg
import pytest

from assets.chain import STAGES, StageRun, read_stamp, run_stage
from assets.links import links, trained_run
from assets.metering import gpu_allocations
from assets.telling import tell
from assets.workspace import Workspace
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home, write_json, write_text
from ml.models import registry
from orchestration.definitions import defs
from tests.assets.conftest import judge, teach
from tests.storage import Storage


def told(workspace: Workspace, name: str, key: str = "") -> dict[str, dg.MetadataValue]:
    """What the asset of a link's first output tells after the link was run."""
    run = run_stage(workspace, name, key)
    return tell(workspace, STAGES[name], run, STAGES[name].outputs[0])


def path_of(address: str) -> Path:
    parts = urlsplit(address)
    assert parts.scheme == "file"
    return Path(unquote(parts.path))


def test_the_champion_leads_to_the_run_of_the_model_in_use_and_its_summary(storage: Storage, gate: Workspace):
    teach(gate, 1, 0.7)
    first = told(gate, "champion")
    teach(gate, 2, 0.6)
    second = told(gate, "champion")
    in_use, refused = (record.registered for record in registry.records(gate.home))
    assert first["mlflow_run"].value == second["mlflow_run"].value == str(registry.version_folder(gate.home, in_use))
    assert Path(first["mlflow_run"].value, "model", "model.json").is_file()
    assert second["summary_file"].value == str(gate.home.artifact("champion") / "summary.json")
    (event,) = trained_run(gate).metadata.values()
    assert event.value == str(registry.version_folder(gate.home, refused))


def test_a_model_leads_to_its_run_once_it_is_registered(gate: Workspace):
    assert trained_run(gate) is None
    teach(gate, 1, 0.7)
    judge(gate)
    observed = trained_run(gate)
    assert observed.asset_key == dg.AssetKey("emotion_model")
    run_id = registry.records(gate.home)[0].registered.run_id
    assert run_id in observed.metadata["mlflow_run"].value


def test_the_step_that_registers_a_model_tells_its_run_on_the_model_and_looks_for_drift(
    instance: dg.DagsterInstance, gate: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEELM_HOME", str(gate.home.root))
    teach(gate, 1, 0.7)
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("champion")])
    (observed,) = [
        event.asset_observation_data.asset_observation for event in result.all_node_events if event.event_type_value == "ASSET_OBSERVATION"
    ]
    assert observed.asset_key == dg.AssetKey("emotion_model") and Path(observed.metadata["mlflow_run"].value).is_dir()
    (checked,) = result.get_asset_check_evaluations()
    assert (checked.check_name, checked.passed) == ("drift", True)


def test_a_film_page_and_the_page_of_the_whole_are_linked_as_files_that_are_there(tmp_path: Path):
    workspace = Workspace(Home(tmp_path / "a home with spaces"))
    for output, name in (("film_report", "film.html"), ("reports", "report.html")):
        folder = workspace.home.root / output
        assert "page" not in links(workspace, output, folder)
        write_text(folder / name, "<html>")
        assert path_of(links(workspace, output, folder)["page"].value) == folder / name


def test_what_computes_on_no_gpu_costs_no_second_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    workspace = Workspace(Home(tmp_path / ".feelm"))
    (tmp_path / "params.yaml").write_text(
        "rights: {train: [cc0], export: [cc0]}\ndeclared_use: research\ntraining: {seed: 0, folds: 3, face_network: small}\n"
        "retrain: {min_new_gold: 1}\nscan: {shots: fast}\ndialogue: {recognition: auto}\n"
        "gold: {trace_lag_ms: 3000}\ntext: {encoder: minilm}\n"
    )
    write_catalogue(workspace.home.catalogue, [Film("a", "A", tmp_path / "a.mp4", language="en")])
    (tmp_path / "a.mp4").write_bytes(b"not looked at here")
    metadata = told(workspace, "annotations")
    assert metadata["gpu_s"] == 0.0 and metadata["wall_s"] >= 0
    assert read_stamp(workspace, "annotations")["cost"]["gpu_s"] == 0.0


def test_a_films_link_tells_its_cost_by_minute_of_film_as_numbers_and_one_passed_over_tells_none(tmp_path: Path):
    workspace, stage = Workspace(Home(tmp_path / ".feelm")), STAGES["scenes"]
    write_json(workspace.home.artifact("shots", "a") / "stream.json", {"duration_ms": 90_000})
    write_text(workspace.home.artifact("scenes", "a") / "made.txt", "x" * 3_000_000)
    run = StageRun("scenes", "a", None, {}, wall_s=6.0, cpu_s=3.0, written_bytes=3_000_000, peak_memory_mb=81.5)
    metadata = tell(workspace, stage, run, "scenes")
    by_minute = {name: metadata[f"{name}_per_film_minute"] for name in ("wall_s", "cpu_s", "gpu_s", "artifact_mb")}
    assert by_minute == {"wall_s": 4.0, "cpu_s": 2.0, "gpu_s": 0.0, "artifact_mb": 2.0}
    assert (metadata["film_minutes"], metadata["artifact_mb"], metadata["peak_memory_mb"]) == (1.5, 3.0, 81.5)
    assert all(isinstance(value, float) for value in by_minute.values())
    for other in ({"computed": False}, {"resumed": True}):
        told_of_it = tell(workspace, stage, dataclasses.replace(run, **other), "scenes")
        assert not [name for name in told_of_it if name.endswith("_per_film_minute")], "it did not cost what the whole costs"


@pytest.mark.gpu
def test_what_computes_on_a_gpu_is_noticed():
    torch = pytest.importorskip("torch")
    before = gpu_allocations()
    torch.ones(4, device="cuda").sum().item()
    assert gpu_allocations() > before


def test_torch_is_not_loaded_to_ask_for_a_gpu():
    program = "import sys; from assets.metering import gpu_allocations as n; print(n(), 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split() == ["0", "False"]
