from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from corpus.films.catalogue import store
from corpus.films.catalogue.entries import ArcNote, Character, Film, film_entry
from corpus.films.catalogue.entry import put_entry, read_entry, read_ids, read_rights
from corpus.films.catalogue.reading import CatalogueError, dump_yaml, parse_yaml
from corpus.films.catalogue.rights import Use, refusal
from corpus.films.catalogue.sources import Source
from corpus.films.catalogue.store import build_film, read_catalogue, read_film, write_catalogue
from corpus.paths import content_version
from corpus.terms import FILM_ID_PATTERN, ArcShape, DeclaredUse, FeelmError, Rights
from tests.conftest import REPOSITORY
from tests.corpus.films.catalogue.conftest import CUES
from tests.corpus.films.conftest import add_film


def test_the_catalogue_survives_writing_and_reading(tmp_path: Path) -> None:
    films = [
        Film("b", "Ein Film: “zwei” – #3", tmp_path / "b" / "b.mp4", year=1968, genres=("horror", "no"), rights=Rights.CC0),
        Film("a", "yes", Path("/elsewhere/a.mp4"), subtitles=tmp_path / "a.srt", declared_use=DeclaredUse.COMMERCIAL, language="no"),
        Film(
            "c",
            "C",
            tmp_path / "films" / "c" / "c.mkv",
            culture="Sámi",
            arc=ArcShape.MAN_IN_A_HOLE,
            arc_notes=(
                ArcNote("fear", "the lake", at=0.25),
                ArcNote("joy", at_s=3723.5),
                ArcNote("neutral", at=0.0),
                ArcNote("joy", at_s=0.0),
            ),
            characters=(Character("Ben", "Duane Jones", "man"), Character("Ghoul")),
            sources=(
                Source("video", "c.mkv", url="https://example.org/c.mkv", sha256="0" * 64),
                Source("subtitles", "c.srt", package="c", version="1", sdist=True, members=("a.zip", "c.srt")),
            ),
            subtitles=tmp_path / "films" / "c" / "c.srt",
        ),
    ]
    write_catalogue(tmp_path / "films.yaml", films)
    assert read_catalogue(tmp_path / "films.yaml") == sorted(films, key=lambda film: film.film_id)
    written = yaml.safe_load((tmp_path / "films.yaml").read_text())["films"]
    assert [entry["video"] for entry in written] == ["/elsewhere/a.mp4", "b/b.mp4", "films/c/c.mkv"]
    assert written[2]["arc_notes"][1] == {"at": "1:02:03.5", "emotion": "joy"}
    folder = tmp_path.resolve()
    whole = {"version": 1, "films": [film_entry(film, folder) for film in sorted(films, key=lambda film: film.film_id)]}
    assert (tmp_path / "films.yaml").read_text() == dump_yaml(whole)


def test_a_catalogue_of_no_film_is_written_and_read(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "films.yaml", [])
    assert read_catalogue(tmp_path / "films.yaml") == []


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from("\n\t-:#'\"[]{}|>&*!%@`,. "), min_size=1)
AS_A_WHOLE = "# with a comment in front it is not as it was written\n"


def outcome(path: Path, content: str) -> list[Film] | str:
    """The films of a catalogue, or what is wrong with it but for the place."""
    path.write_text(content, encoding="utf-8")
    try:
        return read_catalogue(path)
    except CatalogueError as error:
        return str(error).replace(AS_A_WHOLE.strip(), "")[:40]


@given(titles=st.lists(WORDS, min_size=1, max_size=4), attribution=WORDS)
def test_entry_by_entry_a_catalogue_is_read_as_the_whole_is(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str], attribution: str
) -> None:
    path = tmp_path_factory.mktemp("entries") / "films.yaml"
    films = [Film(f"f{n}", title, path.parent / f"{n}.mp4", attribution=attribution) for n, title in enumerate(titles)]
    write_catalogue(path, films)
    content = path.read_text(encoding="utf-8")
    assert store._by_entry(content, path.parent, None) == films
    assert [read_entry(path, film.film_id) for film in films] == films
    assert outcome(path, AS_A_WHOLE + content) == films


@pytest.mark.parametrize(
    "entries",
    [
        '- id: a\n  video: a.mp4\n  title: "one\n- id: b"\n- id: c\n  video: c.mp4\n',
        "- id: a\n  video: a.mp4\n-\n  id: b\n  video: b.mp4\n",
        "- id: a\n  video: a.mp4\n...\n- id: b\n  video: b.mp4\n",
        "- id: a\n  video: a.mp4\n---\n- id: b\n  video: b.mp4\n",
        "- id: a\n  video: a.mp4\nother: 1\n",
        "- id: a\n  video: a.mp4\n\n# the second\n- id: b\n  video: b.mp4\n",
        "- &one {id: a, video: a.mp4}\n- *one\n",
        "- id: a\n  video: a.mp4\n- b\n",
        "- id: a\n  video: a.mp4\n- id: a\n  video: b.mp4\n",
        "- [id: a,\n- id: b]\n",
        "- id: a\n  video: a.mp4\n- \n",
    ],
)
def test_what_people_change_in_it_is_read_as_the_whole_is(tmp_path: Path, entries: str) -> None:
    content = f"version: 1\nfilms:\n{entries}"
    assert outcome(tmp_path / "films.yaml", content) == outcome(tmp_path / "films.yaml", AS_A_WHOLE + content)


def test_one_film_more_has_none_of_the_others_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films = [Film(f"f{n}", f"Film {n}", tmp_path / f"{n}.mp4") for n in range(20)]
    write_catalogue(tmp_path / "films.yaml", films)
    read_catalogue(tmp_path / "films.yaml")
    parsed: list[str] = []
    parse = store.parse_yaml
    monkeypatch.setattr(store, "parse_yaml", lambda content, path: parsed.append(content) or parse(content, path))
    more = [*films[:7], Film("f6b", "Between", tmp_path / "b.mp4"), *films[7:]]
    write_catalogue(tmp_path / "films.yaml", more)
    assert {film.film_id for film in read_catalogue(tmp_path / "films.yaml")} == {film.film_id for film in more}
    assert len(parsed) == 1 and "Between" in parsed[0]


IDS = st.from_regex(FILM_ID_PATTERN, fullmatch=True) | st.sampled_from(
    ["null", "on", "2001-01-01", "12", "1_000", "0x1f", "2001-a-space-odyssey"]
)


@given(film_ids=st.lists(IDS, max_size=4, unique=True), title=WORDS)
def test_ids_are_found_without_reading_the_films(tmp_path_factory: pytest.TempPathFactory, film_ids: list[str], title: str) -> None:
    path = tmp_path_factory.mktemp("ids") / "films.yaml"
    write_catalogue(path, [Film(film_id, title, path.parent / "video.mp4") for film_id in film_ids])
    quoted = [film_id for film_id in film_ids if yaml.safe_load(film_id) != film_id]
    whole = [film.film_id for film in read_catalogue(path)]
    assert read_ids(path) == (None if quoted or not film_ids else whole)
    assert read_rights(path) == (None if quoted or not film_ids else dict.fromkeys(whole, Rights.UNKNOWN))


@given(film_ids=st.lists(IDS, max_size=4, unique=True), more=IDS, title=WORDS)
def test_a_film_is_put_into_its_place_as_though_all_were_written(
    tmp_path_factory: pytest.TempPathFactory, film_ids: list[str], more: str, title: str
) -> None:
    folder = tmp_path_factory.mktemp("put")
    films = [Film(film_id, title, folder / "video.mp4") for film_id in film_ids]
    one, path = Film(more, f"{title} anew", folder / "other.mp4"), folder / "films.yaml"
    write_catalogue(path, films)
    put_entry(path, one, films)
    put = path.read_text()
    write_catalogue(path, [*(film for film in films if film.film_id != more), one])
    assert put == path.read_text()


def test_what_people_wrote_beside_other_films_stays_when_one_is_put_in(tmp_path: Path) -> None:
    path = tmp_path / "films.yaml"
    noted = "- id: b\n  title: Bee\n  video: 'b.mp4' # asked Ann\n"
    path.write_text(f"version: 1\nfilms:\n- id: a\n  title: Oh\n  video: a.mp4\n{noted}")
    put_entry(path, Film("a", "Ah", tmp_path / "a.mp4"), read_catalogue(path))
    assert noted in path.read_text()
    assert [film.title for film in read_catalogue(path)] == ["Ah", "Bee"]


def test_one_film_is_read_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films = [Film(f"f{n}", f"Film {n}", tmp_path / f"{n}.mp4", characters=(Character(f"Ann {n}"),)) for n in range(20)]
    write_catalogue(tmp_path / "films.yaml", films)
    parsed: list[str] = []
    monkeypatch.setattr(store, "parse_yaml", lambda content, path: parsed.append(content) or parse_yaml(content, path))
    assert [read_entry(tmp_path / "films.yaml", film_id) for film_id in ("f0", "f1", "f19")] == [films[0], films[1], films[19]]
    assert [content.count("- id: ") for content in parsed] == [1, 1, 1]


@pytest.mark.parametrize(
    "content",
    [
        "version: 1\nfilms:\n- id: a\n  video: a.mp4\n- id: a\n  video: b.mp4\n",
        "version: 1\nfilms:\n- id: b\n  video: b.mp4\n",
        "version: 1\nfilms:\n- id: a\n  colour: red\n",
        "version: 1\nfilms:\n- id: a\n  video: a.mp4\n---\nfilms: []\n",
        AS_A_WHOLE + "version: 1\nfilms:\n- id: a\n  video: a.mp4\n",
        "version: 1\nfilms: []\n",
    ],
)
def test_a_film_of_a_catalogue_that_is_set_otherwise_or_wrong_is_left_to_the_reading_of_the_whole(tmp_path: Path, content: str) -> None:
    (tmp_path / "films.yaml").write_text(content)
    assert read_entry(tmp_path / "films.yaml", "a") is None
    assert read_entry(tmp_path / "none.yaml", "a") is None


@pytest.mark.parametrize(
    "content",
    [
        AS_A_WHOLE + "version: 1\nfilms:\n- id: a\n  video: a.mp4\n",
        "version: 1\nfilms:\n- id: a\n- id: a\n",
        "version: 1\nfilms:\n- video: a.mp4\n",
    ],
)
def test_ids_of_a_catalogue_that_is_set_otherwise_or_wrong_are_left_to_the_reading_of_the_whole(tmp_path: Path, content: str) -> None:
    (tmp_path / "films.yaml").write_text(content)
    assert read_ids(tmp_path / "films.yaml") is None
    assert read_ids(tmp_path / "none.yaml") == []


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
        ("films: [{id: a, video: a.mp4, titel: A}]", "do you mean title"),
        ("film: []", "do you mean films"),
        ("{version: 2, films: []}", "is of version 2"),
        ("films: [{id: a, video: a.mp4, arc: up}]", "rags_to_riches"),
        ("films: [{id: a, video: a.mp4, arc_notes: [{at: 0.5, emotion: bliss}]}]", "arc_notes 1: emotion 'bliss'"),
        ("films: [{id: a, video: a.mp4, arc_notes: [{at: soon, emotion: joy}]}]", "a share from 0 to 1"),
        ("films: [{id: a, video: a.mp4, arc_notes: [{at: -0.5, emotion: joy}]}]", "a share from 0 to 1"),
        ("films: [{id: a, video: a.mp4, characters: [Ben]}]", "list of mappings"),
        ("films: [{id: a, video: a.mp4, characters: [{actor: Ben}]}]", "missing keys: name"),
        ("films: [{id: a, sources: [{role: sound, path: a.mp4}]}]", "role 'sound'"),
        ("films: [{id: a, sources: [{role: video, url: 'https://x/a', name: ../a}]}]", "plain file name"),
        ("films: [{id: a, sources: [{role: video, url: 'https://x/a', name: .a}]}]", "plain file name"),
        ("films: [{id: a, sources: [{role: video, url: 'https://x/'}]}]", "plain file name"),
        ("films: [{id: a, sources: [{role: video, url: 'http://x/a.mp4'}]}]", "over https"),
        ("films: [{id: a, sources: [{role: video, url: 'https://x/a.mp4', sha256: abc}]}]", "64 hexadecimal digits"),
        ("films: [{id: a, sources: [{role: video, package: x, version: '1'}]}]", "one of the three"),
        ("films: [{id: a, sources: [{role: video, path: a.mp4}, {role: video, path: b.mp4}]}]", "more than one source"),
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


def test_a_film_whose_file_changed_since_it_was_added_is_told(clip: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", clip)
    assert build_film(film, tmp_path).altered is None
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    assert "no longer the file that was added" in str(build_film(film, tmp_path).altered)


def test_a_film_whose_file_is_gone_is_told(clip: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", clip)
    clip.unlink()
    with pytest.raises(CatalogueError, match="its video is not at"):
        build_film(film, tmp_path)


def test_times_are_read_as_people_write_them(tmp_path: Path) -> None:
    times = ["0.25", "1", "0:25:08", "'1:02:03'", "1:02:03", "25:08", "1508"]
    notes = ", ".join(f"{{at: {time}, emotion: fear}}" for time in times)
    (tmp_path / "films.yaml").write_text(f"films: [{{id: a, video: a.mp4, arc_notes: [{notes}]}}]")
    read = read_catalogue(tmp_path / "films.yaml")[0].arc_notes
    assert [(note.at, note.at_s) for note in read] == [
        (0.25, None),
        (1.0, None),
        (None, 1508.0),
        (None, 3723.0),
        (None, 3723.0),
        (None, 1508.0),
        (None, 1508.0),
    ]


def test_a_source_that_is_a_path_is_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "films.yaml").write_text("films: [{id: a, sources: [{role: video, path: ../a.mkv}, {role: subtitles, path: a.srt}]}]")
    film = read_catalogue(tmp_path / "films.yaml")[0]
    assert (film.video, film.subtitles, film.sources) == (tmp_path.parent / "a.mkv", tmp_path / "a.srt", ())
    assert film.waits is None


def test_a_film_that_was_not_fetched_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "films.yaml").write_text("films: [{id: a, sources: [{role: video, url: 'https://example.org/a%20b.mkv'}]}]")
    film = read_catalogue(tmp_path / "films.yaml")[0]
    assert film.video == tmp_path / "films" / "a" / "a b.mkv"
    with pytest.raises(CatalogueError, match="feelm films fetch a"):
        build_film(film, tmp_path)


def test_what_curators_note_makes_no_film_stale(clip: Path, tmp_path: Path) -> None:
    film = add_film(tmp_path / "films.yaml", clip)
    noted = replace(film, arc=ArcShape.ICARUS, characters=(Character("Ben"),), arc_notes=(ArcNote("joy", at=0.1),), culture="Sámi")
    outs = [tmp_path / "data" / "films" / film.film_id / name for name in ("plain", "noted")]
    for out, one in zip(outs, (film, noted), strict=True):
        out.mkdir(parents=True)
        build_film(one, out)
    assert content_version(outs[0]) == content_version(outs[1])


@pytest.mark.parametrize(("use", "deed"), [(Use.TRAIN, "trained on"), (Use.EXPORT, "exported")])
def test_a_refusal_names_the_film_and_what_to_change(use: Use, deed: str) -> None:
    told = refusal(use, "dracula", "Dracula", "unknown", frozenset({"cc0"}))
    assert told is not None
    for part in ("dracula (Dracula)", "'unknown'", deed, "films.yaml", f"rights: {use.value}:", "params.yaml"):
        assert part in told
    assert refusal(use, "dracula", "Dracula", "unknown", frozenset({"unknown"})) is None
    assert refusal(use, "dracula", "Dracula", Rights.CC0, frozenset({Rights.CC0})) is None


def test_the_example_in_the_documentation_is_a_catalogue(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "films.md").read_text(encoding="utf-8")
    (tmp_path / "films.yaml").write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    (film,) = read_catalogue(tmp_path / "films.yaml")
    assert (film.arc, film.characters[0].actor, film.arc_notes[0].at_s) == (ArcShape.TRAGEDY, "Duane Jones", 400.0)
