"""What an actor takes of a cluster, as the environment says it."""

from __future__ import annotations

import pytest

from assets.compute.cluster import Share
from corpus.terms import FeelmError


def test_without_settings_an_actor_takes_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CPUS", "GPUS", "MEMORY_GB"):
        monkeypatch.delenv(f"FEELM_RAY_{name}", raising=False)
    assert Share.from_environment() == Share(1.0, 0.0, 0.0)
    assert Share().fits({"CPU": 6.0, "memory": 1e9}) == 6


def test_actors_that_share_a_gpu_are_as_many_as_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_RAY_GPUS", "0.25")
    monkeypatch.setenv("FEELM_RAY_MEMORY_GB", "4")
    share = Share.from_environment()
    assert share.fits({"CPU": 64.0, "GPU": 2.0, "memory": 256e9}) == 8
    assert share.fits({"CPU": 64.0, "GPU": 2.0, "memory": 9e9}) == 2
    assert share.fits({"CPU": 64.0}) == 0


@pytest.mark.parametrize("value", ["many", "-1", "inf", "nan"])
def test_a_share_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("FEELM_RAY_GPUS", value)
    with pytest.raises(FeelmError, match=f"FEELM_RAY_GPUS={value}"):
        Share.from_environment()


def test_an_actor_that_takes_no_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_RAY_CPUS", "0")
    with pytest.raises(FeelmError, match="FEELM_RAY_CPUS=0"):
        Share.from_environment()
