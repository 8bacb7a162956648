import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from corpus.dialogue.subtitles.read import SubtitleFile, read_subtitles
from corpus.films.catalogue import add
from corpus.films.catalogue.add import add_films
from corpus.films.catalogue.reading import CatalogueError
from corpus.films.catalogue.store import read_catalogue, write_catalogue
from corpus.films.media.probe import MediaError
from corpus.terms import ArcShape, FeelmError, Rights
from tests.corpus.films.conftest import FilmMaker, add_film, texture, write_film

SPEECH = [
    "I told them that the house was empty, and nobody believed a word of what I said.",
    "You never listen when somebody tells you the truth, you only listen to your brother.",
    "The door was open when we came, there was a light upstairs, and then the music stopped.",
    "Take the car and drive to the river, wait for me under the bridge until it gets dark.",
]


def _other(film_maker: FilmMaker, name: str, seed: int = 50) -> Path:
    return film_maker(name, [texture(seed + k) for k in range(10)], [40 * k for k in range(10)])


def _subtitled(film_maker: FilmMaker, name: str, seed: int, lines: list[str]) -> Path:
    path = _other(film_maker, name, seed)
    cues = [f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\n{line}\n" for n, line in enumerate(lines, start=1)]
    path.with_suffix(".srt").write_text("\n".join(cues))
    return path


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
    films = [added.film for added in add_films(tmp_path / "films.yaml", tmp_path / "made")]
    assert [(film.film_id, film.year, film.rights) for film in films] == [("made-0", 2024, Rights.CC0), ("made-1", 2024, Rights.CC0)]
    with pytest.raises(CatalogueError, match="holds 2 films"):
        add_films(tmp_path / "films.yaml", tmp_path / "made", title="One")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CatalogueError, match="no film in"):
        add_films(tmp_path / "films.yaml", empty)


def test_films_added_at_the_same_time_are_all_kept(film_maker: FilmMaker, tmp_path: Path) -> None:
    clips = [film_maker(f"clip-{n}.mp4", [texture(90 + 10 * n + k) for k in range(10)], [40 * k for k in range(10)]) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda clip: add_film(tmp_path / "films.yaml", clip), clips))
    assert [film.film_id for film in read_catalogue(tmp_path / "films.yaml")] == [f"clip-{n}" for n in range(6)]


def test_another_encode_under_another_id_is_refused_by_what_is_said(film_maker: FilmMaker, tmp_path: Path) -> None:
    catalogue = tmp_path / "films.yaml"
    add_film(catalogue, _subtitled(film_maker, "first.mp4", 10, SPEECH))
    heard = [line.replace("house", "barn").replace("door", "gate").upper() for line in " ".join(SPEECH).split(", ")]
    other = _subtitled(film_maker, "second.mp4", 30, heard)
    with pytest.raises(CatalogueError, match=r"'second' says what 'first' .* says .*--series first"):
        add_film(catalogue, other)
    assert [film.film_id for film in read_catalogue(catalogue)] == ["first"]
    assert add_film(catalogue, other, series="first", cut_id="long").group == "first"
    assert add_film(catalogue, other).series == "first"


def test_subtitles_of_films_in_the_catalogue_are_read_once_and_not_by_every_process(
    film_maker: FilmMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = tmp_path / "films.yaml"
    add_film(catalogue, _subtitled(film_maker, "first.mp4", 10, SPEECH))
    other = _subtitled(film_maker, "second.mp4", 30, SPEECH)
    add._print_of.cache_clear()  # as another process begins
    add._lines.cache_clear()
    read: list[str] = []

    def noted(path: Path) -> SubtitleFile:
        read.append(path.name)
        return read_subtitles(path)

    monkeypatch.setattr(add, "read_subtitles", noted)
    with pytest.raises(CatalogueError, match="says what 'first' in the catalogue says"):
        add_film(catalogue, other)
    assert read == ["second.srt"]


def test_films_that_say_other_things_stand_side_by_side(film_maker: FilmMaker, tmp_path: Path) -> None:
    add_film(tmp_path / "films.yaml", _subtitled(film_maker, "first.mp4", 10, SPEECH[:2]))
    add_film(tmp_path / "films.yaml", _subtitled(film_maker, "second.mp4", 30, SPEECH[2:]))


def test_a_file_that_was_cut_off_is_told_with_its_times(tmp_path: Path) -> None:
    pictures = [texture(k, (320, 192)) for k in range(200)]
    whole = write_film(tmp_path / "whole.mp4", pictures, [50 * k for k in range(200)], options={"movflags": "faststart"})
    content = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: len(content) // 2])
    assert not [w for w in add_films(tmp_path / "a.yaml", whole)[0].warnings if "cut off" in w]
    (told,) = [w for w in add_films(tmp_path / "b.yaml", cut)[0].warnings if "cut off" in w]
    assert told.startswith("cut.mp4 ends at 00:00:0") and " of 00:00:09: " in told


def test_what_the_file_itself_says_is_taken_where_its_name_says_nothing(tmp_path: Path) -> None:
    import av

    path = tmp_path / "0001.mkv"
    write_film(tmp_path / "plain.mkv", [texture(k) for k in range(10)], [40 * k for k in range(10)])
    with av.open(str(tmp_path / "plain.mkv")) as source, av.open(str(path), "w") as target:
        target.metadata.update({"title": "Sintel", "date": "2010-09-27"})
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    film = add_film(tmp_path / "films.yaml", path)
    assert (film.film_id, film.title, film.year) == ("sintel", "Sintel", 2010)


def test_the_language_is_read_from_the_words_where_no_name_tells_it(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = _subtitled(film_maker, "first.mp4", 10, SPEECH)
    assert add_film(tmp_path / "films.yaml", path).language == "en"
    told = add_films(tmp_path / "again.yaml", path, language="fr")[0].warnings
    assert any("its language is fr, its subtitles first.srt read as en" in warning for warning in told)


def test_subtitles_that_cannot_be_read_are_told_and_hold_up_nothing(film_maker: FilmMaker, tmp_path: Path) -> None:
    path = _other(film_maker, "first.mp4")
    path.with_suffix(".srt").write_text("no cue")
    added = add_films(tmp_path / "films.yaml", path)[0]
    assert any("cannot be used" in warning for warning in added.warnings)


def test_a_folder_with_one_films_yaml_is_added_whole_and_what_it_says_later_holds(film_maker: FilmMaker, tmp_path: Path) -> None:
    (tmp_path / "all" / "team").mkdir(parents=True)
    _other(film_maker, "all/team/here.mp4")
    entries = [
        {"id": "here", "video": "here.mp4", "rights": "cc_by", "title": "Here"},
        {"id": "there", "sources": [{"role": "video", "url": "https://example.org/there.mp4"}]},
    ]
    catalogue = tmp_path / "home" / "films.yaml"

    def add() -> list[tuple[str, str, bool]]:
        (tmp_path / "all" / "team" / "films.yaml").write_text(yaml.safe_dump({"version": 1, "films": entries}))
        return [(a.film.film_id, a.film.title, a.measured is None) for a in add_films(catalogue, tmp_path / "all")]

    assert add() == [("here", "Here", False), ("there", "there", True)]
    entries[0] |= {"title": "Here and Now", "arc": "icarus"}
    assert add() == [("here", "Here and Now", False), ("there", "there", True)]
    films = {film.film_id: film for film in read_catalogue(catalogue)}
    assert (films["here"].arc, films["here"].rights) == (ArcShape.ICARUS, Rights.CC_BY)
    assert films["there"].video == tmp_path / "home" / "films" / "there" / "there.mp4"


def test_a_broken_film_in_a_folder_is_named_and_holds_up_no_other(film_maker: FilmMaker, tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    _other(film_maker, "all/a.mp4", 10)
    _other(film_maker, "all/c.mp4", 30)
    (tmp_path / "all" / "b.mp4").write_text("no film")
    with pytest.raises(CatalogueError, match=r"2 of 3 films were added; not added: .*b\.mp4"):
        add_films(tmp_path / "films.yaml", tmp_path / "all")
    assert [film.film_id for film in read_catalogue(tmp_path / "films.yaml")] == ["a", "c"]


@pytest.mark.parametrize("name", ["films.yaml", "film.yaml"])
def test_an_entry_file_may_be_given_itself(film_maker: FilmMaker, tmp_path: Path, name: str) -> None:
    (tmp_path / "team").mkdir()
    _other(film_maker, "team/here.mp4")
    entry = {"id": "here", "video": "here.mp4"}
    (tmp_path / "team" / name).write_text(yaml.safe_dump({"films": [entry]} if name == "films.yaml" else entry))
    assert add_film(tmp_path / "home" / "films.yaml", tmp_path / "team" / name).film_id == "here"


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_measured_or_refused_and_nothing_else(damaged_material: list[bytes], tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    content = bytearray(damaged_material[seed % 2])
    if seed % 4 < 2:
        del content[rng.randrange(len(content)) :]
    for _ in range(rng.choice([1, 10, 100, 1000])):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path = tmp_path / ("film.mp4", "film.mkv")[seed % 2]
    path.write_bytes(content)
    try:
        added = add_films(tmp_path / "films.yaml", path)[0]
    except FeelmError as error:
        assert "film" in str(error) and "\n" not in str(error)
    else:
        assert added.measured is not None and added.measured.ends_ms >= 0


@pytest.fixture(scope="module")
def damaged_material(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("whole")
    pictures, times = [texture(k) for k in range(40)], [40 * k for k in range(40)]
    return [write_film(folder / name, pictures, times).read_bytes() for name in ("film.mp4", "film.mkv")]
