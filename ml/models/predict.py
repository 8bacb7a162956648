"""The trained model as a thing to use: loading and predicting.

A model is a folder of safetensors and JSON with a sha256 manifest; a flipped byte is refused. One model takes whatever a unit has, a face,
a voice, words or all three, alone or in its dialogue; why it says what it says is told by `explain`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from corpus.contracts import PREDICTIONS, REACTIONS
from corpus.paths import file_digest, write_json
from corpus.terms import EMOTIONS, FUSED, LEVELS, MODALITIES, PROBABILITY_COLUMNS, FaceNetwork, FeelmError
from ml.models.calibration import log_softmax, softmax
from ml.models.cast import role_of
from ml.models.context import Ensemble, Joined, Opinions, join
from ml.models.dataset import FACE, Columns, FloatArray, IntArray, Standardiser, UnitArrays
from ml.models.experts import State, Stated, make_expert, state_all, with_maps
from ml.models.networks import Expert, NetworkConfig

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 8
FILES = ("weights.safetensors", "model.json")
TABLES = ("predictions.parquet", "reactions.parquet", "explanations.parquet")
COMPANIONS = (*TABLES, "curves.json", "summary.json", "report.json", "decision.json", "README.md", "grounds.json")
"""What else may lie in a model's folder: nothing that is run or unpickled."""

PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".joblib", ".npy", ".npz", ".dill", ".model")
PICKLE_BEGINNINGS = (b"PK\x03\x04", *(bytes((0x80, protocol)) for protocol in range(2, 6)))
"""A zip, in which torch keeps its pickles, and the pickle protocols that mark themselves."""

NEXT_COLUMNS = tuple(f"next_{emotion}" for emotion in EMOTIONS)
FOLLOWS = ("next", "own", "answer")
"""What follows an emotion: the next unit's, the speaker's own when they speak next, the addressee's answer."""


@dataclass(frozen=True)
class TrainedExpert:
    """One expert: modality number, weights and the standardisation of its inputs."""

    modality: int
    state: State
    standardiser: Standardiser

    def network(self, sources: int, config: NetworkConfig, speech: int) -> Expert:
        """The expert's network with its weights; RuntimeError where they are of another shape."""
        network = make_expert(self.modality, len(self.standardiser.mean), sources, config, speech)
        network.load_state_dict({name: torch.tensor(array) for name, array in self.state.items()})
        return network


@dataclass(frozen=True)
class ModelFacts:
    """`model.json`: what is needed beside the weights. Temperatures are by source, `expert_temperatures[modality][source]`.

    `conversation` is the source that has most labelled units in dialogue: talk is read as that one. `follows` are what was counted of the
    gold emotions: FOLLOWS by name, how often each (row) is followed by each (column), (7, 7). `foresight` are the weights of
    `ml.models.foresight`, (features + 1, 7).
    """

    config: NetworkConfig
    columns: Columns
    sources: list[str]
    priors: dict[str, list[float]]
    expert_temperatures: dict[str, dict[str, float]]
    temperatures: dict[str, float]
    trained_on: dict[str, str]
    declared_use: str
    seed: int
    conversation: str
    follows: dict[str, list[list[float]]]
    foresight: list[list[float]]
    emotions: tuple[str, ...] = EMOTIONS
    format: int = FORMAT


@dataclass(frozen=True)
class EmotionModel:
    """Experts, context networks and the facts to use them; the networks are built once, by whoever asks first."""

    facts: ModelFacts
    experts: list[TrainedExpert]
    contexts: list[State]
    version: str

    @cached_property
    def expert_networks(self) -> list[Expert]:
        """The experts' networks, for use; RuntimeError where the weights are of another shape."""
        sizes = len(self.facts.sources), self.facts.config, self.facts.columns.speech_width
        return [expert.network(*sizes).eval() for expert in self.experts]

    @cached_property
    def context_networks(self) -> Ensemble:
        """The context networks, for use; RuntimeError where the weights are of another shape."""
        return Ensemble.of(self.contexts, self.facts.config)


def save_model(facts: ModelFacts, experts: list[TrainedExpert], contexts: list[State], out: Path) -> None:
    """Write weights.safetensors, model.json and, last, manifest.json with the sha256 of both."""
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for i, expert in enumerate(experts):
        head = f"expert.{MODALITIES[expert.modality]}.{i}"
        tensors |= {f"{head}.net.{name}": array for name, array in expert.state.items()}
        tensors |= {f"{head}.mean": expert.standardiser.mean, f"{head}.scale": expert.standardiser.scale}
    for i, state in enumerate(contexts):
        tensors |= {f"context.{i}.{name}": array for name, array in state.items()}
    save_file({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}, out / FILES[0])
    write_json(out / FILES[1], dataclasses.asdict(facts))
    write_json(out / "manifest.json", {name: file_digest(out / name) for name in FILES})


def load_model(folder: Path) -> EmotionModel:
    """Load a trained model.

    Raises:
        FeelmError: the folder holds no model, a file is not the one that was written, a pickle or a foreign file lies in it, or another
            version of Feelm wrote it.
    """
    _check_files(folder)
    raw: dict[str, Any] = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
    if raw["format"] != FORMAT or tuple(raw["emotions"]) != EMOTIONS:
        raise FeelmError(f"the model at {folder} was written by another version: train again (feelm run)")
    facts = ModelFacts(
        **{
            **raw,
            "config": _config(raw["config"]),
            "columns": _columns(raw["columns"]),
            "emotions": EMOTIONS,
        }
    )
    experts, contexts = _parse_weights(_read_tensors(folder / FILES[0]))
    model = EmotionModel(facts, experts, contexts, file_digest(folder / "manifest.json")[:12])
    try:
        model.expert_networks, model.context_networks  # noqa: B018 (they are built)
    except RuntimeError as error:
        raise FeelmError(f"the model at {folder} is of another shape than this version's networks: train again (feelm run)") from error
    return model


def _config(raw: dict[str, Any]) -> NetworkConfig:
    face_network = FaceNetwork(raw.get("face_network", FaceNetwork.SMALL))
    return NetworkConfig(**{**raw, "face_network": face_network, "face_channels": tuple(raw["face_channels"])})


def _columns(raw: dict[str, Any]) -> Columns:
    face, voice, cues = (tuple(raw[name]) for name in ("face", "voice", "cues"))
    return Columns(face, voice, cues, str(raw["text_encoder"]), int(raw["embedding_width"]), int(raw["speech_width"]))


def _check_files(folder: Path) -> None:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise FeelmError(f"no model at {folder}: train one (feelm run)")
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
        _refuse_foreign(path, path.relative_to(folder).as_posix())
    digests = json.loads(manifest.read_text(encoding="utf-8"))
    for name in FILES:
        if not (folder / name).is_file() or file_digest(folder / name) != digests.get(name):
            raise FeelmError(
                f"the model file {folder / name} is not the one that was written: delete the folder and train again (feelm run)"
            )


def _refuse_foreign(path: Path, name: str) -> None:
    """Refuse what Feelm did not write: whoever can put a file here could have it run by a reader that unpickles."""
    if name != FILES[0] and is_pickle(path):
        raise FeelmError(f"{path} is a pickle, which can run code when it is read; no model of Feelm has one: remove it")
    if name not in (*FILES, "manifest.json", *COMPANIONS):
        raise FeelmError(f"{path} is no file of a model that Feelm wrote: remove it")


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle or a zip that may hold one, by its name or its first bytes."""
    if path.suffix.lower() in PICKLE_SUFFIXES:
        return True
    with path.open("rb") as stream:
        return stream.read(4).startswith(PICKLE_BEGINNINGS)


def _read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    try:
        tensors: dict[str, npt.NDArray[np.float32]] = load_file(path)
    except SafetensorError as error:
        raise FeelmError(f"{path} holds no safetensors ({error}): delete the folder and train again (feelm run)") from error
    return tensors


def _parse_weights(tensors: dict[str, npt.NDArray[np.float32]]) -> tuple[list[TrainedExpert], list[State]]:
    experts: dict[tuple[int, str], dict[str, npt.NDArray[np.float32]]] = {}
    contexts: dict[int, State] = {}
    for name, array in tensors.items():
        if name.startswith("context."):
            _, number, parameter = name.split(".", 2)
            contexts.setdefault(int(number), {})[parameter] = array
        else:
            _, modality, number, parameter = name.split(".", 3)
            experts.setdefault((int(number), modality), {})[parameter] = array
    return [_parse_expert(modality, parts) for (_, modality), parts in sorted(experts.items())], [contexts[i] for i in sorted(contexts)]


def _parse_expert(modality: str, parts: dict[str, npt.NDArray[np.float32]]) -> TrainedExpert:
    state = {name.removeprefix("net."): array for name, array in parts.items() if name.startswith("net.")}
    return TrainedExpert(MODALITIES.index(modality), state, Standardiser(parts["mean"], parts["scale"]))


def calibrated_opinions(facts: ModelFacts, data: UnitArrays, said: list[Stated]) -> Opinions:
    """Opinions out of what the experts of each modality say of all units, with each source's temperatures and priors.

    A face that listens is calibrated as one that speaks, since nobody judged it.
    """
    temperature = np.array([[facts.expert_temperatures[m].get(s, 1.0) for m in MODALITIES] for s in facts.sources], np.float32)
    prior = np.log(np.array([facts.priors[source] for source in facts.sources], np.float32))
    logits, listening = np.stack([one.logits for one in said], axis=1), said[FACE].listening
    return Opinions(
        log_p=log_softmax(logits / temperature[data.source][..., None]).astype(np.float32),
        levels=np.stack([one.levels for one in said], axis=1),
        present=data.present & np.isfinite(logits[..., 0]),
        prior=prior[data.source],
        listening=log_softmax(listening / temperature[data.source][:, FACE, None]).astype(np.float32),
        listened=data.listened & np.isfinite(listening[:, 0]),
    )


def expert_opinions(model: EmotionModel, data: UnitArrays, rows: IntArray | None = None) -> list[Stated]:
    """The mean of what each modality's experts say of `rows`, or of all; NaN in other rows and where the modality is absent."""
    data = with_maps(data, model.facts.config)
    rows = np.arange(len(data)) if rows is None else rows
    said = [Stated.blank(len(data)) for _ in MODALITIES]
    for modality in sorted({expert.modality for expert in model.experts}):
        experts = [pair for pair in zip(model.expert_networks, model.experts, strict=True) if pair[1].modality == modality]
        each = [state_all(network, data, modality, one.standardiser, rows) for network, one in experts]
        said[modality].put(rows, Stated.mean(each))
    return said


def model_opinions(model: EmotionModel, data: UnitArrays, rows: IntArray | None = None) -> Opinions:
    """What the model's experts say of each unit, or of some `rows` alone."""
    return calibrated_opinions(model.facts, data, expert_opinions(model, data, rows))


def predict(model: EmotionModel, unit_ids: pd.DataFrame, data: UnitArrays) -> pd.DataFrame:
    """PREDICTIONS of the system `fused` for units of any subset of modalities; `unit_ids` holds unit_id and film_id, row by row."""
    joined = join(model.context_networks, data, model_opinions(model, data), np.arange(len(data)))
    return prediction_rows(unit_ids, FUSED, -1, probabilities_of(model, data, joined), joined.levels, softmax(joined.reaction))


def probabilities_of(model: EmotionModel, data: UnitArrays, joined: Joined) -> FloatArray:
    """Calibrated probabilities (n, 7) of the emotion, with the temperature of each unit's source."""
    temperature = np.array([model.facts.temperatures[source] for source in model.facts.sources], np.float32)
    return softmax(joined.logits / temperature[data.source][:, None]).astype(np.float32)


def prediction_rows(
    unit_ids: pd.DataFrame,
    system: str,
    fold: int | IntArray,
    probabilities: FloatArray,
    levels: FloatArray | None = None,
    reaction: FloatArray | None = None,
) -> pd.DataFrame:
    """Rows of PREDICTIONS for one system."""
    import pandas as pd

    table = pd.DataFrame({"unit_id": unit_ids["unit_id"].to_numpy(), "film_id": unit_ids["film_id"].to_numpy(), "system": system})
    table["fold"] = fold
    table[list(PROBABILITY_COLUMNS)] = probabilities
    table[list(LEVELS)] = np.full((len(table), len(LEVELS)), np.nan) if levels is None else levels
    table[list(NEXT_COLUMNS)] = np.full((len(table), len(EMOTIONS)), np.nan) if reaction is None else reaction
    return table[PREDICTIONS.names]


def reaction_rows(rows: pd.DataFrame, data: UnitArrays, fold: IntArray, characters: FloatArray) -> pd.DataFrame:
    """Rows of REACTIONS from log-probabilities (n, PRESENT, 7), NaN for nobody; `rows` are the UNITS and `fold` (n,) their folds."""
    import pandas as pd

    unit, place = np.nonzero(np.isfinite(characters[..., 0]))
    heard = rows.iloc[unit]
    table = pd.DataFrame({"unit_id": heard["unit_id"].to_numpy(), "film_id": heard["film_id"].to_numpy()})
    table["character_id"] = rows["character_id"].to_numpy()[data.last_of[unit, place]]
    table["role"], table["fold"] = [role_of(at) for at in place.tolist()], fold[unit]
    table[list(PROBABILITY_COLUMNS)] = softmax(characters[unit, place])
    return table[REACTIONS.names]
