"""What names tell of a film: title, year, cut and language by the habits of people who name files, and which files belong to it.

A name such as `Night.of.the.Living.Dead.1968.1080p.BluRay.x264.mkv` ends in what describes the copy and not the film; the title stands
before it, the year between. Subtitles and screenplay lie beside the film under its name, or in a folder `Subs`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from corpus.dialogue.language import base_code

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".ogv", ".flv", ".wmv")
SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub", ".ttml", ".dfxp", ".xml")
SCREENPLAY_SUFFIXES = (".fountain", ".fdx", ".spmd", ".txt")
SUBTITLE_FOLDERS = ("subs", "subtitles", "sub")

_EDGE, _END = r"[-_. (\[]+", r"(?=$|[-_. )\]])"
_COPY = re.compile(
    rf"{_EDGE}(?:\d{{3,4}}[pi]|\d{{3,4}}x\d{{3,4}}|[xh][. ]?26[45]|hevc|10bit|"
    rf"blu-?ray|b[dr]rip|dvd-?rip|web-?(?:dl|rip)|hdtv|remux){_END}",
    re.IGNORECASE,
)
"""What no title holds."""
_TRAILING = re.compile(
    rf"(?:{_EDGE}(?:web|hd|uhd|[48]k|dvd|surround|stereo|512kb|aac|ac3|dts|proper|repack|remastered)[)\]]?)+$", re.IGNORECASE
)
"""What a title may hold, though not at its end."""
_CUT = re.compile(
    rf"{_EDGE}(director'?s[-_. ]cut|extended(?:[-_. ](?:cut|edition))?|unrated|theatrical(?:[-_. ]cut)?){_END}", re.IGNORECASE
)
_YEAR = re.compile(rf"{_EDGE}((?:18[89]|19\d|20[0-3])\d){_END}")
_REMARKS = ("forced", "sdh", "cc", "hi", "full", "default")
_LANGUAGES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "finnish": "fi", "french": "fr",
    "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu", "italian": "it", "japanese": "ja", "korean": "ko",
    "norwegian": "no", "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es",
    "swedish": "sv", "turkish": "tr", "ukrainian": "uk",
}  # fmt: skip


@dataclass(frozen=True)
class NameGuess:
    """What a file's name says; `title` may be empty."""

    title: str
    year: int | None = None
    cut_id: str | None = None


def slug(text: str) -> str:
    """A film id from a title: lower case, ASCII, runs of anything else as one hyphen, at most 64 characters; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")


def guess_name(stem: str) -> NameGuess:
    """Title, year and cut from a file's name without its suffix."""
    rest = re.sub(r"^\[[^\]]*\][-_. ]*(?=.)", "", stem)
    rest = rest[: found.start()] if (found := _COPY.search(rest, 1)) else rest
    cut = _CUT.search(rest, 1)
    rest = rest[: cut.start()] if cut else rest
    rest = _TRAILING.sub("", rest)
    years = list(_YEAR.finditer(rest, 1))
    rest = rest[: years[-1].start()] if years else rest
    title = " ".join(re.sub(r"[_.]+", " ", rest).split()).strip(" -([")
    return NameGuess(title, int(years[-1][1]) if years else None, slug(cut[1].replace("'", "")) if cut else None)


def language_of_name(subtitles: Path) -> str | None:
    """The language that a subtitle file's name ends in (`film.en.srt`, `film.eng.forced.srt`, `2_English.srt`), as ISO 639-1."""
    tokens = re.split(r"[-_. ]+", re.sub(r"(?<=[_. ])([a-z]{2,3})-[a-z]{2,4}$", r"\1", subtitles.stem.lower()))
    if len(tokens) > 1 and tokens[-1] in _REMARKS and (found := _language(tokens[-2], len(tokens) > 2)):
        return found
    return _language(tokens[-1], len(tokens) > 1)


def _language(token: str, after_another: bool) -> str | None:
    if token in _LANGUAGES:
        return _LANGUAGES[token]
    code = base_code(token)
    return code if after_another and re.fullmatch(r"[a-z]{2,3}", token) and len(code) == 2 else None


def find_beside(video: Path, suffixes: tuple[str, ...], language: str | None = None) -> Path | None:
    """A file named like the film, beside it or in a folder `Subs`; in `language` before English before any other, forced ones last."""
    stems = _stems(video)
    beside = (path for path in video.parent.iterdir() if path.suffix.lower() in suffixes)
    near = [path for path in beside if (_bare(path) in stems or path.stem.lower() in stems) and path.is_file()]
    near = near or [path for folder in _subtitle_folders(video) for path in sorted(folder.iterdir()) if _is_one(path, suffixes)]

    def rank(path: Path) -> tuple[bool, bool, bool, bool, str]:
        told = language_of_name(path) if path.stem.lower() not in stems else None
        return "forced" in path.stem.lower(), path.stem.lower() not in stems, told != language, told != "en", path.name

    return min(near, key=rank, default=None)


def _is_one(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes and path.is_file()


def _stems(video: Path) -> set[str]:
    """The film's name whole, and without what describes the copy."""
    stem = video.stem
    short = stem[: found.start()] if (found := _COPY.search(stem, 1)) else stem
    return {stem.lower(), short.lower(), _TRAILING.sub("", short).lower()}


def _bare(path: Path) -> str:
    """The stem without a language or remark at its end (`film.en`, `film.eng.forced`)."""
    stem = path.stem.lower()
    for _ in range(2):
        stem = re.sub(r"\.(?:[a-z]{2,3}(?:-[a-z]{2,4})?|forced|full|default|" + "|".join(_LANGUAGES) + r")$", "", stem)
    return stem


def _subtitle_folders(video: Path) -> list[Path]:
    """Folders of subtitles beside the film: its own there where it has one, else all of them if it is the only film."""
    folders = sorted(path for path in video.parent.iterdir() if path.name.lower() in SUBTITLE_FOLDERS and path.is_dir())
    if not folders:
        return []
    own = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_dir() and path.name.lower() in _stems(video)]
    alone = sum(_is_one(path, VIDEO_SUFFIXES) for path in video.parent.iterdir()) == 1
    return own or (folders if alone else [])
