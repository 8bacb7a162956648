"""Objects out of JSON: what `asdict` and JSON made of them comes back equal, tuples as tuples."""

import dataclasses
import json
from dataclasses import dataclass

import pytest

from ml.evaluation.typed import typed


@dataclass(frozen=True)
class Part:
    values: tuple[float, ...]
    name: str = "part"


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    of: dict[str, list[Part]]
    maybe: Part | None
    pair: tuple[int, str] | None = None


@pytest.mark.parametrize("maybe", [None, Part(())])
def test_what_was_written_is_read_back_equal(maybe: Part | None) -> None:
    whole = Whole((Part((0.5, 1.0)), Part((), "empty")), {"x": [Part((2.0,))]}, maybe)
    assert typed(Whole, json.loads(json.dumps(dataclasses.asdict(whole)))) == whole


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        typed(Part, {"values": [], "colour": "red"})
