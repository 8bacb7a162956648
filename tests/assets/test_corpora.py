"""Public corpora in the graph: empty until they are added, apart from the films."""

from pathlib import Path

import dagster as dg
import pytest

from assets.annotations import public_corpora
from assets.chain import STAGES, run_stage
from assets.resources import FeelmWorkspace
from assets.telling import assets_of
from assets.workspace import Workspace
from corpus.contracts import GOLD_LABELS, UNITS
from corpus.datasets.registry import CORPORA, OUTPUTS
from corpus.paths import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FEELM_HOME", str(tmp_path / ".feelm"))
    return Home.from_environment()


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_nobody_added_is_empty_and_says_so(name: str, home: Home) -> None:
    asset = public_corpora[list(CORPORA).index(name)]
    result = dg.materialize([asset], resources={"workspace": FeelmWorkspace()})
    told = result.asset_materializations_for_node(f"{CORPORA[name].assets['corpus']}_corpus")[0].metadata
    assert result.success and told["missing"].value == f"not added: `feelm corpus add {name} PATH`"
    assert not len(UNITS.read(home.corpus(name) / "units.parquet"))
    assert not len(GOLD_LABELS.read(home.corpus(name) / "gold.parquet"))


def test_every_asset_shows_an_output_of_the_link_and_every_output_is_there(home: Home) -> None:
    run = run_stage(Workspace(home), "corpus", "crema-d")
    assert tuple(run.versions) == STAGES["corpus"].outputs == OUTPUTS
    for name in CORPORA:
        assert assets_of(STAGES["corpus"], name).keys() <= run.versions.keys()


def test_adding_a_corpus_makes_the_training_set_stale_and_no_film(home: Home, tmp_path: Path) -> None:
    workspace = Workspace(home)
    home.catalogue.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: stage for name, stage in STAGES.items() if name in ("annotations", "gold_labels", "training_set")}
    before = {name: stage.inputs(workspace, "") for name, stage in whole.items()}
    workspace.add_corpus("meld", tmp_path)
    after = {name: stage.inputs(workspace, "") for name, stage in whole.items()}
    assert {name for name in whole if before[name] != after[name]} == {"training_set"}
