"""One made-up home for all tests of pages."""

from pathlib import Path

import pytest

from corpus.paths import Home
from tests.pages import sample


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The sample home: nothing may be written into it."""
    return sample.make_home(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="session")
def written(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report and all film pages as `feelm report` leaves them."""
    return sample.write_pages(home, tmp_path_factory.mktemp("report"))
