"""RAVDESS: file names become intended emotions, an actor is a film."""

from pathlib import Path

import pytest

from corpus.contracts import GOLD_LABELS, UNITS
from corpus.datasets.ravdess import CLIPS, build_ravdess
from corpus.terms import FeelmError

NAMES = {
    "Actor_07/03-01-05-02-01-02-07.wav": "anger",
    "Actor_07/03-01-01-01-02-01-07.flac": "neutral",
    "Actor_08/03-01-03-01-01-01-08.WAV": "joy",
    "Actor_08/03-01-02-01-01-01-08.wav": "calm, which has no place among the seven",
    "Actor_08/03-02-03-01-01-01-08.wav": "sung, not spoken",
    "Actor_08/01-01-03-01-01-01-08.wav": "a number in its name that RAVDESS does not have for sound",
    "Actor_08/03-01-09-01-01-01-08.wav": "a number in its name that RAVDESS does not have for sound",
    "Actor_08/03-01-03-01-01-01-25.wav": "a number in its name that RAVDESS does not have for sound",
    "notes.wav": "not named by seven pairs of digits, as 03-01-05-02-01-02-07",
    "copy/03-01-05-02-01-02-07.wav": "a second file of the same name",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "source" / "readme.txt").touch()
    return tmp_path / "source"


def test_names_tell_emotion_actor_strength_and_where_the_sound_lies(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_ravdess(source, out)
    gold = GOLD_LABELS.read(out / "gold.parquet").set_index("unit_id")
    anger = gold.loc["ravdess-07.03-01-05-02-01-02-07"]
    assert (anger.label, anger.perspective, anger.film_id, anger.n_raters) == ("anger", "intended", "ravdess-07", 0)
    clip = CLIPS.read(out / "clips.parquet").set_index("unit_id").loc["ravdess-07.03-01-05-02-01-02-07"]
    assert (clip.path, clip.strength, clip.statement, clip.repetition) == ("Actor_07/03-01-05-02-01-02-07.wav", "strong", 1, 2)
    units = UNITS.read(out / "units.parquet")
    assert units["text"].isna().all() and set(units["character_id"]) == {"actor-07", "actor-08"}


def test_every_recording_is_a_unit_or_refused_by_name(source: Path, tmp_path: Path) -> None:
    summary = build_ravdess(source, tmp_path / "out")
    refused = {place: reason for reason, places in summary.refused.items() for place in places}
    assert refused.keys() <= NAMES.keys()
    assert (summary.rows_read, summary.rows_accepted) == (10, 3) and len(refused) == 7
    firsts = {place: reason for place, reason in refused.items() if "second file" not in reason}
    assert firsts == {place: NAMES[place] for place in firsts}
    assert summary.by_label["anger"] == summary.by_label["joy"] == summary.by_label["neutral"] == 1


def test_a_folder_without_recordings_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="RAVDESS is not at"):
        build_ravdess(tmp_path, tmp_path / "out")


def test_the_real_recordings_are_accounted_for_file_by_file(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "ravdess_speech_16k"
    summary = build_ravdess(folder, tmp_path)
    files = list(folder.rglob("*.flac"))
    calm = sum(path.stem.split("-")[2] == "02" for path in files)
    assert summary.rows_read == len(files) and summary.n == len(files) - calm
    assert summary.without_place == {"calm": calm}
    assert summary.n_films == len({path.stem[-2:] for path in files})
