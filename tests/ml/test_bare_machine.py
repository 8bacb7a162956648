"""ml/ loads and its networks run where torch, numpy and safetensors are alone, as on a lent GPU machine."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from corpus.weights import WeightError
from tests.conftest import REPOSITORY
from tests.ml.bare_networks import NETWORKS

pytestmark = pytest.mark.long

HERE = Path(__file__).parent


def bare(program: str, *arguments: Path | str) -> str:
    """What a program beside this test prints, run in a process of its own."""
    done = subprocess.run([sys.executable, HERE / program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def made(project: Path, **modules: str) -> Path:
    """A project whose ml/ holds these modules."""
    (project / "ml").mkdir()
    for name, source in {"__init__": "", **modules}.items():
        (project / "ml" / f"{name}.py").write_text(source)
    return project


def test_every_module_of_ml_imports_with_torch_numpy_and_safetensors_alone() -> None:
    refused = bare("bare_machine.py", REPOSITORY)
    assert not refused, refused


def test_a_refused_import_is_told_with_the_chain_that_leads_to_it(tmp_path: Path) -> None:
    project = made(tmp_path, high="from ml import low", low="import numpy\nimport pandas", light="def f():\n    import pandas\n")
    assert bare("bare_machine.py", project).splitlines() == [
        "ml.high: ml.high -> ml.low: no pandas on a bare machine",
        "ml.low: ml.low: no pandas on a bare machine",
    ]


def test_what_torch_brings_along_is_refused_to_ml_itself(tmp_path: Path) -> None:
    project = made(tmp_path, heavy="import torch\nimport sympy")
    assert bare("bare_machine.py", project) == "ml.heavy: ml.heavy: no sympy on a bare machine\n"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What the networks answer on a bare machine, by name."""
    out = tmp_path_factory.mktemp("bare") / "answers.npz"
    bare("bare_networks.py", REPOSITORY, out)
    with np.load(out, allow_pickle=False) as stored:
        return dict(stored)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_on_a_bare_machine_what_it_answers_here(name: str, told: dict[str, np.ndarray]) -> None:
    try:
        here = NETWORKS[name]()
    except WeightError as error:
        pytest.skip(str(error))
    assert np.isfinite(here).all() and np.ptp(here) > 1e-3
    # Another number of threads adds up float32 in another order.
    assert told[name] == pytest.approx(here, rel=1e-5, abs=1e-5)
