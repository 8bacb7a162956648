"""The chain as data: each stage, what it reads, what it makes, which code makes it.

Dagster's assets, `feelm stage` and `dvc repro` all call `run_stage`, so that one link of the chain is one function however it is
started. Each finished stage leaves a stamp (code version, versions of what it read, versions of what it wrote); `is_fresh` compares
the stamp with the truth on disk, so that nothing unchanged is done again and whatever was deleted or altered is.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from assets.code import code_version
from assets.metering import Meter
from assets.progress import taken_up, tell_progress
from assets.store.cache import at_hand
from assets.workspace import ABSENT, Workspace, read_json, size_of
from corpus.annotations.decisions import accepted_before, decision_folder, read_decisions
from corpus.annotations.sidecars import read_rejection, rejection_path, told_path
from corpus.chunks import ChunkStore
from corpus.contracts import GOLD_LABELS, UNITS
from corpus.dialogue.recognise import Recognition, recogniser, unusable
from corpus.films.catalogue.store import OF_THE_COLLECTION
from corpus.paths import RETIRED, write_json, writing
from corpus.terms import FeelmError

CARD_TEMPLATES = ("pages/templates/base.html", "pages/templates/card.html", "pages/style.css")
FEATURES = ("face_features", "voice_features", "text_features", "scene_features")
SHOWN = ("film", "shots", "scenes", "film_report")
"""What the page of the whole reads of every film."""

LEARNING = ("training_set", "emotion_model", "validation_report")
"""Links that read the features of all films, whichever inputs they name."""


AHEAD = "ahead"
"""Stands for the Dagster run of a link that a cluster made ahead of it."""


class Scope(StrEnum):
    """What one run of a stage is about."""

    FILM = "film"
    BATCH = "batch"
    CORPUS = "corpus"
    WHOLE = "whole"


class Cause(StrEnum):
    """What makes a link stale."""

    NEVER_RAN = "never ran"
    CODE = "code"
    INPUTS = "inputs"
    SETTINGS = "settings"
    OUTPUT_GONE = "output gone"
    OUTPUT_ALTERED = "output altered"


@dataclass(frozen=True)
class Reason:
    """A cause, and which inputs, sections of the settings or outputs it is about."""

    cause: Cause
    names: tuple[str, ...] = ()


Builder = Callable[[Workspace, str, dict[str, Path]], Any]
Reader = Callable[[Workspace, str], dict[str, str]]


@dataclass(frozen=True)
class Stage:
    """One link. `inputs` gives label -> version; `build` fills the folders named by `outputs` and returns a summary dataclass."""

    name: str
    scope: Scope
    outputs: tuple[str, ...]
    modules: tuple[str, ...]
    inputs: Reader
    build: Builder
    sections: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    in_place: bool = False
    """The builder replaces its output itself, atomically, because it carries over a part of what stands there."""

    @property
    def code_version(self) -> str:
        """Fixed-width digest of the modules that make it."""
        return code_version(self.modules, self.data)


@dataclass(frozen=True)
class StageRun:
    """What one run did: the summary, the content versions of its outputs and its cost.

    `gpu_s` is the wall time of a run that computed on a GPU, and so held it; 0 of one that did not. `peak_memory_mb` is the most that one
    process of it held, None where the system does not tell. One that was `resumed` found pieces that an earlier run had finished, so that
    its cost is a part of the whole. A link that was passed over because it is fresh is not `computed`, and cost nothing.
    """

    stage: str
    key: str
    summary: Any
    versions: dict[str, str]
    wall_s: float
    cpu_s: float
    written_bytes: int
    gpu_s: float = 0.0
    peak_memory_mb: float | None = None
    resumed: bool = False
    computed: bool = True


def output_path(workspace: Workspace, stage: Stage, output: str, key: str) -> Path:
    """Folder of one output of a stage."""
    home = workspace.home
    match stage.scope:
        case Scope.FILM:
            return home.artifact(output, key)
        case Scope.BATCH:
            return decision_folder(home.batch(key)) if output == "annotation_decisions" else home.batch(key)
        case Scope.CORPUS:
            return home.corpus(key if output == "corpus" else f"{key}-{output}")
        case Scope.WHOLE:
            return home.reports if output == "reports" else home.artifact(output)


def _of(*names: str) -> Reader:
    """Versions of artifacts: of a film, or ('') of the whole."""

    def read(workspace: Workspace, film_id: str) -> dict[str, str]:
        return {name: workspace.versions.of(workspace.home.artifact(name, film_id or None)) for name in names}

    return read


def _of_every_film(workspace: Workspace, names: tuple[str, ...]) -> dict[str, str]:
    artifact, of = workspace.home.artifact, workspace.versions.of
    return {f"{film_id}/{name}": of(artifact(name, film_id)) for film_id in workspace.film_ids for name in names}


def _film_inputs(workspace: Workspace, film_id: str) -> dict[str, str]:
    film = workspace.film(film_id)
    facts = {field.name: getattr(film, field.name) for field in dataclasses.fields(film) if field.name not in OF_THE_COLLECTION}
    entry = json.dumps(facts, sort_keys=True, default=str)
    sources = {kind: workspace.source_path(film_id, kind) for kind in ("video", "subtitles", "screenplay")}
    versions = {kind: workspace.versions.of_source(path) for kind, path in sources.items() if path}
    return {"entry": hashlib.md5(entry.encode(), usedforsecurity=False).hexdigest(), **versions}


def _dialogue_inputs(workspace: Workspace, film_id: str) -> dict[str, str]:
    """With the recogniser where subtitles lack, so that installing it makes the dialogue of such films stale and of no other."""
    read = _of("film", "soundtrack", "shots")(workspace, film_id)
    if workspace.source_path(film_id, "subtitles") is not None or workspace.params.recognition is Recognition.NEVER:
        return read
    return {**read, "recogniser": unusable(workspace.film(film_id).language) or recogniser() or ABSENT}


def _batch_inputs(workspace: Workspace, batch_id: str) -> dict[str, str]:
    path = workspace.inbox.get(batch_id)
    if path is None:
        raise FeelmError(f"no file of batch {batch_id!r} in {workspace.home.inbox}: deliver it with `feelm annotations import FILE`")
    return {"file": workspace.versions.of(path), "told": workspace.versions.of(told_path(path))}


def _gate_inputs(workspace: Workspace, batch_id: str) -> dict[str, str]:
    durations = {film_id: str(duration) for film_id, duration in _durations_ms(workspace, batch_id).items()}
    batch_dir = workspace.home.batch(batch_id)
    before = {f"before/{decision.batch_id}": decision.batch_version for decision in accepted_before(batch_dir)}
    source = workspace.inbox.get(batch_id)
    rejected = workspace.versions.of(rejection_path(source)) if source else ABSENT
    return {"batch": workspace.versions.of(batch_dir), "rejected": rejected, **durations, **before}


def _durations_ms(workspace: Workspace, batch_id: str) -> dict[str, int | None]:
    """Duration of each film of the catalogue that the batch speaks of; None where it was not scanned."""
    summary = read_json(workspace.home.batch(batch_id) / "summary.json")
    if summary is None:
        raise FeelmError(f"no batch {batch_id!r} to check: `feelm stage annotation_batches --batch {batch_id}` reads it")
    streams = {film_id: workspace.stream(film_id) for film_id in sorted(set(summary["films"]) & set(workspace.film_ids))}
    return {film_id: int(stream["duration_ms"]) if stream else None for film_id, stream in streams.items()}


def _corpus_inputs(workspace: Workspace, name: str) -> dict[str, str]:
    return {"source": workspace.versions.of(workspace.corpora[name]) if name in workspace.corpora else ABSENT}


def _annotation_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    return {f"batch/{path.parent.name}": workspace.versions.of(path) for path in workspace.accepted_batches()}


def _gold_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    return {**_of("annotations")(workspace, _), **_of_every_film(workspace, ("scenes",))}


def _training_set_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    of, home = workspace.versions.of, workspace.home
    parts = ("", "-text", "-voice")
    corpora = {f"corpus/{name}": "".join(of(home.corpus(f"{name}{part}")) for part in parts) for name in workspace.corpora}
    films = _of_every_film(workspace, ("film", "scenes", *FEATURES[:3]))
    return {**_of("gold_labels")(workspace, _), **corpora, **films}


def _model_card_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    """With the code that made the model, which the card names."""
    read = _of("training_set", "gold_labels", "emotion_model", "validation_report")(workspace, _)
    return {**read, "code of the model": _code_of_model(workspace)}


def _code_of_model(workspace: Workspace) -> str:
    stamp = read_stamp(workspace, "emotion_model")
    return str(stamp["code"]) if stamp else ABSENT


def _film_report_inputs(workspace: Workspace, film_id: str) -> dict[str, str]:
    film = _of("film", "shots", "faces", "soundtrack", "dialogue", "scenes", *FEATURES)(workspace, film_id)
    return {**film, **_of("champion", "annotations", "gold_labels")(workspace, "")}


def _reports_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    of, batch = workspace.versions.of, workspace.home.batch
    whole = _of("annotations", "gold_labels", "validation_report", "dataset_card", "model_card", "champion")(workspace, _)
    decisions = {f"decision/{one.batch_id}": of(decision_folder(batch(one.batch_id))) for one in read_decisions(workspace.home)}
    return {**whole, **decisions, **_of_every_film(workspace, SHOWN)}


def _validation_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    """With what no artifact holds: the groups that the catalogue declares of each film, and what disturbed films were found to cost."""
    read = _of("training_set", "gold_labels", "emotion_model")(workspace, _)
    groups = {f"{film_id}/groups": version for film_id, version in group_versions(workspace).items()}
    return {**read, "robustness": robustness_version(workspace), **groups}


def robustness_version(workspace: Workspace) -> str:
    """Of what `feelm benchmark robustness` wrote last."""
    from ml.evaluation.robustness.report import REPORT_FILE

    return workspace.versions.of(workspace.home.benchmarks / REPORT_FILE)


def group_versions(workspace: Workspace) -> dict[str, str]:
    """By film, a digest of the groups that its entry declares."""
    from corpus.films.catalogue.groups import film_groups

    told = {film_id: json.dumps(dataclasses.asdict(film_groups(film)), sort_keys=True) for film_id, film in workspace.films.items()}
    return {film_id: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for film_id, text in told.items()}


def _snapshot_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    """With all that DVC records: a link that ran anew is recorded anew, even where the same came out, or `dvc repro` would run it again."""
    kept_back = {f"{film_id}/kept back": reason for film_id, reason in workspace.not_exported().items()}
    made = ("training_set", "emotion_model", "validation_report", "dataset_card", "model_card")
    batches = {name: workspace.versions.of(workspace.home.data / name) for name in ("annotation_batches", "annotation_decisions")}
    return {**_of(*made)(workspace, _), **kept_back, **batches, "recorded": _recorded_stamps(workspace)}


def _recorded_stamps(workspace: Workspace) -> str:
    """Digest of the stamps of all links that dvc.yaml knows."""
    told = hashlib.md5(usedforsecurity=False)
    for name in RECORDED:
        for key in keys_of(workspace, STAGES[name]):
            told.update(f"{name}@{key}={workspace.versions.of_stamp(name, key)}\n".encode())
    return told.hexdigest()


def _champion_inputs(workspace: Workspace, _: str) -> dict[str, str]:
    """With the note of a rollback, so that it holds whoever runs the link."""
    from assets.versions import rollback_path

    read = _of("emotion_model", "validation_report", "model_card", "dataset_snapshot")(workspace, _)
    return {**read, "rollback": workspace.versions.of(rollback_path(workspace.home))}


def _build_film(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from corpus.films.catalogue.store import build_film, build_video

    summary = build_film(workspace.film(film_id), outs["film"])
    build_video(workspace.film(film_id), outs["video"])
    return summary


def _build_scan(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from corpus.films.scan import build_scan

    video, shots = workspace.home.artifact("video", film_id), workspace.params.shots
    work, tell = workspace.home.unfinished("film_scan", film_id), tell_progress(f"film_scan {film_id}")
    return build_scan(video, outs["shots"], outs["faces"], outs["soundtrack"], shots=shots, work=work, tell=tell)


def _build_dialogue(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from corpus.dialogue.build import build_dialogue

    film, soundtrack, shots = (workspace.home.artifact(name, film_id) for name in ("film", "soundtrack", "shots"))
    return build_dialogue(film, soundtrack, shots, outs["dialogue"], workspace.params.recognition)


def _build_scenes(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from corpus.films.scenes.scenes import build_scenes

    film, shots, soundtrack, dialogue = (workspace.home.artifact(name, film_id) for name in ("film", "shots", "soundtrack", "dialogue"))
    return build_scenes(film, shots, soundtrack, dialogue, outs["scenes"])


def _build_face_features(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from ml.features.face import build_face_features

    faces, scenes = (workspace.home.artifact(name, film_id) for name in ("faces", "scenes"))
    store, tell = ChunkStore(workspace.home.chunks), tell_progress(f"face_features {film_id}")
    return build_face_features(faces, scenes, outs["face_features"], store=store, tell=tell)


def _build_voice_features(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from ml.features.voice import build_voice_features

    soundtrack, scenes = (workspace.home.artifact(name, film_id) for name in ("soundtrack", "scenes"))
    store, tell = ChunkStore(workspace.home.chunks), tell_progress(f"voice_features {film_id}", shared=True)
    return build_voice_features(soundtrack, scenes, outs["voice_features"], store=store, tell=tell)


def _build_text_features(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from ml.features.text import build_text_features

    scenes, dialogue = (workspace.home.artifact(name, film_id) for name in ("scenes", "dialogue"))
    store, tell = ChunkStore(workspace.home.chunks), tell_progress(f"text_features {film_id}")
    units, language, out = scenes / "units.parquet", workspace.film(film_id).language, outs["text_features"]
    encoder = workspace.params.text_encoder.value
    return build_text_features(units, language, out, dialogue=dialogue, encoder=encoder, store=store, tell=tell)


def _build_scene_features(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from ml.features.scene import build_scene_features

    shots, soundtrack, scenes, faces = (workspace.home.artifact(name, film_id) for name in ("shots", "soundtrack", "scenes", "faces"))
    store, tell = ChunkStore(workspace.home.chunks), tell_progress(f"scene_features {film_id}", shared=True)
    return build_scene_features(shots, soundtrack, scenes, outs["scene_features"], faces=faces, store=store, tell=tell)


def _build_batch(workspace: Workspace, batch_id: str, outs: dict[str, Path]) -> Any:
    from corpus.annotations.batches import build_batch

    return build_batch(workspace.inbox[batch_id], batch_id, workspace.home.root / "annotators.json", outs["annotation_batches"])


def _build_gate(workspace: Workspace, batch_id: str, _: dict[str, Path]) -> Any:
    from quality.gate import decide

    source = workspace.inbox.get(batch_id)
    return decide(workspace.home.batch(batch_id), _durations_ms(workspace, batch_id), read_rejection(source) if source else None)


def _build_annotations(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from corpus.annotations.batches import build_annotations

    return build_annotations(workspace.accepted_batches(), outs["annotations"])


def _build_gold(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from corpus.annotations.gold import build_gold

    annotations, lag_ms = workspace.home.artifact("annotations"), workspace.params.trace_lag_ms
    return build_gold(annotations, workspace.unit_tables(), outs["gold_labels"], lag_ms)


def _build_corpus(workspace: Workspace, name: str, outs: dict[str, Path]) -> Any:
    from corpus.datasets.registry import CORPORA
    from ml.features.recordings import build_recording_features
    from ml.features.text import build_text_features

    source = workspace.corpora.get(name)
    summary = _no_corpus(name, outs["corpus"]) if source is None else CORPORA[name].build(source, outs["corpus"])
    store, tell = ChunkStore(workspace.home.chunks), tell_progress(f"text {name}")
    encoder = workspace.params.text_encoder.value
    build_text_features(outs["corpus"] / "units.parquet", "en", outs["text"], encoder=encoder, store=store, tell=tell)
    build_recording_features(outs["corpus"], source, outs["voice"])
    return summary


@dataclass(frozen=True)
class NoCorpus:
    """An empty corpus, so that its asset can be materialised before anybody added it."""

    name: str
    missing: str


def _no_corpus(name: str, out: Path) -> NoCorpus:
    for schema, table in ((UNITS, "units"), (GOLD_LABELS, "gold")):
        schema.write(schema.empty(), out / f"{table}.parquet")
    summary = NoCorpus(name, f"not added: `feelm corpus add {name} PATH`")
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _build_training_set(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from ml.models.training_set import build_training_set

    rights = frozenset(right.value for right in workspace.params.train_rights)
    return build_training_set(workspace.home, workspace.film_ids, sorted(workspace.corpora), rights, outs["training_set"])


def _build_model(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from assets.compute.tasks import training_pool
    from assets.training import training_params
    from ml.models.training import build_model

    params = training_params(workspace.params)
    with training_pool() as pool:
        return build_model(workspace.home, workspace.home.artifact("training_set"), params, outs["emotion_model"], pool=pool)


def _build_report(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from ml.evaluation.validate import build_report

    training_set, gold, model = (workspace.home.artifact(name) for name in ("training_set", "gold_labels", "emotion_model"))
    films = list(workspace.films.values())
    return build_report(workspace.home, training_set, gold, model, outs["validation_report"], films)


def _build_dataset_card(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from pages.cards.dataset import build_dataset_card

    version = workspace.versions.of(workspace.home.artifact("training_set"))
    rights = frozenset(right.value for right in workspace.params.export_rights)
    return build_dataset_card(workspace.home, version, rights, outs["dataset_card"])


def _build_model_card(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from pages.cards.model import build_model_card

    version = workspace.versions.of(workspace.home.artifact("training_set"))
    return build_model_card(workspace.home, version, _code_of_model(workspace), outs["model_card"])


def _build_snapshot(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from assets.snapshot import build_snapshot

    return build_snapshot(workspace, outs["dataset_snapshot"])


def _build_champion(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from assets.promotion import build_champion

    return build_champion(workspace, outs["champion"])


def _build_film_report(workspace: Workspace, film_id: str, outs: dict[str, Path]) -> Any:
    from assets.promotion import build_film_report

    return build_film_report(workspace, film_id, outs["film_report"])


def _build_reports(workspace: Workspace, _: str, outs: dict[str, Path]) -> Any:
    from pages.report import build_report_page

    ready = [f for f in workspace.film_ids if workspace.home.artifact("film_report", f).is_dir()]
    return build_report_page(workspace.home, workspace.home.artifact("validation_report"), ready, outs["reports"])


_STAGES = (
    Stage("film", Scope.FILM, ("film", "video"), ("corpus.films.catalogue.store",), _film_inputs, _build_film),
    Stage(
        "film_scan",
        Scope.FILM,
        ("shots", "faces", "soundtrack"),
        ("corpus.films.scan",),
        _of("video"),
        _build_scan,
        sections=("scan",),
    ),
    Stage(
        "dialogue",
        Scope.FILM,
        ("dialogue",),
        ("corpus.dialogue.build",),
        _dialogue_inputs,
        _build_dialogue,
        sections=("dialogue",),
    ),
    Stage(
        "scenes",
        Scope.FILM,
        ("scenes",),
        ("corpus.films.scenes.scenes",),
        _of("film", "shots", "soundtrack", "dialogue"),
        _build_scenes,
    ),
    Stage("face_features", Scope.FILM, ("face_features",), ("ml.features.face",), _of("faces", "scenes"), _build_face_features),
    Stage("voice_features", Scope.FILM, ("voice_features",), ("ml.features.voice",), _of("soundtrack", "scenes"), _build_voice_features),
    Stage(
        "text_features",
        Scope.FILM,
        ("text_features",),
        ("ml.features.text",),
        _of("film", "dialogue", "scenes"),
        _build_text_features,
        sections=("text",),
    ),
    Stage(
        "scene_features",
        Scope.FILM,
        ("scene_features",),
        ("ml.features.scene",),
        _of("shots", "faces", "soundtrack", "scenes"),
        _build_scene_features,
    ),
    Stage("annotation_batches", Scope.BATCH, ("annotation_batches",), ("corpus.annotations.batches",), _batch_inputs, _build_batch),
    Stage(
        "annotation_gate",
        Scope.BATCH,
        ("annotation_decisions",),
        ("quality.gate",),
        _gate_inputs,
        _build_gate,
        data=("quality/suites/*.yaml",),
        in_place=True,
    ),
    Stage("annotations", Scope.WHOLE, ("annotations",), ("corpus.annotations.batches",), _annotation_inputs, _build_annotations),
    Stage("gold_labels", Scope.WHOLE, ("gold_labels",), ("corpus.annotations.gold",), _gold_inputs, _build_gold, sections=("gold",)),
    Stage(
        "corpus",
        Scope.CORPUS,
        ("corpus", "text", "voice"),
        ("corpus.datasets.registry", "ml.features.text", "ml.features.recordings"),
        _corpus_inputs,
        _build_corpus,
        sections=("text",),
    ),
    Stage(
        "training_set",
        Scope.WHOLE,
        ("training_set",),
        ("ml.models.training_set",),
        _training_set_inputs,
        _build_training_set,
        sections=("rights",),
    ),
    Stage(
        "emotion_model",
        Scope.WHOLE,
        ("emotion_model",),
        ("ml.models.settings",),
        _of("training_set"),
        _build_model,
        sections=("training",),
    ),
    Stage(
        "validation_report",
        Scope.WHOLE,
        ("validation_report",),
        ("ml.evaluation.validate",),
        _validation_inputs,
        _build_report,
    ),
    Stage(
        "dataset_card",
        Scope.WHOLE,
        ("dataset_card",),
        ("pages.cards.dataset",),
        _of("training_set", "gold_labels", "annotations"),
        _build_dataset_card,
        sections=("rights",),
        data=CARD_TEMPLATES,
    ),
    Stage("model_card", Scope.WHOLE, ("model_card",), ("pages.cards.model",), _model_card_inputs, _build_model_card, data=CARD_TEMPLATES),
    Stage("dataset_snapshot", Scope.WHOLE, ("dataset_snapshot",), (), _snapshot_inputs, _build_snapshot),
    Stage(
        "champion",
        Scope.WHOLE,
        ("champion",),
        ("ml.evaluation.promotion", "ml.models.registry"),
        _champion_inputs,
        _build_champion,
        sections=("declared_use",),
    ),
    Stage(
        "film_report",
        Scope.FILM,
        ("film_report",),
        ("pages.film", "ml.models.explain"),
        _film_report_inputs,
        _build_film_report,
        data=("pages/**/*.html", "pages/**/*.css", "pages/**/*.js"),
    ),
    Stage(
        "report",
        Scope.WHOLE,
        ("reports",),
        ("pages.report",),
        _reports_inputs,
        _build_reports,
        data=("pages/**/*.html", "pages/**/*.css", "pages/**/*.js"),
    ),
)

STAGES: dict[str, Stage] = {stage.name: stage for stage in _STAGES}
"""Every link, in an order in which it can run."""

RECORDED: tuple[str, ...] = tuple(takewhile(lambda name: name != "dataset_snapshot", STAGES))
"""The links that dvc.yaml knows: all before the snapshot. Champion and pages come after it and follow from it."""

MADE_BY: dict[str, str] = {output: stage.name for stage in _STAGES for output in stage.outputs}
"""The link that makes an output."""


def stage_named(name: str) -> Stage:
    """The stage, or a FeelmError that lists the names."""
    if name not in STAGES:
        raise FeelmError(f"no stage {name!r}: there are {', '.join(STAGES)}")
    return STAGES[name]


def keys_of(workspace: Workspace, stage: Stage) -> list[str]:
    """What the stage ranges over: film ids, batch ids, corpora, or [''] for the whole."""
    match stage.scope:
        case Scope.FILM:
            return workspace.film_ids
        case Scope.BATCH:
            return sorted(workspace.inbox)
        case Scope.CORPUS:
            return sorted(workspace.corpora)
        case Scope.WHOLE:
            return [""]


def needs_of(workspace: Workspace, name: str, key: str = "") -> dict[str, Any]:
    """What a link is made of: the versions of its code and inputs, and the settings that it reads."""
    stage = STAGES[name]
    settings = {section: workspace.params.raw[section] for section in stage.sections}
    return {"code": stage.code_version, "inputs": stage.inputs(workspace, key), "params": settings}


def read_stamp(workspace: Workspace, name: str, key: str = "") -> dict[str, Any] | None:
    """What the last finished run of a stage left, None before the first."""
    stamp: dict[str, Any] | None = read_json(workspace.home.stamp(name, key))
    return stamp


def claim(workspace: Workspace, name: str, key: str, dagster_run: str) -> StageRun:
    """A fresh link as the Dagster run tells it that passes over it: it cost nothing. Of one that was made ahead of Dagster the first such
    run is noted as its run, and tells its cost.
    """
    stamp = read_stamp(workspace, name, key)
    assert stamp is not None
    if stamp["dagster_run"] != AHEAD:
        return StageRun(name, key, None, stamp["outputs"], 0.0, 0.0, 0, computed=False)
    write_json(workspace.home.stamp(name, key), {**stamp, "dagster_run": dagster_run})
    return StageRun(name, key, None, stamp["outputs"], **stamp["cost"])


def is_fresh(workspace: Workspace, name: str, key: str = "") -> bool:
    """True when the stage's outputs are on disk, unaltered, made by this code from these inputs and settings."""
    return next(why_stale(workspace, name, key), None) is None


def why_stale(workspace: Workspace, name: str, key: str = "") -> Iterator[Reason]:
    """Why a link is not up to date, one kind of reason after another; nothing where it is."""
    stage, stamp = STAGES[name], read_stamp(workspace, name, key)
    if stamp is None:
        yield Reason(Cause.NEVER_RAN)
        return
    needs = needs_of(workspace, name, key)
    if stamp["code"] != needs["code"]:
        yield Reason(Cause.CODE)
    for cause, part in ((Cause.INPUTS, "inputs"), (Cause.SETTINGS, "params")):
        if differing := _differing(stamp[part], needs[part]):
            yield Reason(cause, differing)
    paths = {output: output_path(workspace, stage, output, key) for output in stage.outputs}
    versions = {output: workspace.versions.of(path) for output, path in paths.items()}
    gone = tuple(output for output, version in versions.items() if version == ABSENT)
    altered = tuple(output for output, version in versions.items() if version not in (ABSENT, stamp["outputs"].get(output)))
    yield from (Reason(cause, names) for cause, names in ((Cause.OUTPUT_GONE, gone), (Cause.OUTPUT_ALTERED, altered)) if names)


def _differing(before: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    absent = object()
    return tuple(name for name in sorted({*before, *now}) if before.get(name, absent) != now.get(name, absent))


HELD = "held"
"""What a lock's file says while a process holds it, and still says when that process was killed."""


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold a lock; tells whether the process that held it last was killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        was_killed = bool(stream.read())
        _say(stream, HELD)
        try:
            yield was_killed
        finally:
            _say(stream, "")


def _say(stream: IO[str], word: str) -> None:
    stream.truncate(0)
    stream.write(word)
    stream.flush()


def _sweep(target: Path) -> None:
    """Remove what a killed run left beside `target`: the folder may hold thousands of others, so that it is not looked through unasked.

    Of one that was killed between its two renames the artifact of before is put back.
    """
    left = list(target.parent.glob(f".{target.name}.*")) if target.parent.is_dir() else []
    if not target.exists():
        for retired in [path for path in left if path.suffix == RETIRED][:1]:
            retired.rename(target)
    for litter in left:
        shutil.rmtree(litter, ignore_errors=True)


def run_stage(workspace: Workspace, name: str, key: str = "", dagster_run: str | None = None) -> StageRun:
    """Run one link and stamp it, with the id of the Dagster run that does it, if any; outputs appear whole or not at all.

    Raises:
        FeelmError: what the stage was given cannot be used; the message says what to do.
    """
    from assets.store.pushing import settle  # which itself asks what the chain has made

    stage = stage_named(name)
    with _locked(workspace.home.root / "locks" / f"{name}-{key or 'all'}.lock") as was_killed:
        targets = {output: output_path(workspace, stage, output, key) for output in stage.outputs}
        for target in targets.values() if was_killed else ():  # before anything that may fail: after this, nobody knows of the kill
            _sweep(target)
        needs = needs_of(workspace, name, key)
        with ExitStack() as stack:
            stack.enter_context(_inputs_at_hand(workspace, stage, key, needs["inputs"]))
            meter = Meter.start()
            outs = targets if stage.in_place else {output: stack.enter_context(writing(target)) for output, target in targets.items()}
            found = stack.enter_context(taken_up())
            summary = stage.build(workspace, key, outs)
        shutil.rmtree(workspace.home.unfinished(name, key), ignore_errors=True)
        for target in targets.values():
            workspace.versions.forget(target)
        versions = {output: workspace.versions.of(target) for output, target in targets.items()}
        written = sum(map(size_of, targets.values()))
        cost = {**meter.spent(), "written_bytes": written, "resumed": bool(found)}
        write_json(workspace.home.stamp(name, key), {**needs, "outputs": versions, "cost": cost, "dagster_run": dagster_run})
    settle(workspace, name, key, {target: versions[output] for output, target in targets.items()})
    return StageRun(name, key, summary, versions, **cost)


def _inputs_at_hand(workspace: Workspace, stage: Stage, key: str, inputs: Collection[str]) -> AbstractContextManager[None]:
    """What a link reads, fetched where it lies in the store alone, and kept here until it is done."""
    if stage.name in LEARNING:
        return at_hand(workspace, FEATURES)
    return at_hand(workspace, inputs if stage.scope is Scope.FILM else (), key)
