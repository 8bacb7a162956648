import dataclasses

import numpy as np
import pytest
import torch

from corpus.statistics import concordance
from ml.models.experts import discord, opinion_loss
from ml.models.networks import (
    CharacterReactions,
    ContextBatch,
    ContextNetwork,
    CropEncoder,
    Expert,
    NetworkConfig,
    squashed,
    time_features,
)
from tests.emotions import N_EMOTIONS, shares

CONFIG = NetworkConfig.debug()


def context(seed: int = 0) -> ContextNetwork:
    torch.manual_seed(seed)
    network = ContextNetwork(CONFIG).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def batch(t: int = 6, seed: int = 1) -> ContextBatch:
    torch.manual_seed(seed)
    return ContextBatch(
        opinions=torch.randn(1, t, 3, N_EMOTIONS).log_softmax(-1),
        levels=torch.randn(1, t, 3, 3),
        present=torch.ones(1, t, 3),
        prior=torch.full((1, t, N_EMOTIONS), 1 / N_EMOTIONS).log(),
        listening=torch.randn(1, t, N_EMOTIONS, generator=torch.Generator().manual_seed(seed)).log_softmax(-1),
        listened=torch.ones(1, t, dtype=torch.bool),
        listener=torch.full((1, t), -1),
        speaker=torch.arange(t).remainder(2)[None],
        scene=torch.zeros(1, t, dtype=torch.long),
        when=torch.rand(1, t, 3),
        spoke=torch.tensor([[[i, i - 1, -1, -1] for i in range(t)]]),
        real=torch.ones(1, t, dtype=torch.bool),
    )


def changed(given: ContextBatch, place: int) -> ContextBatch:
    opinions = given.opinions.clone()
    opinions[0, place] = torch.flip(opinions[0, place], dims=[-1])
    return dataclasses.replace(given, opinions=opinions)


def test_a_reaction_is_foreseen_without_looking_at_what_follows() -> None:
    network = context()
    before, after = network(batch()), network(changed(batch(), 4))
    assert torch.allclose(before.reaction[0, :4], after.reaction[0, :4])
    assert not torch.allclose(before.reaction[0, 4], after.reaction[0, 4])
    assert torch.allclose(before.characters[0, :4], after.characters[0, :4])
    assert not torch.allclose(before.characters[0, 5, 1], after.characters[0, 5, 1])


def test_an_emotion_is_told_by_its_scene_and_by_the_past_only() -> None:
    network = context()
    given = dataclasses.replace(batch(), scene=torch.tensor([[0, 0, 0, 1, 1, 1]]))
    before, after = network(given), network(changed(given, 4))
    assert torch.allclose(before.emotion[0, :3], after.emotion[0, :3])
    assert not torch.allclose(before.emotion[0, 3], after.emotion[0, 3])
    assert not torch.allclose(before.emotion[0, 5], after.emotion[0, 5])


def shows(given: ContextBatch, place: int) -> ContextBatch:
    """The same, where another face is shown by who listens to the unit at a place."""
    listening = given.listening.clone()
    listening[0, place] = torch.flip(listening[0, place], dims=[-1])
    return dataclasses.replace(given, listening=listening)


def test_a_face_that_listens_tells_what_comes_and_nothing_of_what_is_said_now() -> None:
    network = context()
    before, after = network(batch()), network(shows(batch(), 3))
    assert not torch.allclose(before.emotion[0, 4], after.emotion[0, 4])
    last_line = network(batch(4)).emotion, network(shows(batch(4), 3)).emotion
    assert torch.allclose(*last_line)
    assert not torch.allclose(before.reaction[0, 3], after.reaction[0, 3])
    assert torch.allclose(before.characters[0, 3, 0], after.characters[0, 3, 0])  # the speaker
    assert not torch.allclose(before.characters[0, 3, 1], after.characters[0, 3, 1])  # the addressee


def test_who_listens_is_heeded_where_they_are_the_one_who_speaks_next() -> None:
    network = context()
    for listener, speaker, told in ((1, 1, True), (0, 1, False), (-1, 1, True), (-1, 0, False)):
        who = dataclasses.replace(batch(2), speaker=torch.tensor([[0, speaker]]), listener=torch.tensor([[listener, -1]]))
        changes = not torch.allclose(network(who).emotion[0, 1], network(shows(who, 0)).emotion[0, 1])
        assert changes is told, (listener, speaker)
    other_scene = dataclasses.replace(batch(2), scene=torch.tensor([[0, 1]]))
    assert torch.allclose(network(other_scene).emotion[0, 1], network(shows(other_scene, 0)).emotion[0, 1])


def test_a_listener_nobody_sees_says_nothing() -> None:
    network, given = context(), dataclasses.replace(batch(), listened=torch.zeros(1, 6, dtype=torch.bool))
    before, after = network(given), network(shows(given, 3))
    assert torch.allclose(before.emotion, after.emotion) and torch.allclose(before.characters[..., :2, :], after.characters[..., :2, :])


def test_an_absent_modality_says_nothing() -> None:
    network = context()
    given = batch()
    present = given.present.clone()
    present[0, 4, 1] = 0
    without = dataclasses.replace(given, present=present)
    noisy = without.opinions.clone()
    noisy[0, 4, 1] = torch.tensor(shares(-9.0, neutral=0.0))
    # the token of an absent modality is a learned one, so its opinion must not matter
    assert torch.allclose(network(without).emotion, network(dataclasses.replace(without, opinions=noisy)).emotion)


def test_padding_changes_nothing() -> None:
    network = context()
    given = batch(5)

    def pad(value: float) -> ContextBatch:
        def longer(x: torch.Tensor, fill: float) -> torch.Tensor:
            return torch.cat([x, torch.full_like(x[:, :1], fill)], dim=1)

        return ContextBatch(
            longer(given.opinions, value),
            longer(given.levels, value),
            longer(given.present, 0),
            longer(given.prior, -2.0),
            longer(given.listening, -2.0),
            longer(given.listened, 0),
            longer(given.listener, -1),
            longer(given.speaker, -1),
            longer(given.scene, -1),
            longer(given.when, float("nan")),
            longer(given.spoke, -1),
            longer(given.real, 0),
        )

    alone, padded = network(given), network(pad(-1.0))
    assert torch.allclose(alone.emotion, padded.emotion[:, :5], atol=1e-5)
    assert torch.allclose(alone.reaction, padded.reaction[:, :5], atol=1e-5)
    assert torch.allclose(alone.characters, padded.characters[:, :5], atol=1e-5)


def test_untrained_it_is_the_product_of_the_opinions() -> None:
    network = ContextNetwork(CONFIG).eval()
    given = dataclasses.replace(batch(1), prior=torch.full((1, 1, N_EMOTIONS), 1 / N_EMOTIONS).log())
    product = 0.8 * given.opinions.sum(2)
    assert torch.allclose(network(given).emotion.softmax(-1), product.softmax(-1), atol=1e-5)


def test_transitions_start_from_what_was_counted() -> None:
    network = ContextNetwork(CONFIG)
    counts = torch.zeros(N_EMOTIONS, N_EMOTIONS)
    counts[1, 4] = 1000.0 - N_EMOTIONS
    network.transitions.start_from(counts)
    now = torch.nn.functional.one_hot(torch.tensor([[1]]), N_EMOTIONS).float()
    following = network.transitions(now, torch.zeros(1, 1, dtype=torch.long)).exp()
    assert following[0, 0, 4].item() == pytest.approx((1001 - N_EMOTIONS) / 1000, abs=1e-4)
    back = network.transitions.backward_from(
        torch.nn.functional.one_hot(torch.tensor([[4]]), N_EMOTIONS).float(), torch.ones(1, 1, dtype=torch.long)
    )
    assert back[0, 0].argmax().item() == 1


def test_crops_that_are_masked_do_not_count() -> None:
    torch.manual_seed(0)
    encoder = CropEncoder(CONFIG).eval()
    crops = torch.rand(2, 8, 48, 48)
    mask = torch.tensor([[True] * 3 + [False] * 5, [False] * 8])
    other = crops.clone()
    other[:, 3:] = 0.5
    assert torch.allclose(encoder(crops, mask)[0], encoder(other, mask)[0], atol=1e-6)
    assert encoder(crops, mask)[1].abs().max() == 0


def test_sources_differ_by_their_bias_alone() -> None:
    expert = Expert(5, 8, 0.0, sources=2).eval()
    with torch.no_grad():
        expert.source_bias[1] = torch.arange(float(N_EMOTIONS))
    features = torch.randn(3, 5)
    films, _ = expert(features, torch.zeros(3, dtype=torch.long))
    corpus, _ = expert(features, torch.ones(3, dtype=torch.long))
    assert torch.allclose(corpus - films, torch.arange(float(N_EMOTIONS)).expand(3, N_EMOTIONS), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_discord_is_what_lins_concordance_lacks_of_one(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    said, gold = drawn.uniform(-1, 1, 40), drawn.uniform(-1, 1, 40)
    gold[::5] = np.nan
    known = np.isfinite(gold)
    found = float(discord(torch.from_numpy(said), torch.from_numpy(gold)))
    assert found == pytest.approx(1 - concordance(said[known], gold[known]), abs=1e-3)


def test_levels_without_gold_leave_the_loss_to_the_emotion_alone() -> None:
    emotion, levels, soft = torch.randn(6, N_EMOTIONS), torch.randn(6, 3), torch.full((6, N_EMOTIONS), 1 / N_EMOTIONS)
    unjudged = opinion_loss(emotion, levels, soft, torch.full((6, 3), torch.nan), torch.ones(6))
    assert float(unjudged) == pytest.approx(float(-(soft * emotion.log_softmax(-1)).sum(-1).mean()), rel=1e-5)


def test_levels_stay_in_their_ranges() -> None:
    said = squashed(torch.randn(50, 3) * 9)
    assert float(said[:, 0].min()) >= 0 and float(said[:, 0].max()) <= 1
    assert float(said[:, 1:].min()) < -0.9 and float(said[:, 1:].max()) > 0.9 and float(said.abs().max()) <= 1


def test_a_wide_reading_begins_at_nothing_and_is_learned() -> None:
    expert = Expert(9, 8, 0.0, sources=1, wide=6)
    few, many = torch.randn(4, 3), torch.randn(4, 6)
    source = torch.zeros(4, dtype=torch.long)
    with_many, without = (expert(torch.cat([few, part], dim=1), source)[0] for part in (many, torch.zeros(4, 6)))
    assert torch.equal(with_many, without)
    with_many.sum().backward()
    assert expert.wide is not None and expert.wide.weight.grad is not None and float(expert.wide.weight.grad.abs().sum()) > 0


def test_a_characters_next_emotion_starts_from_their_own_last_one_and_from_what_they_hear() -> None:
    head = CharacterReactions(8)
    own, heard = torch.zeros(2, N_EMOTIONS, N_EMOTIONS)
    own[1, 4] = heard[2, 6] = 1e6
    head.start_from(own, heard)
    with torch.no_grad():
        head.heed.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 2.0], [0, 0, 1.0, 0]]))
    felt = torch.full((1, 3, N_EMOTIONS), -20.0)
    felt[0, 0, 1] = felt[0, 1, 2] = felt[0, 2, 0] = 20.0
    mood = torch.zeros(1, 3, N_EMOTIONS)
    mood[..., 5] = 4.0
    given = dataclasses.replace(batch(3), spoke=torch.tensor([[[0, -1, -1, -1], [0, 0, -1, -1], [0, 1, 0, -1]]]))
    shown = torch.zeros(1, 3, N_EMOTIONS)
    shown[..., 3] = 20.0
    found = head(felt, torch.zeros(1, 3, 8), mood, torch.zeros(1, 3, N_EMOTIONS), given).softmax(-1)
    assert found[0, 1, 0].argmax() == 4  # whose last emotion was 1
    assert found[0, 1, 1].argmax() == 6  # who hears 2
    assert found[0, 2, 2].argmax() == 5  # whom nothing is heeded of but the mood
    seen = head(felt, torch.zeros(1, 3, 8), mood, shown, given).softmax(-1)
    assert seen[0, 1, 1].argmax() == 3  # whose face shows 3 while they listen
    assert torch.equal(seen[0, 1, 0], found[0, 1, 0]) and torch.equal(seen[0, 2, 2], found[0, 2, 2])


def test_time_is_told_smoothly_and_as_nothing_where_it_is_unknown() -> None:
    told = time_features(torch.tensor([[0.25, 1.5, 0.5], [float("nan"), float("nan"), 2.0]]))
    assert torch.allclose(told[0], torch.tensor([0.25, 1, 0, 1.5, 0.5, 1, 1, 1]), atol=1e-6)
    assert told[1].tolist() == [0, 0, 0, 0, 2, 0, 0, 1]
