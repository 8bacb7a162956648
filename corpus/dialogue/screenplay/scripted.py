"""Screenplay and subtitles of one film by themselves: each line with speaker, scene and script line, and what stayed alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from corpus.dialogue.screenplay.align import align
from corpus.dialogue.screenplay.read import Speech, read_screenplay, speeches
from corpus.dialogue.screenplay.speakers import Named, Script
from corpus.dialogue.subtitles.read import Cue, CueFault, read_subtitles


@dataclass(frozen=True)
class ScriptedUtterance:
    """A spoken cue with its place in the screenplay.

    `cue` is its number in the subtitle file from 1, times are milliseconds of the subtitles' clock. `named_by` tells whether screenplay
    or subtitles name the speaker, `confidence` 0..1 that the name is right; `also_speaker` is a second speaker in the same cue.
    `scene` counts the screenplay's scenes from 1, `script_line` its lines from 1 (paragraphs in an .fdx); null where it is not found.
    """

    cue: int
    start_ms: int
    end_ms: int
    text: str
    speaker: str | None
    also_speaker: str | None
    named_by: Literal["screenplay", "subtitles"] | None
    confidence: float | None
    scene: int | None
    heading: str | None
    script_line: int | None


@dataclass(frozen=True)
class UnspokenSpeech:
    """A speech of the screenplay that no cue was matched to."""

    script_line: int
    speaker: str
    text: str
    scene: int | None
    heading: str | None


@dataclass(frozen=True)
class ScriptedDialogue:
    """What screenplay and subtitles say of each other.

    `coverage` is the share of the subtitles' words found in the screenplay, `evidence` in nats per cue against chance; `reason` says
    why a screenplay is refused. `unmatched_cues` are numbers of cues; `dropped` are cues that could not be read.
    """

    verdict: Literal["aligned", "refused"]
    reason: str | None
    coverage: float
    evidence: float
    utterances: tuple[ScriptedUtterance, ...]
    unmatched_cues: tuple[int, ...]
    unmatched_speeches: tuple[UnspokenSpeech, ...]
    dropped: tuple[CueFault, ...]


def align_files(screenplay: Path, subtitles: Path) -> ScriptedDialogue:
    """Give each spoken cue of a subtitle file its speaker, scene and line in a screenplay.

    Raises:
        FeelmError: one of the files is absent, of an unknown kind, damaged, or without dialogue.
    """
    said = speeches(read_screenplay(screenplay))
    delivered = read_subtitles(subtitles)
    alignment = align(delivered.cues, said)
    names = Script(said, alignment).name(delivered.cues)
    spoken = [(cue, named) for cue, named in zip(delivered.cues, names, strict=True) if cue.kind == "speech"]
    return ScriptedDialogue(
        alignment.verdict,
        alignment.reason,
        round(alignment.coverage, 4),
        round(alignment.evidence, 2),
        tuple(_utterance(cue, named) for cue, named in spoken),
        tuple(cue.number for cue, named in spoken if named.speech is None),
        tuple(_unspoken(said[index]) for index in alignment.unmatched_speeches),
        delivered.dropped,
    )


def _utterance(cue: Cue, named: Named) -> ScriptedUtterance:
    speech = named.speech
    return ScriptedUtterance(
        cue=cue.number,
        start_ms=cue.start_ms,
        end_ms=cue.end_ms,
        text=cue.text,
        speaker=named.speaker,
        also_speaker=named.also.character if named.also else None,
        named_by=named.named_by,
        confidence=named.confidence,
        scene=_scene_number(speech),
        heading=speech.heading if speech else None,
        script_line=speech.line if speech else None,
    )


def _unspoken(speech: Speech) -> UnspokenSpeech:
    return UnspokenSpeech(speech.line, speech.character, speech.text, _scene_number(speech), speech.heading)


def _scene_number(speech: Speech | None) -> int | None:
    return None if speech is None or speech.scene is None else speech.scene + 1
