"""`/v1/streams`: emotion in a voice or face while it is there, over a websocket."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from service.api.state import Served
from service.api.streaming import Session

router = APIRouter(prefix="/v1", tags=["streams"])


@router.websocket("/streams")
async def stream(websocket: WebSocket, served: Served) -> None:
    """The first message says what is sent (`OpenQuestion`), binary messages bring it, `{"kind": "end"}` ends it.

    Every answer has a `kind`.
    """
    champion = served.engine.champion
    await websocket.accept()
    await Session(websocket, served, champion).run()
