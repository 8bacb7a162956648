"""A tiny encoder, and options that keep a benchmark in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ml.evaluation.benchmarks import Options
from tests.ml.tiny_encoder import write_encoder


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_encoder(tmp_path_factory.mktemp("encoder") / "tiny"))


@pytest.fixture
def options(tmp_path: Path, encoder: str) -> Callable[..., Options]:
    """Call with what is other than quick, one seed, one worker and the tiny encoder."""

    def make(**other: object) -> Options:
        return Options(**{"work": tmp_path / "work", "seeds": (1,), "fine_tunes": False, "encoder": encoder, "workers": 1} | other)

    return make
