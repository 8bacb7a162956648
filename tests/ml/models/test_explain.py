"""Explanations against planted truth, and against the slow way: asking the model again without each part."""

import dataclasses

import numpy as np
import pytest
import torch

from corpus.contracts import EXPLANATIONS
from corpus.terms import EMOTIONS, MODALITIES
from ml.models.cast import PRESENT
from ml.models.context import Ensemble, Opinions, join
from ml.models.dataset import CROPS, FACE, TEXT, VOICE, Standardiser, UnitArrays, load_film
from ml.models.experts import make_expert, state_opinions, state_without_crops
from ml.models.explain import Reader, explain, explain_units, line_effects, modality_effects, shares
from ml.models.networks import ContextNetwork, NetworkConfig
from ml.models.predict import load_model, model_opinions, predict
from tests.ml.artifacts import without
from tests.ml.conftest import Trained

CONFIG = NetworkConfig.debug()
JOY, ANGER = EMOTIONS.index("joy"), EMOTIONS.index("anger")


def units(scenes: list[int], seed: int = 0) -> UnitArrays:
    """Units of one film in scenes of these lengths, two speakers in turn, faces of noise; no features beside them."""
    drawn, n = np.random.default_rng(seed), sum(scenes)
    none = np.full((n, len(EMOTIONS)), np.nan, np.float32)
    return UnitArrays(
        crops=drawn.integers(90, 110, (n, CROPS, 48, 48)).astype(np.uint8),
        crop_mask=np.ones((n, CROPS), bool),
        crop_t_ms=1000 * np.arange(n)[:, None] + 100 * np.arange(CROPS),
        crop_row=np.arange(n),
        listener_crop_row=np.arange(n),
        listener_face=np.zeros((n, 4), np.float32),
        face=drawn.normal(size=(n, 4)).astype(np.float32),
        voice=np.zeros((n, 2), np.float32),
        speech=np.zeros((n, 0), np.float32),
        text=np.zeros((n, 2), np.float32),
        present=np.ones((n, 3), bool),
        listened=np.arange(n) % 3 > 0,
        sequence=np.zeros(n, np.int64),
        place=np.arange(n),
        when=drawn.random((n, 3)).astype(np.float32),
        scene=np.repeat(np.arange(len(scenes)), scenes),
        speaker=np.arange(n) % 2,
        listener=np.full(n, -1),
        source=np.zeros(n, np.int64),
        soft=none,
        label=np.full(n, -1),
        levels=none[:, :3],
        next_row=np.full(n, -1),
        last_of=np.full((n, PRESENT), -1),
        next_of=np.full((n, PRESENT), -1),
    )


def opinions(data: UnitArrays, seed: int = 1) -> Opinions:
    """Opinions of noise on each unit in each modality."""
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(len(data), 3, len(EMOTIONS))).astype(np.float32))
    prior = np.full((len(data), len(EMOTIONS)), np.log(1 / len(EMOTIONS)), np.float32)
    log_p, levels = logits.log_softmax(-1).numpy(), np.zeros((len(data), 3, 3), np.float32)
    return Opinions(log_p, levels, data.present, prior, log_p[::-1, 0].copy(), data.listened)


def reader(count: int = 2, **changes: object) -> Reader:
    """Context networks whose weights are drawn, so that everything in reach has an influence."""
    networks = []
    for seed in range(count):
        torch.manual_seed(seed)
        network = ContextNetwork(dataclasses.replace(CONFIG, **changes)).eval()
        network.load_state_dict({name: t + 0.6 * torch.randn_like(t) for name, t in network.state_dict().items()})
        networks.append(network)
    return Reader(Ensemble(networks), dataclasses.replace(CONFIG, **changes), np.array([1.3], np.float32))


def without_line(said: Opinions, row: int) -> Opinions:
    present, listened = said.present.copy(), said.listened.copy()
    present[row], listened[row] = False, False
    return dataclasses.replace(said, present=present, listened=listened)


def log_odds(logits: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    p = np.exp(logits.astype(np.float64))
    own = p[np.arange(len(p)), emotion] / p.sum(axis=1)
    return np.log(own / (1 - own))


@pytest.mark.parametrize("layers", [1, 2])
def test_the_effect_of_each_line_is_that_of_asking_the_whole_network_again_without_it(layers: int) -> None:
    data, asked = units([6, 1, 14, 5]), reader(context_layers=layers)
    said, rows = opinions(data), np.arange(26)
    whole = asked.logits(data, said, rows)
    emotion = whole.argmax(axis=1)
    effects, line_rows = line_effects(asked, data, said, rows, emotion)
    slow = {row: log_odds(whole, emotion) - log_odds(asked.logits(data, without_line(said, row), rows), emotion) for row in rows}
    for unit in rows:
        told = {int(row): value for row, value in zip(line_rows[unit], effects.log_odds[unit], strict=True) if row >= 0}
        before = set(range(max(unit - CONFIG.window, 0), unit))
        after = {row for row in range(unit + 1, min(unit + CONFIG.window + 1, 26)) if data.scene[row] == data.scene[unit]}
        assert set(told) == before | after
        assert list(told.values()) == pytest.approx([slow[row][unit] for row in told], abs=2e-4)
    assert np.nanmax(np.abs(effects.log_odds)) > 0.2, "the lines of this network matter"


def test_a_line_that_the_network_cannot_reach_has_exactly_no_influence() -> None:
    data, asked = units([8, 4, 6]), reader()
    said, rows = opinions(data), np.arange(18)
    _, line_rows = line_effects(asked, data, said, rows, np.zeros(18, np.int64))
    whole = asked.logits(data, said, rows)
    of_second = asked.logits(data, without_line(said, 2), rows)[8:12]
    assert np.array_equal(of_second, whole[8:12]), "further before the second scene than the window of 3 lines"
    assert not np.array_equal(asked.logits(data, without_line(said, 6), rows)[8], whole[8]), "within the window"
    assert np.array_equal(asked.logits(data, without_line(said, 13), rows)[8:12], whole[8:12]), "in the scene after"
    assert not np.isin(line_rows[8:12], [2, 12, 13]).any()


def test_units_that_stand_alone_have_no_lines() -> None:
    data = dataclasses.replace(units([4]), sequence=np.arange(4), place=np.zeros(4, np.int64))
    effects, line_rows = line_effects(reader(), data, opinions(data), np.arange(4), np.zeros(4, np.int64))
    assert (line_rows == -1).all() and np.isnan(effects.log_odds).all()


def test_the_one_modality_that_says_something_has_the_whole_share() -> None:
    data, asked = units([12]), reader()
    said = opinions(data)
    log_p = said.log_p.copy()
    log_p[:, [FACE, TEXT]] = said.prior[:, None]
    plain = Reader(Ensemble([ContextNetwork(CONFIG)]), CONFIG, asked.temperatures)
    said = dataclasses.replace(said, log_p=log_p, listened=np.zeros(12, bool))
    found = shares(modality_effects(plain, data, said, np.arange(12), plain.logits(data, said, np.arange(12))))
    assert found[:, VOICE] == pytest.approx(1.0, abs=1e-3)
    assert found[:, [FACE, TEXT]] == pytest.approx(0.0, abs=1e-3)


def test_a_modality_that_speaks_against_the_emotion_has_a_share_below_0() -> None:
    data = units([1])
    said = opinions(data)
    log_p = np.full((1, 3, len(EMOTIONS)), np.log(0.3 / (len(EMOTIONS) - 1)), np.float32)
    log_p[0, [FACE, TEXT], JOY], log_p[0, VOICE, ANGER] = np.log(0.7), np.log(0.7)
    plain = Reader(Ensemble([ContextNetwork(CONFIG)]), CONFIG, np.ones(1, np.float32))
    said = dataclasses.replace(said, log_p=log_p)
    found = shares(modality_effects(plain, data, said, np.arange(1), plain.logits(data, said, np.arange(1))))[0]
    assert found[FACE] > 0 and found[TEXT] > 0 and found[VOICE] < 0
    assert np.abs(found).sum() == pytest.approx(1.0)


def test_modalities_are_those_of_asking_again_with_the_others_only() -> None:
    data, asked = units([7, 5]), reader()
    present = data.present.copy()
    present[3, VOICE] = False
    said, rows = dataclasses.replace(opinions(data), present=present), np.arange(12)
    whole = asked.logits(data, said, rows)
    effects = modality_effects(asked, data, said, rows, whole)
    assert np.isnan(effects.log_odds[3, VOICE]) and np.isfinite(np.delete(effects.log_odds, 3, axis=0)).all()
    for modality, others in ((FACE, (VOICE, TEXT)), (VOICE, (FACE, TEXT)), (TEXT, (FACE, VOICE))):
        rest = join(asked.contexts, data, said.only(others), rows).logits / np.float32(1.3)
        slow = log_odds(whole, whole.argmax(axis=1)) - log_odds(rest, whole.argmax(axis=1))
        there = present[:, modality]
        assert effects.log_odds[there, modality] == pytest.approx(slow[there], abs=1e-4)


def face_expert(data: UnitArrays) -> tuple[torch.nn.Module, Standardiser]:
    torch.manual_seed(5)
    network = make_expert(FACE, 4, 1, CONFIG, 0)
    return network.eval(), Standardiser(np.zeros(4, np.float32), np.ones(4, np.float32))


def test_a_crop_is_left_out_as_if_it_had_never_been_found() -> None:
    data = units([5])
    mask = data.crop_mask.copy()
    mask[1, 5:], mask[2] = False, False
    data = dataclasses.replace(data, crop_mask=mask, crop_row=np.array([0, 1, 2, -1, 4]))
    network, standardiser = face_expert(data)
    found = state_without_crops(network, data, standardiser, np.arange(5))
    assert np.isfinite(found[..., 0]).tolist() == [[True] * 8, [True] * 5 + [False] * 3, [False] * 8, [False] * 8, [True] * 8]
    for place in range(CROPS):
        rest = data.crop_mask.copy()
        rest[:, place] = False
        slow = state_opinions(network, dataclasses.replace(data, crop_mask=rest), FACE, standardiser, np.array([0, 4]))[0]
        assert found[[0, 4], place] == pytest.approx(slow, abs=1e-5)


def test_the_one_picture_that_differs_is_the_one_that_decided() -> None:
    data = units([6])
    crops, planted = np.broadcast_to(data.crops[:, :1], data.crops.shape).copy(), [3, 0, 7, 5, 2, 6]
    crops[np.arange(6), planted, :20] = 255
    data = dataclasses.replace(data, crops=crops)
    network, standardiser = face_expert(data)
    network.emotion.weight.data[:, -CONFIG.face_width :] = 0  # it reads the crops' mean, where a peak could undo what the mean says
    rows = np.arange(6)
    logits, _ = state_opinions(network, data, FACE, standardiser, rows)
    said = opinions(data)
    log_p = said.log_p.copy()
    log_p[:, FACE] = torch.from_numpy(logits).log_softmax(-1)
    without = torch.from_numpy(state_without_crops(network, data, standardiser, rows)).log_softmax(-1).numpy()
    explained = explain(reader(), data, dataclasses.replace(said, log_p=log_p), without, rows)
    assert np.abs(explained.frames.log_odds).argmax(axis=1).tolist() == planted


def test_a_film_is_explained_in_the_emotions_that_it_is_predicted_in(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, "film-02", model.facts.columns)
    table = explain_units(model, rows, data)
    EXPLANATIONS.to_arrow(table)
    predicted = predict(model, rows, data)
    top = predicted[[f"p_{name}" for name in EMOTIONS]].to_numpy().argmax(axis=1)
    named = table.groupby("unit_id")["emotion"].unique()
    assert [list(named[unit_id]) for unit_id in predicted["unit_id"]] == [[EMOTIONS[emotion]] for emotion in top]
    modalities = table[table["part"] == "modality"]
    assert len(modalities) == 3 * len(rows)
    assert modalities.groupby("unit_id")["share"].agg(lambda s: s.abs().sum()).to_numpy() == pytest.approx(1.0, abs=1e-3)
    lines = table[table["part"] == "line"]
    assert len(lines) and set(lines["name"]) <= set(rows["unit_id"]) and (lines["name"] != lines["unit_id"]).all()
    assert explain_units(model, rows, data).equals(table)


def test_the_picture_that_decided_is_told_with_its_time(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, "film-02", model.facts.columns)
    crops = data.crops.copy()
    crops[:, 5] = data.crops[::-1, 5]
    table = explain_units(model, rows, dataclasses.replace(data, crops=crops)).query("part == 'frame'")
    first = table[table["log_odds"].abs() >= 0.1].groupby("unit_id").first()  # elsewhere the picture put in shows what the others show
    assert len(first) >= 3 and (first["name"] == "5").all()
    assert (first["t_ms"] == 2000 * first.index.str[-5:].astype(int) + 150 * 5).all()


def test_a_film_of_words_alone_is_explained_by_words_alone(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, film = load_film(trained.home, "film-02", model.facts.columns)
    table = explain_units(model, rows, without(film, "face", "voice"))
    modalities = table[table["part"] == "modality"]
    assert set(modalities["name"]) == {"text"} and len(modalities) == len(rows)
    assert modalities["share"].abs().to_numpy() == pytest.approx(1.0)
    assert not (table["part"] == "frame").any()


def test_what_a_film_is_explained_by_agrees_with_leaving_its_modalities_out(trained: Trained) -> None:
    model = load_model(trained.model)
    rows, data = load_film(trained.home, "film-02", model.facts.columns)
    table = explain_units(model, rows, data).query("part == 'modality'").set_index(["unit_id", "name"])
    columns = [f"p_{name}" for name in EMOTIONS]
    whole = predict(model, rows, data)[columns].to_numpy()
    at, top = np.arange(len(rows)), whole.argmax(axis=1)
    for name in MODALITIES:
        rest = predict(model, rows, without(data, name))[columns].to_numpy()
        fell = table.xs(name, level="name").loc[rows["unit_id"], "probability"].to_numpy()
        assert fell == pytest.approx((whole - rest)[at, top], abs=2e-4)
    assert model_opinions(model, data).present.all()
