"""What the gate finds in a film's picture, sound and dialogue: which faults are named, with figures and worst places, and what blocks."""

from dataclasses import asdict
from pathlib import Path

import pytest

from corpus.annotations.decisions import Outcome
from corpus.contracts import HEARD_LINES, SHOTS, UNWRITTEN_SPEECH, UTTERANCES
from corpus.dialogue.build import DialogueSummary
from corpus.films.media.sound import SoundFacts
from corpus.paths import write_json
from quality.gate import check_dialogue, check_film

DURATION_MS = 10_000
Row = dict[str, object]


def shot(index: int, start_ms: int, end_ms: int) -> Row:
    names = {"shot_id": f"f.shot{index:04d}", "film_id": "f", "index": index}
    return names | {"start_ms": start_ms, "end_ms": end_ms, "transition": "cut" if index else "start", "thumbnail": "thumbs/0.jpg"}


def film(
    folder: Path,
    shots: list[Row],
    stream: Row | None = None,
    damage: tuple[str, ...] = (),
    sound: Row | None = None,
    altered: str | None = None,
) -> dict[str, Outcome]:
    """What the suite `films` finds in a film of these shots."""
    SHOTS.write(SHOTS.frame(shots), folder / "shots" / "shots.parquet")
    facts = {"duration_ms": DURATION_MS, "declared_duration_ms": DURATION_MS, "fps": 24.0, "variable_rate": False, "checksums": False}
    write_json(folder / "shots" / "stream.json", facts | (stream or {}))
    write_json(folder / "shots" / "summary.json", {"damage": damage})
    heard = SoundFacts(True, False, DURATION_MS, -20.0, -3.0, 1, 0, (), None)
    write_json(folder / "sound" / "summary.json", asdict(heard) | (sound or {}))
    write_json(folder / "film" / "summary.json", {"altered": altered})
    return {outcome.check: outcome for outcome in check_film(folder / "film", folder / "shots", folder / "sound")}


def failed(outcomes: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in outcomes.items() if not outcome.passed}


WHOLE = [shot(0, 0, 4000), shot(1, 4000, DURATION_MS)]


def test_a_sound_film_passes_with_its_figures(tmp_path: Path):
    outcomes = film(tmp_path, WHOLE)
    assert failed(outcomes) == set()
    assert outcomes["duration_as_declared"].figures == {"duration_ms": 10_000, "declared_ms": 10_000}
    assert outcomes["stream_undamaged"].observed == "no damage seen; the file has no checksums, so a turned bit may hide"
    assert outcomes["sound_covers_film"].observed == "00:00:10 of sound at -20 dBFS"


def test_a_gap_between_shots_blocks_and_names_the_shot(tmp_path: Path):
    outcomes = film(tmp_path, [shot(0, 0, 4000), shot(1, 4200, DURATION_MS)])
    assert outcomes["shots_cover_film"].blocks
    assert outcomes["shots_cover_film"].examples == ("f.shot0001",)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"stream": {"declared_duration_ms": 20_000}}, "duration_as_declared"),
        ({"stream": {"fps": 2.5}}, "frame_rate_plausible"),
        ({"altered": "film.mp4 is no longer the file that was added"}, "stream_undamaged"),
        ({"damage": ("corrupt picture at 00:00:07",)}, "stream_undamaged"),
        ({"sound": {"missing": "no audio track"}}, "sound_covers_film"),
        ({"sound": {"duration_ms": 5000}}, "sound_covers_film"),
    ],
)
def test_a_doubtful_stream_warns_and_blocks_nothing(tmp_path: Path, changed: dict, check: str):
    outcomes = film(tmp_path, WHOLE, **changed)
    assert failed(outcomes) == {check}
    assert not outcomes[check].blocks


def test_a_film_cut_to_shreds_is_told_with_its_shortest_shots(tmp_path: Path):
    shots = [shot(n, n * 100, (n + 1) * 100) for n in range(100)]
    outcome = film(tmp_path, shots)["shots_plausible"]
    assert not outcome.passed
    assert outcome.figures["short_shots"] == 100
    assert (outcome.worst[0].where, outcome.worst[0].what) == ("f.shot0000 at 00:00:00", "100 ms")


def line(index: int, start_ms: int, end_ms: int, script_line: int | None = None) -> Row:
    words = {"text": f"line {index}", "raw_text": "said", "source": "subtitles", "script_line": script_line}
    return {"utterance_id": f"f.u{index}", "film_id": "f", "index": index, "start_ms": start_ms, "end_ms": end_ms} | words


def heard(index: int, share: float, distance_ms: float | None) -> Row:
    return {"utterance_id": f"f.u{index}", "speech_share": share, "onset_distance_ms": distance_ms}


def dialogue(
    folder: Path,
    lines: list[Row],
    sound: list[Row] | None = None,
    unwritten: list[Row] | None = None,
    outside: list[Row] | None = None,
    **summary: object,
) -> dict[str, Outcome]:
    """What the suite `dialogue` finds in these lines, held against that sound."""
    UTTERANCES.write(UTTERANCES.frame(lines), folder / "utterances.parquet")
    HEARD_LINES.write(HEARD_LINES.frame(sound or []), folder / "heard.parquet")
    UNWRITTEN_SPEECH.write(UNWRITTEN_SPEECH.frame(unwritten or []), folder / "unwritten.parquet")
    write_json(folder / "dropped.json", {"dropped": outside or [], "repaired": []})
    facts = dict.fromkeys(DialogueSummary.__dataclass_fields__) | {"verdict": "fits", "n_cues": len(lines), "speech_ms": 0}
    write_json(folder / "summary.json", facts | summary)
    return {outcome.check: outcome for outcome in check_dialogue(folder, "f", DURATION_MS)}


def test_dialogue_beyond_the_film_blocks_and_a_refused_sync_warns(tmp_path: Path):
    outcomes = dialogue(tmp_path, [line(0, 0, 900), line(1, 9000, 12_000)], verdict="refused")
    assert {name: outcomes[name].blocks for name in failed(outcomes)} == {"utterance_inside_film": True, "subtitles_in_sync": False}


def test_a_film_without_words_must_say_why(tmp_path: Path):
    assert failed(dialogue(tmp_path, [], missing="no subtitles", verdict=None)) == set()
    assert failed(dialogue(tmp_path, [])) == {"dialogue_told"}


def test_speech_without_cues_is_told_with_the_longest_stretches_first(tmp_path: Path):
    stretches = [{"start_ms": 1000, "end_ms": 2500}, {"start_ms": 4000, "end_ms": 9000}]
    outcome = dialogue(tmp_path, [line(0, 0, 900)], unwritten=stretches, speech_coverage=0.2, speech_ms=7000)["speech_covered"]
    assert not outcome.passed and not outcome.blocks
    assert outcome.figures == {"coverage": 0.2, "speech_s": 7.0, "unwritten_stretches": 2}
    assert [(w.where, w.what) for w in outcome.worst] == [
        ("00:00:04", "5.0 s of speech without a cue"),
        ("00:00:01", "1.5 s of speech without a cue"),
    ]


def test_lines_in_silence_and_far_from_speech_are_named(tmp_path: Path):
    lines = [line(n, n * 800, n * 800 + 700) for n in range(12)]
    sound = [heard(n, 0.0 if n < 4 else 0.9, 500.0 if n < 8 else -40.0) for n in range(12)]
    outcomes = dialogue(tmp_path, lines, sound)
    assert failed(outcomes) == {"lines_heard", "sync_residual"}
    assert outcomes["lines_heard"].examples == ("f.u0", "f.u1", "f.u2", "f.u3")
    assert outcomes["sync_residual"].figures == {"residual_ms": 500.0, "within_250_ms": pytest.approx(1 / 3)}
    assert outcomes["sync_residual"].worst[0].what == "+500 ms from the nearest beginning of speech: line 0"


def test_cues_beyond_the_film_are_counted(tmp_path: Path):
    late = {"number": 9, "start_ms": 61_000, "end_ms": 62_000, "text": "Goodbye.", "reason": "outside the film"}
    outcome = dialogue(tmp_path, [line(0, 0, 900)], outside=[late], n_cues=2)["cues_inside_film"]
    assert not outcome.passed
    assert outcome.observed == "1 of 2 cues lie outside the film"
    assert outcome.worst[0].where == "cue 9 at 00:01:01"


def test_a_screenplay_of_another_film_and_a_thin_match_are_told(tmp_path: Path):
    outcome = dialogue(tmp_path, [line(0, 0, 900)], screenplay_fault="only 2 % of the words")["screenplay_aligned"]
    assert (outcome.passed, outcome.observed) == (False, "only 2 % of the words")
    thin = dialogue(tmp_path, [line(0, 0, 900, 7), line(1, 900, 1800)], screenplay_coverage=0.25, unmatched_speeches=3)[
        "screenplay_aligned"
    ]
    assert not thin.passed
    assert thin.figures == {"coverage": 0.25, "lines_alone": 1.0, "speeches_alone": 3.0}
    assert thin.worst[0].where == "f.u1 at 00:00:00"


@pytest.mark.parametrize(
    ("declared", "found", "passes"), [("en-GB", "en", True), ("nb", "no", True), ("fr", "en", False), (None, "en", True)]
)
def test_another_language_than_declared_is_told(tmp_path: Path, declared: str | None, found: str, passes: bool):
    summary = {"language": declared, "language_found": found, "language_probability": 0.99}
    outcome = dialogue(tmp_path, [line(0, 0, 900)], **summary)["language_as_declared"]
    assert (outcome.passed, outcome.blocks) == (passes, False)
