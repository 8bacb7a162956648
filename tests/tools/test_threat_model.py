"""Every test and module that docs/threat-model.md names is there."""

import ast
import re

from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs" / "threat-model.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) == TEXT.count("::") >= 25
    for module, name in named:
        functions = [
            node for node in ast.walk(ast.parse((REPOSITORY / module).read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
        ]
        assert name in {function.name for function in functions}, f"{module}::{name}"


def test_every_place_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:assets|corpus|deploy|ml|orchestration|pages|service)/[\w/.-]*)`", TEXT)
    assert len(named) >= 20
    assert [place for place in named if not (REPOSITORY / place).exists()] == []
