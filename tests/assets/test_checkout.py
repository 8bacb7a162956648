"""The code that made a model comes back by its digest, whatever has happened to the project since."""

import subprocess
from pathlib import Path

import pytest

from assets import checkout
from assets.checkout import present_commit, put_code
from corpus.sources import source_digest
from corpus.terms import FeelmError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project under git with one commit, in the place of this one."""
    root = tmp_path / "project"
    for room in checkout.ROOMS:
        (root / room).mkdir(parents=True)
        (root / room / "__init__.py").write_text(f"# {room}\n")
    for name in checkout.FILES:
        (root / name).write_text(f"# {name}\n")
    git(root, "init", "-q")
    commit(root)
    monkeypatch.setattr(checkout, "PROJECT", root)
    monkeypatch.setattr(checkout, "source_digest", lambda where=root: source_digest.__wrapped__(where))
    return root


def git(root: Path, *arguments: str) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(root), *author, *arguments], check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "a step")


def digest_of(root: Path) -> str:
    return source_digest.__wrapped__(root)


def test_code_that_was_committed_comes_out_of_git_though_the_project_has_moved_on(project: Path, tmp_path: Path) -> None:
    then, digest = present_commit(), digest_of(project)
    assert then is not None
    (project / "ml" / "__init__.py").write_text("# a later ml\n")
    commit(project)
    assert put_code(tmp_path / "code", then, digest) == f"commit {then[:12]}"
    assert (tmp_path / "code" / "ml" / "__init__.py").read_text() == "# ml\n"
    assert digest_of(tmp_path / "code") == digest


def test_code_that_was_never_committed_is_taken_from_the_project_while_it_is_there(project: Path, tmp_path: Path) -> None:
    (project / "ml" / "__init__.py").write_text("# not committed\n")
    assert "which is that code" in put_code(tmp_path / "code", present_commit(), digest_of(project))
    assert digest_of(tmp_path / "code") == digest_of(project)


def test_code_that_was_changed_after_the_commit_and_again_since_is_said_to_be_lost(project: Path, tmp_path: Path) -> None:
    then = present_commit()
    (project / "ml" / "__init__.py").write_text("# not committed\n")
    digest = digest_of(project)
    (project / "ml" / "__init__.py").write_text("# and changed again\n")
    with pytest.raises(FeelmError, match="had changes that were not committed"):
        put_code(tmp_path / "code", then, digest)
    assert not (tmp_path / "code").exists()


def test_a_commit_that_this_clone_does_not_have_is_asked_for(project: Path, tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="git fetch"):
        put_code(tmp_path / "code", "0" * 40, "0" * 64)


def test_without_git_the_installation_that_made_it_is_asked_for(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert present_commit() is None
    with pytest.raises(FeelmError, match="no commit was noted"):
        put_code(tmp_path / "code", None, "0" * 64)
