"""Pictures of faces in a folder for each expression, as the packaged networks read them one by one."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from corpus.terms import EMOTIONS, FeelmError
from ml.evaluation.benchmarks import faces, run_benchmark
from ml.features.face import expression
from ml.features.face.expressions import WEIGHTS
from tests.ml.features.drawn import crop

FOLDER_OF = {emotion: folder for folder, emotion in faces.FOLDERS.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three folders of drawn faces, of two sizes, colour and grey."""
    home = tmp_path / "faces"
    for emotion in ("joy", "anger", "neutral"):
        (home / FOLDER_OF[emotion]).mkdir(parents=True)
        for number, side in enumerate((64, 48)):
            picture = cv2.resize(crop("ann", 0, emotion), (side, side))
            picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY if number else cv2.COLOR_RGB2BGR)
            assert cv2.imwrite(str(home / FOLDER_OF[emotion] / f"{number}.png"), picture)
    (home / "happy" / "notes.txt").write_text("not a picture")
    return home


def test_pictures_are_scored_as_the_networks_read_each_alone(folder: Path, options, need_weights):
    need_weights(*WEIGHTS)
    told: list[tuple[str, float]] = []
    found = run_benchmark("faces", folder, None, options(tell=lambda row, share: told.append((row, share))))
    right, surprise = [], []
    for emotion in ("joy", "anger", "neutral"):
        for path in sorted((folder / FOLDER_OF[emotion]).glob("*.png")):
            picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            picture = picture if picture.ndim == 2 else picture[:, :, ::-1]
            p = expression(np.ascontiguousarray(picture)[None])[0]
            right.append(p.argmax() == EMOTIONS.index(emotion))
            surprise.append(-np.log(p[EMOTIONS.index(emotion)]))
    assert found.metrics["accuracy"] == pytest.approx(np.mean(right))
    assert found.metrics["nll_nats"] == pytest.approx(np.mean(surprise), abs=0.01)
    assert found.baselines["majority"]["accuracy"] == pytest.approx(1 / 3)
    assert {name: one.n for name, one in found.per_class.items() if one.n} == {"joy": 2, "anger": 2, "neutral": 2}
    assert found.protocol.n_train == 0 and found.protocol.notes == tuple(
        f"no picture of {name}" for name in EMOTIONS if name not in ("joy", "anger", "neutral")
    )
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_a_test_folders_pictures_are_scored_instead(folder: Path, tmp_path: Path, options, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "test" / "sad").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "test" / "sad" / "one.jpg"), crop("ann", 0, "sadness"))
    sad = np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index("sadness")]
    monkeypatch.setattr(faces, "expression", lambda images: np.tile(sad, (len(images), 1)))
    found = run_benchmark("faces", folder, tmp_path / "test", options())
    assert (found.protocol.n_scored, found.metrics["accuracy"]) == (1, 1.0)


def test_a_broken_picture_is_refused_by_name(folder: Path, options):
    (folder / "happy" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    with pytest.raises(FeelmError, match=r"happy/broken\.png is no picture that can be read"):
        run_benchmark("faces", folder, None, options())


def test_a_folder_without_pictures_says_which_folders_it_wants(tmp_path: Path, options):
    with pytest.raises(FeelmError, match=r"no picture of a face under .* folders neutral, happy, angry, fear, sad, surprise, disgust"):
        run_benchmark("faces", tmp_path, None, options())
