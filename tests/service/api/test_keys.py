"""API keys: shown once, kept as a digest, told apart by name."""

import json
import stat
from pathlib import Path

import pytest

from corpus.terms import FeelmError
from service.api.keys import KeyRing


def test_a_key_is_known_by_its_digest_alone(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    made = ring.add("anna")
    assert KeyRing(tmp_path).name_of(made.key) == "anna"
    assert made.key not in ring.path.read_text() and made.key.removeprefix("feelm_") not in ring.path.read_text()
    assert len(made.key) >= 43 and stat.S_IMODE(ring.path.stat().st_mode) == 0o600


def test_no_two_keys_are_alike_and_each_has_its_name(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    keys = {ring.add(name).key: name for name in ("anna", "ben", "cleo")}
    assert len(keys) == 3 and all(ring.name_of(key) == name for key, name in keys.items())


@pytest.mark.parametrize("wrong", ["", "feelm_", "feelm_x", "\ud800", "x" * 100_000])
def test_what_is_no_key_is_nobodys(tmp_path: Path, wrong: str) -> None:
    ring = KeyRing(tmp_path)
    ring.add("anna")
    assert ring.name_of(wrong) is None


def test_a_key_is_taken_back_by_its_name(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key = ring.add("anna").key
    other = KeyRing(tmp_path)
    assert other.name_of(key) == "anna"
    ring.revoke("anna")
    assert other.name_of(key) is None and other.keys() == ()
    with pytest.raises(FeelmError, match="there is no key 'anna'"):
        ring.revoke("anna")


@pytest.mark.parametrize("name", ["", "-x", "a b", "../x", "a" * 65, "é"])
def test_a_name_that_could_be_mistaken_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FeelmError, match="cannot name a key"):
        KeyRing(tmp_path).add(name)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ring.add("anna")
    with pytest.raises(FeelmError, match="already"):
        ring.add("anna")


@pytest.mark.parametrize("content", ["{", "[1]", json.dumps([{"name": "anna"}])])
def test_a_damaged_file_is_an_error_and_no_open_door(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(FeelmError, match="holds no API keys"):
        KeyRing(tmp_path).name_of("x")
