"""`/v1/openapi.json` and `/v1/docs`: what can be asked, for programs and for people; behind the key like all of `/v1`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from service.api.docs import PAGE_POLICY, docs_page

router = APIRouter(prefix="/v1", include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The description in OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The same as a page: one file, no script, nothing from elsewhere."""
    return HTMLResponse(docs_page(request.app.openapi()), headers={"Content-Security-Policy": PAGE_POLICY})
