"""Stand-ins for the tests of the running daemon, and places where a link waits.

A link waits before its work while a file of its name lies in FEELM_HOME/pause, and says so in FEELM_HOME/paused, so that a test can end
everything in that very moment. The gate to champion and the registry are the real ones, with a tiny model that was trained before.
"""

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import assets.promotion
from assets.chain import STAGES
from assets.workspace import Workspace
from corpus.annotations.decisions import read_decisions
from corpus.paths import file_digest, write_json
from pages.cards.model import GROUNDS_FILE
from tests.assets.conftest import GROUNDS, report
from tests.orchestration.stub_chain import STAND_INS, Build, passing

LINKS = ("annotation_batches", "annotation_gate", "gold_labels", "emotion_model", "champion")
PROMOTE = "promote"
"""Between registration and promotion, inside the link `champion`."""


def wait_while_paused(home_root: Path, name: str) -> None:
    """Wait while somebody wants to see this moment."""
    pause = home_root / "pause" / name
    while pause.exists():
        (home_root / "paused").write_text(name)
        time.sleep(0.1)


def _pausing(name: str, build: Build) -> Build:
    def paused(workspace: Workspace, key: str, outs: dict[str, Path]) -> Any:
        wait_while_paused(workspace.home.root, name)
        return build(workspace, key, outs)

    return paused


def _build_model(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
    """The tiny model, with a seed by what it learned from."""
    out = outs["emotion_model"]
    shutil.copytree(workspace.home.root / "tiny", out, dirs_exist_ok=True)
    learnt = workspace.versions.of(workspace.home.artifact("training_set"))
    facts = json.loads((out / "model.json").read_text())
    write_json(out / "model.json", {**facts, "seed": int(hashlib.sha256(learnt.encode()).hexdigest()[:6], 16)})
    write_json(out / "manifest.json", {name: file_digest(out / name) for name in ("weights.safetensors", "model.json")})
    return out


def _build_report(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
    """Better by a tenth with each batch that was accepted."""
    version = file_digest(workspace.home.artifact("emotion_model") / "manifest.json")[:12]
    accepted = sum(decision.accepted for decision in read_decisions(workspace.home))
    report(version, 0.5 + 0.1 * accepted).write(outs["validation_report"] / "report.json")
    return outs["validation_report"]


def _build_card(workspace: Workspace, _: str, outs: dict[str, Path]) -> Path:
    write_json(outs["model_card"] / GROUNDS_FILE, [dataclasses.asdict(ground) for ground in GROUNDS])
    (outs["model_card"] / "README.md").write_text("# a card\n")
    return outs["model_card"]


def _build_snapshot(workspace: Workspace, key: str, outs: dict[str, Path]) -> Path:
    write_json(outs["dataset_snapshot"] / "snapshot.json", {"revision": workspace.versions.of(workspace.home.artifact("training_set"))})
    return outs["dataset_snapshot"]


def put_stand_ins(replace: Callable[[str, Any], None]) -> None:
    """Stand-ins for all of this process; `replace` sets an attribute by its dotted name."""
    builds = {name: build for name, build in STAND_INS.items() if name != "champion"}
    builds |= {
        "emotion_model": _build_model,
        "validation_report": _build_report,
        "model_card": _build_card,
        "dataset_snapshot": _build_snapshot,
    }
    for name, build in {name: builds.get(name, STAGES[name].build) for name in STAGES}.items():
        STAGES[name] = dataclasses.replace(STAGES[name], build=_pausing(name, build) if name in LINKS else build)
    judge = assets.promotion._judge

    def pausing_judge(workspace: Workspace, *rest: Any) -> Any:
        wait_while_paused(workspace.home.root, PROMOTE)
        return judge(workspace, *rest)

    replace("assets.promotion._judge", pausing_judge)
    replace("assets.plots._PLOTS", {})
    for check in ("check_film", "check_dialogue", "check_features"):
        replace(f"quality.gate.{check}", passing(check))
