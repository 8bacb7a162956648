"""EfficientNet-Lite0 in plain torch: the package's numbers, its shapes, and the weights' names."""

import math

import pytest
import torch

from corpus.weights import FACE_BACKBONE, weight_path
from ml.models.face.backbone import EPSILON, FROZEN, LITE0, Filter, folded, layers, lower, pretrained, standardised, upper, width_of


def rings(side: int) -> torch.Tensor:
    """Two grey pictures (2, side, side) of rings, 0..1, the second half as fine."""
    at = torch.linspace(-1, 1, side)
    far = (at[:, None] ** 2 + at[None] ** 2).sqrt()
    return torch.stack([0.5 + 0.5 * (k * far).cos() for k in (12.0, 24.0)])


def test_its_output_on_a_drawn_picture_is_that_of_the_package(need_weights) -> None:
    need_weights(FACE_BACKBONE)
    with torch.no_grad():
        found = pretrained()(standardised(rings(48), 96))
    # Of efficientnet-lite-pytorch 0.1.0 on the same pictures, 2026-11-27
    assert found.shape == (2, 320, 3, 3)
    assert found.mean((1, 2, 3)).tolist() == pytest.approx([0.03618, -0.09490], abs=1e-4)
    assert found.std((1, 2, 3)).tolist() == pytest.approx([3.93051, 4.14061], rel=1e-4)
    assert found[0, :4, 1, 1].tolist() == pytest.approx([-1.64204, -13.55950, -1.51723, 2.63853], abs=1e-3)


def test_the_weights_are_the_pinned_ones(need_weights) -> None:
    need_weights(FACE_BACKBONE)
    assert weight_path(FACE_BACKBONE).suffix == ".safetensors"
    assert sum(parameter.numel() for parameter in pretrained().parameters()) == 2_939_120
    assert not any(parameter.requires_grad for parameter in pretrained().parameters())


@pytest.mark.parametrize("side", [24, 25, 31, 32])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_filter_of_stride_two_halves_the_side_rounding_up(side: int, kernel: int) -> None:
    assert Filter(2, 3, kernel, stride=2)(torch.zeros(1, 2, side, side)).shape[-1] == math.ceil(side / 2)


def test_an_even_side_is_padded_right_and_below() -> None:
    last = Filter(1, 1, kernel=3, stride=2)
    torch.nn.init.ones_(last.weight)
    torch.nn.init.zeros_(last.bias)
    ones = torch.ones(1, 1, 4, 4)
    assert last(ones)[0, 0].tolist() == [[9, 6], [6, 4]]


def test_batch_norm_folded_into_a_filter_gives_what_both_gave() -> None:
    torch.manual_seed(1)
    convolution, norm = torch.nn.Conv2d(3, 5, 3, bias=False), torch.nn.BatchNorm2d(5, eps=EPSILON).eval()
    for numbers in (norm.weight, norm.bias, norm.running_mean):
        torch.nn.init.normal_(numbers)
    torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
    stored = {"_conv_stem.weight": convolution.weight} | {f"_bn0.{name}": tensor for name, tensor in norm.state_dict().items()}
    found = folded(stored, blocks=0)
    picture = torch.randn(2, 3, 8, 8)
    both = torch.nn.functional.conv2d(picture, found["0.filter.weight"], found["0.filter.bias"])
    assert torch.allclose(both, norm(convolution(picture)), atol=1e-5)


def test_it_has_a_stem_and_sixteen_blocks_of_which_the_upper_ones_learn(tiny_backbone: torch.nn.Sequential) -> None:
    assert len(layers()) == 1 + sum(stage.blocks for stage in LITE0) == 17 > FROZEN
    assert len(lower()) == 3 and len(upper()) == 1 and width_of(upper()) == 8
    assert all(parameter.requires_grad for parameter in upper().parameters())
    assert not any(parameter.requires_grad for parameter in lower().parameters())


def test_whoever_fine_tunes_leaves_the_pretrained_weights_as_they_are(tiny_backbone: torch.nn.Sequential) -> None:
    before = tiny_backbone[3].project.weight.clone()
    torch.nn.init.zeros_(upper()[0].project.weight)
    assert torch.equal(tiny_backbone[3].project.weight, before)


def test_reading_the_weights_draws_no_chances(need_weights) -> None:
    need_weights(FACE_BACKBONE)
    pretrained.cache_clear()
    torch.manual_seed(1)
    pretrained()
    drawn = torch.rand(2)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(2))


def test_grey_becomes_three_channels_from_minus_one_to_one() -> None:
    found = standardised(torch.tensor([0.0, 127 / 255, 1.0])[:, None, None].expand(3, 48, 48), 96)
    assert found.shape == (3, 3, 96, 96)
    assert found[:, 0, 0, 0].tolist() == pytest.approx([-127 / 128, 0, 1], abs=1e-5)
    assert torch.equal(found[:, 0], found[:, 2])
