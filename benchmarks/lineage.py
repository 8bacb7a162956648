"""How long `feelm lineage` takes with 10, 100 and 1,000 films in the catalogue and three registered models that learned from all of them.

Run as `python -m benchmarks.lineage`. Homes are made of the stand-ins of `tests/orchestration/stub_chain.py`: stamps, films, batches, gold
and the registry are real, features and weights are digests. Each question is asked in a fresh process, whose start is told apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from assets.chain import STAGES, output_path, run_stage
from assets.history import HISTORY_PART, history_before
from assets.workspace import Workspace
from benchmarks.common import CpuClock, peak_rss_mb, table, write_result
from corpus.annotations.decisions import write_decision
from corpus.contracts import FAILING_ROWS, GOLD_LABELS, TRAINING_UNITS, UNITS
from corpus.paths import Home, write_json
from ml.models import registry
from ml.models.training_set import FILMS, Manifest
from orchestration.wanted import FILM_LINKS
from tests.orchestration.stub_chain import put_stand_ins, stub_home
from tests.simulated_raters import Simulated, write_csv

FILMS_EACH = (10, 100, 1000)
QUESTIONS = (("model:champion", False), ("film:film-000", True), ("film:film-000", False))
VERSIONS = 3
LINES = 4
ROUNDS = 2
LIMIT_S = 2.0
PACKAGES = ("dagster", "mlflow", "pandas", "rich")
RUN = "00000000-0000-0000-0000-{:012d}"
"""Id of the Dagster run that a stamp is given, by the film's number."""


def main() -> None:
    """Make the homes and ask each of them, or ask one that is there (`--ask WHAT`) and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ask")
    parser.add_argument("--impact", action="store_true")
    asked = parser.parse_args()
    if asked.ask is not None:
        sys.stdout.write(json.dumps(ask_home(asked.ask, asked.impact)) + "\n")
        return
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="feelm-lineage-", dir=memory if memory.is_dir() else None) as folder:
        rows = [row for films in FILMS_EACH for row in _measure(make_home(Path(folder) / str(films), films), films)]
    head = ["films", "command", "answer s", "of it CPU s", "printing s", "process start s", "memory MB", "lines printed"]
    words = (
        f"Each film has {LINES} lines that four raters judged; {VERSIONS} models are registered. Best of {ROUNDS} fresh processes; "
        f"their start (Python, imports, MLflow's database) is apart. Asked for: at most {LIMIT_S:g} s an answer with 1,000 films."
    )
    page = write_result("lineage", "Lineage of a model and the reach of a film", words + "\n\n" + table(head, rows), PACKAGES)
    sys.stdout.write(f"{page}\n")


def _measure(home: Home, films: int) -> list[list[object]]:
    return [_row(home, films, what, impact) for what, impact in QUESTIONS]


def _row(home: Home, films: int, what: str, impact: bool) -> list[object]:
    found = min((_in_a_fresh_process(home, what, impact) for _ in range(ROUNDS)), key=lambda figures: figures["answer_s"])
    seconds = [f"{found[name]:.2f}" for name in ("answer_s", "cpu_s", "print_s", "start_s")]
    return [f"{films:,}", f"`{what}{' --impact' if impact else ''}`", *seconds, f"{found['memory_mb']:.0f}", int(found["lines"])]


def make_home(root: Path, films: int) -> Home:
    """A home of that many films that went through the whole chain, and were learned from by each of the models."""
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        put_stand_ins(patch)
        put_teaching_stand_ins(patch)
        home = stub_home(root, films, LINES)
        workspace = Workspace(home)
        _run(workspace, FILM_LINKS)
        teach_home(home, LINES)
        _run(workspace, ("film_report",))
        run_stage(workspace, "report", "", RUN.format(0))
    return home


def put_teaching_stand_ins(patch: pytest.MonkeyPatch) -> None:
    """A training set, models and pages that say which films they are of, in the place of digests."""
    builds = {
        "training_set": _build_training_set,
        "emotion_model": _build_model,
        "champion": _build_champion,
        "film_report": _build_page,
    }
    for name, build in builds.items():
        patch.setitem(STAGES, name, dataclasses.replace(STAGES[name], build=build))


def teach_home(home: Home, lines: int) -> None:
    """Have raters judge the lines of all films, and models learn from them, one after the other."""
    workspace, settings = Workspace(home), home.root.parent / "params.yaml"
    _judge(workspace, lines)
    for version in range(1, VERSIONS + 1):
        settings.write_text(settings.read_text().replace(f"seed: {version - 1},", f"seed: {version},"))
        _teach(workspace)


def _run(workspace: Workspace, links: tuple[str, ...]) -> None:
    for number, film_id in enumerate(sorted(workspace.films)):
        for link in links:
            run_stage(workspace, link, film_id, RUN.format(number))


def _judge(workspace: Workspace, lines: int) -> None:
    raters = Simulated(lines=lines, films=tuple(workspace.films), line_ms=3000)
    write_csv(workspace.home.inbox / "first.csv", raters.rows())
    workspace.refresh()
    run_stage(workspace, "annotation_batches", "first", RUN.format(0))
    write_decision(workspace.home.batch("first"), (), FAILING_ROWS.empty())
    workspace.refresh()
    _stamp_decision(workspace)
    for link in ("annotations", "gold_labels"):
        run_stage(workspace, link, "", RUN.format(0))


def _stamp_decision(workspace: Workspace) -> None:
    """As though the gate had accepted it: its checks are another benchmark."""
    stage = STAGES["annotation_gate"]
    version = workspace.versions.of(output_path(workspace, stage, "annotation_decisions", "first"))
    needs = {"code": stage.code_version, "inputs": stage.inputs(workspace, "first"), "params": {}}
    told = {**needs, "outputs": {"annotation_decisions": version}, "cost": {"wall_s": 0.0, "cpu_s": 0.0}, "dagster_run": RUN.format(0)}
    write_json(workspace.home.stamp(stage.name, "first"), told)


def _teach(workspace: Workspace) -> None:
    """One more registered model, which is the champion."""
    workspace.refresh()
    home = workspace.home
    for link in ("training_set", "emotion_model", "validation_report", "dataset_card", "model_card", "dataset_snapshot"):
        run_stage(workspace, link, "", RUN.format(0))
    history = history_before(workspace, "emotion_model", "validation_report", "model_card")
    tags = {"feelm.data_revision": "0" * 64, "feelm.training_set": workspace.versions.of(home.artifact("training_set"))}
    registered = registry.log_training(home, home.artifact("emotion_model"), workspace.params.raw["training"], {}, tags)
    with tempfile.TemporaryDirectory() as folder:
        history.write(Path(folder) / HISTORY_PART)
        kept = {"report": home.artifact("validation_report"), "card": home.artifact("model_card")}
        registry.keep(home, registered, {**kept, HISTORY_PART: Path(folder) / HISTORY_PART})
    registry.set_champion(home, registered.version)
    run_stage(workspace, "champion", "", RUN.format(0))


def _build_training_set(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
    """Every film with its gold; no features."""
    home = workspace.home
    gold = GOLD_LABELS.read(home.artifact("gold_labels") / "gold.parquet").set_index("unit_id")
    units = [UNITS.read(home.artifact("scenes", film_id) / "units.parquet") for film_id in workspace.films]
    same = {"source": FILMS, "group_id": "g", "licence": "cc0", "declared_use": "commercial"} | dict.fromkeys(
        ("has_face", "has_voice", "has_text"), False
    )
    rows = [{**row, **same, "status": gold["status"].get(row["unit_id"])} for table in units for row in table.to_dict("records")]
    TRAINING_UNITS.write(TRAINING_UNITS.frame(rows), outs["training_set"] / "manifest.parquet")
    taken = {film_id: {"scenes": workspace.versions.of(home.artifact("scenes", film_id))} for film_id in workspace.films}
    manifest = Manifest(taken, {}, workspace.versions.of(home.artifact("gold_labels")), {}, {})
    write_json(outs["training_set"] / "manifest.json", dataclasses.asdict(manifest))
    return outs["training_set"]


def _build_model(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
    write_json(outs["emotion_model"] / "manifest.json", {"seed": workspace.params.seed})
    return outs["emotion_model"]


def _build_champion(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
    """The model's own manifest, by which the version in use is known."""
    shutil.copyfile(workspace.home.artifact("emotion_model") / "manifest.json", outs["champion"] / "manifest.json")
    return outs["champion"]


def _build_page(_: Workspace, film_id: str, outs: dict[str, Path]) -> Path:
    write_json(outs["film_report"] / "summary.json", {"film_id": film_id, "n_predictions": LINES})
    (outs["film_report"] / "film.html").write_text(f"<title>{film_id}</title>")
    return outs["film_report"]


def _in_a_fresh_process(home: Home, what: str, impact: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.lineage", "--ask", what, *(["--impact"] if impact else [])]
    environment = {**os.environ, "FEELM_HOME": str(home.root)}
    began = time.time()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "start_s": found["began"] - began}


def ask_home(what: str, impact: bool) -> dict[str, Any]:
    """One question to the home of the environment, in this process, and what it took."""
    from rich.console import Console

    from assets.impact import read_impact
    from assets.lineage_targets import read_lineage_briefly
    from orchestration.cli_lineage import SOME, impact_tables, lineage_tree

    home, page = Home.from_environment(), io.StringIO()
    registry.records(home)
    gc.freeze()  # as the command does
    began, at = time.time(), time.perf_counter()
    with CpuClock() as clock:
        told = impact_tables(read_impact(home, what)) if impact else lineage_tree(read_lineage_briefly(home, what, SOME))
        answered = time.perf_counter()
        Console(file=page, width=120).print(told)
    printed = time.perf_counter()
    figures = {"answer_s": answered - at, "cpu_s": clock.seconds, "print_s": printed - answered}
    return {"began": began, **figures, "memory_mb": peak_rss_mb(), "lines": page.getvalue().count("\n")}


if __name__ == "__main__":
    main()
