"""`/v1/detect/media` and `/v1/jobs`: emotion over a film, clip, sound, picture or subtitles that are uploaded, at once or as a job.

What is uploaded goes into a folder of its own while it arrives in bounded pieces, and is removed when it was read or could not be.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.jobs import ENDED, Job, JobState
from service.api.media import Upload
from service.api.models.media import JobAnswer, MediaAnswer, MediaQuestion
from service.api.models.problem import ProblemAnswer
from service.api.problems import Problem, busy, invalid, printable, problem_of
from service.api.state import Asker, Served, Service

router = APIRouter(prefix="/v1", tags=["media"])

UPLOADS = ("/v1/detect/media",)
MOST_FIELDS, LARGEST_FIELD = 8, 4096
FILES = ("media", "subtitles")
SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["media"],
                    "additionalProperties": False,
                    "properties": {
                        "media": {"type": "string", "format": "binary", "description": "A film, clip, sound, picture, subtitles or text."},
                        "subtitles": {"type": "string", "format": "binary", "description": "Subtitles of the film or clip."},
                        "explain": {"type": "boolean", "default": False, "description": "Say what each answer rests on."},
                        "language": {"type": "string", "description": "The declared language of what is said, as `en`."},
                        "wait": {"type": "boolean", "default": True, "description": "false: answer 202 at once, with a job."},
                        "keep": {"type": "boolean", "default": False, "description": "Keep the file, where the service may."},
                    },
                }
            }
        },
    }
}
ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": JobAnswer, "description": "It is read as a job; Location says where."}}


@router.post("/detect/media", summary="Emotion over a file", response_model=MediaAnswer, responses=ACCEPTED, openapi_extra=FORM)
async def detect_media(request: Request, served: Served, asker: Asker) -> Response:
    """The timeline of a file: emotion of each line, scene or span, which modalities it rests on, and why others were missing; of a picture
    (JPEG, PNG) each face.

    With `wait=false` it is read as a job, which is asked for at `/v1/jobs/{id}`; no file is kept unless `keep` asks for it and the service
    was started with a folder for that.
    """
    served.engine.check_ready()  # before a file is taken in
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(415, "not-a-form", "The body is of another type", "send the file as multipart/form-data, in the part `media`")
    async with _uploaded(request, served) as (upload, question):
        if question.wait:
            async with served.media.place():
                return _json(200, MediaAnswer.of(await served.media.read(upload)))
        job = await _begin(served, upload, asker)
        return _json(202, _told(job), {"Location": f"/v1/jobs/{job.id}"})


JobId = Annotated[str, InPath(pattern=r"^[0-9a-f]{32}$", examples=["5b0c7f0e9f0a4a17b7f3a4ab8d1f2c3d"])]


@router.get("/jobs/{job_id}", summary="How far a job is")
async def job(job_id: JobId, served: Served, asker: Asker) -> JobAnswer:
    """The job with its result once it is done; one whose service was stopped before it ended is `lost`."""
    return _told(await _job(served, job_id, asker))


RUNNING: dict[int | str, dict[str, Any]] = {409: {"model": ProblemAnswer, "description": "The job has not ended"}}


@router.delete("/jobs/{job_id}", summary="Forget a job", status_code=204, responses=RUNNING)
async def forget(job_id: JobId, served: Served, asker: Asker) -> None:
    """Remove the result of a job that has ended."""
    found = await _job(served, job_id, asker)
    if found.state not in ENDED:
        raise Problem(409, "still-running", "The job has not ended", "a job can be forgotten once it has ended")
    await asyncio.to_thread(served.jobs.remove, found)


async def _job(served: Service, job_id: str, asker: str | None) -> Job:
    found = await asyncio.to_thread(served.jobs.get, job_id, asker)
    if found is None:
        told = f"there is no job of yours with this id; what has ended is kept for {served.settings.limits.job_kept_s / 60:.0f} minutes"
        raise Problem(404, "no-job", "There is no such job", told)
    return found


@asynccontextmanager
async def _uploaded(request: Request, served: Service) -> AsyncIterator[tuple[Upload, MediaQuestion]]:
    """What was uploaded, in a folder that is removed afterwards; one that a job took over is removed by the job."""
    folder = served.jobs.upload_folder()
    try:
        async with request.form(max_files=len(FILES), max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD) as form:
            question, media, subtitles = _question(form, served)
            path = await _put(media, folder, "media")
            beside = None if subtitles is None else await _put(subtitles, folder, "subtitles")
        name = printable(Path(media.filename or "").name or path.name)
        yield Upload(folder, name, path, beside, question.explain, question.keep, question.language), question
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise Problem(422, "not-a-form", "The form cannot be read", printable(str(error.detail))) from error
    finally:
        if folder not in served.media.taken_over:
            await asyncio.to_thread(shutil.rmtree, folder, True)


def _question(form: FormData, served: Service) -> tuple[MediaQuestion, UploadFile, UploadFile | None]:
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    try:
        question = MediaQuestion.model_validate({name: value for name, value in form.multi_items() if not isinstance(value, UploadFile)})
    except ValidationError as error:
        raise invalid(error.errors(), "body") from error
    media, unknown = files.get("media"), sorted(set(files) - set(FILES))
    if unknown or media is None:
        told = f"the part {unknown[0]!r} is not known" if unknown else "the part `media` with the file is missing"
        raise Problem(422, "not-valid", "What was sent cannot be read", printable(told))
    if media.size == 0:
        raise Problem(422, "not-valid", "What was sent cannot be read", "the file is empty: it has 0 bytes")
    if question.keep and served.settings.keep is None:
        raise Problem(403, "keeps-nothing", "Nothing is kept here", "this service was started without --keep: ask without `keep`")
    return question, media, files.get("subtitles")


async def _put(part: UploadFile, folder: Path, name: str) -> Path:
    """Put a part into the folder, under a name of ours with the asker's suffix where that is one."""
    suffix = Path(part.filename or "").suffix.lower()
    path = folder / f"{name}{suffix if SUFFIX.fullmatch(suffix) else ''}"

    def copy() -> None:
        with path.open("wb") as stream:
            shutil.copyfileobj(part.file, stream, 1 << 20)

    await asyncio.to_thread(copy)
    return path


async def _begin(served: Service, upload: Upload, asker: str | None) -> Job:
    """Begin a job that goes on after the answer."""
    if await asyncio.to_thread(served.jobs.waiting) >= served.settings.media_at_once + served.settings.limits.media_waiting:
        raise busy("too many jobs wait", 30)
    begun = await asyncio.to_thread(served.jobs.begin, asker)
    served.media.taken_over.add(upload.folder)
    served.go_on(_work(served, upload, begun))
    return begun


async def _work(served: Service, upload: Upload, begun: Job) -> None:
    running, ended = replace(begun, state=JobState.RUNNING), JobState.LOST
    where = f"/v1/jobs/{begun.id}"
    result: Any = None
    problem: Any = None
    try:
        await asyncio.to_thread(served.jobs.write, running)
        result = MediaAnswer.of(await served.media.read(upload)).model_dump(mode="json")
        ended = JobState.DONE
    except Exception as error:  # noqa: BLE001 (it is logged, and told to whoever asks for the job)
        told = problem_of(error, {"path": where, "state": {"request_id": begun.id}})
        ended, problem = JobState.FAILED, told.answer(where, begun.id).model_dump(mode="json")
    finally:
        served.media.taken_over.discard(upload.folder)
        shutil.rmtree(upload.folder, ignore_errors=True)
        served.jobs.end(running, ended, result, problem)
        served.metrics.jobs.labels(ended.value).inc()


def _told(found: Job) -> JobAnswer:
    if found.state is not JobState.LOST:
        return JobAnswer.of(found)
    lost = Problem(503, "lost", "The job was lost", "the service was stopped before the job ended: send the file again")
    return JobAnswer.of(found, problem=lost.answer(f"/v1/jobs/{found.id}", found.id))


def _json(status: int, answer: MediaAnswer | JobAnswer, headers: dict[str, str] | None = None) -> Response:
    return Response(answer.model_dump_json(), status, headers=headers, media_type="application/json")
