"""A stream's window gets the numbers that a file of the same sound or pictures gets."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from corpus.paths import Home
from service.champion import Champion
from service.detect import DetectedUnit, Detection, detect_file
from service.streams.bounds import Bounds
from service.streams.live import Camera, Doubt, Microphone, Readers, Reading
from tests.service.senses import encoded, picture, spoken

TOLERANCE = 2e-4
"""Numbers are told to four digits, and sums over one unit or several round otherwise."""


@pytest.fixture(scope="module")
def readers() -> Readers:
    return Readers()


def close(reading: Reading, unit: DetectedUnit) -> bool:
    own = (*reading.probabilities, reading.intensity, reading.valence, reading.arousal)
    other = (*unit.probabilities, unit.intensity, unit.valence, unit.arousal)
    return bool(np.allclose(np.array(own, float), np.array(other, float), atol=TOLERANCE))


def said(champion: Champion, readers: Readers, pcm: np.ndarray, rate_hz: int = 16_000) -> Reading:
    source = Microphone(champion, rate_hz, Bounds())
    for piece in np.array_split(pcm, 40):
        source.push(0, piece.astype("<i2").tobytes())
    reading = source.read(readers)
    assert reading is not None and source.read(readers) is None, "there is nothing new after it"
    return reading


def of_file(home: Home, path: Path, pcm: np.ndarray, rate_hz: int) -> Detection:
    soundfile.write(path, pcm, rate_hz, subtype="PCM_16")
    return detect_file(home, path, language="de")  # in a language that nothing here writes down: the voice alone is read


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_a_microphones_window_is_read_as_a_recording_of_it(
    sensing_champion: Champion, sensing_home: Home, readers: Readers, tmp_path: Path, rate_hz: int
) -> None:
    pcm = spoken(rate_hz=rate_hz)
    pcm = pcm[: len(pcm) // (rate_hz // 100) * (rate_hz // 100)]
    reading = said(sensing_champion, readers, pcm, rate_hz)
    units = of_file(sensing_home, tmp_path / "said.wav", pcm, rate_hz).units
    assert {unit.level for unit in units} == {"scene", "span"} and all(unit.modalities == ("voice",) for unit in units)
    assert all(close(reading, unit) for unit in units)
    other = said(sensing_champion, readers, spoken("sadness", rate_hz), rate_hz)
    assert max(abs(np.subtract(reading.probabilities, other.probabilities))) > 10 * TOLERANCE


def test_a_cameras_window_is_read_as_a_clip_of_it(sensing_champion: Champion, sensing_home: Home, readers: Readers, tmp_path: Path) -> None:
    shown = [np.roll(picture("joy", ("ann", 100, 80)), 2 * number, axis=1) for number in range(12)]
    source = Camera(sensing_champion, Bounds(waiting=len(shown)))
    for number, one in enumerate(shown):
        source.push(200 * number, encoded(one, "PNG"))
    reading = source.read(readers)
    write_lossless(tmp_path / "clip.mkv", shown)
    units = detect_file(sensing_home, tmp_path / "clip.mkv").units
    assert reading is not None and (reading.from_ms, reading.until_ms, reading.faces, reading.dropped) == (0, 2400, 1.0, 0)
    assert len(units) == 2 and all(unit.modalities == ("face",) and close(reading, unit) for unit in units)


def write_lossless(path: Path, pictures: list[np.ndarray]) -> None:
    """Five pictures a second, as a scan looks at them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "bgr0"
        for number, one in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(one), format="rgb24").reformat(format="bgr0")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_single_picture_is_the_same_from_a_camera_and_from_a_file(
    sensing_champion: Champion, sensing_home: Home, readers: Readers, tmp_path: Path
) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(encoded(picture("sadness")))
    source = Camera(sensing_champion, Bounds())
    source.push(30, path.read_bytes())
    reading = source.read(readers)
    (unit,) = detect_file(sensing_home, path).units
    assert reading is not None and close(reading, unit) and reading.place == unit.place
    (other,) = detect_file(sensing_home, save(tmp_path / "other.png", encoded(picture("joy"), "PNG"))).units
    assert other.probabilities != unit.probabilities


def test_each_face_of_a_picture_is_a_unit_at_its_place_the_largest_first(sensing_home: Home, tmp_path: Path) -> None:
    two = picture("joy", ("ann", 0, 80), ("bob", 320, 200))
    found = detect_file(sensing_home, save(tmp_path / "two.bin", encoded(two, "PNG")), explain=True)
    places = [unit.place for unit in found.units if unit.place is not None]
    assert len(found.units) == 2 == len(places) and places[0].height >= places[1].height
    assert {round(place.x + place.width / 2, 1) for place in places} == {0.2, 0.8} or len({place.x > 0.5 for place in places}) == 2
    assert all(unit.start_ms is None and unit.why is not None and unit.why.modalities[0].name == "face" for unit in found.units)
    assert found.missing == {"voice": "a picture has no sound", "text": "a picture has no words"}


def save(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_picture_without_a_face_says_so(sensing_home: Home, tmp_path: Path) -> None:
    found = detect_file(sensing_home, save(tmp_path / "wall.png", encoded(np.full((90, 160, 3), 128, np.uint8), "PNG")))
    assert found.units == () and found.missing["face"] == "no face found"


def test_where_nobody_is_heard_or_seen_a_reading_is_uncertain_and_says_why(sensing_champion: Champion, readers: Readers) -> None:
    noise = np.random.default_rng(1).integers(-300, 300, 32_000).astype(np.int16)
    for pcm in (noise, np.zeros(32_000, np.int16)):
        assert said(sensing_champion, readers, pcm).doubt is Doubt.NO_VOICE
    camera = Camera(sensing_champion, Bounds())
    camera.push(0, encoded(np.full((90, 160, 3), 128, np.uint8)))
    seen = camera.read(readers)
    assert seen is not None and seen.doubt is Doubt.NO_FACE and seen.uncertain and seen.place is None
