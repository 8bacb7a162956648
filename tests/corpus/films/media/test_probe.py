from pathlib import Path

import numpy as np
import pytest

from corpus.films.media.probe import MediaError, probe
from tests.corpus.films.conftest import FilmMaker, texture


def test_text_named_like_a_film_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_text("this is no film\n" * 100)
    with pytest.raises(MediaError, match=r"film\.mp4 cannot be read as a film"):
        probe(path)


def test_an_empty_and_an_absent_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for name in ("empty.mp4", "absent.mp4"):
        with pytest.raises(MediaError, match=name):
            probe(tmp_path / name)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".m3u8", ".ffconcat"])
@pytest.mark.parametrize("form", ["hls", "concat"])
def test_a_list_of_other_files_is_refused_whatever_its_name(film_maker: FilmMaker, tmp_path: Path, suffix: str, form: str) -> None:
    film_maker("inner.mp4", [texture(0)] * 30, [40 * k for k in range(30)])
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\ninner.mp4\n#EXT-X-ENDLIST\n"
    path = tmp_path / f"outer{suffix}"
    path.write_text(playlist if form == "hls" else "ffconcat version 1.0\nfile inner.mp4\n")
    with pytest.raises(MediaError, match="cannot be read as a film"):
        probe(path)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        probe(path)


def test_tracks_are_told_with_their_language_and_offset(film_maker: FilmMaker, shared_data: Path) -> None:
    path = film_maker("late.mkv", [texture(0)] * 50, [40 * k for k in range(50)], sound=np.zeros(48_000), sound_start_ms=500)
    (track,) = probe(path).audio
    assert (track.codec, track.channels, track.rate_hz, track.start_ms) == ("pcm_s16le", 1, 48_000, 500)
    popeye = probe(shared_data / "popeye_1936" / "Title T00-1.mkv")
    assert popeye.audio == ()
    assert [(track.kind, track.language) for track in popeye.subtitles] == [("bitmap", "eng")]


def test_a_film_that_claims_to_last_longer_than_a_day_is_refused(film_maker: FilmMaker) -> None:
    path = film_maker("endless.mkv", [texture(0), texture(1)], [0, 25 * 3_600_000])
    with pytest.raises(MediaError, match="claims to last 25 hours: at most 24 are read"):
        probe(path)


def test_duration_is_the_pictures_own(shared_data: Path) -> None:
    assert probe(shared_data / "sintel" / "sintel_trailer-720p.mp4").declared_duration_ms == 52_208
