"""The shot network's arithmetic."""

import torch

from corpus.films.shots.network import WIDTH, _Block, _halved


def test_a_picture_in_strips_gives_what_the_whole_picture_gives() -> None:
    torch.manual_seed(3)
    for width in (WIDTH, WIDTH // 2, WIDTH // 4, 10):
        block = _Block(3, 4).eval()
        x = torch.rand(1, 3, 20, 9, width)
        with torch.inference_mode():
            torch.testing.assert_close(block(x), _halved(block._layers(x)), rtol=1e-5, atol=1e-6)
