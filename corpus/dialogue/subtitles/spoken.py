"""What a cue says: markup taken off, sounds and music told from speech, speakers from the words.

The customs are those of subtitles for the hard of hearing: [sounds] in brackets, ♪ songs ♪ between notes, NAME: before the words, a
dash before each of two speakers. Where a custom could be mistaken for speech ("Listen: ..."), the words are left whole.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import replace

from corpus.dialogue.subtitles.cues import Cue, CueKind

MOST_VOICES = 8
"""Dashes before more lines than that are a list, and no conversation."""

_HIDDEN = r"\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_SPECIAL = re.compile(rf"[<{{&\[(♪♫♬♩#（【:：\\\x00-\x1f\x7f\x85\xa0\u2028\u2029\u3000{_HIDDEN}]|^\s|^[-–—‐>]|\s$|\s\s")
_CUSTOMS = re.compile(r"[\[(（【♪♫♬♩#>–—‐-]")
_RUBY = re.compile(r"<r[tp]\b[^<>]*>[^<]*(?:</r[tp]>)?", re.IGNORECASE)
_TAG = re.compile(
    r"</?[a-zA-Z][^<>]*>|</?\d[\d:.,]*>|<\s{0,3}/?\s{0,3}(?:[ibus]|font)\s{0,3}>|</?(?:[ibuscv]|font)\b[^<>]*$"
    r"|\{\\[^{}]*\}|\{[yYcCfFsSpPhHoO]:[^{}]*\}|\\h"
)
_VOICE = re.compile(r"<v(?:\.[^\s<>]+)?\s+([^<>]+)>")
_NEXT_VOICE = re.compile(r"(?<=.)(?=<v(?:\.[^\s<>]+)?\s+[^<>]+>)", re.DOTALL)
_CONTROL = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f{_HIDDEN}]")
_BRACKETS = re.compile(r"\[[^\[\]]*\]|（[^（）]*）|【[^【】]*】")
_WHOLE_PARENTHESES = re.compile(r"^\s*(?:[-–—‐]\s*)?\([^()]*\)\s*$")
_LOUD_PARENTHESES = re.compile(r"\([^()a-z]*[^\W\d_a-z][^()a-z]*\)")
_LEADING_PARENTHESES = re.compile(r"(?m)^(\s*(?:[-–—‐]\s*)?)\(\s*[a-z][^()]*\)\s+(?=[^\W\d_a-z])")
_SUNG = re.compile(r"^\s*(?:[-–—‐]\s*)?#\s.*#\s*$", re.DOTALL)
_MUSIC_SIGNS = re.compile(r"[♪♫♬♩]")
_SUNG_PART = re.compile(r"[♪♫♬♩]+[^♪♫♬♩]*(?:[♪♫♬♩]+|\Z)")
_DASH = re.compile(r"^\s*(?:[-–—‐]\s?(?![-–—])|>>+\s*)")
_ENDS = re.compile(r"[.?!…\"”»’')\]♪؟。！？]\s*$")
_PREFIX = re.compile(r"^\s*([^\W\d_][\w .'’&/-]{0,38}?)\s*(?:\([^()]*\)|\[[^\]]*\])?\s*[:：](?:\s+|$)")


def interpret(cue: Cue, kind: CueKind | None) -> list[Cue]:
    """The cue as it is said or, where several people speak in it, one cue for each, its time shared by length of text.

    `cue` has the delivered text in `raw_text`, and the speaker whom the format names; `kind` is what the file declares the cue to be.
    A cue with nothing to read comes back with an empty text.
    """
    if _SPECIAL.search(cue.raw_text) is None:
        return [_said(cue, cue.raw_text, cue.speaker, kind or "speech")]
    if kind is not None:
        return [_said(cue, _one_line(_bare(cue.raw_text)), cue.speaker, kind)]
    parts = [_with_words(cue, voice) for voice in _split_voices(cue.raw_text)]
    read = [part for part in parts if part.text]
    spoken = [part for part in read if part.kind == "speech"]
    if len(spoken) < 2:
        return spoken or read[:1] or [cue]
    return _share_time(cue, spoken)


def _said(cue: Cue, text: str, speaker: str | None, kind: CueKind) -> Cue:
    """As `replace`, which costs five times as much."""
    return Cue(cue.number, cue.start_ms, cue.end_ms, text, cue.raw_text, speaker, kind)


def without_tags(raw: str) -> str:
    """Text without markup, entities left as they are."""
    return _TAG.sub("", raw) if "<" in raw or "{" in raw else raw


def _bare(raw: str) -> str:
    text = _RUBY.sub("", raw) if "<r" in raw.lower() else raw
    text = html.unescape(_TAG.sub("", text))
    return _CONTROL.sub("", text.replace("\xa0", " ").replace("\t", " "))


def _split_voices(raw: str) -> list[str]:
    voices = _NEXT_VOICE.split(raw) if raw.count("<v") > 1 else [raw]
    parts = [part for voice in voices for part in _split_lines(voice)]
    return parts if len(parts) <= MOST_VOICES else [raw]


def _split_lines(raw: str) -> list[str]:
    """Parts of a cue by its lines: a line begins another's words by its dash, or by a name where the first has one."""
    lines = raw.split("\n")
    if len(lines) == 1:
        return lines
    bare = [_one_line(_bare(line)) for line in lines]
    dashed, named = _DASH.match(bare[0]) is not None, _split_prefix(_DASH.sub("", bare[0]))[0] is not None
    voices = [[lines[0]]]
    for line, text, before in zip(lines[1:], bare[1:], bare, strict=False):
        if _begins_voice(text, before, dashed, named):
            voices.append([line])
        else:
            voices[-1].append(line)
    return ["\n".join(voice) for voice in voices]


def _begins_voice(text: str, before: str, dashed: bool, named: bool) -> bool:
    """Whether a line is another's; `dashed` and `named` tell how the cue's first line begins."""
    if _DASH.match(text):
        return dashed or _ENDS.search(before) is not None
    return named and _split_prefix(text)[0] is not None


def _with_words(cue: Cue, raw: str) -> Cue:
    voice = _VOICE.search(raw)
    text = _bare(raw)
    speaker = _one_line(html.unescape(voice.group(1))) if voice else cue.speaker
    words = _spoken_words(text) if _CUSTOMS.search(text) else _one_line(text)
    if not words:
        sung = _MUSIC_SIGNS.search(_without_sounds(text)) is not None or _SUNG.match(text) is not None
        if sung:
            return _said(cue, _one_line(_MUSIC_SIGNS.sub("", text).strip("# \n")) or "♪", cue.speaker, "music")
        return _said(cue, _one_line(text), speaker, "sound")
    prefixed, words = _split_prefix(words)
    return _said(cue, words, prefixed or speaker, "speech")


def _spoken_words(whole: str) -> str:
    """What remains of a voice when sounds and songs are taken out."""
    if _SUNG.match(whole):
        return ""
    text = _without_sounds(whole)
    if _MUSIC_SIGNS.search(text):
        text = _SUNG_PART.sub(" ", text) if _MUSIC_SIGNS.match(text.strip()) or len(_MUSIC_SIGNS.findall(text)) > 1 else text
        text = _MUSIC_SIGNS.sub(" ", text)
    words = _one_line(" ".join(_DASH.sub("", line) for line in text.split("\n")))
    # "..." is said; the dash that a sound leaves behind is not.
    return words if text == whole or any(character.isalnum() for character in words) else ""


def _without_sounds(text: str) -> str:
    text = _BRACKETS.sub(" ", text)
    if _WHOLE_PARENTHESES.match(text):
        return ""
    text = "\n".join("" if _WHOLE_PARENTHESES.match(line) else line for line in text.split("\n"))
    return _LEADING_PARENTHESES.sub(r"\1", _LOUD_PARENTHESES.sub(" ", text))


def _split_prefix(text: str) -> tuple[str | None, str]:
    """Speaker written before the words ("ANNA: ..."), in capitals so that "Listen: ..." is left whole."""
    match = _PREFIX.match(text)
    if match is None or not text[match.end() :].strip():
        return None, text
    name = match.group(1)
    if name != name.upper() or name == name.lower() or len(name.split()) > 4:
        return None, text
    return unicodedata.normalize("NFC", name), text[match.end() :].strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _share_time(whole: Cue, parts: list[Cue]) -> list[Cue]:
    weights = [len(part.text) for part in parts]
    duration_ms = whole.end_ms - whole.start_ms
    if duration_ms < len(parts):
        return [replace(whole, text=" ".join(part.text for part in parts))]
    edges = [whole.start_ms + duration_ms * sum(weights[:index]) // sum(weights) for index in range(len(parts) + 1)]
    return [replace(part, start_ms=edges[i], end_ms=max(edges[i] + 1, edges[i + 1])) for i, part in enumerate(parts)]
