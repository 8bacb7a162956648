"""A small home whose whole past is known, because it is written here: who judged what, what was taken, what was withdrawn.

Ana, Ben and Cai judge every line of film-00 and film-01 (`first.csv`), Dora those of film-02 (`second.csv`), whose rights are unknown.
Model version 1 learns from film-00 and film-01. Then film-01's rights are withdrawn, and version 2 learns from film-00 alone.
"""

import csv
import json
import shutil
from pathlib import Path

from assets.chain import STAGES, output_path, run_stage
from assets.workspace import Workspace
from corpus.annotations.batches import deliver
from corpus.annotations.decisions import write_decision
from corpus.contracts import FAILING_ROWS, PREDICTIONS, UNITS, UTTERANCES
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS, Rights
from tests.assets.conftest import copied, judge, teach
from tests.emotions import shares

FILMS = ("film-00", "film-01", "film-02")
LINES = 8
FEATURES = ("face_features", "voice_features", "text_features")


def told_home(trained: Home, folder: Path) -> Workspace:
    """The home after both models; `trained` gives units, features and a tiny model."""
    workspace = copied(trained, folder)
    take_in(workspace, {"film-00": Rights.CC0, "film-01": Rights.CC0, "film-02": Rights.UNKNOWN})
    for film_id in FILMS:
        _speak(workspace, film_id)
        for link in ("scenes", *FEATURES):
            stamped(workspace, link, film_id)
    deliver_judgements(workspace, "first.csv", ("ana", "ben", "cai"), ("film-00", "film-01"))
    deliver_judgements(workspace, "second.csv", ("dora",), ("film-02",))
    teach_from_what_is_there(workspace, seed=1, accuracy=0.7)
    take_in(workspace, {"film-00": Rights.CC0, "film-01": Rights.UNKNOWN, "film-02": Rights.UNKNOWN})
    teach_from_what_is_there(workspace, seed=2, accuracy=0.8)
    for film_id in FILMS:
        _predict(workspace, film_id)
    return workspace


def take_in(workspace: Workspace, rights: dict[str, Rights]) -> None:
    """Put films into the catalogue under these rights, and make their artifacts."""
    films = []
    for film_id, right in rights.items():
        video, subtitles = workspace.home.made_films / f"{film_id}.mp4", workspace.home.made_films / f"{film_id}.srt"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(f"pictures of {film_id}".encode())
        subtitles.write_text(f"words of {film_id}")
        reference = f"contract 7 on {film_id}"
        films.append(Film(film_id, film_id.title(), video, subtitles=subtitles, rights=right, rights_ref=reference))
    write_catalogue(workspace.home.catalogue, films)
    workspace.refresh()
    for film_id in rights:
        run_stage(workspace, "film", film_id)


def stamped(workspace: Workspace, name: str, key: str = "") -> None:
    """Stamp artifacts that a test wrote, as though their link had made them from what is there."""
    stage = STAGES[name]
    workspace.refresh()
    outputs = {output: workspace.versions.of(output_path(workspace, stage, output, key)) for output in stage.outputs}
    params = {section: workspace.params.raw[section] for section in stage.sections}
    needs = {"code": stage.code_version, "inputs": stage.inputs(workspace, key), "params": params}
    path = workspace.home.stamp(name, key)
    write_json(path, {**needs, "outputs": outputs, "cost": {"wall_s": 1.0, "cpu_s": 1.0, "written_bytes": 1}})


def _speak(workspace: Workspace, film_id: str) -> None:
    """Dialogue whose lines are the film's units."""
    units = UNITS.read(workspace.home.artifact("scenes", film_id) / "units.parquet")
    rows = [
        {
            "utterance_id": unit.unit_id,
            "film_id": film_id,
            "index": unit.position,
            "start_ms": unit.start_ms,
            "end_ms": unit.end_ms,
            "text": unit.text,
            "raw_text": f"<i>{unit.text}</i>",
            "script_line": 10 + unit.position,
            "source": "subtitles",
        }
        for unit in units.itertuples()
    ]
    UTTERANCES.write(UTTERANCES.frame(rows), workspace.home.artifact("dialogue", film_id) / "utterances.parquet")
    stamped(workspace, "dialogue", film_id)


def deliver_judgements(workspace: Workspace, name: str, raters: tuple[str, ...], films: tuple[str, ...], emotion: str | None = None) -> str:
    """Deliver a file in which each rater judges every line, and let it into use; its batch id."""
    folder = workspace.home.root.parent / "desk"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["film_id", "start_ms", "end_ms", "annotator", "emotion"])
        said = [emotion or EMOTIONS[i % len(EMOTIONS)] for i in range(LINES)]
        for rater in raters:
            table.writerows([film, 2000 * i, 2000 * i + 1500, rater, label] for film in films for i, label in enumerate(said))
    batch_id = deliver(folder / name, workspace.home).batch_id
    workspace.refresh()
    run_stage(workspace, "annotation_batches", batch_id)
    write_decision(workspace.home.batch(batch_id), (), FAILING_ROWS.empty())
    stamped(workspace, "annotation_gate", batch_id)
    return batch_id


def teach_from_what_is_there(workspace: Workspace, seed: int, accuracy: float) -> None:
    """Gold, training set, another model of them, and the gate."""
    for link in ("annotations", "gold_labels", "training_set"):
        workspace.refresh()
        run_stage(workspace, link)
    teach(workspace, seed, accuracy)
    for link in ("emotion_model", "validation_report", "model_card", "dataset_snapshot"):
        if output_path(workspace, STAGES[link], link, "").is_dir():
            stamped(workspace, link)
    judge(workspace)
    stamped(workspace, "champion")


def _predict(workspace: Workspace, film_id: str) -> None:
    units = UNITS.read(workspace.home.artifact("scenes", film_id) / "units.parquet")
    even = dict(zip(PROBABILITY_COLUMNS, shares(joy=0.4), strict=True))
    rows = [{"unit_id": unit_id, "film_id": film_id, "system": "fused", "fold": 1, **even} for unit_id in units["unit_id"]]
    folder = workspace.home.artifact("film_report", film_id)
    PREDICTIONS.write(PREDICTIONS.frame(rows), folder / "predictions.parquet")
    write_json(folder / "summary.json", {"n_predictions": len(rows), "n_unseen": len(rows), "missing": None})
    stamped(workspace, "film_report", film_id)


def pseudonym(workspace: Workspace, name: str) -> str:
    """Under which a rater's judgements are kept."""
    names = json.loads((workspace.home.root / "annotators.json").read_text())["names"]
    return next(known for known, given in names.items() if given == name)


def another(workspace: Workspace, folder: Path) -> Workspace:
    """A copy that a test may change."""
    shutil.copytree(workspace.home.root.parent, folder, dirs_exist_ok=True)
    return Workspace(Home(folder / workspace.home.root.name))
