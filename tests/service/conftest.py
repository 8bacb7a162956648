"""One small home that can be talked to, shared by the service's tests."""

import shutil

import pytest

from corpus.paths import Home
from corpus.weights import verify
from ml.features.face.expressions import WEIGHTS as FACE_WEIGHTS
from ml.features.face.mesh import WEIGHT as MESH_WEIGHT
from service.champion import Champion, champion_folder
from tests.service.senses import sensing
from tests.service.talk import talking_home


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")
    return talking_home(Home(tmp_path_factory.mktemp("talk")))


@pytest.fixture(scope="session")
def champion(home: Home) -> Champion:
    return Champion.load(champion_folder(home))


@pytest.fixture(scope="session")
def sensing_home(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy whose champion has networks for voices and faces as well."""
    for name in ("swift-f0", "silero-vad", "whisper-tiny-en", "blazeface-full-range", "pose-landmarks", *FACE_WEIGHTS, MESH_WEIGHT):
        if verify(name).state != "present":
            pytest.skip(f"weight {name} is not there: run `make install`")
    there = Home(tmp_path_factory.mktemp("senses"))
    shutil.copytree(home.artifact("champion"), there.artifact("champion"))
    sensing(there.artifact("champion"))
    return there


@pytest.fixture(scope="session")
def sensing_champion(sensing_home: Home) -> Champion:
    return Champion.load(champion_folder(sensing_home))
