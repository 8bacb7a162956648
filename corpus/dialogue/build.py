"""Makes a film's dialogue: every line on its second, with its speaker and its place in the screenplay.

Subtitles are read, put on the film's clock by the speech in its sound, and named by the screenplay or by the subtitles' own
prefixes. Subtitles of another film are refused, not bent to fit. A film without subtitles gets the words that are recognised in its
sound, marked as such, or an empty dialogue that says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.contracts import UTTERANCES, WORDS
from corpus.dialogue.language import guess_language
from corpus.dialogue.origin import Origin, find_words
from corpus.dialogue.recognise import Recognition, SpokenLine, recognise, recogniser, unusable
from corpus.dialogue.screenplay.speakers import Named, Script
from corpus.dialogue.subtitles.read import Cue, CueFault, SubtitleFile
from corpus.dialogue.sync import speech
from corpus.dialogue.sync.heard import Heard, hold_against_sound
from corpus.dialogue.sync.synchronise import SyncResult, synchronise, unchecked
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import read_film
from corpus.paths import read_json, write_json


@dataclass(frozen=True)
class DialogueSummary:
    """What became of a film's subtitles.

    `verdict` to `reason` are SyncResult's (verdict null without subtitles); counts are of cues, `n_cues` of all that the file claims;
    `speaker_share` and `heading_share` are shares of utterances with a speaker and a scene heading. `screenplay` is aligned, refused
    (`screenplay_fault` says why) or null; `screenplay_coverage` the share of the subtitles' words found in it. `speech_ms`,
    `speech_coverage` and `residual_ms` are Heard's. `track` names the film's own track that the words come from (null for a delivered
    file). `language` is declared, `language_found` what the words are in (null where that cannot be told). `fault` says what is
    wrong with subtitles that cannot be used, `missing` in words why there is no dialogue. `recogniser` tells what recognised the words
    where no subtitles were delivered, `text_confidence` (0..1) how sure it is of them.
    """

    film_id: str
    verdict: str | None = None
    offset_ms: int = 0
    scale: float = 1.0
    breaks: tuple[tuple[int, int], ...] = ()
    score: float = 0.0
    onsets: float = 0.0
    evidence: float = 0.0
    confidence: float = 0.0
    reason: str | None = None
    format: str | None = None
    encoding: str | None = None
    n_cues: int = 0
    n_utterances: int = 0
    n_repaired: int = 0
    n_overlaps: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    speaker_share: float = 0.0
    heading_share: float = 0.0
    screenplay: str | None = None
    screenplay_fault: str | None = None
    screenplay_coverage: float | None = None
    unmatched_speeches: int | None = None
    speech_ms: int = 0
    speech_coverage: float | None = None
    residual_ms: float | None = None
    track: str | None = None
    language: str | None = None
    language_found: str | None = None
    language_probability: float | None = None
    fault: str | None = None
    missing: str | None = None
    recogniser: str | None = None
    text_confidence: float | None = None


@dataclass(frozen=True)
class _Sound:
    """The film's speech as heard: its probability on the grid, or why there is none."""

    speech: npt.NDArray[np.float32] | None
    missing: str | None

    @classmethod
    def read(cls, soundtrack_dir: Path) -> _Sound:
        path = soundtrack_dir / "sound.flac"
        told = read_json(soundtrack_dir / "summary.json")
        if not path.is_file() or told.get("silent"):
            return cls(None, told.get("missing") or "no audio track")
        return cls(speech.speech_probability_of_file(path), None)

    def synchronised(self, cues: Sequence[Cue], duration_ms: int) -> SyncResult:
        if self.speech is None:
            return unchecked(cues, f"{self.missing}: times kept as delivered")
        return synchronise(cues, self.speech, speech.GRID_MS, duration_ms)

    def heard(self, utterances: Sequence[dict[str, Any]], written: Sequence[Cue], duration_ms: int) -> Heard:
        if self.speech is None or not utterances:
            return Heard.nothing()
        spoken = {row["utterance_id"]: (row["start_ms"], row["end_ms"]) for row in utterances}
        spans = [(cue.start_ms, cue.end_ms) for cue in written]
        return hold_against_sound(spoken, spans, self.speech, speech.GRID_MS, duration_ms)


def build_dialogue(
    film_dir: Path, soundtrack_dir: Path, shots_dir: Path, out: Path, recognition: Recognition = Recognition.AUTO
) -> DialogueSummary:
    """Write utterances.parquet (UTTERANCES), words.parquet (WORDS, recognised ones), what was heard beside them (heard.parquet,
    unwritten.parquet), dropped.json (cues left out or repaired, with reasons) and summary.json into `out`.

    Reads subtitles.<ext> and screenplay.<ext> of the film artifact, the sound track, the film's duration and the text tracks in it.
    Subtitles that cannot be read are the summary's `fault`: the film then has no words, and its faces and voices are not held up.

    Raises:
        FeelmError: an artifact is missing.
    """
    film = read_film(film_dir)
    stream = read_json(shots_dir / "stream.json")
    duration_ms = int(stream["duration_ms"])
    words = find_words(film.subtitles, shots_dir, film.language, stream.get("fps"))
    delivered = words.subtitles
    if delivered is None:
        return _build_unwritten(film, words, soundtrack_dir, duration_ms, recognition, out)
    sound = _Sound.read(soundtrack_dir)
    result = sound.synchronised(delivered.cues, duration_ms)
    kept, outside = _within_film(result, duration_ms)
    script = Script.read(film.screenplay, kept)
    utterances = _utterances(film.film_id, kept, script.name(kept))
    dropped = [*delivered.dropped, *outside, *_unspoken(kept)]
    heard = sound.heard(utterances, kept, duration_ms)
    summary = _of_subtitles(_summary(film, words, utterances, script, heard), delivered, result, dropped)
    _write(out, summary, utterances, heard, dropped=dropped, repaired=delivered.repaired)
    return summary


def _write(
    out: Path,
    summary: DialogueSummary,
    utterances: Sequence[dict[str, Any]],
    heard: Heard,
    *,
    words: Sequence[dict[str, object]] = (),
    dropped: Sequence[CueFault] = (),
    repaired: Sequence[CueFault] = (),
) -> None:
    """The files of the artifact."""
    UTTERANCES.write_rows(utterances, out / "utterances.parquet")
    WORDS.write_rows(words, out / "words.parquet")
    heard.write(out)
    faults = {"dropped": [asdict(fault) for fault in dropped], "repaired": [asdict(fault) for fault in repaired]}
    write_json(out / "dropped.json", faults)
    write_json(out / "summary.json", asdict(summary))


def _within_film(result: SyncResult, duration_ms: int) -> tuple[list[Cue], list[CueFault]]:
    """Cues cut to the film, and those that lie outside it or were refused."""
    if result.verdict == "refused":
        return [], [_fault(cue, "refused: not this film's subtitles") for cue in result.cues]
    inside = [replace(cue, start_ms=max(0, cue.start_ms), end_ms=min(cue.end_ms, duration_ms)) for cue in result.cues]
    kept = [cue for cue in inside if cue.start_ms < cue.end_ms]
    lost = [cue for cue, cut in zip(result.cues, inside, strict=True) if cut.start_ms >= cut.end_ms]
    return kept, [_fault(cue, "outside the film") for cue in lost]


def _fault(cue: Cue, reason: str) -> CueFault:
    return CueFault(cue.number, cue.start_ms, cue.end_ms, cue.raw_text, reason)


def _unspoken(cues: Sequence[Cue]) -> list[CueFault]:
    reasons = {"sound": "sound description", "music": "song or music", "note": "written, not said"}
    return [_fault(cue, reasons[cue.kind]) for cue in cues if cue.kind != "speech"]


def _utterances(film_id: str, cues: Sequence[Cue], named: Sequence[Named]) -> list[dict[str, Any]]:
    spoken = [(cue, who) for cue, who in zip(cues, named, strict=True) if cue.kind == "speech"]
    return [
        {
            "utterance_id": f"{film_id}.u{index:05d}",
            "film_id": film_id,
            "index": index,
            "start_ms": cue.start_ms,
            "end_ms": cue.end_ms,
            "text": cue.text,
            "raw_text": cue.raw_text,
            "character_id": who.character_id,
            "scene_heading": who.speech.heading if who.speech else None,
            "script_line": who.speech.line if who.speech else None,
            "speaker_confidence": who.confidence,
            "source": "subtitles",
        }
        for index, (cue, who) in enumerate(spoken)
    ]


@dataclass(frozen=True)
class _Recognised:
    """What was recognised in the sound, or why nothing was."""

    lines: tuple[SpokenLine, ...] = ()
    sound: _Sound = field(default_factory=lambda: _Sound(None, None))
    missing: str | None = None

    @classmethod
    def read(cls, soundtrack_dir: Path, language: str | None, duration_ms: int) -> _Recognised:
        if lack := unusable(language):
            return cls(missing=lack)
        sound = _Sound.read(soundtrack_dir)
        if sound.speech is None:
            return cls(missing=sound.missing)
        lines = tuple(recognise(soundtrack_dir / "sound.flac", sound.speech, duration_ms))
        return cls(lines, sound, None if lines else "no word was recognised in the sound")


def _build_unwritten(
    film: Film, words: Origin, soundtrack_dir: Path, duration_ms: int, recognition: Recognition, out: Path
) -> DialogueSummary:
    """The dialogue of a film without subtitles that can be used. Faulty ones are to be mended and not papered over by recognised words."""
    if words.fault is not None or recognition is Recognition.NEVER:
        found = _Recognised(missing=words.missing)
    else:
        found = _Recognised.read(soundtrack_dir, film.language, duration_ms)
        found = replace(found, missing=f"{words.missing}; {found.missing}" if found.missing else None)
    cues = [Cue(n, line.start_ms, line.end_ms, line.text, line.text) for n, line in enumerate(found.lines, start=1)]
    script = Script.read(film.screenplay if cues else None, cues)
    rows = [
        row | {"source": "asr", "text_confidence": line.confidence}
        for row, line in zip(_utterances(film.film_id, cues, script.name(cues)), found.lines, strict=True)
    ]
    heard = found.sound.heard(rows, cues, duration_ms)
    summary = _of_recognition(_summary(film, words, rows, script, heard), words, found, rows)
    _write(out, summary, rows, heard, words=_words(rows, found.lines))
    return summary


def _words(rows: Sequence[dict[str, Any]], lines: Sequence[SpokenLine]) -> list[dict[str, object]]:
    return [
        {"utterance_id": row["utterance_id"], "index": index, **asdict(word)}
        for row, line in zip(rows, lines, strict=True)
        for index, word in enumerate(line.words)
    ]


def _summary(film: Film, words: Origin, utterances: Sequence[dict[str, Any]], script: Script, heard: Heard) -> DialogueSummary:
    """What is told of any film's dialogue, wherever its words come from."""
    alignment = script.alignment
    return DialogueSummary(
        film_id=film.film_id,
        n_utterances=len(utterances),
        speaker_share=_share(utterances, "character_id"),
        heading_share=_share(utterances, "scene_heading"),
        screenplay=alignment.verdict if alignment else "refused" if script.fault else None,
        screenplay_fault=script.fault,
        screenplay_coverage=round(alignment.coverage, 4) if alignment else None,
        unmatched_speeches=len(alignment.unmatched_speeches) if alignment else None,
        speech_ms=heard.speech_ms,
        speech_coverage=heard.coverage,
        residual_ms=heard.residual_ms,
        track=words.track,
        language=film.language,
    )


def _of_recognition(summary: DialogueSummary, words: Origin, found: _Recognised, rows: Sequence[dict[str, Any]]) -> DialogueSummary:
    return replace(
        summary,
        fault=words.fault,
        missing=found.missing,
        recogniser=recogniser() if rows else None,
        text_confidence=round(sum(row["text_confidence"] for row in rows) / len(rows), 4) if rows else None,
    )


def _of_subtitles(summary: DialogueSummary, delivered: SubtitleFile, result: SyncResult, dropped: Sequence[CueFault]) -> DialogueSummary:
    guess = guess_language([cue.text for cue in delivered.cues if cue.kind == "speech"])
    return replace(
        summary,
        verdict=result.verdict,
        offset_ms=result.offset_ms,
        scale=result.scale,
        breaks=tuple((part.from_ms, part.offset_ms) for part in result.breaks),
        score=result.score,
        onsets=result.onsets,
        evidence=result.evidence,
        confidence=result.confidence,
        reason=result.reason,
        format=delivered.format,
        encoding=delivered.encoding,
        n_cues=delivered.n_events,
        n_repaired=len(delivered.repaired),
        n_overlaps=delivered.overlaps,
        dropped=dict(sorted(Counter(fault.reason for fault in dropped).items())),
        language_found=guess.code if guess else None,
        language_probability=guess.probability if guess else None,
        missing=_missing(result, summary.n_utterances),
    )


def _share(utterances: Sequence[dict[str, Any]], column: str) -> float:
    return round(sum(row[column] is not None for row in utterances) / len(utterances), 4) if utterances else 0.0


def _missing(result: SyncResult, n_utterances: int) -> str | None:
    if result.verdict == "refused":
        return f"subtitles refused: {result.reason}"
    return None if n_utterances else "no spoken line among the subtitles"
