"""Still pictures: read upright and within bounds; what is hostile or cut off is refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from corpus.terms import FeelmError
from service.pictures import PictureBounds, read_picture
from tests.service.senses import encoded

RGB = np.random.default_rng(2).integers(0, 255, (120, 200, 3), np.uint8)


def png_of(width: int, height: int) -> bytes:
    """A PNG that calls itself so large, of nearly no bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00" * 4096)) + chunk(b"IEND", b"")


def test_a_picture_is_what_was_saved() -> None:
    assert np.array_equal(read_picture(encoded(RGB, "PNG")), RGB)
    assert np.abs(read_picture(encoded(RGB, quality=100, subsampling=0)).astype(int) - RGB).mean() < 3


def test_a_large_picture_is_made_as_small_as_a_scan_makes_it() -> None:
    assert read_picture(encoded(np.zeros((1800, 3000, 3), np.uint8))).shape == (384, 640, 3)
    assert read_picture(encoded(np.zeros((3001, 1000, 3), np.uint8), "PNG")).shape == (640, 214, 3)


def test_a_picture_that_was_taken_on_its_side_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = read_picture(encoded(np.rot90(RGB).copy(), "PNG", exif=exif))
    assert np.array_equal(turned, RGB)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_whatever_its_colours_are_kept_in_it_is_read_as_rgb(mode: str) -> None:
    grey = np.full((40, 60), 40_000, np.uint16) if mode == "I;16" else None
    image = Image.fromarray(grey) if grey is not None else Image.fromarray(RGB).convert(mode)
    from io import BytesIO

    stream = BytesIO()
    image.save(stream, "JPEG" if mode == "CMYK" else "PNG")
    found = read_picture(stream.getvalue())
    assert found.dtype == np.uint8 and found.shape[2] == 3 and found.any()
    assert grey is None or (found == 40_000 >> 8).all()


HOSTILE = {
    "a picture that would fill the memory": (png_of(60_000, 60_000), "more than 64000000 pixels"),
    "a picture that is larger than it may be": (png_of(9000, 9000), "more than 64000000 pixels"),
    "a picture with less in it than it says": (png_of(4000, 4000), "cannot be read to its end"),
    "a JPEG that was cut off": (encoded(RGB, quality=95)[:9000], "cannot be read to its end"),
    "a PNG that was cut off": (encoded(RGB, "PNG")[:20_000], "cannot be read to its end"),
    "a beginning alone": (b"\xff\xd8\xff", "cannot be read to its end"),
    "noise that begins as a JPEG": (b"\xff\xd8\xff" + bytes(range(256)) * 40, "cannot be read to its end"),
    "a JPEG of scans without end": (encoded(RGB) + b"\xff\xda" * 5000, "scans"),
    "another format": (b"GIF89a" + bytes(100), "give a JPEG or PNG"),
    "nothing": (b"", "give a JPEG or PNG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_is_refused_in_words(name: str) -> None:
    content, told = HOSTILE[name]
    with pytest.raises(FeelmError, match=told):
        read_picture(content)


def test_bounds_are_kept() -> None:
    with pytest.raises(FeelmError, match="bytes, more than 1000"):
        read_picture(encoded(RGB, "PNG"), PictureBounds(file_bytes=1000))
    with pytest.raises(FeelmError, match="more than 1000 pixels"):
        read_picture(encoded(RGB, "PNG"), PictureBounds(pixels=1000))
