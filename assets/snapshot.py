"""The dataset snapshot: every artifact recorded by DVC, pushed, and verified before anything is promoted.

DVC runs without git in the folder that holds the home (`--no-scm`), so a clone stays clean; the data revision is the sha256 of
dvc.lock. The remote is a folder of the home, or what the environment names. Only links whose stamp is fresh are committed, because `dvc
commit` believes whatever it finds on disk. What would show a film again that may not be exported (its sound, pictures and words) is
recorded and stays here: only the rest is pushed. With the lock the settings of the moment are kept, so that a model can be made again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assets.chain import RECORDED, STAGES, Scope, group_versions, is_fresh, keys_of, robustness_version
from assets.store.cache import fetch, held
from assets.store.manifest import Manifest
from assets.store.places import evicted, listing_away
from assets.workspace import Workspace
from corpus.paths import Home, file_digest, write_json, write_text
from corpus.remote import Remote
from corpus.sources import PROJECT
from corpus.terms import FeelmError

if TYPE_CHECKING:
    from dvc.repo import Repo

REMOTE, ENDPOINT = "FEELM_DVC_REMOTE", "FEELM_DVC_ENDPOINT"
"""Variables: the remote's URL (`s3://bucket/folder`, a path), the address of an S3-compatible server. Credentials are DVC's own matter."""

LOCAL, TEAM = "store", "team"
"""Names of the home's own remote and of the environment's."""

HOME_NAME = ".feelm"
"""What the project's own dvc.yaml calls the home."""


@dataclass(frozen=True)
class SnapshotSummary:
    """`revision` is the sha256 of dvc.lock; `n_outputs` artifacts of `n_bytes` in all were recorded.

    All but those of the films `kept_back` (id -> reason) were pushed to the remote and read back.
    """

    revision: str
    n_stages: int
    n_outputs: int
    n_bytes: int
    kept_back: dict[str, str]


def build_snapshot(workspace: Workspace, out: Path) -> SnapshotSummary:
    """Record every fresh link, push to the remote, read every object back into an empty cache, and note the revision.

    A film or batch whose links failed is left out; the links about the whole must be fresh.

    Raises:
        FeelmError: a whole artifact is stale, DVC's hash is not ours, or the remote does not give back what it was given.
    """
    root = workspace.home.root.parent
    write_stage_list(workspace)
    with _repository(workspace, root) as repo:
        n_stages = _record(workspace, repo, _fresh_targets(workspace))
        outputs = _locked_outputs(root)
        _compare(workspace, outputs)
        kept_back = workspace.not_exported()
        kept_here = _kept_here(workspace, root, set(kept_back))
        pushed = [f"{root / 'dvc.yaml'}:{name}" for name in locked_stages(root) if name not in kept_here] if kept_here else None
        repo.push(targets=pushed)
    _verify(root, pushed)
    revision = hashlib.sha256((root / "dvc.lock").read_bytes()).hexdigest()
    n_bytes = sum(int(entry.get("size", 0)) for entry in outputs.values())
    summary = SnapshotSummary(revision, n_stages, len(outputs), n_bytes, kept_back)
    content = {
        "revision": revision,
        "outputs": {path: entry["md5"] for path, entry in sorted(outputs.items())},
        "kept_back": kept_back,
        "kept_here": kept_here,
    }
    write_json(out / "snapshot.json", content)
    for path in settings_files(workspace.home):
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def settings_files(home: Home) -> list[Path]:
    """What a model rests on besides the recorded artifacts: lock, stages, settings, catalogue, costs of disturbed films.

    dvc.yaml comes with the code, and a copy of it in the home would be taken by DVC for a pipeline of its own.
    """
    from ml.evaluation.robustness.report import REPORT_FILE

    root = home.root.parent
    return [root / "dvc.lock", root / "params.yaml", home.root / "stages.json", home.catalogue, home.benchmarks / REPORT_FILE]


def _kept_here(workspace: Workspace, root: Path, kept_back: set[str]) -> list[str]:
    """The recorded stages that may not leave."""
    stays = stays_here(workspace, kept_back)
    links = ((name, name.partition("@")) for name in locked_stages(root))
    return [name for name, (link, _, key) in links if stays(link, key)]


def stays_here(workspace: Workspace, kept_back: Collection[str]) -> Callable[[str, str], bool]:
    """Tells of a link and its key whether what they make may not leave: a kept film's own links show it again, and the training set holds
    its words.
    """
    from ml.models.training_set import Manifest as Taught

    training_set = workspace.home.artifact("training_set")
    words_of = set(Taught.read(training_set).films) if kept_back and training_set.is_dir() else set()
    taught = not words_of.isdisjoint(kept_back)
    return lambda link, key: (STAGES[link].scope is Scope.FILM and key in kept_back) or (link == "training_set" and taught)


def _record(workspace: Workspace, repo: Repo, targets: set[str]) -> int:
    """Commit the stages named by `targets` into DVC's cache and write dvc.lock once; returns how many stages it holds.

    `Repo.commit` writes the lock once a stage, which takes minutes for a hundred; its parts are called here instead.
    """
    from dvc.stage.serialize import to_lockfile

    root = workspace.home.root.parent
    path = root / "dvc.lock"
    known = locked_stages(root) if path.is_file() else {}
    entries: dict[str, Any] = {}
    with repo.lock, held(workspace.home):
        for stage in repo.index.stages:
            if stage.name in targets:  # its addressing begins with the way there from wherever this process runs
                _commit(workspace, repo, stage)
                entries |= json.loads(json.dumps(to_lockfile(stage)))
            elif stage.name in known:
                entries[stage.name] = known[stage.name]
        write_text(path, yaml.safe_dump({"schema": "2.0", "stages": entries}, sort_keys=False, allow_unicode=True))
    return len(entries)


def _commit(workspace: Workspace, repo: Repo, stage: Any) -> None:
    """Have DVC know what a stage read and made. What lies in FEELM_STORE alone is told by its manifest, if DVC's cache has it too; else it
    is fetched.
    """
    for out in stage.outs:
        away = evicted(workspace.home, Path(out.fs_path))
        if away is not None and not repo.cache.local.exists(away.version):
            fetch(workspace, Path(out.fs_path))
    listings = [(item, listing_away(workspace.home, Path(item.fs_path))) for item in [*stage.deps, *stage.outs]]
    if not any(listing for _, listing in listings):
        stage.save(run_cache=False)  # which DVC can only keep where this process runs in its folder
        stage.commit()
        return
    for item, listing in listings:
        if listing is not None:
            _tell_dvc(item, listing)
        else:
            item.save()
            if item in stage.outs:
                item.commit()


def _tell_dvc(item: Any, files: Manifest) -> None:
    """Have DVC know the version of a folder that is not here, or not all of it."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.meta import Meta

    item.hash_info = HashInfo("md5", files.version)
    item.meta = Meta(isdir=True, size=files.size_bytes, nfiles=len(files.files))


def write_stage_list(workspace: Workspace) -> None:
    """Write what dvc.yaml ranges over (films, batches, corpora, groups, code versions), and the files it expects beside the home."""
    home, root = workspace.home, workspace.home.root.parent
    if not (root / "params.yaml").is_file():
        shutil.copyfile(PROJECT / "params.yaml", root / "params.yaml")
    put_stages_file(PROJECT, home.root, root / "dvc.yaml")
    for kind in ("subtitles", "screenplay"):
        placeholder = home.root / "none" / kind
        if not placeholder.is_file():
            write_text(placeholder, "")
    for folder in ("annotation_batches", "annotation_decisions", "corpora"):
        (home.data / folder).mkdir(parents=True, exist_ok=True)
    listing = {
        "films": {film.film_id: _sources(workspace, root, film.film_id) for film in workspace.films.values() if film.waits is None},
        "batches": {batch_id: _relative(path, root) for batch_id, path in sorted(workspace.inbox.items())},
        "corpora": {name: _relative(path, root) for name, path in sorted(workspace.corpora.items())},
        "groups": group_versions(workspace),
        "robustness": robustness_version(workspace),
        "code": {name: STAGES[name].code_version for name in RECORDED},
    }
    write_text(home.root / "stages.json", json.dumps(listing, indent=1, sort_keys=True))


def put_stages_file(project: Path, home: Path, path: Path) -> None:
    """Have the folder around the home hold the project's dvc.yaml, naming the home as it is called.

    Raises:
        FeelmError: there is one for a home of another name.
    """
    if not path.is_file():
        write_text(path, (project / "dvc.yaml").read_text(encoding="utf-8").replace(f"{HOME_NAME}/", f"{home.name}/"))
    named = yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]
    if f"{home.name}/stages.json" not in named:
        raise FeelmError(
            f"{path} is of the home {named[0].split('/')[0]}, not of {home.name}: give FEELM_HOME a folder of its own to lie in"
        )


def _sources(workspace: Workspace, root: Path, film_id: str) -> dict[str, str]:
    paths = {kind: workspace.source_path(film_id, kind) for kind in ("video", "subtitles", "screenplay")}
    return {kind: _relative(path or workspace.home.root / "none" / kind, root) for kind, path in paths.items()}


def _relative(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(resolved)


def _repository(workspace: Workspace, root: Path) -> Repo:
    from dvc.repo import Repo

    own = own_cache(workspace.home)
    if not (root / ".dvc").is_dir():
        begin_repository(root, own)
    repo = Repo(str(root), _wait_for_lock=True, config={"core": own})
    with repo.config.edit() as config:
        config["core"] |= {"analytics": False, "check_update": False, "autostage": False, **own}
        _choose_remote(config, workspace.home.root / "remote")
    repo.close()
    return Repo(str(root), _wait_for_lock=True)


def own_cache(home: Home) -> dict[str, str]:
    """DVC's setting by which what it remembers of files, and unpickles, lies in the home: by itself it takes a folder that all users of the
    machine share, and fails where the root is read-only. One that the environment names (DVC_SITE_CACHE_DIR) goes before it.
    """
    return {"site_cache_dir": str(home.root / "cache" / "dvc")}


def begin_repository(root: Path, own: Mapping[str, str]) -> None:
    """Have the folder be DVC's; to begin, it takes the setting from the environment alone."""
    from dvc.env import DVC_SITE_CACHE_DIR
    from dvc.repo import Repo

    with ExitStack() as undone:
        if not os.environ.get(DVC_SITE_CACHE_DIR):
            os.environ[DVC_SITE_CACHE_DIR] = own["site_cache_dir"]
            undone.callback(os.environ.pop, DVC_SITE_CACHE_DIR)
        Repo.init(str(root), no_scm=True).close()


def _choose_remote(config: dict[str, Any], local: Path) -> None:
    """Have DVC's configuration name the environment's remote, else the home's; one that a team chose itself stays.

    It is written down, so that `dvc pull` by hand goes to the same place; therefore an address with credentials is refused.
    """
    if remote := Remote.from_environment(REMOTE, ENDPOINT):
        config["remote"][TEAM] = {"url": remote.url} | ({"endpointurl": remote.endpoint} if remote.endpoint else {})
        config["core"]["remote"] = TEAM
    elif config["core"].get("remote", TEAM) == TEAM:
        config["remote"][LOCAL] = {"url": str(local)}
        config["core"]["remote"] = LOCAL


def _fresh_targets(workspace: Workspace) -> set[str]:
    targets = set()
    for name in RECORDED:
        stage = STAGES[name]
        for key in keys_of(workspace, stage):
            if is_fresh(workspace, name, key):
                targets.add(name if stage.scope is Scope.WHOLE else f"{name}@{key}")
            elif stage.scope is Scope.WHOLE:
                raise FeelmError(f"{name} is not up to date, so it cannot be recorded: `feelm run` first")
    return targets


def locked_stages(root: Path) -> dict[str, dict[str, Any]]:
    """What the dvc.lock in a folder records, by stage."""
    stages: dict[str, dict[str, Any]] = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return stages


def _locked_outputs(root: Path) -> dict[str, dict[str, Any]]:
    return {out["path"]: out for stage in locked_stages(root).values() for out in stage.get("outs", [])}


def _compare(workspace: Workspace, outputs: dict[str, dict[str, Any]]) -> None:
    root = workspace.home.root.parent
    for path, entry in outputs.items():
        ours = workspace.versions.of(root / path)
        if entry["md5"] != ours:
            raise FeelmError(f"DVC records {entry['md5']} for {path}, its content is {ours}: run `feelm run` again")


def _verify(root: Path, pushed: list[str] | None) -> None:
    """Fetch what was pushed into an empty cache and hash it: what cannot be read back was not saved (treeverse/dvc#10498)."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    cache = Path(tempfile.mkdtemp(prefix="verify-", dir=root / ".dvc" / "tmp"))
    try:
        with Repo(str(root), _wait_for_lock=True, config={"cache": {"dir": str(cache)}}) as clean:
            clean.fetch(targets=pushed)
            named = [out.hash_info.value for out in clean.index.targets_view(pushed).outs if out.use_cache and out.hash_info]
        lost = [name for one in named for name in _lost(cache / "files" / "md5", one)]  # DVC only warns of a listing that is gone
        damaged = [path for path in cache.rglob("*") if path.is_file() and file_digest(path, "md5") != _object_name(path)]
    except DvcException as error:
        raise FeelmError(f"the DVC remote did not give back what was pushed ({error}): check the remote, then `feelm run`") from error
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    if lost:
        raise FeelmError(f"the DVC remote did not give back {len(lost)} objects, such as {lost[0]}: check the remote, then `feelm run`")
    if damaged:
        raise FeelmError(f"the DVC remote gave back {len(damaged)} objects altered, such as {_object_name(damaged[0])}: check the remote")


def _lost(objects: Path, name: str) -> Iterator[str]:
    """Which objects of a file or folder are not in a cache, by their md5; of a folder whose listing is gone the listing."""
    path = objects / name[:2] / name[2:]
    if not path.is_file():
        yield name
    elif name.endswith(".dir"):
        for entry in json.loads(path.read_text(encoding="utf-8")):
            yield from _lost(objects, entry["md5"])


def _object_name(path: Path) -> str:
    """The md5 that DVC's cache files an object under: two letters of folder, the rest of name, `.dir` for listings."""
    return path.parent.name + path.name.removesuffix(".dir")
