"""The films behind a model, told together: the same words as the whole graph gives, whatever became of films since."""

import io
import json

import pytest
from rich.console import Console

from assets.history import FILMS_FILE, HISTORY_PART
from assets.lineage_targets import Lineage, read_lineage, read_lineage_briefly
from benchmarks.lineage import make_home
from corpus.films.catalogue.store import read_catalogue, write_catalogue
from corpus.paths import Home
from ml.models import registry
from orchestration.cli_lineage import SOME, lineage_tree

FILMS = SOME + 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three models learned from more films than a tree names; since then one was taken out, and of one the rights were withdrawn."""
    made = make_home(tmp_path_factory.mktemp("many") / "home", FILMS)
    _, second, *others = read_catalogue(made.catalogue)
    write_catalogue(made.catalogue, [second, *others])
    written = made.catalogue.read_text()
    made.catalogue.write_text(written.replace("rights: cc0", "rights: unknown", 1))
    return made


def printed(told: Lineage) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(lineage_tree(told))
    return stream.getvalue()


@pytest.mark.parametrize("what", ["model:champion", "model:1"])
def test_a_model_s_tree_reads_the_same_without_a_node_for_each_artifact_of_its_films(home: Home, what: str) -> None:
    briefly, whole = read_lineage_briefly(home, what, SOME), read_lineage(home, what)
    assert printed(briefly) == printed(whole)
    assert len(briefly.graph.nodes) + FILMS < len(whole.graph.nodes)
    words = printed(briefly)
    assert f"{FILMS} films  code: film " in words and f"of {FILMS} films: told below" in words
    assert "1 film  cc0 · research · today: no longer in the catalogue · film-000" in words
    assert "1 film  cc0 · research · today: unknown · film-001" in words


def test_few_films_are_told_one_by_one(home: Home) -> None:
    assert printed(read_lineage_briefly(home, "model:champion", FILMS)) == printed(read_lineage(home, "model:champion"))
    assert read_lineage_briefly(home, "model:champion", FILMS).films is None


@pytest.mark.parametrize("lost", ["a film", "an artifact", "all"])
def test_what_was_not_kept_is_told_by_the_whole_graph(home: Home, lost: str) -> None:
    registered = next(record.registered for record in registry.records(home) if record.registered.version == 2)
    path = registry.version_folder(home, registered) / HISTORY_PART / FILMS_FILE
    before = path.read_text()
    first, others = before.split("\n", 1)
    kept = json.loads(first)
    without = {**kept, "stamps": [stamp for stamp in kept["stamps"] if stamp["stage"] != "scenes"]}
    path.write_text({"a film": others, "an artifact": json.dumps(without) + "\n" + others, "all": ""}[lost])
    try:
        told = read_lineage_briefly(home, "model:2", SOME)
        assert told.films is None and printed(told) == printed(read_lineage(home, "model:2"))
    finally:
        path.write_text(before)
