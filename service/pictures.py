"""A still picture, JPEG or PNG, that somebody brings: read within bounds, or refused.

What a file says of its size is believed before anything is decoded, so that one that would fill the memory is refused by its header. A JPEG
may ask for one pass over the picture after another, some bytes each: more than a camera writes are refused too.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.terms import FeelmError

Picture = npt.NDArray[np.uint8]

BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
FORMATS = ("JPEG", "PNG")
LARGEST_FILE = 64 << 20
START_OF_SCAN = b"\xff\xda"
MOST_SCANS = 40
"""A progressive JPEG of a camera or browser has some ten."""

LEAST_SIDE = 16
ORIENTATION = 0x0112
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True)
class PictureBounds:
    """The largest picture that is read, in pixels and bytes."""

    pixels: int = 64_000_000
    file_bytes: int = LARGEST_FILE


def is_picture(path: Path) -> bool:
    """Whether a file begins as a JPEG or PNG does, whatever its name."""
    with path.open("rb") as stream:
        return stream.read(len(BEGINNINGS[1])).startswith(BEGINNINGS)


def read_picture(content: bytes, bounds: PictureBounds | None = None) -> Picture:
    """The picture uint8 RGB (height, width, 3), upright, at most 640 wide and high, as a scan takes a film's pictures.

    Raises:
        FeelmError: it is no JPEG or PNG, damaged, or larger than the bounds.
    """
    from PIL import Image

    allowed = bounds or PictureBounds()
    if not content.startswith(BEGINNINGS):
        raise FeelmError("this is no picture that is read: give a JPEG or PNG")
    if len(content) > allowed.file_bytes:
        raise FeelmError(f"the picture has {len(content)} bytes, more than {allowed.file_bytes}: make it smaller")
    if content.count(START_OF_SCAN) > MOST_SCANS:
        raise FeelmError(f"the picture has more than {MOST_SCANS} scans, which no camera writes: save it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _decoded(content, allowed)
    except Image.DecompressionBombError as error:
        raise _too_large(allowed) from error
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error) as error:
        raise FeelmError(f"the picture cannot be read to its end ({error}): it is damaged") from error


def _too_large(bounds: PictureBounds) -> FeelmError:
    return FeelmError(f"the picture has more than {bounds.pixels} pixels: make it smaller")


def _decoded(content: bytes, bounds: PictureBounds) -> Picture:
    from PIL import Image

    from corpus.films.sampling import PICTURE_WIDTH

    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > bounds.pixels:
            raise _too_large(bounds)
        # A large JPEG is decoded at a half, quarter or eighth, never below what is kept.
        image.draft("RGB", (PICTURE_WIDTH, PICTURE_WIDTH))
        turned = _TURNS.get(image.getexif().get(ORIENTATION, 1))
        upright = image if turned is None else image.transpose(Image.Transpose[turned])
        return _fitted(_eight_bits(upright), PICTURE_WIDTH)


_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What sets a picture upright by its orientation in EXIF."""


def _eight_bits(image: object) -> Picture:
    from PIL import Image

    assert isinstance(image, Image.Image)
    if image.mode in SIXTEEN_BITS:
        grey = (np.asarray(image, np.uint32) >> 8).clip(max=255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image.convert("RGB"))


def _fitted(rgb: Picture, most: int) -> Picture:
    """Scaled as `corpus.films.media.decode.fitted` says."""
    import cv2

    height, width = rgb.shape[:2]
    scale = min(most / width, most / height, 1.0)
    size = tuple(max(round(side * scale / 2) * 2, LEAST_SIDE) for side in (width, height))
    return rgb if size == (width, height) else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
