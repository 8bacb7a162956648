"""Weights that are only there after installation, and a tiny model trained once on a small artifact tree."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from corpus.paths import Home, writing
from corpus.weights import verify
from ml.models.training import ModelSummary, TrainingParams, build_model
from ml.models.training_set import build_training_set
from tests.ml.artifacts import write_corpus, write_films

FILMS = 6


@pytest.fixture(scope="session")
def need_weights():
    """Call with names: the test is skipped, with the command that helps, where one of them is not in the cache."""

    def check(*names: str) -> None:
        for name in names:
            if verify(name).state != "present":
                pytest.skip(f"weight {name} is not there: run `make install` or `feelm weights fetch {name}`")

    return check


@dataclass(frozen=True)
class Trained:
    """A home with training set, gold and model."""

    home: Home
    film_ids: list[str]
    summary: ModelSummary

    @property
    def training_set(self) -> Path:
        return self.home.artifact("training_set")

    @property
    def model(self) -> Path:
        return self.home.artifact("emotion_model")

    @property
    def gold(self) -> Path:
        return self.home.artifact("gold_labels")


def train(home: Home, film_ids: list[str], corpora: list[str], seed: int = 0, rights: frozenset[str] = frozenset({"cc0"})) -> ModelSummary:
    """Training set and model by the stages' own functions."""
    with writing(home.artifact("training_set")) as out:
        build_training_set(home, film_ids, corpora, rights, out)
    with writing(home.artifact("emotion_model")) as out:
        return build_model(home, home.artifact("training_set"), TrainingParams.debug(seed), out)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    home = Home(tmp_path_factory.mktemp("home"))
    film_ids = write_films(home, FILMS, 16)
    write_corpus(home, "lines", 3, 20)
    return Trained(home, film_ids, train(home, film_ids, ["lines"]))
