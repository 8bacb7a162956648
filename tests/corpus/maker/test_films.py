"""A made film: its files, pictures, sound, subtitles and screenplay against its truth."""

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from corpus.dialogue.screenplay.read import character_slug, read_screenplay, speeches
from corpus.dialogue.subtitles.read import read_subtitles
from corpus.dialogue.sync.speech import speech_probability
from corpus.films.catalogue.store import film_from_entry
from corpus.films.faces import FaceDetector
from corpus.maker import subtitles
from corpus.maker.films import is_complete, make_film, make_films
from corpus.maker.performance import perform
from corpus.maker.story import Framing, plan_stories
from corpus.maker.subtitles import DRIFT, DRIFTING_FILM, draw_fault, make_cues
from corpus.terms import FeelmError
from corpus.weights import WeightError


def _mp4(folder: Path) -> Path:
    return folder / f"{folder.name}.mp4"


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_film_is_h264_and_aac_in_the_stated_size_rate_and_length(short_film, truth):
    with av.open(str(_mp4(short_film))) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (640, 360, 24)
        assert video.frames == round(truth.duration_ms * 24 / 1000)
        assert container.duration / 1000 == pytest.approx(truth.duration_ms, abs=60)


def test_full_films_last_between_thirty_and_sixty_seconds():
    lengths = [perform(story).duration_ms for story in plan_stories(3, 5)]
    assert all(30_000 <= length <= 60_000 for length in lengths)


def test_shots_cover_the_film_and_every_line_lies_in_one_shot(truth):
    starts = [shot.start_ms for shot in truth.shots]
    ends = [shot.end_ms for shot in truth.shots]
    assert starts == [0, *ends[:-1]] and ends[-1] == truth.duration_ms
    for line in truth.lines:
        shot = next(s for s in truth.shots if s.start_ms <= line.start_ms < s.end_ms)
        assert line.end_ms <= shot.end_ms and (line.speaker in shot.seen) == line.speaker_seen


def test_pictures_jump_at_hard_cuts(short_film, truth):
    """A cut changes the picture far more than the frame before it did."""
    with av.open(str(_mp4(short_film))) as container:
        small = np.stack([f.to_ndarray(width=64, height=36, format="gray").astype(float) for f in container.decode(video=0)])
    change = np.abs(np.diff(small, axis=0)).mean((1, 2))
    cuts = [round(shot.start_ms * 24 / 1000 + 0.499) for shot in truth.shots[2:] if shot.transition == "cut"]
    jumps = [max(change[cut - 2 : cut + 1]) for cut in cuts]
    assert min(jumps) > 4 * np.median(change)


def test_the_real_detector_finds_the_faces(short_film, truth):
    try:
        detector = FaceDetector()
    except WeightError as error:
        pytest.skip(str(error))
    shown = found = 0
    scores: list[float] = []
    with av.open(str(_mp4(short_film))) as container:
        for index, frame in enumerate(container.decode(video=0)):
            at_ms = index * 1000 / 24
            shot = next(s for s in truth.shots if s.start_ms <= at_ms < s.end_ms)
            if index % 6 or not shot.seen or min(at_ms - shot.start_ms, shot.end_ms - at_ms) < 420:
                continue
            faces = detector.detect(frame.to_ndarray(format="rgb24"))
            shown += len(shot.seen)
            found += min(len(faces), len(shot.seen))
            scores += [face.score for face in faces]
    assert shown > 30 and found >= 0.95 * shown
    assert np.mean(scores) > 0.8


def test_speech_is_heard_where_lines_are_and_not_between(short_film, truth):
    with av.open(str(_mp4(short_film))) as container:
        resampler = av.AudioResampler("flt", "mono", 16_000)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    speech = speech_probability(np.concatenate(parts))
    inside = np.zeros(len(speech), bool)
    near = inside.copy()
    for line in truth.lines:
        inside[line.start_ms // 20 : line.end_ms // 20] = True
        near[max(0, line.start_ms // 20 - 15) : line.end_ms // 20 + 15] = True
    assert (speech[inside] > 0.5).mean() > 0.8
    assert (speech[~near] > 0.5).mean() < 0.1


def test_cues_are_the_lines_moved_by_the_stated_fault(short_film, truth):
    cues = read_subtitles(short_film / f"{truth.film_id}.srt").cues
    fault = truth.subtitles
    assert [cue.text for cue in cues] == [line.text for line in truth.lines]
    for cue, line in zip(cues, truth.lines, strict=True):
        assert abs(cue.start_ms - (line.start_ms * fault.scale + fault.delay_ms)) <= fault.jitter_ms + 1
        assert abs(cue.end_ms - (line.end_ms * fault.scale + fault.delay_ms)) <= fault.jitter_ms + 1


def test_one_film_of_a_set_drifts_and_all_are_late_or_early_by_at_most_two_and_a_half_seconds():
    faults = [draw_fault(7, index) for index in range(1, 13)]
    assert [index for index, fault in enumerate(faults, start=1) if fault.scale != 1] == [DRIFTING_FILM]
    assert all(600 <= abs(fault.delay_ms) <= 2500 for fault in faults)
    performance = perform(plan_stories(DRIFTING_FILM, 7, lines=8)[-1])
    cues = make_cues(performance, faults[DRIFTING_FILM - 1])
    spoken = [line.start_ms for line in performance.lines]
    slope = np.polyfit(spoken, [cue.start_ms for cue in cues], 1)[0]
    assert slope == pytest.approx(DRIFT, abs=0.006)


def test_no_cue_of_a_film_starts_before_the_film():
    performance = perform(plan_stories(1, 7, lines=4)[0])
    cues = make_cues(performance, subtitles.SubtitleFault(-2500, 1.0, 60))
    assert all(0 <= cue.start_ms < cue.end_ms for cue in cues)


def test_the_screenplay_has_headings_speakers_and_nearly_the_spoken_words(short_film, truth):
    spoken = speeches(read_screenplay(short_film / f"{truth.film_id}.fountain"))
    assert [character_slug(speech.character) for speech in spoken] == [line.speaker for line in truth.lines]
    assert [speech.heading for speech in spoken] == [truth.scenes[line.scene].heading for line in truth.lines]
    same = [speech.text == line.text for speech, line in zip(spoken, truth.lines, strict=True)]
    assert np.mean(same) >= 0.5


def test_some_screenplay_lines_are_worded_otherwise(many_stories):
    from corpus.maker.screenplay import fountain

    changed = sum(line.text not in fountain(story) for story in many_stories[:6] for line in story.lines)
    assert 0.08 <= changed / sum(len(story.lines) for story in many_stories[:6]) <= 0.3


def test_the_catalogue_takes_the_film(short_film, truth):
    film = film_from_entry(yaml.safe_load((short_film / "film.yaml").read_text()), short_film, "film.yaml")
    assert film.film_id == truth.film_id and film.title == truth.title
    assert all(path is not None and path.is_file() for path in (film.video, film.subtitles, film.screenplay))


@pytest.mark.long
def test_complete_films_are_kept_and_a_damaged_one_is_made_again_with_the_same_bytes(short_story, short_film, tmp_path, monkeypatch):
    """The second making is another process's: bytes depend on the story alone."""
    monkeypatch.setattr("corpus.maker.films.plan_stories", lambda films, seed: [short_story])
    folder = Path(shutil.copytree(short_film, tmp_path / short_story.film_id))
    told: list[str] = []
    assert make_films(tmp_path, 1, short_story.seed, progress=told.append) == [folder]
    _mp4(folder).write_bytes(b"half a film")
    (folder / "truth.json").unlink()
    assert not is_complete(folder)
    make_films(tmp_path, 1, short_story.seed, progress=told.append)
    assert _bytes(folder) == _bytes(short_film)
    assert told == ["1 of 1 films are there already", "0 of 1 films are there already", f"{folder.name} is made"]
    assert (tmp_path / "annotations.csv").read_text().count("\n") == 1 + 4 * len(short_story.lines)


def test_a_film_that_failed_leaves_nothing_behind(short_story, tmp_path, monkeypatch):
    def fail(*_arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("corpus.maker.films.encode", fail)
    with pytest.raises(OSError, match="disk full"):
        make_film(short_story, tmp_path / "film")
    assert list(tmp_path.iterdir()) == []


def test_impossible_numbers_are_refused(tmp_path):
    for films, seed in ((0, 1), (100, 1), (1, -1)):
        with pytest.raises(FeelmError, match="cannot make"):
            make_films(tmp_path, films, seed)


def test_the_truth_states_the_story_and_the_ceilings(short_film, truth):
    record = json.loads((short_film / "truth.json").read_text())
    assert set(record["dynamics"]) >= {"reactions", "moods", "temperaments", "stay", "kind_shares", "masks"}
    assert record["expected_ceilings"]["fused"] > max(record["expected_ceilings"][c] for c in ("face", "voice", "text"))
    assert {line.framing for line in truth.lines} <= {framing.value for framing in Framing}
