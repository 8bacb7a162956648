"""`/v1/script`: a scene on paper is read, moved towards an emotion, and read again with other words. Nothing of it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter

from corpus.terms import FeelmError
from service.anticipate import usual
from service.api.models.base import OriginAnswer
from service.api.models.script import (
    MOST_SPEECHES,
    AnalyseAnswer,
    AnalyseQuestion,
    ChangedSceneAnswer,
    SuggestAnswer,
    SuggestQuestion,
    WhatIfAnswer,
    WhatIfQuestion,
)
from service.api.state import Served, Service
from service.champion import Champion
from service.pieces import Pieces, Result, step
from service.script.analyse import analysing
from service.script.read import Script, ScriptScene, read_script
from service.script.suggest import changed, suggest, what_if

router = APIRouter(prefix="/v1/script", tags=["script"])


@router.post("/analyse", summary="What a scene on paper does, line by line")
async def analysed(question: AnalyseQuestion, served: Served) -> AnalyseAnswer:
    """Arcs of scenes and characters, each line with other ways to read it and the reaction foreseen to it, and spots worth a look: flat,
    contradictory, unsure.

    It is what the model reads, and says nothing of whether a scene is good. A long scene takes seconds: `spots: false` gives arcs first.
    """
    script = await _script(served, question.text)

    def work(champion: Champion) -> Pieces[AnalyseAnswer]:
        found = yield from analysing(champion, script, question.language, spots=question.spots)
        return AnalyseAnswer.of(found, spots=question.spots, usual=tuple(usual(champion).tolist()))

    return await _in_pieces(served, work)


@router.post("/suggest", summary="What moves a line or a scene's end towards an emotion")
async def suggested(question: SuggestQuestion, served: Served) -> SuggestAnswer:
    """Other words for a line, or for the last lines of a scene: small rewordings and lines of films that may be quoted, each heard in its
    place and ranked by how far the reading moves. Where nothing moves it, that is said.
    """
    script = await _script(served, question.text)
    scene, line = _place(script, question), question.line

    def work(champion: Champion) -> SuggestAnswer:
        films = served.talking.film_lines(champion)
        return SuggestAnswer.of(suggest(champion, scene, question.wished(), line, question.language, films))

    return await served.engine.call(work)


@router.post("/what-if", summary="How other words would change the arc")
async def what_would_be(question: WhatIfQuestion, served: Served) -> WhatIfAnswer:
    """Each scene in which words are changed, as it is and as it would be: arcs, and every line before and after."""
    script = await _script(served, question.text)
    scenes = _changes_by_scene(script, question.by_line())

    def work(champion: Champion) -> Pieces[WhatIfAnswer]:
        told: list[ChangedSceneAnswer] = []
        for scene, changes in scenes:
            found = what_if(champion, scene, changes, question.language)
            told.append(ChangedSceneAnswer.of(found, heading=scene.heading, line=scene.line))
            yield
        return WhatIfAnswer(origin=OriginAnswer.of(champion.origin), scenes=told)

    return await _in_pieces(served, work)


async def _script(served: Service, text: str) -> Script:
    """The script of a question; a 503 Problem before there is a champion."""
    served.engine.check_ready()  # before anything is read
    script = await asyncio.to_thread(read_script, text)
    count = sum(len(scene.turns) for scene in script.scenes)
    if count > MOST_SPEECHES:
        raise FeelmError(f"the script has {count} speeches, more than {MOST_SPEECHES}: give it in parts, or read it with `feelm script`")
    return script


async def _in_pieces(served: Service, begin: Callable[[Champion], Pieces[Result]]) -> Result:
    """Do some work with one champion, each piece as a longer question of its own, so that others come in between."""
    pieces = begin(served.engine.champion)
    while (ended := await served.engine.call(lambda _: step(pieces))) is None:
        pass
    return ended.result


def _changes_by_scene(script: Script, changes: dict[int, str | None]) -> list[tuple[ScriptScene, dict[int, str | None]]]:
    """Each scene that has a changed line, with its changes."""
    by_scene: dict[int, tuple[ScriptScene, dict[int, str | None]]] = {}
    for line, words in sorted(changes.items()):
        scene = script.scene_of(line)
        by_scene.setdefault(scene.turns[0].line, (scene, {}))[1][line] = words
    return list(by_scene.values())


def _place(script: Script, question: SuggestQuestion) -> ScriptScene:
    """The scene in which something is to be moved, with the words that were changed before."""
    if question.scene is not None and question.scene > len(script.scenes):
        raise FeelmError(f"there is no scene {question.scene}: the script has {len(script.scenes)}")
    own = script.scene_of(question.line) if question.line is not None else script.scenes[(question.scene or len(script.scenes)) - 1]
    changes = next((made for scene, made in _changes_by_scene(script, question.by_line()) if scene == own), {})
    return changed(own, changes)
