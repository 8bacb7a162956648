"""Installation says in one line what is wrong, before it downloads anything."""

import os
import subprocess
from pathlib import Path

from tests.conftest import REPOSITORY


def install(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["bash", str(REPOSITORY / "tools" / "install.sh"), python, str(folder / "venv")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_is_too_old_is_named_with_the_version_needed(tmp_path: Path) -> None:
    old = program(tmp_path / "python3.9", '[ "$1" = --version ] && { echo "Python 3.9.2"; exit 0; }; exit 1')
    done = install(old, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == "feelm: Python 3.9.2 is too old: Python 3.11 or newer is needed (make PYTHON=/path/to/python3.11)"


def test_a_missing_python_is_one_line(tmp_path: Path) -> None:
    done = install("python-that-is-not-there", tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_full_disk_is_told_with_what_is_needed(tmp_path: Path) -> None:
    program(tmp_path / "df", 'echo "Filesystem 1M-blocks Used Available Use% Mounted"; echo "/dev/x 100 99 1 99% /"')
    done = install("python3", tmp_path)
    assert done.returncode == 1
    assert "1 MB free here, 6000 MB are needed" in done.stderr
    assert not (tmp_path / "venv").exists()
