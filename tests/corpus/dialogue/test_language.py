"""Language of lines: right on real subtitles, silent where there is too little to tell."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.dialogue.language import ISO_639_1, base_code, guess_language
from corpus.dialogue.subtitles.read import read_subtitles

NAMED = re.compile(r"TOS-(\w\w)|captions\.(\w\w)\.|sintel_(\w\w)\.")


def test_every_delivered_subtitle_file_is_told_its_language_and_so_are_five_lines_of_it(shared_data: Path):
    paths = [path for path in sorted(shared_data.rglob("*")) if path.suffix in (".srt", ".vtt") and "chapters" not in path.name]
    languages = set()
    for path in paths:
        named = NAMED.search(path.name)
        code = next(filter(None, named.groups())) if named else "en"
        texts = [cue.text for cue in read_subtitles(path).cues if cue.kind in ("speech", "note")]
        whole = guess_language(texts)
        assert whole is not None and whole.code == code and whole.probability > 0.95, path.name
        parts = [guess_language(texts[at : at + 5]) for at in range(0, len(texts) - 4, 5)]
        assert {part.code for part in parts if part is not None} <= {code}, path.name
        languages.add(code)
    assert languages == {"ar", "de", "en", "es", "fa", "fr", "it", "ja", "nl", "no", "ru", "sv"}


@pytest.mark.parametrize("texts", [[], [""], ["..."], ["♪", "1234"], ["Hm."], ["Oh!", "No!"], ["\x00\ufffd\ud800"]])
def test_too_little_text_gives_no_guess(texts: list[str]):
    assert guess_language(texts) is None


def test_a_foreign_song_at_the_beginning_does_not_decide_for_the_film():
    song = ["Non, je ne veux pas que tu partes sans moi ce soir, mon amour."] * 300
    film = [f"I told you number {n} would be here tomorrow, but nobody ever listens to what I say." for n in range(1500)]
    guess = guess_language(song + film)
    assert guess is not None and guess.code == "en"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-GB", "en"), ("eng", "en"), ("EN", "en"), ("pt_BR", "pt"), ("ger", "de"), ("nb", "no"), ("zh-Hans", "zh"), ("gsw", "gsw")],
)
def test_language_tags_come_down_to_one_code(tag: str, code: str):
    assert base_code(tag) == code


def test_every_code_stands_for_itself():
    assert all(base_code(code) == code for code in ISO_639_1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=8))
def test_any_text_gives_a_sure_guess_or_none(texts: list[str]):
    guess = guess_language(texts)
    assert guess is None or (0.8 <= guess.probability <= 1 and guess.code)
