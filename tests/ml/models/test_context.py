"""What a step of the context network sees: some runs of each source, standing for all."""

import numpy as np
import pytest
import torch

from corpus.contracts import TRAINING_UNITS
from corpus.terms import EMOTIONS, MODALITIES
from ml.models.context import ContextParams, Opinions, _Feed
from ml.models.dataset import UnitArrays, load_training, training_columns
from ml.models.networks import LEVEL_COUNT, ContextNetwork, NetworkConfig
from tests.ml.conftest import FILMS, Trained


@pytest.fixture(scope="module")
def data(trained: Trained) -> UnitArrays:
    rows = TRAINING_UNITS.read(trained.training_set / "manifest.parquet")
    return load_training(trained.home, rows, training_columns(trained.home, rows))


def feed(data: UnitArrays, params: ContextParams) -> _Feed:
    torch.manual_seed(4)
    log_p = torch.randn(len(data), len(MODALITIES), len(EMOTIONS)).log_softmax(-1).numpy()
    levels = np.zeros((len(data), len(MODALITIES), LEVEL_COUNT), np.float32)
    prior = np.full((len(data), len(EMOTIONS)), np.log(1 / 7), np.float32)
    return _Feed(data, Opinions(log_p, levels, data.present, prior, log_p[:, 0], data.listened), np.arange(len(data)), params)


def test_a_step_sees_every_run_where_there_are_few(data: UnitArrays):
    tables = list(feed(data, ContextParams()).tables())
    runs = [table for table in tables if table.rows.shape[1] > 1]
    assert [(len(table.rows), table.scale) for table in runs] == [(FILMS, 1.0)]


def test_runs_that_are_drawn_stand_for_all_of_their_source(data: UnitArrays):
    few = feed(data, ContextParams(pairs=2 * 16 * 16, singles=10, reaction_weight=0.0))  # films have 16 lines
    network = ContextNetwork(NetworkConfig.debug()).eval()
    torch.manual_seed(1)
    drawn, losses = set(), []
    with torch.no_grad():
        whole = float(sum(few.loss(network, table, augment=False) for table in few.whole()))
        for _ in range(150):
            tables = list(few.tables())
            assert [(len(table.rows), table.scale) for table in tables] == [(2, FILMS / 2), (10, 6.0)]
            drawn |= set(data.sequence[tables[0].rows[:, 0]].tolist())
            losses.append(float(sum(few.loss(network, table, augment=False) for table in tables)))
    assert len(drawn) == FILMS
    assert np.mean(losses) == pytest.approx(whole, abs=4 * np.std(losses) / np.sqrt(len(losses)))
