"""Subtitles beside any film or sound file: a spoken film made for the test, its subtitles with known faults."""

import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly
from typer.testing import CliRunner

from corpus.dialogue.subtitles.arrows import to_srt
from corpus.dialogue.subtitles.cues import Cue
from corpus.dialogue.subtitles.read import read_subtitles
from corpus.dialogue.sync.compare import compare, write_subtitles
from corpus.films.media.probe import MediaError
from corpus.maker.performance import Performance, perform
from corpus.maker.sound import mix
from corpus.maker.story import plan_stories
from corpus.terms import FeelmError
from orchestration.cli import app


@pytest.fixture(scope="module")
def performance() -> Performance:
    return perform(plan_stories(1, 23)[0])


@pytest.fixture(scope="module")
def sound(performance: Performance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("by_hand") / "film.flac"
    soundfile.write(path, resample_poly(mix(performance).mean(axis=1), 160, 441), 16_000)
    return path


def delivered(performance: Performance, late_ms: int = 0) -> list[Cue]:
    lines = enumerate(performance.lines, start=1)
    return [Cue(n, line.start_ms - 40 + late_ms, line.end_ms + 200 + late_ms, line.line.text, line.line.text) for n, line in lines]


def written(path: Path, cues: list[Cue]) -> Path:
    path.write_text(to_srt(cues), encoding="utf-8")
    return path


def test_late_subtitles_are_written_where_they_belong(sound: Path, performance: Performance, tmp_path: Path):
    found = compare(sound, written(tmp_path / "late.srt", delivered(performance, 4000)))
    assert found.result.verdict == "corrected" and found.result.confidence > 0.9
    write_subtitles(found, tmp_path / "out.srt")
    starts = [cue.start_ms for cue in read_subtitles(tmp_path / "out.srt").cues]
    assert np.abs(np.array(starts) - [line.start_ms for line in performance.lines]).max() < 200


def test_a_cue_that_would_begin_before_the_film_is_kept_at_its_beginning_and_counted(sound: Path, performance: Performance, tmp_path: Path):
    title = Cue(0, 500, 3000, "la", "♪ la ♪", kind="music")
    found = compare(sound, written(tmp_path / "late.srt", [title, *delivered(performance, 4000)]))
    told = write_subtitles(found, tmp_path / "out.srt")
    kept = read_subtitles(tmp_path / "out.srt").cues
    assert told.set_to_beginning == 1 and told.cues == len(performance.lines) + 1 == len(kept)
    assert kept[0].start_ms == 0 and kept[0].raw_text == "♪ la ♪"


def test_subtitles_that_fit_are_copied_byte_by_byte(sound: Path, performance: Performance, tmp_path: Path):
    path = tmp_path / "good.srt"
    path.write_bytes(to_srt(delivered(performance)).replace("\n", "\r\n").encode("utf-16"))
    found = compare(sound, path)
    assert found.result.verdict == "fits"
    write_subtitles(found, tmp_path / "out.srt")
    assert (tmp_path / "out.srt").read_bytes() == path.read_bytes()


def test_another_films_subtitles_are_refused_and_nothing_is_written(sound: Path, tmp_path: Path):
    other = perform(plan_stories(3, 24)[2])
    found = compare(sound, written(tmp_path / "other.srt", delivered(other)))
    assert found.result.verdict == "refused" and found.result.confidence == 0
    with pytest.raises(FeelmError, match="not written"):
        write_subtitles(found, tmp_path / "out.srt")
    assert not (tmp_path / "out.srt").exists()


def test_a_cue_of_two_speakers_is_written_once(sound: Path, performance: Performance, tmp_path: Path):
    cues = delivered(performance, 3000)
    cues[4] = replace(cues[4], raw_text="- Who is it?\n- It is me, open.")
    found = compare(sound, written(tmp_path / "two.srt", cues))
    assert len(found.result.cues) == len(cues) + 1
    assert write_subtitles(found, tmp_path / "out.srt").cues == len(cues)
    assert (tmp_path / "out.srt").read_text(encoding="utf-8").count("Who is it?") == 1


def test_the_subtitles_that_were_read_are_not_written_over(sound: Path, performance: Performance, tmp_path: Path):
    path = written(tmp_path / "late.srt", delivered(performance, 2000))
    with pytest.raises(FeelmError, match="name another"):
        write_subtitles(compare(sound, path), path)


def test_silence_is_nothing_to_compare_with(performance: Performance, tmp_path: Path):
    with wave.open(str(tmp_path / "silent.wav"), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(4 * 44_100 * 20))
    found = compare(tmp_path / "silent.wav", written(tmp_path / "good.srt", delivered(performance)))
    assert found.result.verdict == "unchecked" and "silence" in found.result.reason and found.worst == ()


def test_what_is_neither_film_nor_sound_is_refused_by_name(performance: Performance, tmp_path: Path):
    subtitles = written(tmp_path / "good.srt", delivered(performance))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n")
    for media in (tmp_path / "absent.mp4", playlist, subtitles):
        with pytest.raises(MediaError, match=media.name):
            compare(media, subtitles)


def test_the_command_tells_verdict_and_worst_cues_as_json(sound: Path, performance: Performance, tmp_path: Path):
    stray = Cue(99, 100, 900, "Nobody says this.", "Nobody says this.")
    path = written(tmp_path / "good.srt", [stray, *delivered(performance)])
    answer = CliRunner().invoke(app, ["subtitles", "check", str(sound), str(path), "--json"])
    told = json.loads(answer.stdout)
    assert answer.exit_code == 0 and told["verdict"] == "fits" and told["breaks"] == []
    assert told["worst"][0]["text"] == "Nobody says this."


def test_the_command_ends_with_1_when_subtitles_are_refused(sound: Path, tmp_path: Path):
    other = written(tmp_path / "other.srt", delivered(perform(plan_stories(3, 24)[2])))
    answer = CliRunner().invoke(app, ["subtitles", "sync", str(sound), str(other), "--out", str(tmp_path / "out.srt")])
    assert answer.exit_code == 1 and "refused" in answer.stdout and not (tmp_path / "out.srt").exists()
