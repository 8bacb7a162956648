"""The registered models: what each is worth, which is in use, and going back to one.

The folder `champion` is what answers, so it says which version is in use; MLflow's aliases follow. A rollback is a file beside the data,
`rollback.json`, which the link `champion` reads: whoever runs it, and however often, the version stays, until another model is trained.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.workspace import Workspace, read_json
from corpus.films.catalogue.rights import Use, refusal
from corpus.paths import Home, write_json
from corpus.terms import FeelmError
from ml.evaluation.promotion import refused_use
from ml.evaluation.report import CorpusReport, ValidationReport
from ml.models.grounds import Ground, GroundKind
from pages.cards.model import read_card_grounds

if TYPE_CHECKING:
    from ml.models.registry import RegisteredVersion, VersionRecord

REPORT_PART, CARD_PART, DECISION_PART, SNAPSHOT_PART = "report", "card", "decision", "snapshot"
REPORT_FILE, DECISION_FILE = "report.json", "decision.json"
DATA_REVISION, TRAINING_SET, CODE, COMMIT = "feelm.data_revision", "feelm.training_set", "feelm.code_sha256", "feelm.commit"
"""Tags of a version's run in MLflow."""


@dataclass(frozen=True)
class Rollback:
    """Version `version` was put back on `at`, while `model` (content version) stood last trained.

    `withdrawn` gives by content version why a model may not become champion by itself again: those from which one went back to an
    earlier one.
    """

    version: int
    content_version: str
    model: str
    at: str
    reason: str
    withdrawn: dict[str, str]

    @property
    def words(self) -> str:
        """What was done, when and why."""
        return f"rolled back to version {self.version} on {self.at}: {self.reason}"


@dataclass(frozen=True)
class ModelVersion:
    """One registered model; accuracy and UAR are those on unseen films, else on the first corpus; null where its report is not kept."""

    version: int
    created_at: str
    content_version: str
    model_version: str | None
    accuracy: float | None
    uar: float | None
    declared_use: str | None
    trained_on: dict[str, str]
    aliases: tuple[str, ...]
    promoted_at: str | None
    in_use: bool
    withdrawn: str | None


@dataclass(frozen=True)
class VersionDetail:
    """A version with its report, what it rests on, why it was or was not promoted, and what is wrong with its files."""

    version: ModelVersion
    corpora: list[CorpusReport]
    grounds: list[Ground]
    reasons: list[str]
    folder: str
    fault: str | None


def rollback_path(home: Home) -> Path:
    """Where the last rollback is noted."""
    return home.root / "rollback.json"


def read_rollback(home: Home) -> Rollback | None:
    """The last rollback, None where there was none."""
    noted = read_json(rollback_path(home))
    return Rollback(**noted) if noted else None


def withdrawn_versions(home: Home) -> dict[str, str]:
    """By content version why a model may not become champion by itself again."""
    rollback = read_rollback(home)
    return rollback.withdrawn if rollback is not None else {}


def version_in_use(home: Home) -> int | None:
    """The registered version that the champion's folder holds; None where there is none, or it is not in this registry."""
    from ml.models import registry

    manifest = home.artifact("champion") / "manifest.json"
    if not manifest.is_file():
        return None
    there = [(record.registered.version, _manifest(home, record)) for record in registry.records(home)]
    return max((number for number, path in there if path.is_file() and path.read_bytes() == manifest.read_bytes()), default=None)


def _manifest(home: Home, record: VersionRecord) -> Path:
    from ml.models import registry

    return registry.version_folder(home, record.registered) / registry.MODEL_PART / "manifest.json"


def list_versions(home: Home) -> list[ModelVersion]:
    """Every registered model, the oldest first."""
    from ml.models import registry

    in_use, withdrawn = version_in_use(home), withdrawn_versions(home)
    return [_version(home, record, in_use, withdrawn.get(record.registered.content_version)) for record in registry.records(home)]


def _version(home: Home, record: VersionRecord, in_use: int | None, withdrawn: str | None) -> ModelVersion:
    from ml.models import registry

    folder, registered = registry.version_folder(home, record.registered), record.registered
    report, facts = _report(folder), read_json(folder / registry.MODEL_PART / "model.json") or {}
    score = (report.corpus("films") or report.corpora[0]).scores[0] if report is not None and report.corpora else None
    return ModelVersion(
        version=registered.version,
        created_at=record.created_at,
        content_version=registered.content_version,
        model_version=report.model_version if report is not None else None,
        accuracy=score.accuracy.value if score is not None else None,
        uar=score.uar.value if score is not None else None,
        declared_use=facts.get("declared_use"),
        trained_on=facts.get("trained_on", {}),
        aliases=record.aliases,
        promoted_at=record.promoted_at,
        in_use=registered.version == in_use,
        withdrawn=withdrawn,
    )


def _report(folder: Path) -> ValidationReport | None:
    """The report of a version; None where it is not kept, or is damaged or of a later Feelm: the list is shown all the same."""
    path = folder / REPORT_PART / REPORT_FILE
    try:
        return ValidationReport.read(path) if path.is_file() else None
    except (FeelmError, ValueError, TypeError, KeyError):
        return None


def show_version(home: Home, number: int | None) -> VersionDetail:
    """One version in full, the one in use where no number is given.

    Raises:
        FeelmError: there is no such version.
    """
    from ml.models import registry

    found = _find(list_versions(home), number)
    registered = _registered(home, found.version)
    folder = registry.version_folder(home, registered)
    report = _report(folder)
    return VersionDetail(
        version=found,
        corpora=report.corpora if report is not None else [],
        grounds=read_card_grounds(folder / CARD_PART),
        reasons=(read_json(folder / DECISION_PART / DECISION_FILE) or {}).get("reasons", []),
        folder=str(folder),
        fault=_fault(home, registered),
    )


def _fault(home: Home, registered: RegisteredVersion) -> str | None:
    from ml.models import registry

    try:
        registry.check_files(home, registered)
    except FeelmError as error:
        return str(error)
    return None


def _find(versions: list[ModelVersion], number: int | None) -> ModelVersion:
    if not versions:
        raise FeelmError("no model is registered yet: `feelm run` trains one")
    found = next((one for one in versions if (one.in_use if number is None else one.version == number)), None)
    if found is None:
        there = ", ".join(str(one.version) for one in versions)
        raise FeelmError(f"there is no model version {number if number is not None else 'in use'}: there are {there}")
    return found


def registered_version(home: Home, number: int | None) -> RegisteredVersion:
    """One version as the registry knows it, the one in use where no number is given.

    Raises:
        FeelmError: there is no such version.
    """
    return _registered(home, _find(list_versions(home), number).version)


def _registered(home: Home, number: int) -> RegisteredVersion:
    from ml.models import registry

    return next(record.registered for record in registry.records(home) if record.registered.version == number)


def plan_rollback(workspace: Workspace, to: int | None, reason: str) -> Rollback:
    """Check that a version can be put back, the champion before the present one where none is named; nothing is changed.

    Raises:
        FeelmError: there is none, it is in use, its files were altered, this Feelm cannot load it, its use does not fit, or a film's
            rights forbid training now.
    """
    home = workspace.home
    versions = list_versions(home)
    present = _find(versions, None)
    target = _find(versions, to) if to is not None else _previous(versions, present)
    if target.version == present.version:
        raise FeelmError(f"version {target.version} is in use already: see `feelm models list`")
    _check(workspace, target)
    withdrawn = dict(withdrawn_versions(home))
    if target.version < present.version:
        withdrawn[present.content_version] = reason
    withdrawn.pop(target.content_version, None)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    trained = workspace.versions.of(home.artifact("emotion_model"))
    return Rollback(target.version, target.content_version, trained, now, reason, withdrawn)


def _previous(versions: list[ModelVersion], present: ModelVersion) -> ModelVersion:
    """The version that was champion before, leaving out those that were withdrawn."""
    others = [one for one in versions if one.version != present.version]
    earlier = [one for one in others if one.promoted_at and one.withdrawn is None]
    if not earlier:
        gone = "; ".join(f"version {one.version} was withdrawn ({one.withdrawn})" for one in others if one.withdrawn)
        raise FeelmError(f"no other version was champion before: name one with --to (`feelm models list`){'; ' if gone else ''}{gone}")
    return max(earlier, key=lambda one: one.promoted_at or "")


def _check(workspace: Workspace, target: ModelVersion) -> None:
    """Files as registered, loadable here, and allowed for the team's use."""
    from ml.models import registry
    from ml.models.predict import load_model

    folder = registry.check_files(workspace.home, _registered(workspace.home, target.version))
    facts = load_model(folder / registry.MODEL_PART).facts
    grounds = read_card_grounds(folder / CARD_PART)
    if why := refused_use(facts.declared_use, workspace.params.declared_use.value, grounds):
        raise FeelmError(f"model version {target.version} may not be used: {why}")
    if forbidden := _forbidden_films(workspace, grounds):
        raise FeelmError(f"model version {target.version} may not be used: it learned from {forbidden[0]}")


def _forbidden_films(workspace: Workspace, grounds: list[Ground]) -> list[str]:
    """Films whose rights do not allow training any more, with the reason."""
    allowed = workspace.params.train_rights
    films = [film for ground in grounds if ground.kind is GroundKind.FILM and (film := workspace.films.get(ground.name)) is not None]
    reasons = (refusal(Use.TRAIN, film.film_id, film.title, film.rights, allowed) for film in films)
    return [reason for reason in reasons if reason is not None]


def note_rollback(home: Home, rollback: Rollback | None) -> None:
    """Write the rollback down, or take it back (None)."""
    if rollback is None:
        rollback_path(home).unlink(missing_ok=True)
    else:
        write_json(rollback_path(home), dataclasses.asdict(rollback))
