"""The code location of `benchmarks.orchestration`: the real definitions, whose links have stand-ins in each process that loads them."""

from orchestration.definitions import defs
from tests.orchestration.stub_chain import put_stand_ins

__all__ = ["defs"]


class _Put:
    """What `put_stand_ins` asks of pytest's monkeypatch, for good."""

    def setitem(self, table: dict, name: str, value: object) -> None:
        table[name] = value

    def setattr(self, dotted: str, value: object) -> None:
        import importlib

        module, name = dotted.rsplit(".", 1)
        setattr(importlib.import_module(module), name, value)


put_stand_ins(_Put())
