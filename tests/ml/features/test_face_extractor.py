"""The face extractor: its rows follow from the crops alone, chunks are cut anywhere, the CPU and the GPU agree."""

import numpy as np
import pytest

from corpus.chunks import ChunkStore
from ml.features.extractor import extract_all, joined
from ml.features.face.expressions import QUICK, WEIGHTS, expression, in_films
from ml.features.face.extractor import FACE_DIMENSIONS, FaceChunk, FaceExtractor, face_chunks
from tests.emotions import N_EMOTIONS

NAMES = [dimension.name for dimension in FACE_DIMENSIONS]


@pytest.fixture
def chunk(need_weights, actress):
    need_weights(*WEIGHTS, "face-mesh")
    return FaceChunk(np.arange(len(actress)) * 200, actress, np.full(len(actress), 10, np.float32))


def test_a_row_holds_every_dimension_within_its_bounds(chunk):
    block = FaceExtractor().extract(chunk)
    assert block.values.shape == (len(chunk.crops), len(NAMES)) and not np.isnan(block.values).any()
    for dimension, column in zip(FACE_DIMENSIONS, block.values.T, strict=True):
        assert dimension.lowest is None or (column >= dimension.lowest - 1e-6).all(), dimension.name
        assert dimension.highest is None or (column <= dimension.highest + 1e-6).all(), dimension.name
    assert block.values[:, :N_EMOTIONS] == pytest.approx(in_films(expression(chunk.crops, looks=QUICK, exact=False)), abs=1e-6)
    assert (block.confidence > 0.9).all()


def test_the_lean_that_the_crop_was_turned_by_is_added_and_unknown_where_nobody_knows(chunk):
    roll = NAMES.index("head_roll")
    leant = FaceExtractor().extract(chunk).values
    unknown = FaceExtractor().extract(FaceChunk(chunk.t_ms, chunk.crops, np.full(len(chunk.crops), np.nan, np.float32))).values
    upright = FaceExtractor().extract(FaceChunk(chunk.t_ms, chunk.crops, np.zeros(len(chunk.crops), np.float32))).values
    assert leant[:, roll] == pytest.approx(upright[:, roll] + 10, abs=1e-4)
    assert np.isnan(unknown[:, roll]).all() and np.array_equal(np.delete(unknown, roll, 1), np.delete(upright, roll, 1))


def test_rows_do_not_depend_on_where_the_film_is_cut_and_are_stored(chunk, monkeypatch, tmp_path):
    whole = FaceExtractor().extract(chunk)
    monkeypatch.setattr("ml.features.face.extractor.CHUNK", 8)
    store, parts = ChunkStore(tmp_path), lambda: face_chunks(chunk.t_ms, chunk.crops, chunk.turn)
    cut = joined(extract_all(FaceExtractor(), parts(), store), len(NAMES))
    # bfloat16 rounds a batch of another size otherwise.
    assert np.abs(cut.values[:, :N_EMOTIONS] - whole.values[:, :N_EMOTIONS]).max() < 0.02
    assert np.allclose(cut.values[:, N_EMOTIONS:], whole.values[:, N_EMOTIONS:], atol=1e-4)
    monkeypatch.setattr(FaceExtractor, "extract", lambda *_: pytest.fail("a stored chunk was computed again"))
    again = joined(extract_all(FaceExtractor(), parts(), store), len(NAMES))
    assert np.array_equal(again.values, cut.values)


def test_a_chunk_is_known_by_its_crops_times_and_turns_and_the_version_by_the_weights(chunk):
    extractor = FaceExtractor()
    others = [
        FaceChunk(chunk.t_ms + 1, chunk.crops, chunk.turn),
        FaceChunk(chunk.t_ms, chunk.crops ^ 1, chunk.turn),
        FaceChunk(chunk.t_ms, chunk.crops, chunk.turn + 1),
    ]
    assert len({extractor.digest(one) for one in (chunk, *others)}) == 4
    assert extractor.version.count("-") == 6


@pytest.mark.gpu
def test_the_cpu_and_the_gpu_agree(chunk):
    cpu, gpu = (FaceExtractor(device).extract(chunk) for device in ("cpu", "cuda"))
    tolerance = dict.fromkeys(NAMES, 0.02) | {"head_yaw": 1.5, "head_pitch": 1.5, "head_roll": 1.5, "sharpness": 0.001}
    tolerance |= {name: 0.03 for name in NAMES if name.startswith("p_")}
    for name, ours, theirs in zip(NAMES, cpu.values.T, gpu.values.T, strict=True):
        assert np.abs(ours - theirs).max() < tolerance[name], name


@pytest.mark.gpu
def test_thousands_of_faces_a_second_go_through_a_gpu(chunk):
    import time

    crops = np.tile(chunk.crops, (100, 1, 1, 1))
    expression(crops[:512], device="cuda", looks=QUICK, exact=False)
    started = time.perf_counter()
    expression(crops, device="cuda", looks=QUICK, exact=False)
    assert len(crops) / (time.perf_counter() - started) > 2000
