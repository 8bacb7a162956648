"""Fine-tuning on a tiny encoder: it learns, keeps to its seed, and goes on where it was ended."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from corpus.terms import FeelmError
from ml.features.text.encoder import trainable_encoder
from ml.models.loop import LoopParams, Share, fit
from ml.models.text.network import TextNetwork
from ml.models.text.training import TextParams, _Learner, class_weights, tune
from ml.models.text.turns import Lines, Reach, Turns, Window
from tests.ml.tiny_encoder import write_encoder

KINDS = ("good", "bad", "odd")


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> TextParams:
    encoder = write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")
    loop = LoopParams(rounds=5, learning_rate=0.01, warm_up=0.1, decays=True)
    return TextParams(str(encoder), Reach(longest=32, line=24), loop, batch=16, head_rate=0.02)


def talk(n: int, said_before: bool = False) -> tuple[Lines, np.ndarray]:
    """n dialogues of two lines; the second line's class is the telling word in it, or the one in the line before."""
    drawn = np.random.default_rng(8)
    label = drawn.integers(0, 3, n)
    texts = []
    for kind in label:
        telling, other = (f"the {KINDS[kind]} {filler}" for filler in drawn.choice(["dog", "cat"], 2))
        texts += [telling, "a cat ran home now ."] if said_before else ["the dog ran .", f"a {other} now !"]
    soft = np.zeros((2 * n, 3), np.float32)
    soft[1::2][np.arange(n), label] = soft[0::2, 0] = 1
    return Lines(texts, ["ross", "anna"] * n, np.repeat(np.arange(n), 2)), soft


def rows(first: int, last: int) -> np.ndarray:
    """The second lines of these dialogues."""
    return np.arange(2 * first + 1, 2 * last, 2)


@pytest.mark.parametrize("said_before", [False, True], ids=["from its own words", "from the line before"])
def test_it_learns_which_word_tells_the_class(params: TextParams, said_before: bool):
    lines, soft = talk(100, said_before)
    # Sixteen numbers a token bear no dropout.
    longer = replace(params, batch=8, loop=replace(params.loop, rounds=8, learning_rate=0.003), head_rate=0.01, dropout=0.0)
    tuned = tune(lines, soft, rows(0, 70), rows(70, 80), longer, 1, device="cpu")
    found = tuned.logits(lines, rows(80, 100)).argmax(1)
    assert (found == soft[rows(80, 100)].argmax(1)).mean() >= 0.9
    assert len(tuned.fit.validation) == 8 and tuned.fit.losses[-1] < 0.5 * tuned.fit.losses[0]
    if said_before:
        assert (tuned.logits(lines.alone(), rows(80, 100)).argmax(1) == soft[rows(80, 100)].argmax(1)).mean() < 0.7


def test_one_seed_gives_one_networks_logits_and_another_seed_others(params: TextParams):
    lines, soft = talk(20)
    first, again, other = (
        tune(lines, soft, rows(0, 15), rows(0, 0), params, seed, device="cpu").logits(lines, rows(15, 20)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.allclose(first, other, atol=1e-3)


def test_an_ended_run_gives_the_same_logits_when_it_goes_on(params: TextParams, tmp_path: Path):
    lines, soft = talk(20)

    def end(done: int, total: int, loss: float) -> None:
        if done == 3:
            raise InterruptedError

    whole = tune(lines, soft, rows(0, 15), rows(15, 20), params, 1, device="cpu")
    with pytest.raises(InterruptedError):
        tune(lines, soft, rows(0, 15), rows(15, 20), params, 1, checkpoint=tmp_path / "run", tell=end, device="cpu")
    told: list[int] = []
    again = tune(
        lines,
        soft,
        rows(0, 15),
        rows(15, 20),
        params,
        1,
        checkpoint=tmp_path / "run",
        tell=lambda done, total, loss: told.append(done),
        device="cpu",
    )
    assert told == [4, 5] and again.fit == whole.fit
    assert np.array_equal(again.logits(lines, rows(15, 20)), whole.logits(lines, rows(15, 20)))


def test_an_encoder_with_few_places_is_given_windows_that_fit(params: TextParams, tmp_path: Path):
    lines, soft = talk(10)
    short = replace(params, encoder=str(write_encoder(tmp_path / "short", places=21)), reach=Reach(longest=64, line=32))
    tuned = tune(lines, soft, rows(0, 10), rows(0, 0), replace(short, loop=replace(params.loop, rounds=1)), 1, device="cpu")
    assert tuned.params.reach == Reach(longest=21, line=21)
    assert np.isfinite(tuned.logits(lines, rows(0, 10))).all()


def test_logits_come_in_the_order_of_the_rows_asked_for(params: TextParams):
    lines, soft = talk(40)
    tuned = tune(lines, soft, rows(0, 40), rows(0, 0), replace(params, loop=replace(params.loop, rounds=1)), 1, device="cpu")
    asked = np.random.default_rng(0).permutation(80)
    assert np.allclose(tuned.logits(lines, asked), tuned.logits(lines, np.arange(80))[asked], atol=1e-4)


def windows_of(learner: _Learner, seed: int) -> list[list[Window]]:
    torch.manual_seed(seed)
    return list(learner.batches(Share()))


def test_every_training_line_is_in_one_window_of_a_round_and_where_dialogues_are_cut_changes(params: TextParams):
    learner, train = made_learner(replace(params, reach=Reach(longest=32, line=24)))
    seen = []
    for seed in (1, 2):
        batches = windows_of(learner, seed)
        assert len(batches) == learner.batches_each
        rows = [row for batch in batches for window in batch for row in window.rows.tolist()]
        assert len(rows) == len(set(rows)) and set(train.tolist()) <= set(rows)
        seen.append({tuple(window.rows.tolist()) for batch in batches for window in batch})
    assert seen[0] != seen[1]


def test_processes_share_each_batch_out_among_them(params: TextParams):
    learner, _ = made_learner(params)
    whole = windows_of(learner, 1)
    shares = []
    for rank in range(2):
        torch.manual_seed(1)
        shares.append(list(learner.batches(Share(rank, 2))))
    for batch, one, other in zip(whole, *shares, strict=True):
        assert sorted(w.rows[0] for w in batch) == sorted(w.rows[0] for w in one + other)


def test_a_process_whose_share_of_a_batch_is_empty_adds_nothing(params: TextParams):
    learner, _ = made_learner(params)
    loss, weight = learner.loss(learner.network, [])
    loss.backward()
    assert (float(loss.detach()), weight) == (0.0, 0.0)
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in learner.network.parameters())


def made_learner(params: TextParams) -> tuple[_Learner, np.ndarray]:
    """A learner over 33 dialogues of 40, so that batches of 16 windows leave one over."""
    lines, soft = talk(40)
    encoder = trainable_encoder(params.encoder)
    network = TextNetwork(encoder.network, 3, encoder.network.number)
    return _Learner(network, Turns.of(lines, encoder.tokens, params.reach), soft, rows(0, 33), rows(0, 0), params), rows(0, 33)


def test_lines_that_are_context_alone_add_nothing_to_the_loss(params: TextParams):
    learner, train = made_learner(params)
    batch = [window for each in windows_of(learner, 1) for window in each]
    assert any(len(window.rows) == 2 for window in batch)
    learner.network.eval()
    before = float(learner.loss(learner.network, batch)[0].detach())
    others = np.setdiff1d(np.arange(80), train)
    learner.soft[others] = learner.soft[others][:, ::-1]
    assert float(learner.loss(learner.network, batch)[0].detach()) == before
    learner.soft[train] = learner.soft[train][:, ::-1]
    assert float(learner.loss(learner.network, batch)[0].detach()) != before


def test_what_is_said_of_a_line_is_the_mean_over_its_windows(params: TextParams):
    lines, soft = talk(6)
    lines = Lines(lines.texts, lines.speakers, np.zeros(12, np.int64))
    cut = replace(params, reach=Reach(longest=24, line=12), cuts=2, loop=replace(params.loop, rounds=1))
    tuned = tune(lines, soft, np.arange(12), rows(0, 0), cut, 1, device="cpu")
    turns = Turns.of(lines, tuned.encoder.tokens, cut.reach)
    said: dict[int, list[np.ndarray]] = {}
    for first in (12, 24):
        for window in turns.cut(turns.dialogues[0], first):
            with torch.no_grad():
                found = tuned.network([window]).log_softmax(1).numpy()
            for row, logits in zip(window.rows.tolist(), found, strict=True):
                said.setdefault(row, []).append(logits)
    assert any(len(each) == 2 and not np.allclose(*each, atol=1e-3) for each in said.values())
    expected = np.stack([np.mean(np.unique(np.stack(said[row]).round(5), axis=0), axis=0) for row in range(12)])
    assert np.allclose(tuned.logits(lines, np.arange(12)), expected, atol=1e-3)


def test_the_head_learns_at_its_own_rate_and_the_encoder_at_the_loops(params: TextParams):
    learner, _ = made_learner(params)
    before = {name: parameter.detach().clone() for name, parameter in learner.network.named_parameters()}
    fit(learner, replace(params.loop, rounds=1, learning_rate=0.0), 1)
    moved = {name for name, parameter in learner.network.named_parameters() if not parameter.equal(before[name])}
    assert moved == {name for name in before if name.startswith("head.")}


def test_a_checkpoint_of_another_number_of_rounds_is_refused(params: TextParams, tmp_path: Path):
    lines, soft = talk(10)
    short = replace(params, loop=replace(params.loop, rounds=1))
    tune(lines, soft, rows(0, 10), rows(0, 0), short, 1, checkpoint=tmp_path / "run", device="cpu")
    with pytest.raises(FeelmError, match="other settings"):
        tune(lines, soft, rows(0, 10), rows(0, 0), params, 1, checkpoint=tmp_path / "run", device="cpu")


def test_rare_classes_weigh_more_by_the_power_of_their_inverse_share():
    soft = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    common, rare = 0.501 / 0.751, 0.501 / 0.251
    mean = (3 * common + rare) / 4
    assert class_weights(soft, 1.0) == pytest.approx([common / mean] * 3 + [rare / mean], rel=1e-5)
    assert class_weights(soft, 0.0) == pytest.approx([1.0] * 4)
    halved = class_weights(soft, 0.5)
    assert halved[3] / halved[0] == pytest.approx((0.751 / 0.251) ** 0.5, rel=1e-5)
    mixed = class_weights(np.array([[1, 0], [0.5, 0.5]], np.float32), 1.0)
    assert mixed[1] / mixed[0] == pytest.approx((0.5 * 0.501 / 0.751 + 0.5 * 0.501 / 0.251) / (0.501 / 0.751), rel=1e-5)
