import json
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from corpus.contracts import BODIES, FACES, PICTURES, SHOTS
from corpus.films.catalogue.store import build_film
from corpus.films.media.decode import VideoPass
from corpus.films.scan import ScanSummary, build_scan
from corpus.maker.films import make_film
from corpus.maker.story import plan_stories
from corpus.maker.truth import read_truth
from corpus.paths import content_version
from corpus.weights import WeightError, weight_path
from tests.corpus.films.conftest import FilmMaker, add_film, clicking, texture, write_film


@pytest.fixture(scope="module", autouse=True)
def detector_weight() -> None:
    try:
        weight_path("blazeface-full-range")
    except WeightError as error:
        pytest.skip(str(error))


def _scan(home: Path, video: Path, run: str = "scan") -> tuple[ScanSummary, dict[str, Path]]:
    film = add_film(home / "films.yaml", video)
    outs = {name: home / "data" / run / film.film_id / name for name in ("film", "shots", "faces", "soundtrack")}
    for out in outs.values():
        out.mkdir(parents=True)
    build_film(film, outs["film"])
    return build_scan(outs["film"], outs["shots"], outs["faces"], outs["soundtrack"]), outs


@pytest.fixture
def cut_film(film_maker: FilmMaker) -> Path:
    pictures = [texture(k // 50, (320, 180)) for k in range(150)]
    return film_maker("three-shots.mp4", pictures, [40 * k for k in range(150)])


def test_shots_thumbnails_and_pictures_agree_with_the_film(cut_film: Path, tmp_path: Path) -> None:
    summary, outs = _scan(tmp_path, cut_film)
    shots = SHOTS.read(outs["shots"] / "shots.parquet")
    assert shots["start_ms"].tolist() == [0, 2000, 4000]
    assert shots["transition"].tolist() == ["start", "cut", "cut"]
    assert shots["end_ms"].iloc[-1] == summary.duration_ms
    for index, name in enumerate(shots["thumbnail"]):
        thumbnail = cv2.imread(str(outs["shots"] / name))[:, :, ::-1]
        assert thumbnail.shape == (180, 320, 3)
        assert np.abs(thumbnail.astype(int) - texture(index, (320, 180))).mean() < 6
    pictures = PICTURES.read(outs["shots"] / "pictures.parquet")
    assert pictures["t_ms"].tolist() == list(range(0, 6000, 200))
    assert pictures.loc[pictures["motion"].isna(), "t_ms"].tolist() == [0, 2000, 4000]
    expected = cv2.cvtColor(texture(0, (320, 180)), cv2.COLOR_RGB2GRAY).mean() / 255
    assert pictures["brightness"].iloc[0] == pytest.approx(expected, abs=0.02)


def test_what_a_film_does_not_have_is_told(cut_film: Path, tmp_path: Path) -> None:
    summary, outs = _scan(tmp_path, cut_film)
    assert summary.missing == "no face found; no audio track"
    assert len(FACES.read(outs["faces"] / "faces.parquet")) == 0
    assert load_file(outs["faces"] / "crops.safetensors")["crops"].shape == (0, 64, 64, 3)
    bodies = load_file(outs["faces"] / "bodies.safetensors")
    assert (len(BODIES.read(outs["faces"] / "bodies.parquet")), bodies["jpeg"].shape, bodies["offsets"].tolist()) == (0, (0,), [0])
    assert json.loads((outs["soundtrack"] / "summary.json").read_text())["missing"] == "no audio track"
    assert [path.name for path in outs["soundtrack"].iterdir()] == ["summary.json"]


def test_the_same_film_gives_the_same_bytes(cut_film: Path, tmp_path: Path) -> None:
    versions = [{name: content_version(out) for name, out in _scan(tmp_path, cut_film, run)[1].items()} for run in ("one", "two")]
    assert versions[0] == versions[1]


def test_no_path_of_this_machine_is_in_any_summary(cut_film: Path, tmp_path: Path) -> None:
    _, outs = _scan(tmp_path, cut_film)
    texts = [path.read_text() for out in outs.values() for path in out.glob("*.json")]
    assert not [text for text in texts if str(tmp_path) in text]


def test_motion_is_the_speed_of_a_pan(film_maker: FilmMaker, tmp_path: Path) -> None:
    grain = np.random.default_rng(9).integers(0, 256, (180, 640, 3), dtype=np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(grain, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX)
    pictures = [wide[:, 2 * k : 2 * k + 320] for k in range(50)]
    _, outs = _scan(tmp_path, film_maker("pan.mp4", pictures, [40 * k for k in range(50)]))
    motion = PICTURES.read(outs["shots"] / "pictures.parquet")["motion"].dropna()
    # 2 of 320 pixels every 40 ms: 0.156 of the width in a second.
    assert motion.median() == pytest.approx(0.156, rel=0.2)


@pytest.mark.long
def test_the_actress_is_one_track_with_a_crop_for_every_picture(shared_data: Path, tmp_path: Path) -> None:
    summary, outs = _scan(tmp_path, shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4")
    faces = FACES.read(outs["faces"] / "faces.parquet")
    crops = load_file(outs["faces"] / "crops.safetensors")["crops"]
    assert (summary.n_shots, summary.n_face_tracks, summary.face_share) == (1, 1, 1.0)
    assert summary.missing == "the sound is digital silence"
    assert crops.shape == (len(faces), 64, 64, 3)
    assert faces["crop_row"].tolist() == list(range(len(faces)))
    # The crop is the face: far warmer than the dark background around her.
    assert (crops[..., 0].mean() - crops[..., 2].mean()) > 15


def test_the_actress_has_an_upper_body_twice_a_second(shared_data: Path, tmp_path: Path) -> None:
    summary, outs = _scan(tmp_path, shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4")
    faces, bodies = FACES.read(outs["faces"] / "faces.parquet"), BODIES.read(outs["faces"] / "bodies.parquet")
    stored = load_file(outs["faces"] / "bodies.safetensors")
    assert len(bodies) == pytest.approx(2 * summary.duration_ms / 1000, abs=2)
    assert bodies["row"].tolist() == list(range(len(bodies))) and len(stored["offsets"]) == len(bodies) + 1
    beside = bodies.merge(faces, on=["track_id", "t_ms"], suffixes=("", "_face"))
    assert len(beside) == len(bodies)
    # The square has the face above its middle, and reaches beyond it on every side.
    assert (beside["x"] < beside["x_face"]).all() and (beside["x"] + beside["width"] > beside["x_face"] + beside["width_face"]).all()
    assert (beside["y_face"] + beside["height_face"] / 2 < beside["y"] + beside["height"] / 2).all()
    for begin, end in pairwise(stored["offsets"].tolist()):
        picture = cv2.imdecode(stored["jpeg"][begin:end], cv2.IMREAD_COLOR)
        assert picture.shape == (224, 224, 3) and picture.std() > 5


@pytest.mark.long
def test_looks_for_faces_are_counted_by_the_time_that_they_stand_for(shared_data: Path, tmp_path: Path) -> None:
    """Ten seconds of her face, then an empty picture for as long: the empty half is looked at a fifth as often and counts as much."""
    actress = VideoPass(shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4")
    shown = [frame.rgb(640, 360) for frame in islice(actress, 250)]
    film = write_film(tmp_path / "half.mp4", shown + [texture(3, (640, 360))] * 250, [40 * k for k in range(500)])
    summary, outs = _scan(tmp_path, film)
    told = json.loads((outs["faces"] / "summary.json").read_text())
    assert summary.n_pictures == 100
    assert told["n_samples"] < 70
    assert told["face_share"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.long
def test_the_faces_of_a_made_film_are_found_in_nearly_every_picture(tmp_path: Path) -> None:
    story = plan_stories(1, 11, lines=4)[0]
    folder = make_film(story, tmp_path / story.film_id)
    truth = read_truth(folder / "truth.json")
    _, outs = _scan(tmp_path, next(folder.glob("*.mp4")))
    found = Counter(FACES.read(outs["faces"] / "faces.parquet")["t_ms"])
    shown = seen = 0
    for t_ms in PICTURES.read(outs["shots"] / "pictures.parquet")["t_ms"]:
        shot = next(shot for shot in truth.shots if shot.start_ms <= t_ms < shot.end_ms)
        if shot.seen and min(t_ms - shot.start_ms, shot.end_ms - t_ms) >= 420:  # not while the picture comes or goes
            shown += len(shot.seen)
            seen += min(found[t_ms], len(shot.seen))
    assert shown > 30 and seen >= 0.95 * shown


def test_recordings_joined_end_to_end_are_scanned_on_one_clock(tmp_path: Path) -> None:
    joined = tmp_path / "joined.ts"
    joined.write_bytes(clicking(tmp_path / "a.ts", 0).read_bytes() + clicking(tmp_path / "b.ts", 100).read_bytes())
    summary, outs = _scan(tmp_path, joined)
    assert summary.duration_ms == 8000
    assert json.loads((outs["soundtrack"] / "summary.json").read_text())["duration_ms"] == pytest.approx(8000, abs=60)
    assert any("the film's clock begins anew" in place for place in summary.damage)
