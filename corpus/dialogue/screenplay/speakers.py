"""Says who speaks each cue, and where that stands in the screenplay.

The screenplay's speaker is believed where the alignment is sure, else the name that the subtitles themselves put before the words;
where neither tells, nobody is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from corpus.dialogue.screenplay.align import Alignment, CueMatch, align
from corpus.dialogue.screenplay.read import Speech, character_slug, read_screenplay, speeches
from corpus.dialogue.subtitles.read import Cue
from corpus.terms import FeelmError

PREFIX_CONFIDENCE = 0.95
"""Trust in a speaker whom the subtitles name themselves; the screenplay is believed where it is surer than TRUSTED_SCRIPT."""
TRUSTED_SCRIPT = 0.6


@dataclass(frozen=True)
class Named:
    """Speaker of a cue as the screenplay or the subtitles write the name, by whom it is told, and with what confidence 0..1.

    `speech` is the cue's place in the screenplay; `also` the speech of a second speaker in the same cue.
    """

    speaker: str | None = None
    named_by: Literal["screenplay", "subtitles"] | None = None
    confidence: float | None = None
    speech: Speech | None = None
    also: Speech | None = None

    @property
    def character_id(self) -> str | None:
        """The speaker's slug; None where nobody is named, or by signs only."""
        return (character_slug(self.speaker) or None) if self.speaker else None


@dataclass(frozen=True)
class Script:
    """A film's screenplay beside its cues; `fault` says why it could not be used."""

    speeches: tuple[Speech, ...] = ()
    alignment: Alignment | None = None
    fault: str | None = None

    @classmethod
    def read(cls, path: Path | None, cues: Sequence[Cue]) -> Script:
        """Read and align; a screenplay that cannot be used is told as a fault and does not hold up the subtitles."""
        if path is None:
            return cls()
        try:
            said = speeches(read_screenplay(path))
        except FeelmError as error:
            return cls(fault=str(error))
        alignment = align(cues, said)
        return cls(said, alignment, alignment.reason)

    def name(self, cues: Sequence[Cue]) -> list[Named]:
        """Speaker and place of each cue."""
        matches = {match.cue: match for match in self.alignment.matches} if self.alignment else {}
        return [self._named(cue, matches.get(index)) for index, cue in enumerate(cues)]

    def _named(self, cue: Cue, match: CueMatch | None) -> Named:
        prefixed = cue.speaker if cue.speaker and character_slug(cue.speaker) else None
        if match is None:
            return Named(prefixed, "subtitles", PREFIX_CONFIDENCE) if prefixed else Named()
        said = self.speeches[match.speech]
        also = self.speeches[match.also] if match.also is not None else None
        if prefixed and match.confidence < TRUSTED_SCRIPT:
            return Named(prefixed, "subtitles", match.confidence, said, also)
        return Named(said.character, "screenplay", match.confidence, said, also)
