"""A rater asks to be erased: the name is gone everywhere, and every artifact is what it was."""

import json
from pathlib import Path

import pytest

from corpus.annotations.batches import build_batch, deliver, scan_inbox
from corpus.annotations.erasure import forget
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.paths import Home, content_version, writing
from corpus.terms import FeelmError
from tests.simulated_raters import Simulated, write_csv


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    deliver(write_csv(tmp_path / "first.csv", Simulated(lines=5).rows()), home)
    build(home)
    return home


def build(home: Home) -> str:
    (item,) = scan_inbox(home)
    with writing(home.batch(item.batch_id)) as out:
        build_batch(item.path, item.batch_id, home.root / "annotators.json", out)
    return content_version(home.batch(item.batch_id))


def files_with(home: Home, name: bytes) -> list[Path]:
    return [path for path in home.root.rglob("*") if path.is_file() and name in path.read_bytes()]


def test_the_name_is_nowhere_and_the_batch_is_the_same_when_built_again(home: Home) -> None:
    before = content_version(home.batch("first"))
    assert files_with(home, b"Cleo")
    erasure = forget(home, "Cleo Carr")
    assert erasure.replaced == ("first.csv",)
    assert not files_with(home, b"Cleo")
    assert build(home) == before
    assert not files_with(home, b"Cleo")


def test_the_others_keep_their_names_in_the_map(home: Home) -> None:
    forget(home, "Cleo Carr")
    known = Pseudonyms(home.root / "annotators.json")
    names = json.loads((home.root / "annotators.json").read_text())["names"]
    assert names[known.of("Anna Alm")] == "Anna Alm"
    assert known.of("Cleo Carr") not in names


def test_a_later_delivery_of_the_same_person_does_not_bring_the_name_back(home: Home, tmp_path: Path) -> None:
    pseudonym = forget(home, "Cleo Carr").pseudonym
    known = Pseudonyms(home.root / "annotators.json")
    assert known.of("Cleo Carr") == pseudonym
    known.of("Somebody New")
    known.save()
    assert "Cleo" not in (home.root / "annotators.json").read_text()


def test_a_stranger_cannot_be_forgotten_and_an_unread_file_is_named(home: Home, tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="no rater of that name"):
        forget(home, "Nobody")
    deliver(write_csv(tmp_path / "later.csv", Simulated(lines=2).rows()), home)
    with pytest.raises(FeelmError, match=r"later\.csv"):
        forget(home, "Cleo Carr")
    assert files_with(home, b"Cleo")


def test_files_and_notes_that_hold_the_name_are_told(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    deliver(write_csv(tmp_path / "anna alm.csv", Simulated(lines=2).rows()), home)
    build(home)
    assert forget(home, "Anna Alm").named_files == ("anna alm.csv",)


def test_a_name_that_stands_in_a_refused_row_alone_is_gone_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    bad = Simulated(lines=2).rows()[0] | {"annotator": "Zelda Zorn", "end_ms": "x"}
    deliver(write_csv(tmp_path / "first.csv", [*Simulated(lines=2).rows(), bad]), home)
    before = build(home)
    assert files_with(home, b"Zelda")
    assert forget(home, "Zelda Zorn").replaced == ("first.csv",)
    assert build(home) == before
    assert not files_with(home, b"Zelda")


def test_who_is_forgotten_by_pseudonym_is_looked_for_by_name(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    deliver(write_csv(tmp_path / "anna alm.csv", Simulated(lines=2).rows()), home)
    build(home)
    pseudonym = Pseudonyms(home.root / "annotators.json").of("Anna Alm")
    assert forget(home, pseudonym).named_files == ("anna alm.csv",)
    assert not files_with(home, b"Anna Alm")
