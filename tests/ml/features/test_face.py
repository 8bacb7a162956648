"""Face features: the speaker is the face whose mouth moves, missing faces are told, a real face's course is right."""

import json

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

import ml.features.face.build
from corpus.chunks import ChunkStore
from corpus.contracts import FACES, LISTENERS
from corpus.terms import EMOTIONS
from corpus.weights import WeightError
from ml.features.extractor import Block
from ml.features.face.bodies import Posture
from ml.features.face.build import FACE_FEATURES, build_face_features
from ml.features.face.expressions import WEIGHTS
from ml.features.face.extractor import FACE_DIMENSIONS, FaceExtractor
from ml.features.face.pose import GESTURE, POSTURE
from ml.features.people import People
from tests.emotions import N_EMOTIONS
from tests.ml.features.conftest import features, read_blocks

EXPRESSION, SHAPE = slice(0, N_EMOTIONS), slice(N_EMOTIONS, N_EMOTIONS + 7)
YAW, ROLL = SHAPE.stop, SHAPE.stop + 2


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A faces artifact of tracks (first_ms, n, height, mouth opening, level of grey); stand-in networks read the level of grey."""

    def write(*tracks, roll: float | None = None):
        rows, crops = [], []
        for number, (first_ms, n, height, _, grey) in enumerate(tracks):
            for i in range(n):
                where = {"x": 0.1 + 0.01 * i, "y": 0.1, "width": height / 2, "height": height, "score": 0.9, "crop_row": len(crops)}
                name = {"film_id": "film", "shot_id": "film.shot0000", "track_id": f"film.shot0000.face{number:02d}"}
                rows.append(name | where | {"t_ms": first_ms + 200 * i})
                crops.append(np.full((64, 64, 3), grey + i, np.uint8))
        folder = tmp_path / "faces"
        folder.mkdir()
        table = FACES.frame(rows)
        FACES.write(table, folder / "faces.parquet")
        if roll is not None:
            table.assign(roll=np.float32(roll)).to_parquet(folder / "faces.parquet")
        if crops:
            save_file({"crops": np.stack(crops)}, folder / "crops.safetensors")
        return folder

    def extract(_, chunk):
        grey = chunk.crops[:, 0, 0, 0]
        values = np.zeros((len(grey), len(FACE_DIMENSIONS)), np.float32)
        values[:, EXPRESSION] = (grey / 255 / (N_EMOTIONS - 1))[:, None]
        values[:, 0] = 1 - grey / 255
        # A mouth moves where the level is about 100, from one crop of the track to the next.
        values[:, SHAPE.start] = np.where(grey // 50 == 2, grey % 2 * 0.1, 0)
        values[:, YAW], values[:, ROLL] = grey, chunk.turn
        return Block(chunk.t_ms, chunk.t_ms + 1, values, np.ones(len(grey), np.float32))

    monkeypatch.setattr(FaceExtractor, "extract", extract)
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
    monkeypatch.setattr(ml.features.face.build, "find_people", lambda *_, **__: People(named, 1.0))
    monkeypatch.setattr(ml.features.face.build, "write_people", lambda *_: None)
    build_face_features(folder, scenes((0, 2000, "ann"), (3000, 4000, "ann"), (3000, 4000, None)), out)
    table = features(out)
    assert table["p_neutral_mean"].tolist() == pytest.approx([1 - 54.5 / 255, np.nan, 1 - 102 / 255], abs=1e-3, nan_ok=True)
    assert table["other_p_neutral"].tolist() == pytest.approx([1 - 104.5 / 255, 1 - 102 / 255, np.nan], abs=1e-3, nan_ok=True)
    assert table["coverage"].tolist() == [1, 0, 1] and table["present"].all()
    assert load_file(out / "crops.safetensors")["mask"].sum(1).tolist() == [8, 0, 5]
    course = pd.read_parquet(out / "course.parquet")
    assert course.groupby("track_id")["character_id"].first().to_dict() == named


def test_who_listens_is_described_until_the_next_line_begins(faces, scenes, out, monkeypatch):
    # ann speaks for two seconds, bob's face is seen after her line alone; then bob speaks, and nobody else is seen.
    folder = faces((0, 10, 0.5, 0.1, 100), (2000, 5, 0.4, 0.0, 50), (3000, 5, 0.4, 0.1, 100))
    named = {"film.shot0000.face00": "ann", "film.shot0000.face01": "bob", "film.shot0000.face02": "bob"}
    monkeypatch.setattr(ml.features.face.build, "find_people", lambda *_, **__: People(named, 1.0))
    monkeypatch.setattr(ml.features.face.build, "write_people", lambda *_: None)
    summary = build_face_features(folder, scenes((0, 2000, "ann"), (3000, 4000, "bob")), out)
    table = LISTENERS.read(out / "listeners.parquet")
    assert table["present"].tolist() == [True, False] and table["character_id"].fillna("nobody").tolist() == ["bob", "nobody"]
    assert table["p_neutral_mean"].tolist() == pytest.approx([1 - 52 / 255, np.nan], abs=1e-3, nan_ok=True)
    assert table["p_neutral_rel"].isna().all() and summary.n_with_listener == 1
    stored = load_file(out / "listener_crops.safetensors")
    assert stored["crops"][0, :6, 0, 0].tolist() == [50, 51, 52, 53, 54, 0]
    assert stored["t_ms"][:, :5].tolist() == [[2000, 2200, 2400, 2600, 2800], [-1] * 5]


def test_unit_crops_are_eight_of_the_speaker_in_time_order_and_masked_where_fewer(faces, scenes, out):
    folder = faces((0, 20, 0.4, 0.1, 100))
    build_face_features(folder, scenes((0, 4000, None), (3400, 4000, None), (9000, 9500, None)), out)
    stored = load_file(out / "crops.safetensors")
    assert stored["crops"].shape == (3, 8, 48, 48) and stored["mask"].sum(1).tolist() == [8, 3, 0]
    assert stored["crops"][0, :, 0, 0].tolist() == [100, 103, 105, 108, 111, 114, 116, 119]
    assert stored["crops"][1, :4, 0, 0].tolist() == [117, 118, 119, 0]
    assert stored["t_ms"][:2].tolist() == [[0, 600, 1000, 1600, 2200, 2800, 3200, 3800], [3400, 3600, 3800, *[-1] * 5]]


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

    def missing(*_):
        raise WeightError("weight expression-fer is not in /x: run `feelm weights fetch expression-fer`")

    monkeypatch.setattr(FaceExtractor, "extract", missing)
    row = {"film_id": "film", "shot_id": "s", "track_id": "s.face00", "t_ms": 0, "x": 0, "y": 0, "width": 0.1, "height": 0.1, "score": 1}
    FACES.write(FACES.frame([row | {"crop_row": 0}]), folder / "faces.parquet")
    save_file({"crops": np.zeros((1, 64, 64, 3), np.uint8)}, folder / "crops.safetensors")
    summary = build_face_features(folder, scenes((0, 1000, None)), out)
    assert summary.n_present == 0 and "feelm weights fetch expression-fer" in summary.missing
    assert summary.posture_missing == summary.missing


def test_head_pose_and_the_speed_of_the_face_are_in_the_speakers_columns(faces, scenes, out):
    build_face_features(faces((0, 5, 0.4, 0.1, 100), roll=12), scenes((0, 1000, None)), out)
    row = features(out).iloc[0]
    assert row["head_yaw_mean"] == pytest.approx(102) and row["head_yaw_std"] == pytest.approx(np.sqrt(2))
    assert row["head_roll_mean"] == pytest.approx(12)
    # A hundredth of the width in 0.2 s, the face is a fifth of the width wide.
    assert row["face_speed_mean"] == pytest.approx(0.01 / 0.2 / 0.2, rel=1e-4)
    assert np.isnan(row["lean_mean"]) and np.isnan(row["hand_speed_max"])


def test_without_the_lean_of_the_heads_and_without_bodies_their_columns_are_null_and_the_summary_says_why(faces, scenes, out):
    summary = build_face_features(faces((0, 5, 0.4, 0.1, 100)), scenes((0, 1000, None)), out)
    row = features(out).iloc[0]
    assert row["present"] and np.isnan(row["head_roll_mean"]) and np.isnan(row["shoulder_tilt_mean"])
    assert summary.missing is None and summary.n_bodies == 0
    assert json.loads((out / "summary.json").read_text())["posture_missing"] == "the scan left no crops of bodies: scan the film again"


def test_the_speakers_posture_is_that_of_the_crops_of_the_body_within_the_line(faces, scenes, out, monkeypatch):
    held = np.full((4, len(POSTURE) + len(GESTURE)), np.nan, np.float32)
    held[:, POSTURE.index("lean")] = [1, 3, 50, 70]
    held[:, len(POSTURE) + GESTURE.index("hand_speed")] = [np.nan, 0.5, 9, 9]
    table = pd.DataFrame({"track_id": [f"film.shot0000.face{n:02d}" for n in (1, 1, 0, 1)], "t_ms": [0, 500, 500, 5000]})
    monkeypatch.setattr(ml.features.face.build, "read_posture", lambda *_, **__: Posture(table.sort_values("t_ms"), held, None))
    summary = build_face_features(faces((0, 10, 0.5, 0.0, 50), (0, 10, 0.3, 0.1, 100)), scenes((0, 2000, None)), out)
    row = features(out).iloc[0]
    assert row["lean_mean"] == pytest.approx(2) and row["hand_speed_mean"] == row["hand_speed_max"] == pytest.approx(0.5)
    assert (summary.n_bodies, summary.posture_missing) == (4, None)


def test_rows_over_time_are_those_of_the_course_and_a_second_build_computes_none(faces, scenes, out, tmp_path, monkeypatch):
    folder, units, store = faces((0, 10, 0.5, 0.0, 50), (0, 10, 0.3, 0.1, 100)), scenes((0, 2000, None)), ChunkStore(tmp_path / "store")
    build_face_features(folder, units, out, store=store)
    course, rows = pd.read_parquet(out / "course.parquet"), read_blocks(out / "frames.parquet")
    assert np.array_equal(rows.start_ms, course["t_ms"]) and rows.values[:, 0] == pytest.approx(course["p_neutral"])
    monkeypatch.setattr(FaceExtractor, "extract", lambda *_: pytest.fail("a stored chunk was computed again"))
    build_face_features(folder, units, out, store=store)
    assert pd.read_parquet(out / "course.parquet").equals(course)


def test_crops_that_lie_in_another_order_are_read_with_their_faces(faces, scenes, out):
    folder = faces((0, 4, 0.4, 0.1, 100))
    table = FACES.read(folder / "faces.parquet")
    crops = load_file(folder / "crops.safetensors")["crops"]
    FACES.write(table.assign(crop_row=[3, 2, 1, 0]), folder / "faces.parquet")
    save_file({"crops": np.ascontiguousarray(crops[::-1])}, folder / "crops.safetensors")
    build_face_features(folder, scenes((0, 800, None)), out)
    assert load_file(out / "crops.safetensors")["crops"][0, :4, 0, 0].tolist() == [100, 101, 102, 103]


def test_same_input_gives_the_same_bytes(faces, scenes, tmp_path):
    folder, units = faces((0, 10, 0.5, 0.0, 50), (0, 10, 0.3, 0.1, 100)), scenes((0, 2000, "ann"))
    outs = [tmp_path / "a", tmp_path / "b"]
    for each in outs:
        each.mkdir()
        build_face_features(folder, units, each)
    for name in ("features.parquet", "course.parquet", "crops.safetensors", "summary.json"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes()


@pytest.mark.long
def test_actress_is_sad_then_surprised_then_joyful(shared_data, need_weights, scenes, out, tmp_path):
    need_weights("blazeface-full-range", *WEIGHTS, "face-mesh")
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
