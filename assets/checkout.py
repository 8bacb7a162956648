"""The code that made a model, put into a folder of its own.

A registered model names git's commit and the digest of the code that computed. The digest decides: the commit is taken where its files have
it, else the code that runs now where that has it, as in an image without git. Code that is neither is lost, and is said to be.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from corpus.paths import writing
from corpus.sources import PROJECT, source_digest
from corpus.terms import FeelmError

ROOMS = ("assets", "corpus", "ml", "orchestration", "pages", "quality", "service")
FILES = ("dagster.yaml", "dvc.yaml", "params.yaml", "pyproject.toml", "workspace.yaml")


def present_commit() -> str | None:
    """Git's commit of this project; None where it is no checkout, or git is not installed."""
    return (_git("rev-parse", "HEAD") or b"").decode().strip() or None


def put_code(target: Path, commit: str | None, digest: str) -> str:
    """Fill `target` with the project whose code has this digest; in words where it came from.

    Raises:
        FeelmError: neither the commit nor this project is that code.
    """
    archive = _git("archive", "--format=tar", commit) if commit else None
    if archive is not None and commit is not None and _put_archive(target, archive, digest):
        return f"commit {commit[:12]}"
    if source_digest() == digest:
        _put_copy(target)
        return f"the project at {PROJECT}, which is that code"
    raise FeelmError(_lost(commit, archive is not None, digest))


def _git(*arguments: str) -> bytes | None:
    """What git says of the project; None where it cannot."""
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def _put_archive(target: Path, archive: bytes, digest: str) -> bool:
    """Whether the archive's code has the digest; then it lies in `target`."""
    with writing(target) as out:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(out, filter="data")
        same = source_digest(out) == digest
    if not same:
        shutil.rmtree(target)
    return same


def _put_copy(target: Path) -> None:
    with writing(target) as out:
        for room in ROOMS:
            shutil.copytree(PROJECT / room, out / room, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copyfile(PROJECT / name, out / name)


def _lost(commit: str | None, found: bool, digest: str) -> str:
    told = f"the code that made it (sha256 {digest[:12]}) is not in {PROJECT}"
    if commit is None:
        return f"{told}, and no commit was noted: run this command in the installation that made it"
    if found:
        return f"{told}: at commit {commit[:12]} it had changes that were not committed"
    return f"{told}, nor is commit {commit[:12]}: fetch it (git fetch), or run this command in the installation that made it"
