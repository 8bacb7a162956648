"""The training loop: a run that was ended, or shared between processes, learns what an undisturbed one learns."""

import math
import multiprocessing
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from corpus.terms import FeelmError
from ml.models.loop import Fit, LoopParams, fit, rate_at
from tests.ml.models.loop_learner import Points, run_killed, run_one_of_two, train, weights_of

PARAMS = LoopParams(rounds=6, learning_rate=0.02, warm_up=0.1, decays=True)
AVERAGED = replace(PARAMS, ema=0.9)

Weights = dict[str, torch.Tensor]


class Ended(Exception):
    """Somebody ends the run."""


def end_after(round_: int):
    def tell(done: int, total: int, loss: float) -> None:
        if done == round_:
            raise Ended

    return tell


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_the_loss_falls_and_the_global_generator_stays_as_it_was():
    torch.manual_seed(99)
    before = torch.get_rng_state()
    _, found = train(PARAMS)
    assert found.losses[-1] < 0.8 * found.losses[0] and len(found.losses) == len(found.validation) == 6
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("params", [PARAMS, AVERAGED], ids=["plain", "averaged"])
def test_the_same_seed_gives_the_same_weights_to_the_bit_and_another_seed_others(params):
    runs = []
    for seed in (11, 11, 12):
        learner = Points(dropout=0.3)
        fit(learner, params, seed)
        runs.append(weights_of(learner.network))
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])


def test_a_round_goes_as_a_plain_loop_with_adamw_goes():
    params = LoopParams(rounds=2, learning_rate=0.02, weight_decay=0.1, clip=0.5)
    learner, plain = Points(), Points()
    found = fit(learner, params, 11)
    optimiser = torch.optim.AdamW(plain.network[0].parameters(), lr=0.01, weight_decay=0.1)
    optimiser.add_param_group({"params": plain.network[3].parameters(), "lr": 0.02})
    losses = []
    for number in range(2):
        torch.manual_seed(11 * 1_000_003 + number)
        total = weight = 0.0
        for rows in torch.randperm(len(plain.x) - 20).split(7):
            each = torch.nn.functional.cross_entropy(plain.network(plain.x[rows]), plain.label[rows], reduction="none")
            loss = (each * plain.weight[rows]).sum()
            optimiser.zero_grad()
            (loss / plain.weight[rows].sum()).backward()
            torch.nn.utils.clip_grad_norm_(plain.network.parameters(), 0.5)
            optimiser.step()
            total, weight = total + float(loss.detach()), weight + float(plain.weight[rows].sum())
        losses.append(total / weight)
    assert found.losses == pytest.approx(losses, rel=1e-5)
    for ours, theirs in zip(learner.network.parameters(), plain.network.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("params", [PARAMS, AVERAGED], ids=["plain", "averaged"])
@pytest.mark.parametrize("ended_after", [1, 3, 5])
def test_an_ended_run_goes_on_to_the_same_weights_losses_and_best_round(params, ended_after, tmp_path):
    whole = Points(dropout=0.3)
    expected = fit(whole, params, 11)
    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(Ended):
        fit(Points(dropout=0.3), params, 11, checkpoint=checkpoint, tell=end_after(ended_after))
    again, rounds = Points(dropout=0.3), []
    found = fit(again, params, 11, checkpoint=checkpoint, tell=lambda done, total, loss: rounds.append((done, total, loss)))
    assert rounds == [(done, 6, expected.losses[done - 1]) for done in range(ended_after + 1, 7)]
    assert found == expected
    assert same(weights_of(again.network), weights_of(whole.network))


def test_a_finished_run_gives_its_weights_without_training_again(tmp_path):
    checkpoint = tmp_path / "run.checkpoint"
    learner, found = train(AVERAGED, checkpoint)
    again, once_more = train(AVERAGED, checkpoint, lambda: pytest.fail("it trained again"))
    assert once_more == found and same(weights_of(again.network), weights_of(learner.network))


def test_a_run_killed_within_a_round_goes_on_to_the_same_weights(tmp_path):
    whole, expected = train(AVERAGED)
    checkpoint = tmp_path / "run.checkpoint"
    steps = 2 * whole.batches_each + 2
    child = multiprocessing.get_context("spawn").Process(target=run_killed, args=(AVERAGED, checkpoint, steps))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL and checkpoint.is_file()
    own_steps: list[None] = []
    again, found = train(AVERAGED, checkpoint, lambda: own_steps.append(None))
    assert len(own_steps) == 4 * again.batches_each
    assert found == expected and same(weights_of(again.network), weights_of(whole.network))


@pytest.mark.parametrize("params", [PARAMS, AVERAGED], ids=["plain", "averaged"])
def test_the_weights_of_the_best_validation_round_are_left_in_the_network(params):
    learner = Points(script=[3.0, 1.0, 2.0, 0.5, 4.0, 0.6])
    found = fit(learner, params, 11)
    assert found.best == 3 and found.validation == learner.script
    assert same(weights_of(learner.network), learner.kept[3]) and not same(learner.kept[3], learner.kept[5])


def test_without_validation_the_last_weights_count():
    learner = Points()
    learner.validate = lambda network: learner.kept.append(weights_of(network))
    found = fit(learner, PARAMS, 11)
    assert (found.best, found.validation) == (5, []) and same(weights_of(learner.network), learner.kept[-1])


def test_averaged_weights_are_the_exponential_mean_of_those_after_each_step(tmp_path):
    learner = Points(script=[2.0, 1.0])
    seen: list[Weights] = []
    learner.on_loss = lambda: seen.append(weights_of(learner.network))
    fit(learner, replace(AVERAGED, rounds=2), 11, checkpoint=tmp_path / "run")
    last = {name.removeprefix("network/"): x for name, x in load_file(tmp_path / "run").items() if name.startswith("network/")}
    mean = seen[1]
    for weights in [*seen[2:], last]:
        mean = {name: 0.9 * mean[name] + 0.1 * weights[name] for name in mean}
    found = weights_of(learner.network)
    assert all(torch.allclose(found[name], mean[name], atol=1e-6) for name in mean) and not torch.allclose(
        found["0.weight"], last["0.weight"]
    )


@pytest.mark.parametrize("other", [replace(PARAMS, learning_rate=0.01), replace(PARAMS, rounds=7), AVERAGED, "seed"])
def test_a_checkpoint_of_other_settings_is_refused_by_name(other, tmp_path):
    checkpoint = tmp_path / "run.checkpoint"
    fit(Points(), PARAMS, 11, checkpoint=checkpoint)
    params, seed = (PARAMS, 12) if other == "seed" else (other, 11)
    with pytest.raises(FeelmError, match=r"run\.checkpoint belongs to a run with other settings: delete it"):
        fit(Points(), params, seed, checkpoint=checkpoint)


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_a_training_loss_that_is_no_number_is_refused_with_advice(broken):
    learner = Points()
    learner.x[4] = broken
    with pytest.raises(FeelmError, match=r"training loss of round 1 is nan: lower the learning rate, or look for extreme features"):
        fit(learner, PARAMS, 11)


def test_a_validation_loss_that_is_no_number_is_refused_and_not_taken_for_the_best():
    with pytest.raises(FeelmError, match=r"validation loss of round 2 is nan: lower the learning rate"):
        fit(Points(script=[1.0, math.nan, 0.5, 0.4, 0.3, 0.2]), PARAMS, 11)


def test_the_learning_rate_rises_over_the_warm_up_and_falls_to_nothing():
    rising = LoopParams(rounds=1, warm_up=0.2, decays=True)
    found = [rate_at(step, 10, rising) for step in range(10)]
    assert found == pytest.approx([1 / 3, 2 / 3, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert [rate_at(step, 4, LoopParams(rounds=1)) for step in range(4)] == [1, 1, 1, 1]
    assert [rate_at(step, 4, replace(rising, decays=False)) for step in range(4)] == [0.5, 1, 1, 1]
    assert rate_at(0, 1, LoopParams(rounds=1, warm_up=1.0, decays=True)) == 0.5


def test_two_processes_learn_what_one_learns(tmp_path: Path):
    alone = Points()
    expected: Fit = fit(alone, PARAMS, 11)
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=run_one_of_two, args=(rank, PARAMS, tmp_path)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        child.kill()
    assert [child.exitcode for child in children] == [0, 0]
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        assert found.pop("losses").tolist() == pytest.approx(expected.losses, rel=1e-5)
        for name, tensor in weights_of(alone.network).items():
            assert torch.allclose(found[name], tensor, atol=1e-5), name
