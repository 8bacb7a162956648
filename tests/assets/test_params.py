"""The team's settings: what is set is read, and a value that does not exist is named."""

from pathlib import Path

import pytest

from assets.params import Params
from corpus.paths import Home
from corpus.sources import PROJECT
from corpus.terms import FaceNetwork, FeelmError


def settings(folder: Path, face_network: str) -> Home:
    """A home beside the project's own settings but for the network that sees faces."""
    text = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    assert "face_network: small" in text
    (folder / "params.yaml").write_text(text.replace("face_network: small", f"face_network: {face_network}"), encoding="utf-8")
    return Home(folder / ".feelm")


def test_the_network_that_sees_faces_is_a_setting(tmp_path: Path) -> None:
    assert Params.read(settings(tmp_path, "lite0")).face_network is FaceNetwork.LITE0


def test_a_network_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="'resnet' is not a valid FaceNetwork"):
        Params.read(settings(tmp_path, "resnet"))
