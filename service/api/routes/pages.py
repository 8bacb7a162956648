"""`/` and `/talk`: a person talks with the service and sees why it answers; `/script`: a scene is tried out; `/assets/` holds their files.

The pages ask the same addresses as any program. They stand behind the key like the rest: a browser asks for it and sends it along.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from pages.service.assets import FILES, PAGE_POLICY, asset
from service.api.problems import Problem

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.get("/talk")
async def talk() -> Response:
    """The conversation."""
    return _file("talk.html")


@router.get("/script")
async def script() -> Response:
    """The script studio."""
    return _file("script.html")


@router.get("/assets/{name}")
async def file(name: str) -> Response:
    """A script or style of a page."""
    if name not in FILES:
        raise Problem(404, "no-file", "There is no such file", "no page of this service has a file of this name")
    return _file(name)


def _file(name: str) -> Response:
    found = asset(name)
    return Response(found.text, media_type=f"{found.media_type}; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY})
