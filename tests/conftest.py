"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest
from hypothesis import settings

import corpus  # noqa: F401  (before NumPy: it says on how many threads that computes)
from tests.storage import instance, memory_folder, module_storage, postgres, storage  # noqa: F401  (fixtures)

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
