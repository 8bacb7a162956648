"""Why the model says what it says: what each modality, each neighbouring line and each picture of the face did to a prediction.

All of it is by leaving out: the network that predicted is asked again without the part, and an effect is by how much the odds of the
emotion it named fall. Attention weights would be cheaper and tell less: other weights can give the same answer (Jain and Wallace,
"Attention is not Explanation", NAACL 2019). Effects need not add up, since parts may say the same; one below 0 spoke against the emotion.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from corpus.contracts import EXPLANATIONS
from corpus.terms import EMOTIONS, MODALITIES, ExplainedPart
from corpus.threads import one_torch_thread
from ml.models.calibration import log_softmax
from ml.models.context import Ensemble, Opinions, context_batch, join, padded, runs_of
from ml.models.dataset import CROPS, FACE, FloatArray, IntArray, UnitArrays
from ml.models.experts import state_without_crops, with_maps
from ml.models.networks import STEPS_BACK, ContextBatch, Heard, NetworkConfig, same_scene
from ml.models.predict import EmotionModel, ModelFacts, model_opinions

if TYPE_CHECKING:
    import pandas as pd

MOST = 3
"""Lines and frames told of a unit, those of the greatest effect."""

LEAST_LOG_ODDS = {ExplainedPart.MODALITY: 0.0, ExplainedPart.LINE: 0.1, ExplainedPart.FRAME: 0.01}
"""What changes the odds by less is not told: a tenth for lines, a hundredth for frames, of which eight alike share what the face says."""


@dataclass(frozen=True)
class Reader:
    """A fused system as it answers: its context networks, their sizes, and the temperature of each source (sources,)."""

    contexts: Ensemble
    config: NetworkConfig
    temperatures: FloatArray

    def logits(self, data: UnitArrays, opinions: Opinions, rows: IntArray) -> FloatArray:
        """Calibrated logits (n, 7) of the emotion."""
        joined = join(self.contexts, data, opinions, rows)
        return joined.logits / self.temperatures[data.source[rows]][:, None]


@dataclass(frozen=True)
class Effects:
    """By how much the emotion's probability (-1..1) and log-odds (nats) fall when a part is left out, (n, k); NaN where there is none."""

    probability: FloatArray
    log_odds: FloatArray


@dataclass(frozen=True)
class Explanation:
    """Of n units: the number of the emotion that is explained (n,), and the effects of the modalities (n, 3), of the lines (n, 2 w), which
    stand in the rows `line_rows` (-1: none), and of the face's crops (n, 8).
    """

    rows: IntArray
    emotion: IntArray
    modalities: Effects
    lines: Effects
    line_rows: IntArray
    frames: Effects


def explain_units(model: EmotionModel, unit_ids: pd.DataFrame, data: UnitArrays) -> pd.DataFrame:
    """EXPLANATIONS of what `predict` says of the same units; `unit_ids` holds unit_id and film_id, row by row."""
    facts, rows, data = model.facts, np.arange(len(data)), with_maps(data, model.facts.config)
    reader = Reader(model.context_networks, facts.config, np.array([facts.temperatures[source] for source in facts.sources], np.float32))
    with one_torch_thread():
        without = calibrated_without_crops(facts, data, rows, _without_crops(model, data, rows))
        said = explain(reader, data, model_opinions(model, data), without, rows)
    return explanation_rows(unit_ids, data, said, -1)


def _without_crops(model: EmotionModel, data: UnitArrays, rows: IntArray) -> FloatArray:
    """Mean logits (n, 8, 7) of the face's experts with each crop left out; NaN where there is no such crop, or no expert."""
    experts = [(i, expert) for i, expert in enumerate(model.experts) if expert.modality == FACE]
    each = [state_without_crops(model.expert_networks[i], data, expert.standardiser, rows) for i, expert in experts]
    return np.mean(each, axis=0, dtype=np.float32) if each else np.full((len(rows), CROPS, len(EMOTIONS)), np.nan, np.float32)


def calibrated_without_crops(facts: ModelFacts, data: UnitArrays, rows: IntArray, logits: FloatArray) -> FloatArray:
    """Log-probabilities (n, 8, 7) out of the face's logits with each crop left out, calibrated as the face's opinions are."""
    temperatures = facts.expert_temperatures[MODALITIES[FACE]]
    own = np.array([temperatures.get(source, 1.0) for source in facts.sources], np.float32)
    return log_softmax(logits / own[data.source[rows]][:, None, None]).astype(np.float32)


def explain(reader: Reader, data: UnitArrays, opinions: Opinions, without_crops: FloatArray, rows: IntArray) -> Explanation:
    """Explain what the system says of `rows`, which hold every unit of a run or none.

    `without_crops` (n, 8, 7) are the face's log-probabilities with each of its crops left out.
    """
    whole = reader.logits(data, opinions, rows)
    emotion = whole.argmax(axis=1)
    lines, line_rows = line_effects(reader, data, opinions, rows, emotion)
    frames = _effects(opinions.log_p[rows, FACE, None], without_crops, emotion)
    return Explanation(rows, emotion, modality_effects(reader, data, opinions, rows, whole), lines, line_rows, frames)


def modality_effects(reader: Reader, data: UnitArrays, opinions: Opinions, rows: IntArray, whole: FloatArray) -> Effects:
    """Each modality (n, 3) left out of all units at once, as in a film that lacks it; NaN where the unit itself lacks it."""
    rest = np.full((len(rows), len(MODALITIES), len(EMOTIONS)), np.nan, np.float32)
    for modality in range(len(MODALITIES)):
        there = opinions.present[rows, modality]
        if there.any():
            others = tuple(m for m in range(len(MODALITIES)) if m != modality)
            rest[there, modality] = reader.logits(data, opinions.only(others), rows)[there]
    return _effects(whole[:, None], rest, whole.argmax(axis=1))


def shares(effects: Effects) -> FloatArray:
    """Signed parts (n, 3) of what all modalities did together: their sizes add to 1, one below 0 spoke against the emotion.

    NaN where the unit lacks the modality, and where none did anything.
    """
    total = np.nansum(np.abs(effects.log_odds), axis=1, keepdims=True)
    return np.divide(effects.log_odds, total, out=np.full_like(effects.log_odds, np.nan), where=total > 1e-6)


def line_effects(reader: Reader, data: UnitArrays, opinions: Opinions, rows: IntArray, emotion: IntArray) -> tuple[Effects, IntArray]:
    """Each line in reach silenced: it keeps its place and speaker, and nothing is known of what it says or how.

    In reach are the `window` lines before a unit, which the transformer looks at, and as many after it in its own scene. A line further
    off in the scene is known through the scene's mood alone; any other has exactly no influence.

    Returns:
        Effects (n, 2 window) and the rows of the lines, from the first before the unit to the last after it; -1 where there is none.
    """
    reach = reader.config.window
    steps = np.array([*range(-reach, 0), *range(1, reach + 1)])
    found = np.full((len(data), len(steps)), -1, np.int64)
    probability, log_odds = (np.full(found.shape, np.nan, np.float32) for _ in range(2))
    named = np.zeros(len(data), np.int64)
    named[rows] = emotion
    for run in runs_of(data, rows):
        line = np.arange(len(run))[:, None] + steps
        there = (line >= 0) & (line < len(run))
        line = np.where(there, line, 0)
        there &= (steps < 0) | (data.scene[run[line]] == data.scene[run][:, None])
        heard, silent, at = _each_silenced(reader, data, opinions, run)
        place = np.where(there, at[line] - steps, 0)
        before, after = (said[line, place] / reader.temperatures[data.source[run]][:, None, None] for said in (heard, silent))
        fell = _effects(before, np.where(there[..., None], after, np.nan), named[run])
        found[run], probability[run], log_odds[run] = np.where(there, run[line], -1), fell.probability, fell.log_odds
    return Effects(probability[rows], log_odds[rows]), found[rows]


def _each_silenced(reader: Reader, data: UnitArrays, opinions: Opinions, run: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """What is said of the units around each line (t, l, 7) when it is heard and when it is silenced, and its own place there (t,).

    Few units hear the line, so that only a stretch around it is read anew. The units before it are what they are in the whole run, and so
    is the mood of the rest of the scene.
    """
    further = reader.config.window * reader.config.context_layers + STEPS_BACK
    back = max(reader.config.window, further + 1)
    places = padded([np.arange(max(0, at - back), min(len(run), at + further + 1)) for at in range(len(run))])
    at = np.minimum(np.arange(len(run)), back)
    whole, near = context_batch(data, opinions, run[None]), context_batch(data, opinions, np.where(places >= 0, run[places], -1))
    silent, anew = silenced(near, torch.from_numpy(at)), torch.arange(places.shape[1]) >= torch.from_numpy(at)[:, None]
    said = np.zeros((2, *places.shape, len(EMOTIONS)), np.float32)
    for network in reader.contexts.networks:
        with torch.no_grad():
            heard = network.hear(whole)
            around = Heard(heard.hidden, heard.alone[0, places], heard.past[0, places])
            outside = _scene_sums(heard, whole)[0, places] - _scene_sums(around, near)
            for i, one in enumerate((around, _replaced(around, network.hear(silent), anew))):
                logits = network.conclude(one, network.elsewhere(one.past, near, outside), near)
                said[i] += logits.log_softmax(-1).numpy() / len(reader.contexts.networks)
    return said[0], said[1], at


def silenced(batch: ContextBatch, at: Tensor) -> ContextBatch:
    """The same runs, of each of which nothing is known at the place `at` (b,)."""
    each = torch.arange(len(at))
    present, opinions, levels, listened = (part.clone() for part in (batch.present, batch.opinions, batch.levels, batch.listened))
    present[each, at], levels[each, at], listened[each, at] = 0, 0, False
    opinions[each, at] = batch.prior[each, at][:, None]
    return dataclasses.replace(batch, opinions=opinions, levels=levels, present=present, listened=listened)


def _replaced(around: Heard, other: Heard, where: Tensor) -> Heard:
    """What was heard, in some places (b, t) that of another hearing."""
    alone, past = (torch.where(where[..., None], b, a) for a, b in ((around.alone, other.alone), (around.past, other.past)))
    return Heard(around.hidden, alone, past)


def _scene_sums(heard: Heard, batch: ContextBatch) -> Tensor:
    """For each unit the sum of the shares of the emotions in its scene, itself among them, and how many units that are (b, t, 8)."""
    among = same_scene(batch).float()
    return torch.cat([among @ heard.past.softmax(-1), among.sum(-1, keepdim=True)], dim=-1)


def _effects(before: FloatArray, after: FloatArray, emotion: IntArray) -> Effects:
    """Of logits `before` (n, k or 1, 7) that become `after` (n, k, 7)."""
    own = np.broadcast_to(emotion[:, None], after.shape[:2])
    was, is_now = _standing(before, own[:, : before.shape[1]]), _standing(after, own)
    return Effects(*((one - other).astype(np.float32) for one, other in zip(was, is_now, strict=True)))


def _standing(logits: FloatArray, emotion: IntArray) -> tuple[FloatArray, FloatArray]:
    """Probability and log-odds (n, k) of one emotion (n, k) by logits (n, k, 7)."""
    log_p = log_softmax(logits.astype(np.float64))
    own = np.take_along_axis(log_p, emotion[..., None], axis=-1)[..., 0]
    others = np.where(np.arange(len(EMOTIONS)) == emotion[..., None], -np.inf, log_p)
    with np.errstate(invalid="ignore"):  # NaN beside -inf
        return np.exp(own), own - np.logaddexp.reduce(others, axis=-1)


def explanation_rows(unit_ids: pd.DataFrame, data: UnitArrays, said: Explanation, fold: int | IntArray) -> pd.DataFrame:
    """Rows of EXPLANATIONS: every modality, and the MOST lines and frames that changed the odds by their LEAST_LOG_ODDS or more.

    `fold` is one for all or one a unit.
    """
    import pandas as pd

    units = unit_ids[["unit_id", "film_id"]].iloc[said.rows].reset_index(drop=True)
    units["fold"], units["emotion"] = fold, np.array(EMOTIONS, object)[said.emotion]
    lines = unit_ids["unit_id"].to_numpy(object)[said.line_rows]
    table = pd.concat(
        [
            _rows(units, ExplainedPart.MODALITY, said.modalities, np.array(MODALITIES, object)),
            _rows(units, ExplainedPart.LINE, said.lines, lines),
            _rows(units, ExplainedPart.FRAME, said.frames, np.arange(CROPS).astype(str).astype(object), _crop_times(data, said.rows)),
        ],
        ignore_index=True,
    )
    return EXPLANATIONS.to_arrow(table[EXPLANATIONS.names]).to_pandas()


def _rows(units: pd.DataFrame, part: ExplainedPart, effects: Effects, names: FloatArray, t_ms: FloatArray | None = None) -> pd.DataFrame:
    """Rows of one part; `names` are one a column or one a unit and column (n, k), as `t_ms` are."""
    at, column = _told(effects, part)
    table = units.iloc[at].reset_index(drop=True).assign(part=part.value)
    table["name"] = np.broadcast_to(names, effects.log_odds.shape)[at, column]
    table["t_ms"] = np.nan if t_ms is None else t_ms[at, column]
    table["probability"], table["log_odds"] = (np.round(one[at, column], 4) for one in (effects.probability, effects.log_odds))
    table["share"] = np.round(shares(effects)[at, column], 4) if part is ExplainedPart.MODALITY else np.nan
    return table


def _crop_times(data: UnitArrays, rows: IntArray) -> FloatArray:
    """When each crop of the units is shown, ms (n, 8); NaN where there is none."""
    times, at = np.full((len(rows), CROPS), np.nan), data.crop_row[rows]
    times[at >= 0] = data.crop_t_ms[at[at >= 0]]
    return times


def _told(effects: Effects, part: ExplainedPart) -> tuple[IntArray, IntArray]:
    """Units and columns of the effects that are told, of each unit the greatest first."""
    size = np.nan_to_num(np.abs(effects.log_odds), nan=-1.0)
    most, least = len(MODALITIES) if part is ExplainedPart.MODALITY else MOST, LEAST_LOG_ODDS[part]
    order = np.argsort(-size, axis=1, kind="stable")[:, :most]
    at, rank = np.nonzero(np.take_along_axis(size, order, axis=1) >= least)
    return at, order[at, rank]
