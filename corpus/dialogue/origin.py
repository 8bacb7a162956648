"""Where a film's words come from: the subtitles delivered with it, else the best text track inside it, else nowhere.

A delivered file that cannot be used is a fault that is told and kept; the film then has no words, rather than words that nobody chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from corpus.dialogue.subtitles.read import SubtitleFile, read_subtitles
from corpus.films.media.text_tracks import TextTrack, choose_text_track, read_text_tracks
from corpus.terms import FeelmError


@dataclass(frozen=True)
class Origin:
    """The subtitles to use, or why there are none.

    `track` names the track of the film that they were taken from (null for a delivered file); `fault` says what is wrong with
    subtitles that should have been used, `missing` why there are no words.
    """

    subtitles: SubtitleFile | None = None
    track: str | None = None
    fault: str | None = None
    missing: str | None = None


def find_words(delivered: Path | None, shots_dir: Path, language: str | None, fps: float | None) -> Origin:
    """Read the film's subtitles.

    `language` is the film's, which chooses among tracks; `fps` its frame rate, for subtitles that count frames.

    Raises:
        FeelmError: the scan has not told of the film's tracks.
    """
    if delivered is not None:
        return _read(delivered, fps, None)
    tracks = read_text_tracks(shots_dir)
    chosen = choose_text_track(tracks, language)
    if chosen is None or chosen.file is None:
        return Origin(missing="; ".join(["no subtitles", *_passed_over(tracks)]))
    return _read(shots_dir / chosen.file, fps, chosen)


def _read(path: Path, fps: float | None, track: TextTrack | None) -> Origin:
    told = None if track is None else f"{track}, which {track.fault}" if track.fault else str(track)
    try:
        subtitles = read_subtitles(path, fps=fps)
    except FeelmError as error:
        return Origin(track=told, fault=str(error), missing=f"subtitles cannot be used: {error}")
    if subtitles.kind != "dialogue":
        fault = f"{path.name} holds {subtitles.kind}, which nobody says: give the film's subtitles"
        return Origin(track=told, fault=fault, missing=f"subtitles cannot be used: {fault}")
    return Origin(subtitles, told)


def _passed_over(tracks: Sequence[TextTrack]) -> list[str]:
    """Why no track of the film is used, one line each."""
    return [found.fault or f"{found} has {_lack(found)}" for found in tracks]


def _lack(found: TextTrack) -> str:
    if not found.n_cues:
        return "no cue"
    return "forced lines alone" if found.track.forced else "commentary, songs or descriptions alone"
