"""Fixtures that every room's tests share, and how tests are shared out among processes.

Tests of one folder stay in one process, so that what its conftest makes for the session (a home that has been through the whole chain, a
service's champion) is made once. The end-to-end tests come first: the longest folder is not to be what all wait for in the end.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import settings

import corpus  # noqa: F401  (before NumPy: it says on how many threads that computes)
from tests.storage import instance, memory_folder, module_storage, postgres, storage  # noqa: F401  (fixtures)
from tests.stores import file_place, place, s3_endpoint, s3_place  # noqa: F401  (fixtures)

# A loaded machine is no fault of the code: what takes how long is measured in benchmarks/.
settings.register_profile("feelm", deadline=None)
settings.load_profile("feelm")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real material beside the repository; tests that need it are skipped where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real material is not at {folder}")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end tests first, all others as they stand."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """How `--dist loadfile` shares out: by folder instead of by file, in the order of the tests."""
    from xdist.scheduler import LoadFileScheduling

    class ByFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return str(PurePosixPath(nodeid.partition("::")[0]).parent)

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return ByFolder(config, log)
