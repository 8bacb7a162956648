"""`/films`, `/films/{id}` and `/compare`: the home's films as pages, with the films themselves where their rights let them be shown.

What may be shown is asked of the catalogue at every request: a film that was taken out of it, or whose rights were taken back, is gone at
once. Files are found by the id of a film in the catalogue and by nothing else that is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, Response

from corpus.paths import Home
from corpus.terms import FeelmError
from pages.site.compare import compare_page, warm_up
from pages.site.film import film_page, read_parts
from pages.site.library import library_page
from pages.site.places import Served as ServedPlaces
from pages.site.shelf import Holding, KeptBack, Shelf, read_holding, read_shelf
from pages.site.shell import SERVED_POLICY
from service.api.problems import Problem, printable
from service.api.state import Served

router = APIRouter(include_in_schema=False)

PLACES = ServedPlaces()
RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
LARGEST_PART = 2 << 20
"""Bytes of a film that one answer holds: a browser asks for the next part when it needs it, so that a paused film keeps no request open."""

AGAIN = {"Cache-Control": "private, no-cache"}
"""A browser may keep it and asks each time whether it still may show it."""

Found = TypeVar("Found")


@router.get("/films")
async def library(served: Served) -> Response:
    """All films that may be shown."""
    return _page(await _read(lambda: library_page(read_shelf(served.settings.home), PLACES)))


@router.get("/films/{film_id}")
async def film(film_id: str, served: Served) -> Response:
    """A film's page."""

    def read() -> str:
        holding = _holding(served.settings.home, film_id)
        video = None if holding.no_video else PLACES.video(film_id)
        return film_page(holding, read_parts(holding), PLACES, video, holding.no_video)

    return _page(await _read(read))


@router.get("/films/{film_id}/film.css")
async def sheet(film_id: str, served: Served) -> Response:
    """The style that only this page needs."""
    text = await _read(lambda: read_parts(_holding(served.settings.home, film_id)).sheet)
    return Response(text, media_type="text/css; charset=utf-8")


@router.get("/films/{film_id}/still.jpg")
async def still(film_id: str, served: Served) -> Response:
    """A picture of the film."""
    holding = await _read(lambda: _holding(served.settings.home, film_id))
    if holding.still is None:
        raise Problem(404, "no-picture", "There is no picture", "no picture of this film was taken yet")
    return FileResponse(holding.still, media_type="image/jpeg", headers=AGAIN)


@router.api_route("/films/{film_id}/video", methods=["GET", "HEAD"])
async def video(film_id: str, request: Request, served: Served) -> Response:
    """The film itself, in parts where a browser asks for a range of it."""
    holding = await _read(lambda: _holding(served.settings.home, film_id))
    path = holding.film.video
    if not path.is_file():
        raise Problem(404, "no-video", "The film is not here", "the film's file is not where the catalogue says")
    size = (await asyncio.to_thread(path.stat)).st_size
    _bound(request, size)
    return FileResponse(path, media_type=holding.media_type, headers=AGAIN)


@router.get("/compare")
async def compare(served: Served, a: str = "", b: str = "") -> Response:
    """Two films beside each other; without both, the choice of them."""

    def read() -> str:
        shelf = read_shelf(served.settings.home)
        for film_id in filter(None, (a, b)):
            _check_comparable(shelf, film_id)
        return compare_page(shelf.comparable, PLACES, a, b)

    answer = _page(await _read(read))
    if not (a and b):
        served.go_on(asyncio.to_thread(warm_up))  # while two films are chosen
    return answer


async def _read(work: Callable[[], Found]) -> Found:
    """Read files off the event loop; what Feelm finds wrong with the home is no fault of who asks."""
    try:
        return await asyncio.to_thread(work)
    except FeelmError as error:
        raise Problem(503, "not-readable", "The page cannot be made now", printable(str(error), 2000)) from error


def _page(text: str) -> Response:
    return HTMLResponse(text, headers={"Content-Security-Policy": SERVED_POLICY})


def _holding(home: Home, film_id: str) -> Holding:
    """A film that may be shown."""
    return _shown(read_holding(home, film_id))


def _shown(found: Holding | KeptBack | None) -> Holding:
    if found is None:
        raise Problem(404, "no-film", "There is no such film", "this home has no film of this id: /films lists those that it has")
    if isinstance(found, KeptBack):
        raise Problem(403, "kept-back", "The film may not be shown", printable(found.reason))
    return found


def _check_comparable(shelf: Shelf, film_id: str) -> None:
    holding = _shown(shelf.find(film_id))
    if holding not in shelf.comparable:
        told = "neither the model nor raters have said anything of this film yet: run `feelm run`"
        raise Problem(404, "nothing-to-compare", "There is nothing to compare", told)


def _bound(request: Request, size: int) -> None:
    """Have at most LARGEST_PART bytes answered to a request for a range; a header that is no single range counts as none."""
    asked = RANGE.fullmatch(request.headers.get("range", ""))
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"range"]
    if asked:
        start, end = _limits(asked, size)
        headers.append((b"range", f"bytes={start}-{end}".encode()))
    request.scope["headers"] = headers


def _limits(asked: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte of the part that is answered.

    Raises:
        Problem: the range begins behind the end.
    """
    start = int(asked[1]) if asked[1] else max(size - int(asked[3]), 0)
    last = min(int(asked[2]), size - 1) if asked[2] else size - 1
    if start >= size or last < start:
        told = f"the film has {size} bytes"
        raise Problem(416, "no-such-range", "There is no such part", told, headers={"Content-Range": f"bytes */{size}"})
    return start, min(last, start + LARGEST_PART - 1)
