"""The film pages as they are served: by id alone, in parts, and only what may be shown."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from corpus.films.catalogue.store import write_catalogue
from corpus.paths import Home
from service.api.app import create_app
from service.api.routes import films
from service.api.settings import Settings
from tests.pages.sample import SILENT, TALK
from tests.pages.site.conftest import NEW, OTHER, SECRET, films_of, make_site
from tests.service.api.conftest import MANY, asking


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_site(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def visitor(site: Home) -> Iterator[TestClient]:
    """The pages need no champion, so that the service is not waited for."""
    yield asking(create_app(Settings(site, limits=MANY)))


@pytest.mark.parametrize(
    "path", ["/films", f"/films/{TALK}", f"/films/{SILENT}", "/compare", f"/compare?a={TALK}", f"/compare?a={TALK}&b={OTHER}"]
)
def test_a_page_is_served_under_a_policy_without_anything_inline(visitor: TestClient, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy and "unsafe" not in policy


def test_what_a_page_names_is_served_too(visitor: TestClient) -> None:
    for path, kind in (
        (f"/films/{TALK}/film.css", "text/css"),
        (f"/films/{TALK}/still.jpg", "image/jpeg"),
        ("/assets/film.js", "text/javascript"),
    ):
        answer = visitor.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("part", ["", "/film.css", "/still.jpg", "/video"])
@pytest.mark.parametrize("film_id", ["nowhere", "...", "..%2f..%2ffilms.yaml", "%00", "UPPER", "a" * 3000, "%ED%A0%80"])
def test_an_unknown_film_is_a_404_problem_whatever_is_asked(visitor: TestClient, film_id: str, part: str) -> None:
    answer = visitor.get(f"/films/{film_id}{part}")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("part", ["", "/film.css", "/still.jpg", "/video"])
def test_a_film_whose_rights_forbid_it_is_not_served(visitor: TestClient, part: str) -> None:
    answer = visitor.get(f"/films/{SECRET}{part}")
    assert answer.status_code == 403 and "has rights 'unknown'" in answer.json()["detail"]
    assert visitor.get(f"/compare?a={TALK}&b={SECRET}").status_code == 403


def test_a_film_that_left_the_catalogue_is_not_served_from_then_on(site: Home, visitor: TestClient) -> None:
    held = films_of(site)
    write_catalogue(site.catalogue, [film for film in held if film.film_id != TALK])
    try:
        assert [visitor.get(f"/films/{TALK}{part}").status_code for part in ("", "/video", "/still.jpg")] == [404] * 3
    finally:
        write_catalogue(site.catalogue, held)
    assert visitor.get(f"/films/{TALK}").status_code == 200


@pytest.mark.parametrize("query", ["a=nowhere", f"a={TALK}&b=..%2f..", f"a={SILENT}&b={TALK}", f"b={NEW}"])
def test_a_comparison_of_what_is_not_there_is_a_404_problem(visitor: TestClient, query: str) -> None:
    answer = visitor.get(f"/compare?{query}")
    assert answer.status_code == 404 and answer.json()["type"].startswith("urn:feelm:problem:")


def test_a_page_that_was_not_made_yet_says_which_command_makes_it(visitor: TestClient) -> None:
    answer = visitor.get(f"/films/{NEW}")
    assert answer.status_code == 503 and f"feelm run --film {NEW}" in answer.json()["detail"]


def video(home: Home) -> bytes:
    return next(film.video for film in films_of(home) if film.film_id == TALK).read_bytes()


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-5", 5, 6)]
)
def test_a_range_of_the_film_is_answered_with_just_that_part(
    site: Home, visitor: TestClient, asked: str, start: int, stop: int | None
) -> None:
    answer = visitor.get(f"/films/{TALK}/video", headers={"Range": asked})
    whole = video(site)
    assert answer.status_code == 206 and answer.content == whole[start:stop] and answer.headers["content-type"] == "video/mp4"
    begin = start % len(whole)
    assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(answer.content) - 1}/{len(whole)}"


def test_a_part_is_never_longer_than_one_answer_may_be(site: Home, visitor: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "LARGEST_PART", 1000)
    answer = visitor.get(f"/films/{TALK}/video", headers={"Range": "bytes=10-"})
    assert answer.content == video(site)[10:1010] and answer.headers["content-range"].startswith("bytes 10-1009/")


def test_the_whole_film_and_its_head(site: Home, visitor: TestClient) -> None:
    assert visitor.get(f"/films/{TALK}/video").content == video(site)
    head = visitor.head(f"/films/{TALK}/video")
    assert (head.status_code, head.content) == (200, b"") and head.headers["accept-ranges"] == "bytes"
    assert int(head.headers["content-length"]) == len(video(site))


def test_a_range_behind_the_end_is_a_416_problem(site: Home, visitor: TestClient) -> None:
    answer = visitor.get(f"/films/{TALK}/video", headers={"Range": "bytes=999999999-"})
    assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{len(video(site))}"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("asked", ["bytes=a-b", "lines=1-2", "bytes=1-2,5-6", "bytes=--1", "bytes=" + "9" * 400])
def test_what_is_no_single_range_is_answered_with_the_whole(site: Home, visitor: TestClient, asked: str) -> None:
    answer = visitor.get(f"/films/{TALK}/video", headers={"Range": asked})
    assert answer.status_code == 200 and answer.content == video(site)


def test_a_film_whose_file_is_gone_is_a_404_problem(visitor: TestClient) -> None:
    assert visitor.get(f"/films/{OTHER}/video").status_code == 404


def test_a_damaged_catalogue_is_no_fault_of_who_asks(site: Home) -> None:
    broken = Home(site.root.parent / "broken")
    broken.catalogue.parent.mkdir()
    broken.catalogue.write_text("films: [{id: x, colour: red}]\n", encoding="utf-8")
    answer = asking(create_app(Settings(broken, limits=MANY))).get("/films")
    assert answer.status_code == 503 and "unknown keys" in answer.json()["detail"]


def test_pages_stand_behind_the_key_like_the_rest(site: Home, tmp_path: Path) -> None:
    settings = Settings(dataclasses.replace(site, root=tmp_path / "home"), limits=MANY)
    from service.api.keys import KeyRing

    KeyRing(settings.folder).add("anna")
    client = asking(create_app(settings))
    assert [client.get(path).status_code for path in ("/films", "/compare", f"/films/{TALK}/video")] == [401] * 3
