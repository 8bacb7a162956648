from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from corpus.films.media.probe import AudioTrack, MediaFacts, probe
from corpus.films.media.sound import RATE_HZ, choose_track, extract_sound
from tests.corpus.films.conftest import FilmMaker, texture

RATE = 48_000
PICTURES = [texture(0)] * 75
TIMES = [40 * k for k in range(75)]


def _clicks(at_s: list[float], seconds: float, rate: int = RATE) -> np.ndarray:
    """Silence with 5 ms bursts of 3 kHz that begin at `at_s`."""
    sound = np.zeros(int(seconds * rate), np.float32)
    burst = 0.8 * np.sin(2 * np.pi * 3000 * np.arange(int(0.005 * rate)) / rate)
    for start in at_s:
        begin = round(start * rate)
        sound[begin : begin + len(burst)] = burst
    return sound


def _onsets(path: Path) -> list[float]:
    sound, rate = soundfile.read(path)
    assert rate == RATE_HZ
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    return [float(loud[0]) / rate, *(float(b) / rate for a, b in pairwise(loud) if b - a > 800)]


@pytest.mark.parametrize(("start_ms", "name"), [(0, "a.mkv"), (730, "a.mkv"), (0, "a.mp4"), (730, "a.mp4")])
def test_a_click_is_where_it_is_in_the_film(film_maker: FilmMaker, tmp_path: Path, start_ms: int, name: str) -> None:
    path = film_maker(name, PICTURES, TIMES, sound=_clicks([0.5, 1.25], 2.0), sound_start_ms=start_ms)
    facts = extract_sound(path, probe(path), 3000, tmp_path / "sound.flac")
    expected = [0.5 + start_ms / 1000, 1.25 + start_ms / 1000]
    assert np.abs(np.array(_onsets(tmp_path / "sound.flac")) - expected).max() < 0.004
    assert facts.has_audio
    assert not facts.silent
    assert facts.missing is None


def test_sound_before_the_first_picture_is_cut(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = film_maker("b.mkv", PICTURES, [400 + t for t in TIMES], sound=_clicks([0.1, 1.0], 2.0))
    extract_sound(path, probe(path), 3000, tmp_path / "sound.flac")
    assert np.abs(np.array(_onsets(tmp_path / "sound.flac")) - [0.6]).max() < 0.004


def test_sound_ends_with_the_film(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = film_maker("c.mkv", PICTURES, TIMES, sound=_clicks([0.5], 5.0))
    facts = extract_sound(path, probe(path), 3000, tmp_path / "sound.flac")
    assert facts.duration_ms == 3000
    assert soundfile.info(tmp_path / "sound.flac").frames == 48_000


def test_no_sample_is_lost_at_the_end(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = film_maker("d.mkv", PICTURES, TIMES, sound=np.full(RATE, 0.25, np.float32))
    facts = extract_sound(path, probe(path), 3000, tmp_path / "sound.flac")
    assert abs(facts.duration_ms - 1000) <= 1


def test_level_is_that_of_the_sound(film_maker: FilmMaker, tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    path = film_maker("e.mkv", PICTURES, TIMES, sound=tone)
    facts = extract_sound(path, probe(path), 2000, tmp_path / "sound.flac")
    assert facts.loudness_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)
    assert facts.peak_db == pytest.approx(20 * np.log10(0.5), abs=0.1)


def test_a_film_without_sound_says_so_and_writes_no_file(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = film_maker("f.mp4", PICTURES, TIMES)
    facts = extract_sound(path, probe(path), 3000, tmp_path / "sound.flac")
    assert (facts.has_audio, facts.silent, facts.missing) == (False, True, "no audio track")
    assert not (tmp_path / "sound.flac").exists()


def test_digital_silence_is_told(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = film_maker("g.mkv", PICTURES, TIMES, sound=np.zeros(RATE))
    facts = extract_sound(path, probe(path), 3000, tmp_path / "sound.flac")
    assert (facts.has_audio, facts.silent, facts.loudness_db) == (True, True, None)
    assert facts.missing == "the sound is digital silence"


def test_the_films_language_wins_over_order_and_commentary_loses(film_maker: FilmMaker) -> None:
    facts = probe(film_maker("h.mp4", PICTURES, TIMES))
    tracks = (
        AudioTrack(1, "aac", 2, 48_000, "fra", 0, False),
        AudioTrack(2, "aac", 2, 48_000, "eng", 0, True),
        AudioTrack(3, "aac", 2, 48_000, "eng", 0, False),
    )
    several = MediaFacts(**{**vars(facts), "audio": tracks})
    chosen = {language: choose_track(several, language) for language in ("en", "fr", None)}
    assert {language: track.index for language, track in chosen.items() if track} == {"en": 3, "fr": 1, None: 1}
