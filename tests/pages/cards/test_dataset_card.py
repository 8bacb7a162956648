"""The data set's card and its description: complete, valid by mlcroissant, and without the words of what may not be exported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from corpus.contracts import TRAINING_UNITS
from corpus.paths import Home, content_version, file_digest
from corpus.terms import FeelmError
from pages.cards.croissant import CROISSANT_FILE, check_croissant
from pages.cards.dataset import build_dataset_card
from tests.pages.cards.conftest import CREDIT, HELD, HELD_RIGHTS, everything_in, training_rows, words_of

VERSION = "0123456789abcdef.dir"


@pytest.fixture(scope="module")
def folder(taught: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("card")
    build_dataset_card(taught, VERSION, {"cc0"}, out)
    return out


@pytest.fixture(scope="module")
def described(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / CROISSANT_FILE).read_text(encoding="utf-8"))
    return loaded


def only_in(taught: Home, film_id: str) -> set[str]:
    """Words of a film that no other film has."""
    others = {words for other in ("film-00", "film-01", "film-02", "film-03") if other != film_id for words in words_of(taught, other)}
    return words_of(taught, film_id) - others


def test_every_unit_and_every_judged_unit_is_in_the_tables(taught: Home, folder: Path) -> None:
    rows = TRAINING_UNITS.read(taught.artifact("training_set") / "manifest.parquet")
    units, gold = pd.read_parquet(folder / "units.parquet"), pd.read_parquet(folder / "gold.parquet")
    assert set(units["unit_id"]) == set(rows["unit_id"]) and len(units) == training_rows(taught)
    assert set(gold["unit_id"]) == set(rows.loc[rows["status"].notna(), "unit_id"])
    assert gold.set_index("unit_id")["label"].to_dict() == rows.dropna(subset=["status"]).set_index("unit_id")["label"].to_dict()


def test_words_of_a_film_that_may_not_be_exported_are_in_no_file(taught: Home, folder: Path) -> None:
    everything = everything_in(folder)
    held, free = only_in(taught, HELD), only_in(taught, "film-00")
    assert held and free
    assert not [words for words in held if words.encode() in everything]
    assert all(words.encode() in everything for words in free)


def test_words_of_a_public_corpus_are_left_to_its_publisher(taught: Home, folder: Path) -> None:
    units = pd.read_parquet(folder / "units.parquet")
    assert units.loc[units["source"] == "lines", "text"].isna().all()
    assert "to be had from its publisher" in (folder / "README.md").read_text()


def test_words_are_inside_where_the_team_says_that_the_rights_allow_it(taught: Home, tmp_path: Path) -> None:
    build_dataset_card(taught, VERSION, {"cc0", HELD_RIGHTS}, tmp_path)
    everything = everything_in(tmp_path)
    assert all(words.encode() in everything for words in words_of(taught, HELD))


def test_withheld_films_are_named_with_what_to_change(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert f"Words withheld: {HELD}" in text and "not exported" in text


def test_files_are_described_with_their_sha256(folder: Path, described: dict[str, Any]) -> None:
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {one["contentUrl"]: one["sha256"] for one in described["distribution"]} == {
        name: file_digest(folder / name) for name in ("units.parquet", "gold.parquet")
    }


def test_fields_have_the_types_of_their_columns(folder: Path, described: dict[str, Any]) -> None:
    told = {record["name"]: {field["name"]: field["dataType"] for field in record["field"]} for record in described["recordSet"]}
    assert list(told["units"]) == list(pd.read_parquet(folder / "units.parquet").columns)
    assert list(told["gold"]) == list(pd.read_parquet(folder / "gold.parquet").columns)
    kinds = {"start_ms": "sc:Integer", "text": "sc:Text", "has_face": "sc:Boolean"}
    assert {name: told["units"][name] for name in kinds} == kinds
    assert told["gold"]["p_joy"] == "sc:Float"


def test_how_it_was_collected_rated_and_biased_is_told_to_programs(described: dict[str, Any]) -> None:
    assert "raters" in described["rai:dataCollection"]
    assert "Languages: en, fr" in described["rai:dataBiases"]
    assert described["rai:dataAnnotationPlatform"] == "as published with each corpus"
    assert CREDIT in described["citeAs"]


def test_mlcroissant_reads_the_tables_back(folder: Path) -> None:
    import mlcroissant as mlc

    records = list(mlc.Dataset(jsonld=str(folder / CROISSANT_FILE)).records("gold"))
    gold = pd.read_parquet(folder / "gold.parquet")
    assert [record["gold/unit_id"].decode() for record in records] == gold["unit_id"].tolist()
    assert [record["gold/p_joy"] for record in records] == pytest.approx(gold["p_joy"].tolist())


def _without_conformity(described: dict[str, Any]) -> None:
    described["@type"] = "sc:Recipe"


def _of_no_file(described: dict[str, Any]) -> None:
    described["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "elsewhere.parquet"


def _of_no_column(described: dict[str, Any]) -> None:
    described["recordSet"][0]["field"][0]["source"]["extract"]["column"] = "nonsense"


def _of_no_type(described: dict[str, Any]) -> None:
    del described["recordSet"][0]["field"][0]["dataType"]


def _another_file(described: dict[str, Any]) -> None:
    described["distribution"][0]["sha256"] = "0" * 64


@pytest.mark.parametrize("spoil", [_without_conformity, _of_no_file, _of_no_column, _of_no_type, _another_file])
def test_an_invalid_description_is_an_error(taught: Home, tmp_path: Path, spoil: Callable[[dict[str, Any]], None]) -> None:
    build_dataset_card(taught, VERSION, {"cc0"}, tmp_path)
    path = tmp_path / CROISSANT_FILE
    described = json.loads(path.read_text())
    spoil(described)
    path.write_text(json.dumps(described))
    with pytest.raises(FeelmError, match="no valid Croissant"):
        check_croissant(path)


def test_the_datasheet_answers_what_datasheets_ask(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    asked = ("Motivation", "Composition", "Collection", "Raters and agreement", "Preprocessing", "Biases", "Uses", "Licences", "Left out")
    assert all(f"## {title}" in text for title in asked)
    assert "The studio; contract 7" in text and CREDIT in text
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["license"] == ["cc0-1.0", "gpl-3.0", "other"]
    assert front["language"] == ["en", "fr"]


def test_the_same_training_set_gives_the_same_bytes(taught: Home, folder: Path, tmp_path: Path) -> None:
    build_dataset_card(taught, VERSION, {"cc0"}, tmp_path)
    assert content_version(tmp_path) == content_version(folder)
