"""A registered model made once more: code and data in a fresh folder, trained and judged there, and held against what was registered.

The folder holds the code and, beside it, a workspace: the settings as they were, and out of DVC's remote what the training set names. What
may not leave comes out of the home's own cache. Nothing of the home is changed, and no kept piece of work is taken from it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.checkout import put_code
from assets.snapshot import begin_repository, locked_stages, own_cache, put_stages_file
from assets.versions import CODE, COMMIT, DATA_REVISION, REPORT_FILE, REPORT_PART, SNAPSHOT_PART, registered_version
from assets.workspace import Workspace
from corpus.paths import Home, content_version, file_digest, write_text
from corpus.terms import FeelmError
from ml.evaluation.report import ValidationReport
from ml.evaluation.robustness.report import REPORT_FILE as ROBUSTNESS_FILE

if TYPE_CHECKING:
    from dvc.repo import Repo

    from ml.models.registry import RegisteredVersion

LINKS = ("emotion_model", "validation_report")
"""What is made again, in this order."""

CODE_DIR, WORK_DIR = "code", "work"
"""The code, and the folder around the home: apart, because DVC looks for stages in all of its folder."""

FROM_REMOTE, FROM_HOME = "recorded", "home"
"""Names of DVC's remotes in the folder: the one that the home pushes to, and the home's cache."""


@dataclass(frozen=True)
class Remade:
    """An artifact as it was recorded and as it came out, by content version."""

    artifact: str
    recorded: str
    now: str

    @property
    def is_same(self) -> bool:
        """Byte for byte."""
        return self.recorded == self.now


@dataclass(frozen=True)
class ScoreChange:
    """A system's accuracy and UAR on a corpus, as registered and now."""

    corpus: str
    system: str
    accuracy: tuple[float, float]
    uar: tuple[float, float]


@dataclass(frozen=True)
class Reproduction:
    """What came of it. `other_packages` gives by name the versions then and now of those that differ; `changes` is empty where the reports
    are equal."""

    version: int
    folder: str
    code: str
    data_revision: str
    n_artifacts: int
    other_packages: dict[str, tuple[str, str]]
    artifacts: list[Remade]
    changes: list[ScoreChange]

    @property
    def is_same(self) -> bool:
        """Model and report came out byte for byte as they were registered."""
        return all(one.is_same for one in self.artifacts)


@dataclass(frozen=True)
class _Source:
    """A registered version: its files, and what was noted of it."""

    registered: RegisteredVersion
    folder: Path
    tags: dict[str, str]

    @property
    def snapshot(self) -> Path:
        return self.folder / SNAPSHOT_PART


def reproduce(workspace: Workspace, number: int, folder: Path, tell: Callable[[str], None]) -> Reproduction:
    """Make version `number` again in `folder`, which must be empty or not be there.

    Raises:
        FeelmError: the version, its code or its data cannot be had, or a link fails there; the message says which.
    """
    source = _source(workspace.home, number)
    if folder.exists() and any(folder.iterdir()):
        raise FeelmError(f"{folder} holds something already: name a folder that is not there with --out")
    keep_from_dvc(folder)
    code = put_code(folder / CODE_DIR, source.tags.get(COMMIT), source.tags[CODE])
    tell(f"code: {code}")
    home = Home(folder / WORK_DIR / workspace.home.root.name)
    n_artifacts = put_data(workspace.home, source.snapshot, home, folder / CODE_DIR)
    tell(f"data: revision {source.tags[DATA_REVISION][:12]}, {n_artifacts} artifacts")
    for link in LINKS:
        tell(f"{link} is made again")
        run_link(folder / CODE_DIR, home, link)
    return Reproduction(
        source.registered.version,
        str(folder),
        code,
        source.tags[DATA_REVISION],
        n_artifacts,
        _other_packages(source.folder),
        [_remade(home, link) for link in LINKS],
        _changes(source.folder / REPORT_PART / REPORT_FILE, home.artifact("validation_report") / REPORT_FILE),
    )


def keep_from_dvc(folder: Path) -> None:
    """Have DVC pass over the code in `folder`: where that lies in a project, `dvc repro` would read the stages there as the project's."""
    write_text(folder / ".dvcignore", f"/{CODE_DIR}\n")


def _source(home: Home, number: int) -> _Source:
    from ml.models import registry

    registered = registered_version(home, number)
    source = _Source(registered, registry.check_files(home, registered), registry.run_tags(home, registered))
    if not (source.snapshot / "dvc.lock").is_file():
        raise FeelmError(f"model version {registered.version} was registered before its settings were kept: it cannot be made again")
    if file_digest(source.snapshot / "dvc.lock") != source.tags[DATA_REVISION]:
        raise FeelmError(f"model version {registered.version}: its dvc.lock is of another data revision than the one that was noted")
    return source


def put_data(origin: Home, snapshot: Path, home: Home, code: Path) -> int:
    """Have `home` hold the settings of a snapshot, the stages of `code` and the artifacts that its training set names; how many these are.

    Raises:
        FeelmError: something is neither in the remote nor in the cache of `origin`.
    """
    from ml.models.training_set import Manifest

    root = home.root.parent
    _put_settings(snapshot, home)
    put_stages_file(code, home.root, root / "dvc.yaml")
    kept_here = set(json.loads((snapshot / "snapshot.json").read_text(encoding="utf-8"))["kept_here"])
    with _repository(root, origin) as repo:
        whole = [home.artifact(name) for name in ("training_set", "gold_labels")]
        _check_out(repo, root, whole, kept_here)
        manifest = Manifest.read(home.artifact("training_set"))
        films = [home.artifact(name, film_id) for film_id, names in manifest.films.items() for name in names]
        corpora = [home.corpus(name) for names in manifest.corpora.values() for name in names]
        _check_out(repo, root, [*films, *corpora], kept_here)
    return len(whole) + len(films) + len(corpora)


def _put_settings(snapshot: Path, home: Home) -> None:
    root = home.root.parent
    places = {
        **dict.fromkeys(("dvc.lock", "params.yaml"), root),
        **dict.fromkeys(("stages.json", "films.yaml"), home.root),
        ROBUSTNESS_FILE: home.benchmarks,
    }
    for name, place in places.items():
        if (snapshot / name).is_file():
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(snapshot / name, place / name)


def _repository(root: Path, origin: Home) -> Repo:
    """DVC in the fresh folder, with a cache of its own, that fetches from where the home pushes to and from the home's cache."""
    from dvc.repo import Repo

    own = own_cache(origin)
    with Repo(str(origin.root.parent), config={"core": own}) as theirs:
        pushed_to = theirs.config["remote"][theirs.config["core"]["remote"]]
        cache = theirs.cache.local.path
    logging.getLogger("dvc").setLevel(logging.WARNING)  # it would say on stdout, where results are, that it began
    begin_repository(root, own)
    with Repo(str(root), config={"core": own}) as repo, repo.config.edit() as config:
        config["core"] |= {"analytics": False, "check_update": False, "autostage": False, **own}
        config["remote"][FROM_REMOTE] = {name: value for name, value in pushed_to.items() if name in ("url", "endpointurl")}
        config["remote"][FROM_HOME] = {"url": str(Path(cache).parent.parent)}
    return Repo(str(root))


def _check_out(repo: Repo, root: Path, folders: list[Path], kept_here: set[str]) -> None:
    """Fetch artifacts and put them in place."""
    from dvc.exceptions import DvcException

    stage_of = {out["path"]: name for name, stage in locked_stages(root).items() for out in stage.get("outs", [])}
    paths = [folder.relative_to(root).as_posix() for folder in folders]
    unknown = [path for path in paths if path not in stage_of]
    if unknown:
        raise FeelmError(f"the data of this model are not recorded: {unknown[0]} is not in its dvc.lock")
    stages = {stage_of[path] for path in paths}
    for remote, wanted in ((FROM_REMOTE, stages - kept_here), (FROM_HOME, stages & kept_here)):
        # Whole addresses: a bare name or path is looked for in the dvc.yaml of the current folder first.
        targets = [f"{root / 'dvc.yaml'}:{name}" for name in sorted(wanted)]
        try:
            if targets:
                repo.fetch(targets=targets, remote=remote)
                repo.checkout(targets=targets)
        except DvcException as error:
            where = repo.config["remote"][remote]["url"]
            raise FeelmError(f"the data of this model are not all in {where} any more: {error}") from error


def run_link(code: Path, home: Home, link: str) -> None:
    """Run a link of the whole on `home` with the code that lies in `code`, in a process of its own.

    Raises:
        FeelmError: it failed there; with the last line that it said.
    """
    environment = {**os.environ, "FEELM_HOME": str(home.root), "PYTHONPATH": str(code)}
    command = [sys.executable, "-m", "orchestration.cli", "stage", link]
    done = subprocess.run(command, cwd=home.root.parent, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise FeelmError(f"{link} failed in {home.root.parent} (exit code {done.returncode}): {last}")


def _remade(home: Home, artifact: str) -> Remade:
    path, root = home.artifact(artifact), home.root.parent
    relative = path.relative_to(root).as_posix()
    recorded = next(out["md5"] for out in locked_stages(root)[artifact]["outs"] if out["path"] == relative)
    return Remade(artifact, recorded, content_version(path))


def _other_packages(version: Path) -> dict[str, tuple[str, str]]:
    """Packages that compute, and Python, that are of another version now than when the model was made."""
    from ml.models.signature import Environment

    then, now = json.loads((version / "environment.json").read_text(encoding="utf-8")), Environment.here()
    before = {"python": then["python"], "machine": then["machine"], **then["packages"]}
    here = {"python": now.python, "machine": now.machine, **now.packages}
    return {name: (before.get(name, "-"), here.get(name, "-")) for name in {**before, **here} if before.get(name) != here.get(name)}


def _changes(then: Path, now: Path) -> list[ScoreChange]:
    before = {(corpus.name, score.system): score for corpus in ValidationReport.read(then).corpora for score in corpus.scores}
    after = {(corpus.name, score.system): score for corpus in ValidationReport.read(now).corpora for score in corpus.scores}
    pairs = ((key, before[key], after[key]) for key in before if key in after and before[key] != after[key])
    return [ScoreChange(*key, (a.accuracy.value, b.accuracy.value), (a.uar.value, b.uar.value)) for key, a, b in pairs]
