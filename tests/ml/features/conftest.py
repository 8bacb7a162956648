"""A film's artifacts made by hand, and faces of a real one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from corpus.contracts import UNITS
from ml.features.extractor import Block


@pytest.fixture(scope="session")
def actress(shared_data, need_weights):
    """Aligned crops of the actress's face, every twentieth frame of her clip: uint8 (24, 64, 64, 3)."""
    need_weights("blazeface-full-range")
    from corpus.films.faces import FaceDetector, align_crop
    from corpus.films.media.decode import VideoPass, fitted

    video, detector = VideoPass(shared_data / "pexels_actress" / "WolfgangLanger_Pexels.mp4"), FaceDetector(score_minimum=0.4)
    pictures = [frame.rgb(*fitted(video.facts, 640)) for frame in video if frame.index % 20 == 0]
    faces = [found[0] for found in detector.detect_all(pictures)]
    return np.stack([align_crop(picture, (face.right_eye, face.left_eye)) for picture, face in zip(pictures, faces, strict=True)])


@pytest.fixture
def scenes(tmp_path):
    """Write a scenes artifact: one utterance for each (start_ms, end_ms, character)."""

    def write(*spans: tuple[int | None, int | None, str | None], texts: list[str | None] | None = None) -> Path:
        folder = tmp_path / "scenes"
        folder.mkdir(exist_ok=True)
        rows = [
            {"unit_id": f"film.u{i:05d}", "film_id": "film", "level": "utterance", "start_ms": start, "end_ms": end, "character_id": who}
            | {"text": texts[i] if texts else f"line {i}", "scene_id": "film.scene000", "position": i}
            for i, (start, end, who) in enumerate(spans)
        ]
        UNITS.write(UNITS.frame(rows), folder / "units.parquet")
        return folder

    return write


@pytest.fixture
def out(tmp_path):
    """An empty artifact folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def features(folder: Path) -> pd.DataFrame:
    """The features a stage wrote."""
    return pd.read_parquet(folder / "features.parquet")


def read_blocks(path: Path) -> Block:
    """The rows of a file that `ml.features.blocks.written` made, as one block."""
    table = pq.read_table(path)
    start_ms, end_ms, confidence, *values = (table.column(name).to_numpy() for name in table.schema.names)
    return Block(start_ms, end_ms, np.stack(values, axis=1).astype(np.float32), confidence)


def sine(hz: float, seconds: float, amplitude: float = 0.1) -> np.ndarray:
    """A tone at 16 kHz."""
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(16_000 * seconds)) / 16_000)).astype(np.float32)
