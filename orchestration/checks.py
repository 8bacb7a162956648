"""The asset checks of this graph: quality's factories applied to our assets and partitions."""

from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg

from assets.chain import run_stage
from assets.partitions import annotation_batch_keys, films
from assets.store.cache import at_hand
from assets.workspace import Workspace
from corpus.annotations.decisions import Decision, Outcome
from quality.checks import annotation_checks, dialogue_checks, feature_checks, film_checks

CHECKED_FEATURES = ("face_features", "voice_features", "text_features")


def _decide(batch_id: str, run_id: str) -> Decision:
    decision: Decision = run_stage(Workspace.from_environment(), "annotation_gate", batch_id, run_id).summary
    return decision


def _batch(batch_id: str) -> Path:
    return Workspace.from_environment().home.batch(batch_id)


def _check_film(film_id: str) -> Sequence[Outcome]:
    from quality.gate import check_film

    workspace, read = Workspace.from_environment(), ("film", "shots", "soundtrack")
    with at_hand(workspace, read, film_id):
        return check_film(*(workspace.home.artifact(name, film_id) for name in read))


def _check_dialogue(film_id: str) -> Sequence[Outcome]:
    from quality.gate import check_dialogue

    workspace = Workspace.from_environment()
    stream = workspace.stream(film_id)
    assert stream is not None  # the dialogue was made of it
    return check_dialogue(workspace.home.artifact("dialogue", film_id), film_id, int(stream["duration_ms"]))


def _check_features(name: str) -> Callable[[str], Sequence[Outcome]]:
    def check(film_id: str) -> Sequence[Outcome]:
        from quality.gate import check_features

        workspace = Workspace.from_environment()
        home = workspace.home
        with at_hand(workspace, (name,), film_id):
            return check_features(home.artifact(name, film_id), home.artifact("scenes", film_id) / "units.parquet")

    return check


FILM_CHECKS: Sequence[dg.AssetChecksDefinition] = [
    film_checks("shots", films, _check_film),
    dialogue_checks("dialogue", films, _check_dialogue),
    *(feature_checks(name, films, _check_features(name)) for name in CHECKED_FEATURES),
]

ALL_CHECKS: Sequence[dg.AssetChecksDefinition] = [
    annotation_checks("annotation_batches", annotation_batch_keys, _decide, _batch),
    *FILM_CHECKS,
]
