from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from corpus.contracts import FILM_ID_PATTERN, DeclaredUse, FeelmError, Rights
from corpus.films.catalogue import (
    CatalogueError,
    Film,
    add_film,
    add_films,
    build_film,
    find_film,
    may_train,
    read_catalogue,
    read_film,
    slug,
    write_catalogue,
)
from corpus.films.probe import MediaError
from corpus.paths import content_version
from tests.corpus.films.conftest import FilmMaker, texture

CUES = "1\n00:00:00,100 --> 00:00:00,900\nHello.\n"


@pytest.fixture
def clip(film_maker: FilmMaker, tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    path = film_maker("in/The_Long Way-720p.mp4", [texture(k) for k in range(10)], [40 * k for k in range(10)])
    (path.parent / "The_Long Way.en.srt").write_text(CUES)
    (path.parent / "The_Long Way.fountain").write_text("INT. ROOM - DAY\n")
    return path


def _other(film_maker: FilmMaker, name: str) -> Path:
    return film_maker(name, [texture(50 + k) for k in range(10)], [40 * k for k in range(10)])


def test_what_lies_beside_a_film_is_found_and_its_names_are_guessed(clip: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", clip)
    assert (film.film_id, film.title, film.language) == ("the-long-way", "The Long Way", "en")
    assert film.subtitles == clip.parent / "The_Long Way.en.srt"
    assert film.screenplay == clip.parent / "The_Long Way.fountain"
    assert film.rights is Rights.UNKNOWN


def test_sintels_subtitles_are_found_beside_the_trailer(shared_data: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", shared_data / "sintel" / "sintel_trailer-720p.mp4")
    assert (film.film_id, film.language) == ("sintel-trailer", "en")
    assert film.subtitles == (shared_data / "sintel" / "sintel_trailer.en.srt").resolve()


def test_the_catalogue_survives_writing_and_reading(tmp_path: Path) -> None:
    films = [
        Film("b", "Ein Film: “zwei” – #3", tmp_path / "b" / "b.mp4", year=1968, genres=("horror", "no"), rights=Rights.CC0),
        Film("a", "yes", Path("/elsewhere/a.mp4"), subtitles=tmp_path / "a.srt", declared_use=DeclaredUse.COMMERCIAL, language="no"),
    ]
    write_catalogue(tmp_path / "films.yaml", films)
    assert read_catalogue(tmp_path / "films.yaml") == sorted(films, key=lambda film: film.film_id)
    written = yaml.safe_load((tmp_path / "films.yaml").read_text())["films"]
    assert [entry["video"] for entry in written] == ["/elsewhere/a.mp4", "b/b.mp4"]


def test_adding_again_changes_nothing_and_keeps_what_was_edited(clip: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "films.yaml"
    film = add_film(catalogue, clip)
    write_catalogue(catalogue, [replace(film, title="The Long Way Home", rights=Rights.CC_BY)])
    before = catalogue.read_bytes()
    again = add_film(catalogue, clip)
    assert (again.title, again.rights) == ("The Long Way Home", Rights.CC_BY)
    assert catalogue.read_bytes() == before
    assert add_film(catalogue, clip, rights="licensed").rights is Rights.LICENSED


def test_the_same_film_under_another_id_is_refused_by_name(clip: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "films.yaml"
    add_film(catalogue, clip)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    with pytest.raises(CatalogueError, match="already in the catalogue as 'the-long-way'"):
        add_film(catalogue, copy)
    assert [film.film_id for film in read_catalogue(catalogue)] == ["the-long-way"]


def test_another_film_under_a_taken_id_is_refused(clip: Path, film_maker: FilmMaker, tmp_path: Path) -> None:
    catalogue = tmp_path / "films.yaml"
    add_film(catalogue, clip, film_id="taken")
    with pytest.raises(CatalogueError, match="'taken' belongs to"):
        add_film(catalogue, _other(film_maker, "other.mp4"), film_id="taken")


@pytest.mark.parametrize("film_id", ["../x", "a/b", "", "A", "-a", "x" * 65, "a\n"])
def test_an_id_that_is_no_slug_is_refused_and_nothing_is_written(clip: Path, tmp_path: Path, film_id: str) -> None:
    with pytest.raises(FeelmError, match="is not allowed"):
        add_film(tmp_path / "films.yaml", clip, film_id=film_id)
    assert not (tmp_path / "films.yaml").exists()


def test_what_is_not_a_film_is_refused_and_the_catalogue_is_kept(clip: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "films.yaml"
    add_film(catalogue, clip)
    before = catalogue.read_bytes()
    (tmp_path / "notes.mp4").write_text("no film")
    with pytest.raises(MediaError, match=r"notes\.mp4"):
        add_film(catalogue, tmp_path / "notes.mp4")
    with pytest.raises(CatalogueError, match="no file at"):
        add_film(catalogue, tmp_path / "absent.mp4")
    with pytest.raises(CatalogueError, match="no file at"):
        add_film(catalogue, clip, subtitles=tmp_path / "absent.srt")
    assert catalogue.read_bytes() == before


def test_a_folder_of_film_folders_is_added_whole(film_maker: FilmMaker, tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / "made" / f"made-{number}"
        folder.mkdir(parents=True)
        film_maker(f"made/made-{number}/film.mp4", [texture(10 * number + k) for k in range(10)], [40 * k for k in range(10)])
        entry = {"id": f"made-{number}", "title": f"Film {number}", "video": "film.mp4", "rights": "cc0", "year": 2024}
        (folder / "film.yaml").write_text(yaml.safe_dump(entry))
    (tmp_path / "made" / "annotations.csv").write_text("film_id\n")
    films = add_films(tmp_path / "films.yaml", tmp_path / "made")
    assert [(film.film_id, film.year, may_train(film)) for film in films] == [("made-0", 2024, None), ("made-1", 2024, None)]
    with pytest.raises(CatalogueError, match="holds 2 films"):
        add_films(tmp_path / "films.yaml", tmp_path / "made", title="One")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CatalogueError, match="no film in"):
        add_films(tmp_path / "films.yaml", empty)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("films: [{id: a}]", "missing keys"),
        ("films: [{id: a, video: a.mp4, colour: red}]", "unknown keys"),
        ("films: [{id: a, video: a.mp4, year: soon}]", "year must be"),
        ("films: [{id: a, video: a.mp4, language: no}]", "language must be text"),
        ("films: [{id: a, video: a.mp4, rights: mine}]", "is not one of"),
        ("films: [{id: ../a, video: a.mp4}]", "is not allowed"),
        ("films: [{id: a, video: a.mp4}, {id: a, video: b.mp4}]", "more than once"),
        ("films: 3", "is not a catalogue"),
        ("- a", "is not a catalogue"),
        ("films: [", "cannot be read as YAML"),
        ("a: &a [x]\nb: [*a, *a]", "aliases"),
        ("films: !!python/object/apply:os.system ['true']", "cannot be read as YAML"),
        ("[" * 100_000, "cannot be read as YAML"),
        ("films: [" + "a," * 200_001 + "]", "more or deeper entries"),
    ],
)
def test_a_catalogue_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "films.yaml").write_text(text)
    with pytest.raises(FeelmError, match=complaint) as raised:
        read_catalogue(tmp_path / "films.yaml")
    assert "\n" not in str(raised.value)


def test_films_added_at_the_same_time_are_all_kept(film_maker: FilmMaker, tmp_path: Path) -> None:
    clips = [film_maker(f"clip-{n}.mp4", [texture(90 + 10 * n + k) for k in range(10)], [40 * k for k in range(10)]) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda clip: add_film(tmp_path / "films.yaml", clip), clips))
    assert [film.film_id for film in read_catalogue(tmp_path / "films.yaml")] == [f"clip-{n}" for n in range(6)]


def test_unknown_rights_may_not_train_and_the_refusal_names_the_film(tmp_path: Path) -> None:
    film = Film("dracula", "Dracula", tmp_path / "d.mp4")
    assert "dracula" in str(may_train(film))
    assert "research_exception" in str(may_train(replace(film, rights=Rights.RESEARCH_EXCEPTION)))
    assert may_train(film, ["unknown"]) is None
    assert may_train(replace(film, rights=Rights.PUBLIC_DOMAIN)) is None


def test_the_film_artifact_is_a_faithful_copy_and_reads_back(clip: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", clip, rights="cc_by", genres=("drama",))
    outs = [tmp_path / "data" / "films" / film.film_id / name for name in ("film", "again")]
    for out in outs:
        out.mkdir(parents=True)
        summary = build_film(film, out)
    read = read_film(outs[0])
    assert read == replace(film, subtitles=outs[0] / "subtitles.srt", screenplay=outs[0] / "screenplay.fountain")
    assert (outs[0] / "subtitles.srt").read_text() == CUES
    assert (summary.missing, summary.rights, summary.video_bytes) == (None, "cc_by", clip.stat().st_size)
    assert content_version(outs[0]) == content_version(outs[1])


def test_a_film_whose_file_is_gone_is_told(clip: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", clip)
    clip.unlink()
    with pytest.raises(CatalogueError, match="its video is not at"):
        build_film(film, tmp_path)


def test_an_unknown_film_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="'x' is not in"):
        find_film(tmp_path / "films.yaml", "x")


@given(st.text(max_size=100))
def test_a_slug_is_a_film_id_or_empty(text: str) -> None:
    made = slug(text)
    assert made == "" or FILM_ID_PATTERN.fullmatch(made)
    assert slug(made) == made
