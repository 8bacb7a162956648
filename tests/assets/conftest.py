"""A workspace that stands before the gate: a tiny model, its report and card, and ways to train another one."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from assets.promotion import build_champion
from assets.workspace import Workspace
from corpus.paths import Home, file_digest, write_json, writing
from corpus.terms import EMOTIONS
from ml.evaluation.report import CorpusReport, Interval, PairedTest, SystemScore, ValidationReport
from ml.models import registry
from ml.models.grounds import Ground, GroundKind
from pages.cards.model import GROUNDS_FILE
from tests.ml.artifacts import write_films
from tests.ml.conftest import train
from tests.storage import FILES, Server, Storage, using

FILMS = [f"film-{number}" for number in range(8)]
GROUNDS = [
    Ground("film-00", GroundKind.FILM, "cc0", "commercial", "A film", "The studio"),
    Ground("meld", GroundKind.CORPUS, "GPL-3.0", "research", "public corpus", "MELD"),
]


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a training set and a tiny model."""
    home = Home(tmp_path_factory.mktemp("gate") / ".feelm")
    train(home, write_films(home, 3, 8), [])
    write_json(home.artifact("dataset_snapshot") / "snapshot.json", {"revision": "r"})
    with using(FILES):
        registry._client(home)  # MLflow's tables, which take seconds to make
    settings = "rights: {train: [cc0], export: [cc0]}\ndeclared_use: research\ntraining: {seed: 0, folds: 3, face_network: small}\n"
    (home.root.parent / "params.yaml").write_text(
        settings + "retrain: {min_new_gold: 1}\nscan: {shots: fast}\n"
        "dialogue: {recognition: auto}\ngold: {trace_lag_ms: 3000}\ntext: {encoder: minilm}\n"
    )
    return home


@pytest.fixture(scope="session")
def judged_home(trained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which seed 1 was champion (version 1) and seed 2 is (version 2); the registry is in files."""
    with using(FILES):
        return _judged(trained_home, tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="session")
def judged_on_postgres(trained_home: Home, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Storage]:
    """The same with the registry in Postgres, and where it is."""
    storage = postgres.fresh()
    with using(storage):
        return _judged(trained_home, tmp_path_factory.mktemp("judged-on-postgres")), storage


def _judged(trained: Home, folder: Path) -> Home:
    workspace = copied(trained, folder)
    for seed, accuracy in ((1, 0.7), (2, 0.8)):
        teach(workspace, seed, accuracy)
        judge(workspace)
    return workspace.home


@pytest.fixture(scope="session")
def told(trained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The home of `tests.assets.told_home`, whose whole past is known; tests only read it."""
    from tests.assets.told_home import told_home

    with using(FILES):
        return told_home(trained_home, tmp_path_factory.mktemp("told"))


def copied(home: Home, folder: Path) -> Workspace:
    """A copy of a home with its settings."""
    shutil.copytree(home.root.parent, folder, dirs_exist_ok=True)
    return Workspace(Home(folder / home.root.name))


@pytest.fixture
def gate(trained_home: Home, tmp_path: Path) -> Workspace:
    """A workspace of its own whose model is about to be judged."""
    return copied(trained_home, tmp_path)


@pytest.fixture
def two(storage: Storage, request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """A workspace of its own in which seed 1 was champion (version 1) and seed 2 is (version 2), on each kind of storage."""
    if storage.kind == "sqlite":
        return copied(request.getfixturevalue("judged_home"), tmp_path)
    judged, registered = request.getfixturevalue("judged_on_postgres")
    request.getfixturevalue("postgres").copy_mlflow(registered, storage)
    return copied(judged, tmp_path)


def report(version: str, accuracy: float) -> ValidationReport:
    """A report in which the model is equally good on every film and beats the baseline."""
    scores = [_score("fused", "fused", accuracy), _score("majority", "baseline", 0.1)]
    corpus = CorpusReport("films", 8, 210, 210, scores, [PairedTest("majority", 8, accuracy - 0.1, 0.004)], [])
    return ValidationReport(version, {"films": "commercial, cc0"}, [corpus], None, [], {}, [])


def _score(system: str, kind: str, accuracy: float) -> SystemScore:
    same = Interval(accuracy)
    by_film = dict.fromkeys(FILMS, accuracy)
    return SystemScore(
        system,
        kind,
        210,
        same,
        same,
        same,
        accuracy,
        0.2,
        0.05,
        by_film,
        {},
        dict.fromkeys(EMOTIONS, 0.7),
        {},
        [[30 if i == j else 0 for j in range(len(EMOTIONS))] for i in range(len(EMOTIONS))],
    )


def teach(workspace: Workspace, seed: int, accuracy: float, use: str = "research") -> None:
    """Have another model stand before the gate: of this seed, this accuracy and this declared use."""
    home = workspace.home
    folder = home.artifact("emotion_model")
    facts = json.loads((folder / "model.json").read_text())
    write_json(folder / "model.json", {**facts, "seed": seed, "declared_use": use})
    write_json(folder / "manifest.json", {name: file_digest(folder / name) for name in ("weights.safetensors", "model.json")})
    version = file_digest(folder / "manifest.json")[:12]
    report(version, accuracy).write(home.artifact("validation_report") / "report.json")
    card = home.artifact("model_card")
    write_json(card / GROUNDS_FILE, [dataclasses.asdict(ground) for ground in GROUNDS])
    (card / "README.md").write_text(f"# card of seed {seed}\n")
    workspace.refresh()


def judge(workspace: Workspace) -> None:
    """Put the model that stands there through the gate."""
    with writing(workspace.home.artifact("champion")) as out:
        build_champion(workspace, out)
    workspace.refresh()


def seed_in_use(workspace: Workspace) -> int:
    """The seed of the model that answers."""
    return int(json.loads((workspace.home.artifact("champion") / "model.json").read_text())["seed"])
