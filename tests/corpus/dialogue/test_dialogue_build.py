"""Dialogue of a film from its artifacts: synchronised, named, and told where something is missing."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from corpus.contracts import UTTERANCES, WORDS
from corpus.dialogue import build as building
from corpus.dialogue.build import build_dialogue
from corpus.dialogue.recognise import Recognition, SpokenLine, Word, unusable
from corpus.dialogue.sync import speech
from corpus.films.media.probe import SubtitleTrack
from corpus.films.media.text_tracks import TextTrack
from corpus.paths import content_version

LINES = [
    (2000, 4200, "ANNA", "Who is there? I can hear you breathing."),
    (5100, 7000, "BEN", "It's only me, I forgot my keys again."),
    (7900, 9100, "ANNA", "You scared me half to death."),
    (11_000, 14_200, "BEN", "I am sorry about that, I thought nobody was at home tonight."),
    (15_000, 15_900, "ANNA", "Never mind."),
    (18_300, 21_000, "CARA", "The garden is full of frogs, come and look at them."),
    (22_400, 24_000, "ANNA", "Frogs? In the middle of winter?"),
    (25_100, 27_900, "CARA", "Hundreds of them, and every one is singing."),
    (29_500, 31_000, "BEN", "I had better bring the camera."),
    (32_800, 34_100, "CARA", "Bring a coat as well."),
    (36_000, 39_000, "ANNA", "Nobody is going to believe us when we tell them."),
    (40_500, 42_000, "BEN", "They never do, do they?"),
]
DURATION_MS = 44_000
SCENES = {0: "INT. KITCHEN - NIGHT", 5: "EXT. GARDEN - NIGHT"}


def srt(lines: list[tuple[int, int, str, str]], delay_ms: int = 0) -> str:
    def stamp(t_ms: int) -> str:
        return f"00:{t_ms // 60000:02d}:{t_ms // 1000 % 60:02d},{t_ms % 1000:03d}"

    cues = ((start + delay_ms, end + delay_ms, text) for start, end, _, text in lines)
    return "\n".join(f"{n}\n{stamp(a)} --> {stamp(b)}\n{text}\n" for n, (a, b, text) in enumerate(cues, start=1))


def fountain() -> str:
    said = [(SCENES.get(n), who, text) for n, (_, _, who, text) in enumerate(LINES)]
    return "\n".join((f"{heading}\n\n" if heading else "") + f"{who}\n{text}\n" for heading, who, text in said)


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders film, shots, soundtrack and dialogue of a film whose sound is heard exactly as LINES say."""
    heard = np.full(DURATION_MS // speech.GRID_MS, 0.05, np.float32)
    for start, end, _, _ in LINES:
        heard[(start + 16) // speech.GRID_MS : end // speech.GRID_MS] = 0.95
    monkeypatch.setattr(speech, "speech_probability_of_file", lambda path: heard)
    for name in ("film", "shots", "soundtrack", "dialogue"):
        (tmp_path / name).mkdir()
    soundfile.write(tmp_path / "soundtrack" / "sound.flac", np.zeros(16_000, np.float32), 16_000)
    (tmp_path / "soundtrack" / "summary.json").write_text(json.dumps({"has_audio": True, "silent": False, "missing": None}))
    (tmp_path / "shots" / "stream.json").write_text(json.dumps({"duration_ms": DURATION_MS, "fps": 25.0}))
    (tmp_path / "shots" / "text_tracks.json").write_text("[]")
    return tmp_path


def deliver(film: Path, subtitles: str | None, screenplay: str | None = None, screenplay_name: str = "screenplay.fountain") -> None:
    entry: dict[str, str] = {"film_id": "frogs", "title": "Frogs", "video": "/films/frogs.mp4"}
    if subtitles is not None:
        (film / "film" / "subtitles.srt").write_text(subtitles, encoding="utf-8")
        entry["subtitles"] = "subtitles.srt"
    if screenplay is not None:
        (film / "film" / screenplay_name).write_text(screenplay, encoding="utf-8")
        entry["screenplay"] = screenplay_name
    (film / "film" / "film.json").write_text(json.dumps(entry))


def build(film: Path, recognition: Recognition = Recognition.NEVER):
    summary = build_dialogue(film / "film", film / "soundtrack", film / "shots", film / "dialogue", recognition)
    return summary, UTTERANCES.read(film / "dialogue" / "utterances.parquet")


def test_lines_are_moved_into_place_and_get_speaker_heading_and_script_line(film: Path):
    deliver(film, srt(LINES, delay_ms=1700), fountain())
    summary, table = build(film)
    assert summary.verdict == "corrected" and summary.missing is None and summary.confidence > 0.5
    assert np.abs(table["start_ms"] - [start for start, *_ in LINES]).max() < 60
    assert list(table["character_id"]) == [who.lower() for _, _, who, _ in LINES]
    assert list(table["scene_heading"]) == [SCENES[0]] * 5 + [SCENES[5]] * 7
    script = fountain().splitlines()
    assert [script[line - 1] for line in table["script_line"]] == [text for *_, text in LINES]
    assert summary.speaker_share == 1 and summary.screenplay == "aligned" and summary.unmatched_speeches == 0


def test_without_a_screenplay_prefixes_name_the_speakers_and_others_stay_unknown(film: Path):
    prefixed = [(a, b, who, f"{who}: {text}" if who == "ANNA" else text) for a, b, who, text in LINES]
    deliver(film, srt(prefixed))
    summary, table = build(film)
    assert summary.verdict == "fits" and summary.screenplay is None
    assert [name if isinstance(name, str) else None for name in table["character_id"]] == [
        "anna" if who == "ANNA" else None for _, _, who, _ in LINES
    ]
    assert table["text"][0] == LINES[0][3] and table["raw_text"][0] == f"ANNA: {LINES[0][3]}"


def test_no_subtitles_is_an_empty_dialogue_that_says_so(film: Path):
    deliver(film, None, fountain())
    summary, table = build(film)
    assert summary.missing == "no subtitles" and summary.verdict is None and len(table) == 0
    assert json.loads((film / "dialogue" / "summary.json").read_text())["missing"] == "no subtitles"


def test_another_films_subtitles_give_no_line_and_every_cue_is_kept_as_dropped(film: Path):
    rng = np.random.default_rng(3)
    starts = np.cumsum(rng.integers(900, 5000, 14))
    deliver(film, srt([(int(t), int(t) + 700, "X", f"Other words {n}") for n, t in enumerate(starts)]))
    summary, table = build(film)
    assert summary.verdict == "refused" and len(table) == 0 and summary.confidence == 0
    assert summary.missing is not None and "refused" in summary.missing
    dropped = json.loads((film / "dialogue" / "dropped.json").read_text())["dropped"]
    assert len(dropped) == 14 and dropped[0]["text"] == "Other words 0"


@pytest.mark.parametrize(
    "told", [{"silent": True, "missing": "the sound is digital silence"}, {"silent": False, "missing": "no audio track"}]
)
def test_without_sound_times_are_kept_unchecked(film: Path, told: dict[str, object]):
    (film / "soundtrack" / "summary.json").write_text(json.dumps(told))
    if told["missing"] == "no audio track":
        (film / "soundtrack" / "sound.flac").unlink()
    deliver(film, srt(LINES, delay_ms=500))
    summary, table = build(film)
    assert summary.verdict == "unchecked" and str(told["missing"]) in str(summary.reason)
    assert list(table["start_ms"]) == [start + 500 for start, *_ in LINES]


def test_sounds_music_and_cues_beyond_the_film_are_counted_not_spoken(film: Path):
    extra = [(100, 900, "", "[door creaks]"), (34_500, 35_500, "", "♪ la la ♪"), (60_000, 61_000, "", "Subtitles by nobody")]
    deliver(film, srt(sorted([*LINES, *extra])))
    summary, table = build(film)
    assert summary.dropped == {"outside the film": 1, "song or music": 1, "sound description": 1}
    assert summary.n_cues == 15 and len(table) == 12 and summary.n_utterances == 12
    assert table["end_ms"].max() <= DURATION_MS


def test_a_screenplay_of_another_language_or_broken_is_told_and_subtitles_still_count(film: Path):
    foreign = fountain()
    for *_, text in LINES:
        foreign = foreign.replace(text, "Ceci n'est pas une phrase anglaise.")
    deliver(film, srt(LINES), foreign)
    summary, table = build(film)
    assert summary.screenplay == "refused" and "another film or language" in str(summary.screenplay_fault) and len(table) == 12
    deliver(film, srt(LINES), "<FinalDraft><Content>", "screenplay.fdx")
    summary, table = build(film)
    assert summary.screenplay == "refused" and "not whole" in str(summary.screenplay_fault) and len(table) == 12


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("this is no subtitle file", "no cue in subtitles.srt"),
        ("", "no cue in subtitles.srt"),
        ("WEBVTT\nKind: chapters\n\n00:00.000 --> 00:09.000\nPrologue\n", "holds chapters"),
    ],
)
def test_unusable_subtitles_are_a_fault_of_the_film_that_has_no_words_then(film: Path, content: str, says: str):
    deliver(film, content)
    summary, table = build(film)
    assert summary.fault is not None and says in summary.fault and says in str(summary.missing)
    assert len(table) == 0 and summary.verdict is None


def embed(film: Path, *tracks: tuple[SubtitleTrack, list[tuple[int, int, str, str]]]) -> None:
    told = []
    for track, lines in tracks:
        (film / "shots" / f"subtitles.{track.index}.srt").write_text(srt(lines), encoding="utf-8")
        told.append(asdict(TextTrack(track, f"subtitles.{track.index}.srt", len(lines), None)))
    (film / "shots" / "text_tracks.json").write_text(json.dumps(told))


def test_without_a_delivered_file_the_films_own_track_gives_the_words(film: Path):
    forced = SubtitleTrack(2, "subrip", "eng", "text", forced=True)
    embed(film, (forced, LINES[:2]), (SubtitleTrack(3, "subrip", "eng", "text"), LINES))
    deliver(film, None)
    summary, table = build(film)
    assert summary.track == "track 3 (subrip, eng)" and summary.verdict == "fits" and summary.fault is None
    assert list(table["text"]) == [text for *_, text in LINES] and set(table["source"]) == {"subtitles"}
    deliver(film, srt(LINES[:8]))
    summary, table = build(film)
    assert summary.track is None and len(table) == 8


def test_tracks_that_cannot_be_used_are_named_with_the_reason(film: Path):
    forced = SubtitleTrack(2, "subrip", "eng", "text", forced=True)
    embed(film, (forced, LINES[:2]))
    deliver(film, None)
    summary, _ = build(film)
    assert summary.missing == "no subtitles; track 2 (subrip, eng) has forced lines alone" and summary.fault is None


def said(lines: list[tuple[int, int, str, str]]) -> list[SpokenLine]:
    """Lines as a recogniser gives them: words of equal length, all 0.8 sure but the first."""
    found = []
    for start, end, _, text in lines:
        words = text.split()
        edges = [start + (end - start) * n // len(words) for n in range(len(words) + 1)]
        sure = [0.5, *[0.8] * (len(words) - 1)]
        found.append(SpokenLine(tuple(map(Word, words, edges[:-1], edges[1:], sure))))
    return found


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recogniser that is installed and hears LINES."""
    monkeypatch.setattr(building, "unusable", lambda language: None)
    monkeypatch.setattr(building, "recogniser", lambda: "recogniser 1")
    monkeypatch.setattr(building, "recognise", lambda sound, heard, duration_ms: said(LINES))


def test_without_subtitles_recognised_lines_are_marked_with_words_and_confidence(film: Path, listening: None):
    deliver(film, None)
    summary, table = build(film, Recognition.AUTO)
    assert set(table["source"]) == {"asr"} and list(table["text"]) == [text for *_, text in LINES]
    assert list(table["start_ms"]) == [start for start, *_ in LINES] and table["character_id"].isna().all()
    words = WORDS.read(film / "dialogue" / "words.parquet")
    for line in table.to_dict("records"):
        own = words[words["utterance_id"] == line["utterance_id"]]
        assert " ".join(own["text"]) == line["text"] and own["confidence"].mean() == pytest.approx(line["text_confidence"])
    assert (summary.recogniser, summary.missing, summary.verdict) == ("recogniser 1", None, None)
    assert summary.text_confidence == pytest.approx(table["text_confidence"].mean(), abs=1e-3)
    assert summary.speech_coverage > 0.9 and summary.residual_ms < 100


def test_recognised_lines_get_their_speakers_from_the_screenplay(film: Path, listening: None):
    deliver(film, None, fountain())
    summary, table = build(film, Recognition.AUTO)
    assert list(table["character_id"]) == [who.lower() for _, _, who, _ in LINES]
    assert summary.screenplay == "aligned" and summary.speaker_share == 1


def test_delivered_subtitles_are_never_replaced_by_recognised_words(film: Path, listening: None):
    deliver(film, srt(LINES))
    _, table = build(film, Recognition.AUTO)
    assert set(table["source"]) == {"subtitles"} and table["text_confidence"].isna().all()
    assert len(WORDS.read(film / "dialogue" / "words.parquet")) == 0
    deliver(film, "no subtitles at all")
    summary, table = build(film, Recognition.AUTO)
    assert summary.fault is not None and len(table) == 0


def test_why_nothing_was_recognised_is_told(film: Path, listening: None, monkeypatch: pytest.MonkeyPatch):
    deliver(film, None)
    monkeypatch.setattr(building, "recognise", lambda sound, heard, duration_ms: [])
    assert build(film, Recognition.AUTO)[0].missing == "no subtitles; no word was recognised in the sound"
    (film / "soundtrack" / "summary.json").write_text(json.dumps({"silent": True, "missing": "the sound is digital silence"}))
    assert build(film, Recognition.AUTO)[0].missing == "no subtitles; the sound is digital silence"
    monkeypatch.setattr(building, "unusable", unusable)
    monkeypatch.setenv("FEELM_WEIGHTS", str(film))
    told = "no subtitles; speech recognition is not installed (`make asr`)"
    summary, table = build(film, Recognition.AUTO)
    assert summary.missing == told and len(table) == 0 and summary.text_confidence is None
    assert build(film, Recognition.NEVER)[0].missing == "no subtitles"


def test_the_language_of_the_words_is_told_beside_the_declared_one(film: Path):
    deliver(film, srt(LINES))
    summary, _ = build(film)
    assert (summary.language, summary.language_found) == (None, "en") and summary.language_probability > 0.95


def test_microdvd_without_a_rate_takes_the_films(film: Path):
    frames = "\n".join(f"{{{a * 25 // 1000}}}{{{b * 25 // 1000}}}{text}" for a, b, _, text in LINES)
    deliver(film, frames)
    _, table = build(film)
    assert np.abs(table["start_ms"] - [start for start, *_ in LINES]).max() <= 40
    repaired = json.loads((film / "dialogue" / "dropped.json").read_text())["repaired"]
    assert [fault["reason"] for fault in repaired] == ["no frame rate in the file: the film's 25.000 is taken"]


def test_the_same_input_gives_the_same_bytes(film: Path, tmp_path: Path):
    deliver(film, srt(LINES, delay_ms=-900), fountain())
    build(film)
    first = content_version(film / "dialogue")
    (tmp_path / "again").mkdir()
    build_dialogue(film / "film", film / "soundtrack", film / "shots", tmp_path / "again")
    assert content_version(tmp_path / "again") == first
