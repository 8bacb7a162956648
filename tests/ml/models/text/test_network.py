"""The text network: what it computes for training is what the encoder computes for reading, and everything in it learns."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.features.text.bert import Bert
from ml.features.text.encoder import trainable_encoder
from ml.models.text.network import PooledDropout, TextNetwork
from ml.models.text.turns import Window
from tests.ml.tiny_encoder import MARKS, WIDTH, WORDS, write_encoder

LENGTHS = (3, 5, 5, 9, 17, 24)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Bert:
    return trainable_encoder(str(write_encoder(tmp_path_factory.mktemp("encoder") / "tiny"))).network


def sentences(*lengths: int) -> list[list[int]]:
    drawn = np.random.default_rng(4)
    return [[2, *drawn.integers(len(MARKS), len(MARKS) + len(WORDS), length - 2).tolist(), 3] for length in lengths]


def network(bert: Bert, dropout: float = 0.0, number: torch.dtype = torch.float32) -> TextNetwork:
    torch.manual_seed(0)
    return TextNetwork(bert, 4, number, dropout)


@torch.no_grad()
def test_token_states_with_padding_are_those_of_the_encoder_without_it(bert: Bert):
    ids = sentences(*LENGTHS)
    together = bert.filled_states(ids, bert.layers, lambda x: x)
    assert together.shape == (len(ids), 24, WIDTH)
    for row, own in enumerate(ids):
        (alone,) = bert.states([own], bert.layers)
        assert torch.allclose(together[row, : len(own)], alone[0], atol=2e-5)
        embedded = torch.nn.functional.normalize(together[row, : len(own)].mean(0), dim=0)
        assert torch.allclose(embedded, bert.embed([own])[0], atol=2e-5)


def windows(*lengths: Sequence[int]) -> list[Window]:
    """Windows whose lines have so many tokens, the mark at their end included."""
    tokens = sentences(*(1 + sum(own) for own in lengths))
    return [Window(np.arange(len(own)), ids, list(own)) for own, ids in zip(lengths, tokens, strict=True)]


@torch.no_grad()
def test_logits_are_the_head_over_a_lines_first_state_its_last_and_their_mean(bert: Bert):
    read = windows((2, 5, 3), (8,), (4, 4))
    found = network(bert).eval()(read)
    first, second = (network(bert).head[place] for place in (1, 4))
    expected = []
    for window in read:
        state = bert.states([window.tokens], bert.layers)[0][0]
        for own in state[1:].split(window.lengths):
            expected.append(second.weight @ torch.tanh(first.weight @ torch.cat([own[0], own[-1], own.mean(0)]) + first.bias) + second.bias)
    assert torch.allclose(found, torch.stack(expected), atol=2e-5)


@torch.no_grad()
def test_a_windows_logits_do_not_depend_on_the_company_that_pads_it(bert: Bert):
    read = windows((2,), (3, 4), (23,), (5, 5, 5))
    model = network(bert).eval()
    together = model(read)
    alone = torch.cat([model([window]) for window in read])
    assert together.std() > 0.05 and torch.allclose(together, alone, atol=1e-5)


def test_sentences_as_long_as_the_encoder_reads_need_no_place_beyond_its_last(tmp_path: Path):
    short = trainable_encoder(str(write_encoder(tmp_path / "short", places=21))).network
    ids = sentences(21, 20)
    found = short.filled_states(ids, short.layers, lambda x: x)
    assert torch.allclose(found[0, :21], short.states(ids[:1], short.layers)[0][0], atol=2e-5)


@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16])
def test_gradients_reach_every_parameter(bert: Bert, number: torch.dtype):
    model = network(bert, 0.1, number).train()
    logits = model(windows((2, 5, 3), (8,), (1, 4)))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    silent = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.abs().max() > 0]
    assert silent == []
    assert len(list(model.parameters())) == 2 * 12 + 4


def test_training_leaves_the_encoder_that_it_began_with_as_it_was(bert: Bert):
    model = network(bert)
    before = bert.layers[0].up[0].clone()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert torch.equal(bert.layers[0].up[0], before)


def test_dropout_zeroes_about_its_share_and_keeps_the_mean():
    torch.manual_seed(1)
    dropped = PooledDropout(0.3).train()(torch.ones(200, 1000))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.005)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)


def test_dropout_is_drawn_anew_each_time_by_the_global_generator_and_rests_while_reading():
    drop, x = PooledDropout(0.5), torch.ones(100, 10)
    torch.manual_seed(1)
    one, other = drop(x), drop(x)
    torch.manual_seed(1)
    assert torch.equal(drop(x), one) and not torch.equal(one, other)
    assert drop.eval()(x) is x and PooledDropout(0.0).train()(x) is x


def test_dropout_covers_more_numbers_than_its_table_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ml.models.text.network.POOL", 64)
    dropped = PooledDropout(0.5).train()(torch.ones(10, 50))
    assert 0.2 < float((dropped == 0).float().mean()) < 0.8
