"""The fine-tuned face expert: pooling over a track, what learns, and that seeds and reloading keep their promises."""

import dataclasses

import numpy as np
import pytest
import torch

from corpus.terms import MODALITIES
from ml.models.dataset import FACE
from ml.models.experts import (
    FINE_TUNING,
    ExpertJob,
    ExpertParams,
    ExpertRun,
    gather_maps,
    make_expert,
    state_opinions,
    state_without_crops,
    train_expert,
    with_maps,
)
from ml.models.face.track import TrackEncoder, mean_and_peak
from ml.models.networks import NetworkConfig
from tests.ml.models.face.conftest import planted

PARAMS = ExpertParams(epochs=12, checkpoints=1, learning_rate=1e-2, batch=16, noise=0.0, crops_each=8, ema=0.8)


def run(config: NetworkConfig, seed: int = 0, n: int = 60, params: ExpertParams = PARAMS) -> tuple[ExpertRun, np.ndarray]:
    """An expert trained on the first two thirds of planted units, and the labels of the rest, on which it states its opinions."""
    data = with_maps(planted(n), config, views=1)
    train, test = np.arange(2 * n // 3), np.arange(2 * n // 3, n)
    return train_expert(data, ExpertJob(FACE, train, test, seed), params, config), data.label[test]


def test_mean_and_peak_are_of_the_crops_that_are_there() -> None:
    each = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [99.0, 99.0]], [[5.0, 5.0]] * 3])
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert mean_and_peak(each, mask).tolist() == [[2.0, -3.0, 3.0, -2.0], [0.0] * 4]


def test_crops_that_are_masked_do_not_count(tiny_backbone: torch.nn.Sequential) -> None:
    encoder = TrackEncoder(width=5, dropout=0.0)
    maps = torch.randn(2, 8, 6, 3, 3)
    mask = torch.tensor([[True] * 3 + [False] * 5, [False] * 8])
    other = maps.clone()
    other[:, 3:] = 7.0
    found = encoder(maps, mask)
    assert found.shape == (2, encoder.width) == (2, 10)
    assert torch.equal(found, encoder(other, mask))
    assert not found[1].any()
    assert not encoder(maps, torch.zeros_like(mask)).any(), "a batch without any face"


def test_what_one_crop_of_a_track_shows_is_learnt(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    trained, label = run(config)
    assert (trained.logits[-1].argmax(1) == label).mean() >= 0.9
    assert trained.losses[-1] < 0.5 * trained.losses[0]


def test_the_upper_layers_learn_slowly_and_the_lower_ones_not_at_all(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_backbone.state_dict().items()}
    trained, _ = run(config, params=dataclasses.replace(PARAMS, epochs=1, ema=0.0))
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny_backbone.state_dict().items())
    moved = np.abs(trained.state["crops.upper.3.project.weight"] - before["3.project.weight"].numpy()).max()
    steps = 3  # 40 units in batches of 16; a step of AdamW moves a weight by about its learning rate
    assert 0 < moved < 2 * steps * PARAMS.learning_rate * FINE_TUNING
    assert not any(name.startswith(("crops.upper.0", "crops.upper.1", "crops.upper.2")) for name in trained.state)


def test_gradients_reach_all_that_is_declared_to_learn(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    expert = make_expert(FACE, 1, 1, config, 0)
    maps, mask = torch.randn(4, 8, 6, 6, 6), torch.ones(4, 8, dtype=torch.bool)
    emotion, levels = expert(torch.randn(4, 1), torch.zeros(4, dtype=torch.long), maps, mask)
    (emotion.square().sum() + levels.square().sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in expert.parameters())
    assert all(parameter.grad is None for parameter in tiny_backbone.parameters())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    few = dataclasses.replace(PARAMS, epochs=2)
    first, again, other = (run(config, seed, 24, few)[0] for seed in (0, 0, 1))
    assert all(np.array_equal(first.state[name], again.state[name]) for name in first.state)
    assert np.array_equal(first.logits, again.logits)
    assert not np.array_equal(first.state["emotion.weight"], other.state["emotion.weight"])


def test_weights_put_into_a_new_network_say_the_same(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    trained, _ = run(config, n=24, params=dataclasses.replace(PARAMS, epochs=2))
    kept = ExpertRun.from_arrays(trained.arrays())
    network = make_expert(FACE, 1, 1, config, 0)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in kept.state.items()})
    data = with_maps(planted(24), config)
    logits, levels = state_opinions(network, data, FACE, kept.standardiser, np.arange(16, 24))
    assert np.array_equal(logits, trained.logits[-1]) and np.array_equal(levels, trained.levels[-1])


def test_a_unit_whose_face_left_no_crop_is_judged_by_its_features(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    data = planted(6)
    data = with_maps(
        dataclasses.replace(data, crop_row=np.array([0, 1, -1, 2, 3, 4]), crops=data.crops[:5], crop_mask=data.crop_mask[:5]), config
    )
    network = make_expert(FACE, 1, 1, config, 0)
    trained, _ = run(config, n=24, params=dataclasses.replace(PARAMS, epochs=1))
    logits, _ = state_opinions(network, data, MODALITIES.index("face"), trained.standardiser, np.arange(6))
    assert np.isfinite(logits).all()


def test_the_small_network_asks_for_no_maps() -> None:
    data = planted(2)
    assert with_maps(data, NetworkConfig()) is data and not len(data.maps)


def test_crops_are_drawn_with_their_own_view(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    data = with_maps(planted(2), config, views=3)
    pick, view = np.array([[2, 0], [1, 7]]), np.array([[1, 2], [0, 0]])
    maps, mask = gather_maps(data, np.array([1, 0]), pick, view)
    assert mask.tolist() == [[True, True], [True, False]]
    assert np.array_equal(maps[0, 1].numpy(), data.maps[1, 0, 2].astype(np.float32))
    assert np.array_equal(maps[1, 0].numpy(), data.maps[0, 1, 0].astype(np.float32))


def test_a_crop_left_out_is_one_that_never_was(tiny_backbone: torch.nn.Sequential, config: NetworkConfig) -> None:
    data = with_maps(planted(6), config)
    trained, _ = run(config, n=24, params=dataclasses.replace(PARAMS, epochs=1))
    network = make_expert(FACE, 1, 1, config, 0)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in trained.state.items()})
    rest = state_without_crops(network, data, trained.standardiser, np.arange(6))
    mask = data.crop_mask.copy()
    mask[:, 1] = False
    without, _ = state_opinions(network, dataclasses.replace(data, crop_mask=mask), FACE, trained.standardiser, np.arange(6))
    assert rest[:, 1] == pytest.approx(without, abs=1e-5)
    assert np.isnan(rest[:, 3:]).all()
