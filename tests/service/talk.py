"""A home whose champion learned from a handful of written dialogues: words alone, by the real text features, quick, and not all wrong."""

import json
import shutil

import numpy as np

from corpus.contracts import GOLD_LABELS, UNITS
from corpus.paths import Home
from corpus.terms import EMOTIONS
from ml.features.text import build_text_features
from tests.ml.artifacts import gold_table
from tests.ml.conftest import train

SAYINGS = {
    "neutral": (
        "The meeting is at ten.",
        "I put the keys on the table.",
        "It is a blue car.",
        "We take the second road.",
        "Here is your receipt.",
    ),
    "joy": ("This is wonderful, thank you!", "I am so happy for you!", "We won, we won!", "What a lovely morning.", "I love it here."),
    "anger": ("How dare you!", "This is an outrage.", "I am sick of your excuses.", "Get out of my house!", "You lied to me again."),
    "fear": ("I am scared of him.", "Something is in the dark.", "Please do not let them find us.", "I am afraid to go home.", "Run!"),
    "sadness": ("I miss her so much.", "Everything is lost.", "I cried all night.", "He is gone and I am alone.", "I am so sorry."),
    "surprise": ("What? You are here?", "I did not expect that!", "No way, really?", "Oh my, look at this!", "You won the lottery?"),
    "disgust": ("That smells awful.", "This is revolting.", "Yuck, take it away.", "You make me sick.", "There is mould in the soup."),
}
FELT = tuple(SAYINGS)
FILMS, LINES = 6, 20


def talking_home(home: Home) -> Home:
    """Train on FILMS films of LINES lines each, in which an emotion is often answered by the next in the list."""
    rng, gold = np.random.default_rng(5), []
    film_ids = [f"talk-{number}" for number in range(FILMS)]
    for film_id in film_ids:
        labels = rng.integers(len(FELT), size=LINES)
        for i in range(1, LINES):
            labels[i] = (labels[i - 1] + 1) % len(FELT) if rng.random() < 0.6 else labels[i]
        gold.append(_write_film(home, film_id, labels, rng))
    folder = home.artifact("gold_labels")
    folder.mkdir(parents=True)
    import pandas as pd

    GOLD_LABELS.write(pd.concat(gold, ignore_index=True), folder / "gold.parquet")
    train(home, film_ids, [])
    promote(home)
    return home


def promote(home: Home) -> None:
    """Have the model last trained be the champion."""
    shutil.rmtree(home.artifact("champion"), ignore_errors=True)
    shutil.copytree(home.artifact("emotion_model"), home.artifact("champion"))


def _write_film(home: Home, film_id: str, labels: np.ndarray, rng: np.random.Generator) -> "object":
    folder = home.artifact("film", film_id)
    folder.mkdir(parents=True)
    facts = {"film_id": film_id, "rights": "cc0", "declared_use": "commercial", "series": None, "sources": {"video": {"sha256": film_id}}}
    (folder / "film.json").write_text(json.dumps(facts), encoding="utf-8")
    rows = [
        {
            "unit_id": f"{film_id}.u{i:05d}",
            "film_id": film_id,
            "level": "utterance",
            "start_ms": 2000 * i,
            "end_ms": 2000 * i + 1500,
            "text": SAYINGS[FELT[label]][rng.integers(5)],
            "character_id": ("anna", "ben")[i % 2],
            "addressee_id": ("ben", "anna")[i % 2],
            "scene_id": f"{film_id}.scene{i // 10:03d}",
            "position": i,
        }
        for i, label in enumerate(labels)
    ]
    path = home.artifact("scenes", film_id) / "units.parquet"
    units = UNITS.write(UNITS.frame(rows), path)
    out = home.artifact("text_features", film_id)
    out.mkdir(parents=True)
    build_text_features(path, "en", out)
    return gold_table(units, np.array([EMOTIONS.index(FELT[label]) for label in labels]))
