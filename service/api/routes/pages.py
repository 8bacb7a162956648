"""The service's own pages, and `/assets/` with their files.

`/` and `/talk`: a person talks with the service and sees why it answers. `/script`: a scene is tried out. `/escalations`: people take
conversations over. The pages ask the same addresses as any program. They stand behind the key like the rest: a browser asks for it and
sends it along.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from pages.service.assets import FILES, PAGE_POLICY, asset, page
from service.api.problems import Problem

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/talk")
async def talk() -> Response:
    """The conversation."""
    return _answer(page("talk"), "text/html")


@router.get("/script")
async def script() -> Response:
    """The script studio."""
    return _answer(page("script"), "text/html")


@router.get("/escalations")
async def escalations() -> Response:
    """Conversations that wait for a person."""
    return _answer(page("escalations"), "text/html")


@router.get("/assets/{name}")
async def file(name: str) -> Response:
    """A script or style of a page."""
    if name not in FILES:
        raise Problem(404, "no-file", "There is no such file", "no page of this service has a file of this name")
    found = asset(name)
    return _answer(found.text, found.media_type)


def _answer(text: str, media_type: str) -> Response:
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY})
