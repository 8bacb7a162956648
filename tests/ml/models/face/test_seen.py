"""What the frozen layers see: once a crop, in several views, the same every time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from corpus.chunks import ChunkStore
from ml.models.face import backbone, seen
from ml.models.face.seen import see
from tests.ml.models.face.conftest import planted


def test_each_crop_has_maps_in_each_view_and_a_place_without_crop_has_zeros(tiny_backbone: torch.nn.Sequential) -> None:
    data = planted(3)
    maps = see(data.crops, data.crop_mask, views=2)
    assert maps.shape == (3, 8, 2, 6, 6, 6) and maps.dtype == np.float16
    assert not maps[:, 3:].any()
    assert maps[:, :3].any(axis=(2, 3, 4, 5)).all()
    assert not np.array_equal(maps[:, :3, 0], maps[:, :3, 1])


def test_the_first_view_is_the_crop_as_it_is(tiny_backbone: torch.nn.Sequential) -> None:
    data = planted(2)
    crop = torch.from_numpy(data.crops[1, 2]).float()[None] / 255
    with torch.no_grad():
        alone = tiny_backbone[:3](backbone.standardised(crop, 24))[0]
    assert see(data.crops, data.crop_mask, views=3)[1, 2, 0] == pytest.approx(alone.numpy(), abs=2e-3)


def test_the_same_crops_are_seen_alike_and_chances_outside_are_left_alone(tiny_backbone: torch.nn.Sequential) -> None:
    data = planted(2)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = see(data.crops, data.crop_mask, views=2)
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(see(data.crops, data.crop_mask, views=2), first)


def test_what_was_seen_is_kept_by_content(tiny_backbone: torch.nn.Sequential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, store = planted(2 * seen.UNITS_EACH), ChunkStore(tmp_path)
    first = see(data.crops, data.crop_mask, store=store)
    looked = []
    _see = seen._see
    monkeypatch.setattr(seen, "_see", lambda crops, *rest: looked.append(len(crops)) or _see(crops, *rest))
    assert np.array_equal(see(data.crops, data.crop_mask, store=store), first)
    assert not looked
    other = data.crops.copy()
    other[-1] += 1
    see(other, data.crop_mask, store=store)
    assert looked == [seen.UNITS_EACH], "only the chunk that changed"
    see(data.crops, data.crop_mask, views=2, store=store)
    assert len(looked) == 3, "another number of views is another work"


def test_no_unit_with_a_face_gives_no_maps(tiny_backbone: torch.nn.Sequential) -> None:
    data = planted(2)
    assert see(data.crops[:0], data.crop_mask[:0]).shape[0] == 0
