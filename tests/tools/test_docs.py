"""Every test and module that the documents name is there."""

import ast
import re

import pytest

from tests.conftest import REPOSITORY

NAMED = re.compile(r"(tests/[\w/]+\.py)::((?:\w+::)?\w+)")
AT_LEAST = {"evidence": 250, "faults": 150, "pitfalls": 20, "threat-model": 25}
"""By document how many tests it names, so that another way of naming them is noticed."""


def names_in(module: str) -> set[str]:
    """The functions of a module of tests, those in classes as `Class::name`."""
    tree = ast.parse((REPOSITORY / module).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return functions | {f"{one.name}::{node.name}" for one in classes for node in one.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", AT_LEAST)
def test_every_test_that_is_named_is_there(document: str) -> None:
    named = NAMED.findall((REPOSITORY / "docs" / f"{document}.md").read_text(encoding="utf-8"))
    assert len(named) >= AT_LEAST[document]
    there = {module: names_in(module) | {name.rpartition("::")[2] for name in names_in(module)} for module, _ in named}
    assert [f"{module}::{name}" for module, name in named if name not in there[module]] == []


def test_every_place_that_the_threat_model_names_is_there() -> None:
    text = (REPOSITORY / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:assets|corpus|deploy|ml|orchestration|pages|service)/[\w/.-]*)`", text)
    assert len(named) >= 20
    assert [place for place in named if not (REPOSITORY / place).exists()] == []
