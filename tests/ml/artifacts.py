"""A small artifact tree with known truth, written through the contracts as the stages write it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from corpus.contracts import GOLD_LABELS, LISTENERS, UNIT_FEATURES, UNITS
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS
from ml.models.dataset import FACE, UnitArrays
from tests.emotions import WRITTEN

FACE_COLUMNS = ("smile", "brow", "eyes")
VOICE_COLUMNS = ("pitch", "rate", "level", "tilt")
WORDS = dict(zip(WRITTEN, ("well", "great", "damn", "help", "sorry", "what", "yuck"), strict=True))
"""What is said with an emotion; with one that is not here its name."""
CONFUSION = 0.3
"""How often one modality shows another emotion than the unit's."""


def write_films(home: Home, count: int, units_each: int, seed: int = 0, rights: str = "cc0") -> list[str]:
    """Films whose emotion shows in three modalities, each misleading at random; returns their ids."""
    rng = np.random.default_rng(seed)
    film_ids = [f"film-{i:02d}" for i in range(count)]
    gold = [_write_film(home, film_id, units_each, rng, rights) for film_id in film_ids]
    folder = home.artifact("gold_labels")
    folder.mkdir(parents=True)
    GOLD_LABELS.write(pd.concat(gold, ignore_index=True), folder / "gold.parquet")
    return film_ids


def write_corpus(home: Home, name: str, films: int, lines_each: int, seed: int = 1) -> None:
    """A corpus of lines in no order, with words alone."""
    rng = np.random.default_rng(seed)
    n = films * lines_each
    labels = rng.integers(len(EMOTIONS), size=n)
    rows = [
        {"unit_id": f"{name}.{i}", "film_id": f"{name}-{i // lines_each}", "level": "utterance", "text": _text(labels[i], rng)}
        for i in range(n)
    ]
    folder = home.corpus(name)
    units = UNITS.write(UNITS.frame(rows), folder / "units.parquet")
    GOLD_LABELS.write(gold_table(units, labels), folder / "gold.parquet")
    write_json(folder / "summary.json", {"licence": "CC-BY 4.0", "declared_use": "commercial", "n": n})
    _write_text(home.corpus(f"{name}-text"), units["unit_id"], _seen(labels, rng), rng)


def _write_film(home: Home, film_id: str, n: int, rng: np.random.Generator, rights: str) -> pd.DataFrame:
    labels = rng.integers(len(EMOTIONS), size=n)
    for i in range(1, n):
        labels[i] = (labels[i - 1] + 1) % len(EMOTIONS) if rng.random() < 0.5 else labels[i]
    folder = home.artifact("film", film_id)
    folder.mkdir(parents=True)
    facts = {"film_id": film_id, "rights": rights, "declared_use": "commercial", "series": None, "sources": {"video": {"sha256": film_id}}}
    (folder / "film.json").write_text(json.dumps(facts), encoding="utf-8")
    units = UNITS.write(_units(film_id, labels, rng), home.artifact("scenes", film_id) / "units.parquet")
    _write_face(home.artifact("face_features", film_id), units["unit_id"], _seen(labels, rng), rng)
    _write_listeners(home.artifact("face_features", film_id), units, labels)
    _write_voice(home.artifact("voice_features", film_id), units["unit_id"], _seen(labels, rng), rng)
    _write_text(home.artifact("text_features", film_id), units["unit_id"], _seen(labels, rng), rng)
    return gold_table(units, labels)


def _units(film_id: str, labels: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {
            "unit_id": f"{film_id}.u{i:05d}",
            "film_id": film_id,
            "level": "utterance",
            "start_ms": 2000 * i,
            "end_ms": 2000 * i + 1500,
            "text": _text(label, rng),
            "character_id": ("anna", "ben")[i % 2],
            "addressee_id": ("ben", "anna")[i % 2],
            "scene_id": f"{film_id}.scene{i // 7:03d}",
            "position": i,
        }
        for i, label in enumerate(labels)
    ]
    return UNITS.frame(rows)


def _text(label: int, rng: np.random.Generator) -> str:
    shown = label if rng.random() > CONFUSION else rng.integers(len(EMOTIONS))
    return f"{WORDS.get(EMOTIONS[shown], EMOTIONS[shown])} it is {rng.integers(30)}"


def _seen(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What one modality shows: the emotion, or another one at random."""
    return np.where(rng.random(len(labels)) > CONFUSION, labels, rng.integers(len(EMOTIONS), size=len(labels)))


def gold_table(units: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """Gold of three agreeing raters."""
    soft = np.full((len(labels), len(EMOTIONS)), 0.12 / (len(EMOTIONS) - 1))
    soft[np.arange(len(labels)), labels] = 0.88
    table = pd.DataFrame({"unit_id": units["unit_id"], "film_id": units["film_id"], "perspective": "portrayed", "status": "gold"})
    table["label"] = [EMOTIONS[label] for label in labels]
    table[list(PROBABILITY_COLUMNS)] = soft
    return table.assign(
        rater_model_label=table["label"], n_raters=3, top_share=1.0, entropy_bits=0.8, intensity=0.5, valence=None, arousal=None
    )


def _one_hot(seen: np.ndarray, width: int, rng: np.random.Generator, noise: float) -> np.ndarray:
    codes = np.random.default_rng(99).normal(size=(len(EMOTIONS), width))
    return (codes[seen] + noise * rng.normal(size=(len(seen), width))).astype(np.float32)


def _features(folder: Path, unit_ids: pd.Series, names: tuple[str, ...], values: np.ndarray) -> None:
    table = pd.DataFrame({"unit_id": unit_ids, "present": True})
    table[list(names)] = values
    UNIT_FEATURES.write(table, folder / "features.parquet")


def _write_face(folder: Path, unit_ids: pd.Series, seen: np.ndarray, rng: np.random.Generator) -> None:
    _features(folder, unit_ids, FACE_COLUMNS, _one_hot(seen, len(FACE_COLUMNS), rng, 1.0))
    save_file(_crops(seen, rng), folder / "crops.safetensors")


def _crops(seen: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Faces of noise with a bright bar where the emotion says."""
    crops, height = rng.integers(90, 110, size=(len(seen), 8, 48, 48)).astype(np.uint8), 48 // len(EMOTIONS)
    for i, emotion in enumerate(seen):
        crops[i, :, height * emotion : height * (emotion + 1), :] = 220
    t_ms = 2000 * np.arange(len(seen))[:, None] + 150 * np.arange(8)
    return {"crops": crops, "mask": np.ones((len(seen), 8), bool), "t_ms": t_ms}


def _write_listeners(folder: Path, units: pd.DataFrame, labels: np.ndarray) -> None:
    """To two lines of three somebody listens whose face shows what is felt in the following line."""
    rng = np.random.default_rng(7)
    shown, present = np.roll(labels, -1), np.arange(len(units)) % 3 > 0
    table = pd.DataFrame({"unit_id": units["unit_id"], "present": present})
    table["character_id"] = units["addressee_id"].where(present)
    table[list(FACE_COLUMNS)] = np.where(present[:, None], _one_hot(shown, len(FACE_COLUMNS), rng, 1.0), np.nan).astype(np.float32)
    LISTENERS.write(table, folder / "listeners.parquet")
    save_file(_crops(shown, rng) | {"mask": np.repeat(present[:, None], 8, axis=1)}, folder / "listener_crops.safetensors")


def _write_voice(folder: Path, unit_ids: pd.Series, seen: np.ndarray, rng: np.random.Generator) -> None:
    _features(folder, unit_ids, VOICE_COLUMNS, _one_hot(seen, len(VOICE_COLUMNS), rng, 0.3))


def _write_text(folder: Path, unit_ids: pd.Series, seen: np.ndarray, rng: np.random.Generator) -> None:
    _features(folder, unit_ids, ("exclamations",), (seen == 5).astype(np.float32)[:, None])
    write_embedding(folder, _one_hot(seen, 384, rng, 1.0) / 20)


def without(data: UnitArrays, *modalities: str) -> UnitArrays:
    """The same units with some modalities taken away."""
    gone = np.isin(MODALITIES, modalities)
    return dataclasses.replace(data, present=data.present & ~gone, listened=data.listened & ~gone[FACE])


def write_embedding(folder: Path, embedding: np.ndarray, encoder: str = "minilm") -> None:
    """The embeddings of a folder's text features, and whose they are."""
    save_file({"embedding": embedding}, folder / "embedding.safetensors", metadata={"encoder": encoder})
