import json
from pathlib import Path

import pandas as pd
import pytest

from corpus.contracts import GOLD_LABELS, TRAINING_UNITS, UNITS
from corpus.paths import Home, content_version, write_json
from corpus.terms import PROBABILITY_COLUMNS, FeelmError
from ml.models.training_set import Manifest, build_training_set, one_perspective
from tests.ml.artifacts import write_corpus, write_films

ALLOWED = frozenset({"cc0"})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    write_films(home, 3, 5)
    return home


def build(home: Home, film_ids: list[str], tmp_path: Path, corpora: list[str] | None = None) -> pd.DataFrame:
    out = tmp_path / "set"
    out.mkdir()
    build_training_set(home, film_ids, corpora or [], ALLOWED, out)
    return TRAINING_UNITS.read(out / "manifest.parquet")


def edit_film(home: Home, film_id: str, **facts: object) -> None:
    path = home.artifact("film", film_id) / "film.json"
    write_json(path, json.loads(path.read_text()) | facts)


def test_every_unit_of_a_labelled_film_stands_in_the_manifest_with_its_gold(home: Home, tmp_path: Path) -> None:
    rows = build(home, ["film-00", "film-01"], tmp_path)
    gold = GOLD_LABELS.read(home.artifact("gold_labels") / "gold.parquet").set_index("unit_id")
    assert len(rows) == 10
    assert (rows["label"].to_numpy() == gold.loc[rows["unit_id"], "label"].to_numpy()).all()
    assert rows[["has_face", "has_voice", "has_text"]].all(axis=None)


def test_a_film_whose_rights_do_not_allow_training_is_left_out_by_name(home: Home, tmp_path: Path) -> None:
    edit_film(home, "film-01", rights="unknown")
    rows = build(home, ["film-00", "film-01"], tmp_path)
    left_out = Manifest.read(tmp_path / "set").left_out
    assert set(rows["film_id"]) == {"film-00"}
    assert "unknown" in left_out["film-01"]


def test_films_that_nobody_labelled_or_scanned_are_left_out_with_the_reason(home: Home, tmp_path: Path) -> None:
    gold_path = home.artifact("gold_labels") / "gold.parquet"
    gold = GOLD_LABELS.read(gold_path)
    GOLD_LABELS.write(gold[gold["film_id"] != "film-02"], gold_path)
    build(home, ["film-00", "film-02", "film-99"], tmp_path)
    left_out = Manifest.read(tmp_path / "set").left_out
    assert left_out == {"film-02": "nobody has labelled it", "film-99": "not scanned yet: run its film stages (feelm run)"}


def test_nothing_left_to_train_on_is_an_error_that_names_the_films(home: Home, tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="film-99"):
        build(home, ["film-99"], tmp_path)


def test_films_of_one_series_or_one_video_share_a_group(home: Home, tmp_path: Path) -> None:
    edit_film(home, "film-00", series="saga")
    edit_film(home, "film-01", sources={"video": {"sha256": "same"}})
    edit_film(home, "film-02", sources={"video": {"sha256": "same"}}, series="saga")
    rows = build(home, ["film-00", "film-01", "film-02"], tmp_path)
    assert rows["group_id"].nunique() == 1


def test_the_manifest_holds_the_version_of_every_artifact_it_rests_on(home: Home, tmp_path: Path) -> None:
    build(home, ["film-00"], tmp_path)
    manifest = Manifest.read(tmp_path / "set")
    assert set(manifest.films["film-00"]) == {"film", "scenes", "face_features", "voice_features", "text_features"}
    assert manifest.films["film-00"]["voice_features"] == content_version(home.artifact("voice_features", "film-00"))
    assert manifest.gold_version == content_version(home.artifact("gold_labels"))


def test_corpora_bring_their_lines_licence_and_films(home: Home, tmp_path: Path) -> None:
    write_corpus(home, "lines", 2, 4)
    rows = build(home, ["film-00"], tmp_path, ["lines"])
    lines = rows[rows["source"] == "lines"]
    assert set(lines["group_id"]) == {"lines-0", "lines-1"}
    assert set(lines["licence"]) == {"CC-BY 4.0"}
    assert lines["has_text"].all() and not lines["has_face"].any()


def test_a_corpus_that_was_not_imported_is_an_error(home: Home, tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="feelm corpus add xed"):
        build(home, ["film-00"], tmp_path, ["xed"])


def test_a_scene_label_made_of_its_lines_is_not_counted_again(home: Home, tmp_path: Path) -> None:
    path = home.artifact("scenes", "film-00") / "units.parquet"
    units = UNITS.read(path)
    scene = units.iloc[[0]].assign(unit_id="film-00.scene000", level="scene")
    UNITS.write(pd.concat([units, scene]), path)
    gold_path = home.artifact("gold_labels") / "gold.parquet"
    gold = GOLD_LABELS.read(gold_path)
    GOLD_LABELS.write(pd.concat([gold, gold.iloc[[0]].assign(unit_id="film-00.scene000")]), gold_path)
    rows = build(home, ["film-00"], tmp_path).set_index("unit_id")
    assert pd.isna(rows.loc["film-00.scene000", "label"])
    assert rows.loc["film-00.u00000", "label"] == gold.iloc[0]["label"]


def test_of_several_perspectives_the_portrayed_emotion_counts(home: Home) -> None:
    gold = GOLD_LABELS.read(home.artifact("gold_labels") / "gold.parquet").iloc[[0]]
    felt = gold.assign(perspective="felt", label="joy")
    portrayed = gold.assign(label="fear")
    kept = one_perspective(pd.concat([felt, portrayed]))
    assert kept["label"].tolist() == ["fear"]
    assert set(PROBABILITY_COLUMNS) <= set(kept.columns)


def test_films_that_say_the_same_share_a_group_whatever_their_ids(home: Home, tmp_path: Path) -> None:
    lines = [f"the {n} doors of the house were open when we came back that night {n}" for n in range(5)]
    for film_id in ("film-00", "film-02"):
        path = home.artifact("scenes", film_id) / "units.parquet"
        UNITS.write(UNITS.read(path).assign(text=[line.upper() if film_id == "film-02" else line for line in lines]), path)
    groups = build(home, ["film-00", "film-01", "film-02"], tmp_path).groupby("film_id")["group_id"].first()
    assert groups["film-00"] == groups["film-02"] != groups["film-01"]
    assert json.loads((tmp_path / "set" / "summary.json").read_text())["twins"] == {"film-02": "film-00"}


def test_the_refusal_of_a_film_names_it_and_says_what_to_change(home: Home, tmp_path: Path) -> None:
    edit_film(home, "film-01", rights="research_exception", title="The One")
    build(home, ["film-00", "film-01"], tmp_path)
    told = Manifest.read(tmp_path / "set").left_out["film-01"]
    assert "film-01 (The One)" in told and "rights: train: in params.yaml" in told


def test_corpora_that_hold_the_same_work_share_a_group(home: Home, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_corpus(home, name, 2, 4)
        path = home.corpus(name) / "summary.json"
        write_json(path, json.loads(path.read_text()) | {"groups": {f"{name}-0": "show-s01e01"}})
    groups = build(home, [], tmp_path, ["first", "second"]).groupby("film_id")["group_id"].first()
    assert groups.to_dict() == {"first-0": "show-s01e01", "first-1": "first-1", "second-0": "show-s01e01", "second-1": "second-1"}


def test_recordings_of_a_corpus_bring_voice(home: Home, tmp_path: Path) -> None:
    write_corpus(home, "spoken", 2, 4)
    home.corpus("spoken-text").rename(home.corpus("spoken-voice"))
    rows = build(home, [], tmp_path, ["spoken"])
    assert rows["has_voice"].all() and not rows["has_text"].any()
    assert set(Manifest.read(tmp_path / "set").corpora["spoken"]) == {"spoken", "spoken-voice"}


def test_a_corpus_without_words_or_recordings_is_left_out_by_name(home: Home, tmp_path: Path) -> None:
    write_corpus(home, "votes", 2, 4)
    home.corpus("votes-text").rename(tmp_path / "elsewhere")
    rows = build(home, ["film-00"], tmp_path, ["votes"])
    manifest = Manifest.read(tmp_path / "set")
    assert set(rows["source"]) == {"film"} and not manifest.corpora
    assert "neither words nor recordings" in manifest.left_out["votes"]
