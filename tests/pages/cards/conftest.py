"""A home with a training set, a tiny model and its report, for the tests of cards."""

from pathlib import Path

import pytest

from corpus.contracts import TRAINING_UNITS, UNITS
from corpus.paths import Home, write_json, writing
from ml.evaluation.validate import build_report
from tests.ml.artifacts import write_corpus, write_films
from tests.ml.conftest import train

HELD = "film-03"
"""A film that may teach and may not be exported."""

HELD_RIGHTS = "licensed"
CREDIT = "Lines, Somebody et al. 2020"


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four films, one of them not to be exported, and a corpus; a model and its report."""
    home = Home(tmp_path_factory.mktemp("taught"))
    film_ids = write_films(home, 4, 14)
    for film_id in film_ids:
        rights = HELD_RIGHTS if film_id == HELD else "cc0"
        facts = {"film_id": film_id, "title": f"Title of {film_id}", "rights": rights, "declared_use": "commercial", "language": "fr"}
        write_json(home.artifact("film", film_id) / "film.json", {**facts, "attribution": "The studio", "rights_ref": "contract 7"})
    write_corpus(home, "lines", 3, 12)
    facts = {"licence": "GPL-3.0", "declared_use": "research", "credit": CREDIT, "rows_read": 36, "rows_accepted": 36}
    write_json(home.corpus("lines") / "summary.json", facts)
    train(home, film_ids, ["lines"], rights=frozenset({"cc0", HELD_RIGHTS}))
    with writing(home.artifact("validation_report")) as out:
        build_report(home, home.artifact("training_set"), home.artifact("gold_labels"), home.artifact("emotion_model"), out)
    return home


def words_of(home: Home, film_id: str) -> set[str]:
    """What is said in a film."""
    return set(UNITS.read(home.artifact("scenes", film_id) / "units.parquet")["text"].dropna())


def training_rows(home: Home) -> int:
    """Rows of the training set."""
    return len(TRAINING_UNITS.read(home.artifact("training_set") / "manifest.parquet"))


def everything_in(folder: Path) -> bytes:
    """All bytes of a folder's files, Parquet read out, so that a text is found wherever it stands."""
    import pandas as pd

    parts = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            parts.append(pd.read_parquet(path).to_csv().encode() if path.suffix == ".parquet" else path.read_bytes())
    return b"\n".join(parts)
