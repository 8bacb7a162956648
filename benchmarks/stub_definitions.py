"""The code location of `benchmarks.orchestration`: the real definitions, whose links have stand-ins in each process that loads them."""

import pytest

from orchestration.definitions import defs
from tests.orchestration.stub_chain import put_stand_ins

__all__ = ["defs"]

put_stand_ins(pytest.MonkeyPatch())  # never undone
