import dataclasses
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from corpus.contracts import LISTENERS, TRAINING_UNITS, UNIT_FEATURES
from corpus.paths import Home
from corpus.terms import EMOTIONS, FeelmError
from ml.models.dataset import Standardiser, UnitArrays, load_film, load_training, training_columns
from ml.models.training_set import build_training_set
from tests.ml.artifacts import FACE_COLUMNS, VOICE_COLUMNS, write_corpus, write_embedding, write_films


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    films = write_films(home, 2, 9)
    write_corpus(home, "lines", 2, 3)
    home.artifact("training_set").mkdir(parents=True)
    build_training_set(home, films, ["lines"], frozenset({"cc0"}), home.artifact("training_set"))
    return home


def load(home: Home) -> tuple[object, UnitArrays]:
    rows = TRAINING_UNITS.read(home.artifact("training_set") / "manifest.parquet")
    return rows, load_training(home, rows, training_columns(home, rows))


def test_arrays_stand_in_the_order_of_the_manifest(home: Home) -> None:
    rows, data = load(home)
    features = UNIT_FEATURES.read(home.artifact("voice_features", "film-01") / "features.parquet").set_index("unit_id")
    at = rows.index[rows["unit_id"] == "film-01.u00003"][0]
    columns = training_columns(home, rows).voice
    assert columns == tuple(sorted(VOICE_COLUMNS))
    assert data.voice[at, : len(columns)] == pytest.approx(features.loc["film-01.u00003", list(columns)].to_numpy(float))
    assert data.label[at] == EMOTIONS.index(rows.loc[at, "label"])


def test_crops_of_before_their_times_were_kept_are_refused_by_name(home: Home) -> None:
    path = home.artifact("face_features", "film-01") / "crops.safetensors"
    save_file({name: array for name, array in load_file(path).items() if name != "t_ms"}, path)
    with pytest.raises(FeelmError, match=r"film-01/crops.safetensors does not say when .* make the face features again"):
        load(home)


def test_who_listens_stands_beside_the_line_that_is_listened_to(home: Home) -> None:
    rows, data = load(home)
    at = rows.index[rows["unit_id"] == "film-01.u00004"][0]  # said by anna, to ben
    table = LISTENERS.read(home.artifact("face_features", "film-01") / "listeners.parquet").set_index("unit_id")
    columns = training_columns(home, rows).face
    assert data.listener_face[at, : len(columns)] == pytest.approx(table.loc["film-01.u00004", list(columns)].to_numpy(float))
    assert data.listener[at] == data.speaker[rows.index[rows["unit_id"] == "film-01.u00005"][0]]
    own = load_file(home.artifact("face_features", "film-01") / "listener_crops.safetensors")
    listening = data.listening()
    assert np.array_equal(listening.crops[listening.crop_row[at]], own["crops"][4]) and not listening.present[at, 1:].any()
    films = (rows["source"] == "film").to_numpy()
    assert data.listened[films].tolist() == [int(unit[-5:]) % 3 > 0 for unit in rows.loc[films, "unit_id"]]


def test_a_film_in_which_nobody_is_seen_to_listen_is_read_all_the_same(home: Home) -> None:
    for film_id in ("film-00", "film-01"):
        for name in ("listeners.parquet", "listener_crops.safetensors"):
            (home.artifact("face_features", film_id) / name).unlink()
    rows, data = load(home)
    assert not data.listened.any() and (data.listener == -1).all() and (data.listener_crop_row == -1).all()
    assert data.present[(rows["source"] == "film").to_numpy(), 0].all()


def test_a_missing_modality_is_absent_and_not_a_number(home: Home) -> None:
    rows, data = load(home)
    lines = (rows["source"] == "lines").to_numpy()
    assert data.present[lines].tolist() == [[False, False, True]] * 6
    assert np.isnan(data.face[lines]).all() and (data.crop_row[lines] == -1).all()
    assert data.present[~lines].all() and (data.crop_row[~lines] >= 0).all()


def test_lines_without_order_stand_alone_and_lines_of_a_film_follow_each_other(home: Home) -> None:
    rows, data = load(home)
    lines = (rows["source"] == "lines").to_numpy()
    assert len(set(data.sequence[lines])) == lines.sum()
    assert data.place[~lines].tolist() == [*range(9), *range(9)]


def test_the_next_unit_is_of_the_same_scene(home: Home) -> None:
    rows, data = load(home)
    film = rows.index[rows["film_id"] == "film-00"].to_numpy()
    assert data.next_row[film].tolist() == [*film[1:7], -1, film[8], -1]


def test_relative_features_are_differences_from_the_speakers_mean(home: Home) -> None:
    rows, data = load(home)
    own = ((rows["film_id"] == "film-00") & (rows["character_id"] == "anna")).to_numpy()
    raw, relative = np.split(data.face[own], 2, axis=1)
    assert relative == pytest.approx(raw - raw.mean(axis=0), abs=1e-5)
    assert raw.shape[1] == len(FACE_COLUMNS)


def test_a_film_without_labels_loads_with_the_models_columns(home: Home) -> None:
    rows, _ = load(home)
    columns = dataclasses.replace(training_columns(home, rows), voice=("tilt", "unheard_of"))
    units, alone = load_film(home, "film-00", columns)
    assert len(units) == len(alone) == 9
    assert (alone.label == -1).all()
    assert np.isnan(alone.voice[:, 1]).all() and np.isfinite(alone.voice[:, 0]).all()


def test_saved_arrays_come_back_equal(home: Home, tmp_path: Path) -> None:
    _, data = load(home)
    data.save(tmp_path / "units.npz")
    again = UnitArrays.load(tmp_path / "units.npz")
    for field in dataclasses.fields(data):
        assert np.array_equal(getattr(again, field.name), getattr(data, field.name), equal_nan=field.name not in ("present", "crop_mask"))


def test_standardised_features_have_no_gaps_and_no_extremes() -> None:
    features = np.array([[1.0, np.nan, 3.0], [3.0, np.nan, 3.0], [np.nan, np.nan, 3.0]], np.float32)
    standardiser = Standardiser.fit(features)
    assert standardiser.apply(features).tolist() == [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert standardiser.apply(np.array([[1e6, 5.0, -9.0]], np.float32)).tolist() == [[5.0, 0.0, 0.0]]


def test_the_width_of_another_encoder_is_followed_from_its_files(home: Home) -> None:
    for folder in (*(home.artifact("text_features", f"film-0{n}") for n in (0, 1)), home.corpus("lines-text")):
        n = len(UNIT_FEATURES.read(folder / "features.parquet"))
        write_embedding(folder, np.full((n, 20), 0.5, np.float32), "multilingual-e5")
    rows, data = load(home)
    columns = training_columns(home, rows)
    assert (columns.text_encoder, columns.embedding_width) == ("multilingual-e5", 20)
    assert data.text.shape[1] == 20 + len(columns.cues) and (data.text[:, :20] == 0.5).all()


def test_text_features_of_two_encoders_are_not_mixed_in_training_nor_read_by_a_model_of_another(home: Home) -> None:
    rows, _ = load(home)
    columns = training_columns(home, rows)
    write_embedding(home.artifact("text_features", "film-01"), np.zeros((9, 384), np.float32), "multilingual-e5")
    with pytest.raises(FeelmError, match=r"minilm \(384\) in film-00, multilingual-e5 \(384\) in film-01.*params.yaml"):
        training_columns(home, rows)
    with pytest.raises(FeelmError, match=r"film-01.*'multilingual-e5'.*the model reads 'minilm'"):
        load_film(home, "film-01", columns)
