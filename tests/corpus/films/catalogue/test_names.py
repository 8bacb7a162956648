from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.films.catalogue.names import SUBTITLE_SUFFIXES, NameGuess, find_beside, guess_name, language_of_name, slug
from corpus.terms import FILM_ID_PATTERN


@pytest.mark.parametrize(
    ("stem", "guess"),
    [
        ("Night.of.the.Living.Dead.1968.1080p.BluRay.x264", NameGuess("Night of the Living Dead", 1968)),
        ("The_Long Way-720p", NameGuess("The Long Way")),
        ("2012.2009.1080p", NameGuess("2012", 2009)),
        ("2001.A.Space.Odyssey.1968.Criterion.Edition", NameGuess("2001 A Space Odyssey", 1968)),
        ("Blade Runner (1982) Directors Cut [1080p]", NameGuess("Blade Runner", 1982, "directors-cut")),
        ("Blade.Runner.2049.2017.2160p.WEB-DL", NameGuess("Blade Runner 2049", 2017)),
        ("1917", NameGuess("1917")),
        ("Charlottes.Web.2006.1080p", NameGuess("Charlottes Web", 2006)),
        ("[Team] Spider-Man.2002.WEB-DL", NameGuess("Spider-Man", 2002)),
        ("his_girl_friday_512kb", NameGuess("his girl friday")),
        ("big_buck_bunny_480p_surround-fix", NameGuess("big buck bunny")),
        ("Сталкер 1979", NameGuess("Сталкер", 1979)),
        ("x264", NameGuess("x264")),
    ],
)
def test_a_name_gives_title_year_and_cut(stem: str, guess: NameGuess) -> None:
    assert guess_name(stem) == guess


@given(st.text(max_size=60))
def test_any_name_is_guessed_without_fault(stem: str) -> None:
    guess = guess_name(stem)
    assert len(guess.title) <= len(stem)
    assert guess.year is None or str(guess.year) in stem


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("film.en.srt", "en"),
        ("film.eng.srt", "en"),
        ("film.en.sdh.srt", "en"),
        ("film.pt-BR.srt", "pt"),
        ("film.hi.srt", "hi"),
        ("film.fr.hi.srt", "fr"),
        ("2_English.srt", "en"),
        ("film.forced.srt", None),
        ("film.srt", None),
        ("en.srt", None),
    ],
)
def test_the_end_of_a_subtitle_name_gives_its_language(name: str, language: str | None) -> None:
    assert language_of_name(Path(name)) == language


@pytest.mark.parametrize(
    ("files", "language", "chosen"),
    [
        (["film.srt", "film.en.srt"], None, "film.srt"),
        (["film.de.srt", "film.en.srt", "film.fr.srt"], None, "film.en.srt"),
        (["film.de.srt", "film.en.srt", "film.fr.srt"], "fr", "film.fr.srt"),
        (["film.en.forced.srt", "film.fr.srt"], "en", "film.fr.srt"),
        (["other.srt"], None, None),
        (["Subs/2_English.srt", "Subs/3_French.srt"], "fr", "Subs/3_French.srt"),
        (["Subs/2_English.srt", "Subs/3_French.srt"], None, "Subs/2_English.srt"),
        (["Subs/2_English.srt", "other.mkv"], None, None),
        (["Subs/film/2_English.srt", "other.mkv"], None, "Subs/film/2_English.srt"),
    ],
)
def test_subtitles_that_belong_to_the_film_are_found(tmp_path: Path, files: list[str], language: str | None, chosen: str | None) -> None:
    video = tmp_path / "film.1080p.mkv"
    for name in [video.name, *files]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_beside(video, SUBTITLE_SUFFIXES, language)
    assert (found.relative_to(tmp_path).as_posix() if found else None) == chosen


@given(st.text(max_size=100))
def test_a_slug_is_a_film_id_or_empty(text: str) -> None:
    made = slug(text)
    assert made == "" or FILM_ID_PATTERN.fullmatch(made)
    assert slug(made) == made
