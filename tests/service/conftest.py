"""One small home that can be talked to, shared by the service's tests."""

import pytest

from corpus.paths import Home
from corpus.weights import verify
from service.champion import Champion, champion_folder
from tests.service.talk import talking_home


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")
    return talking_home(Home(tmp_path_factory.mktemp("talk")))


@pytest.fixture(scope="session")
def champion(home: Home) -> Champion:
    return Champion.load(champion_folder(home))
