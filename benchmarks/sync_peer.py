"""ffsubsync in an environment of its own (it demands a package under the GPL), run as its users run it.

Its plain mode searches one offset and ratio within 660 s, its split mode a path of offsets within 100 s: with 660 s a film takes it four
minutes and comes out wrong. Both are told to leave subtitles alone where they find the alignment worthless. The speech that it heard
in a track is kept, so that a second trial is quick.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pysubs2

from corpus.dialogue.subtitles.arrows import to_srt
from corpus.dialogue.subtitles.read import Cue
from corpus.terms import FeelmError

VERSION = "0.5.1"
PLAIN, SPLIT = "ffsubsync", "ffsubsync, split"
MODES: dict[str, tuple[str, ...]] = {PLAIN: ("--max-offset-seconds", "660"), SPLIT: ("--max-offset-seconds", "100", "--split-penalty")}

_FLAGS = ("--skip-sync-on-low-quality", "--quality-max-offset-seconds", "660")
_MODULES_TOO_NEW = "setuptools<81"


@dataclass(frozen=True)
class Peer:
    """The peer's command in its environment under `home`."""

    home: Path

    @classmethod
    def installed(cls, cache: Path) -> Peer:
        """Make the environment where it is not there yet.

        Raises:
            FeelmError: the package cannot be installed, or ffmpeg, which it runs, is not there.
        """
        if shutil.which("ffmpeg") is None:
            raise FeelmError(
                "ffsubsync runs ffmpeg, which is not installed: install it (Debian: apt install ffmpeg), or run with --peer-trials 0"
            )
        peer = cls(cache / "ffsubsync")
        if not peer._command.is_file():
            subprocess.run([sys.executable, "-m", "venv", str(peer.home)], check=True)
            wanted = [f"ffsubsync=={VERSION}", _MODULES_TOO_NEW]
            installed = subprocess.run([str(peer.home / "bin" / "pip"), "install", "-q", *wanted], check=False)
            if installed.returncode:
                raise FeelmError(f"ffsubsync {VERSION} cannot be installed: look at pip's message above, or run with --peer-trials 0")
        return peer

    @property
    def _command(self) -> Path:
        return self.home / "bin" / "ffs"

    def hear(self, sound: Path) -> None:
        """Let the peer find the speech in a track and keep it beside it, once."""
        if not sound.with_suffix(".npz").is_file():
            any_cues = [Cue(1, 1000, 2000, "any", "any")]
            with tempfile.TemporaryDirectory() as work:
                (Path(work) / "any.srt").write_text(to_srt(any_cues), encoding="utf-8")
                self._run([str(sound), "-i", f"{work}/any.srt", "-o", f"{work}/back.srt", "--serialize-speech"])

    def starts_ms(self, sound: Path, cues: Sequence[Cue], mode: str, work: Path) -> dict[int, int]:
        """Starts that the peer gives the cues, by their number; cues that it lost are not in it. Cues are told apart by their text."""
        given, back = work / "given.srt", work / "back.srt"
        given.write_text(to_srt(cues), encoding="utf-8")
        self._run([str(sound.with_suffix(".npz")), "-i", str(given), "-o", str(back), *_FLAGS, *MODES[mode]])
        if not back.is_file():
            return {cue.number: cue.start_ms for cue in cues}
        numbers = {cue.text: cue.number for cue in cues}
        events = pysubs2.load(str(back)).events
        return {numbers[event.plaintext.strip()]: event.start for event in events if event.plaintext.strip() in numbers}

    def _run(self, arguments: list[str]) -> None:
        """Raises: FeelmError: the peer ends with a fault."""
        done = subprocess.run([str(self._command), *arguments], check=False, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise FeelmError(f"ffsubsync ends with {done.returncode}: {done.stderr[-300:]}")
