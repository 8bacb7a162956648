"""`/v1/detect`: emotion in a text or in turns, one dialogue or a batch."""

from __future__ import annotations

from fastapi import APIRouter

from service.api.models.detect import BatchAnswer, BatchQuestion, DetectAnswer, DetectQuestion
from service.api.state import Served
from service.turns import detect_turns, detected

router = APIRouter(prefix="/v1", tags=["detect"])


@router.post("/detect", summary="Emotion in a text or in turns")
async def detect(question: DetectQuestion, served: Served) -> DetectAnswer:
    """Emotion of each turn of one dialogue, heard with what was said before and after it; with `explain` each says what it rests on."""
    turns = question.spoken()
    if question.explain:
        return DetectAnswer.of(await served.engine.call(lambda champion: detect_turns(champion, turns, question.language, explain=True)))
    heard = await served.engine.hear([turns], question.language)
    return DetectAnswer.of(detected(heard.champion, turns, heard.dialogues[0]))


@router.post("/detect/batch", summary="Emotion in several dialogues")
async def detect_batch(question: BatchQuestion, served: Served) -> BatchAnswer:
    """Emotion of each turn of several dialogues, none of which hears another."""
    dialogues = [one.spoken() for one in question.inputs]
    heard = await served.engine.hear(dialogues, question.language)
    told = [detected(heard.champion, turns, own) for turns, own in zip(dialogues, heard.dialogues, strict=True)]
    return BatchAnswer(outputs=[DetectAnswer.of(one) for one in told])
