"""The code location of the daemon's tests: the real definitions, whose links have stand-ins, looked at every two seconds."""

import importlib
import time
from typing import Any

import orchestration.sensors
from orchestration.definitions import defs
from tests.orchestration.stub_gate import put_stand_ins

__all__ = ["defs"]


def _replace(dotted: str, value: Any) -> None:
    module, name = dotted.rsplit(".", 1)
    setattr(importlib.import_module(module), name, value)


put_stand_ins(_replace)
orchestration.sensors.now_s = lambda: time.time() + 60  # files count at once
for sensor in defs.sensors or ():
    sensor._min_interval = 2
