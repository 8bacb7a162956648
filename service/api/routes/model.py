"""`/v1/model`: which model answers, what it may be used for and what it is worth."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from corpus.terms import EMOTIONS
from service.api.models.base import OriginAnswer
from service.api.models.model import ModelAnswer, read_ceilings
from service.api.state import Served
from service.champion import champion_folder

router = APIRouter(prefix="/v1", tags=["model"])


@router.get("/model", summary="Which model answers")
async def model(served: Served) -> ModelAnswer:
    """Origin, declared use, and the scores on unseen films beside one rater's, as the validation report has them."""
    champion = served.engine.champion
    ceilings = await asyncio.to_thread(lambda: read_ceilings(champion_folder(served.settings.home)))
    encoder = champion.model.facts.columns.text_encoder
    return ModelAnswer(origin=OriginAnswer.of(champion.origin), emotions=list(EMOTIONS), text_encoder=encoder, ceilings=list(ceilings))
