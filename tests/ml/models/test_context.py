"""What a step of the context network sees: some runs of each source, standing for all."""

import numpy as np
import pytest
import torch

from corpus.contracts import TRAINING_UNITS
from corpus.terms import EMOTIONS, MODALITIES
from ml.models.context import ContextParams, Ensemble, Opinions, _Feed, join, train_context
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
    prior = np.full((len(data), len(EMOTIONS)), np.log(1 / len(EMOTIONS)), np.float32)
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


def test_what_faces_show_while_they_listen_is_learnt_to_foresee_the_next_line(data: UnitArrays) -> None:
    prior = np.full((len(data), len(EMOTIONS)), np.log(1 / len(EMOTIONS)), np.float32)
    shown = np.where((data.next_row >= 0) & data.listened, data.label[data.next_row], -1)
    listening = np.where((shown[:, None] == np.arange(len(EMOTIONS))), np.log(0.94), np.log(0.01)).astype(np.float32)
    silent = np.repeat(prior[:, None], len(MODALITIES), axis=1)
    levels = np.zeros((len(data), len(MODALITIES), LEVEL_COUNT), np.float32)
    said = Opinions(silent, levels, data.present, prior, listening, shown >= 0)
    rows, config = np.arange(len(data)), NetworkConfig.debug()
    learnt = train_context(data, said, rows, rows, ContextParams(steps=40, every=10, learning_rate=0.05), config, seed=0)
    foreseen = join(Ensemble.of([learnt.state], config), data, said, rows)
    assert (foreseen.reaction[shown >= 0].argmax(axis=1) == shown[shown >= 0]).mean() > 0.9
    addressed = (shown >= 0) & np.isfinite(foreseen.characters[:, 1, 0]) & (data.next_of[:, 1] == data.next_row)
    assert addressed.sum() > 10
    assert (foreseen.characters[addressed, 1].argmax(axis=1) == shown[addressed]).mean() > 0.9
