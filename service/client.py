"""The service from Python: the same dataclasses as inside it, errors by kind, and patience where the service asks for it.

A question that the service has no room for (503, 429) is asked again after the time that it names; nothing is changed by asking, so that
asking twice does no harm. Everything else that goes wrong is an error that says what and carries the service's own words.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from corpus.terms import FeelmError
from ml.models.dialogue import Turn
from service.api.jobs import ENDED, JobState
from service.api.media import DetectedMedia
from service.api.models.base import Answer
from service.api.models.detect import BatchAnswer, DetectAnswer
from service.api.models.health import ReadyAnswer
from service.api.models.media import JobAnswer, MediaAnswer
from service.api.models.model import ModelAnswer, ModelFacts
from service.api.models.problem import ProblemAnswer
from service.api.models.streams import EndedAnswer, Message, OpenedAnswer, OpenQuestion, ProblemMessage, ReadingAnswer
from service.api.models.talk import AnticipateAnswer, RespondAnswer
from service.safety.uses import UseProfile
from service.streams.live import Reading
from service.turns import DetectedTurns

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

LONGEST_WAIT_S = 60.0
RETRIED = (429, 503)
AnswerKind = TypeVar("AnswerKind", bound=Answer)


class ServiceError(FeelmError):
    """The service answered with a problem, or with something that is none of its answers; `problem` is None then."""

    def __init__(self, told: str, status: int | None = None, problem: ProblemAnswer | None = None) -> None:
        super().__init__(told)
        self.status, self.problem = status, problem


class NotReached(ServiceError):
    """Nothing answers at the address, or not in time."""


class NotLetIn(ServiceError):
    """401, 403, 421: no key, one that is not known, or what this service does not allow."""


class NotUsable(ServiceError):
    """What was sent cannot be used: not valid, too large, or a file that cannot be read."""


class NotThere(ServiceError):
    """404: no such job or address."""


class TooMany(ServiceError):
    """429, after all tries: more was asked than is allowed."""


class NotReady(ServiceError):
    """503, after all tries: the service is busy, not ready, or took too long."""


class JobLost(ServiceError):
    """The service was stopped before the job ended: send the file again."""


@dataclass(frozen=True)
class MediaJob:
    """A file that is read as a job; `found` once it is done."""

    id: str
    state: JobState
    found: DetectedMedia | None = None
    problem: ProblemAnswer | None = None


@dataclass(frozen=True)
class Readiness:
    """Which model answers, and why the last look for another failed, None where it did not."""

    model_version: str
    trouble: str | None


class LiveStream:
    """A stream that is open: `opened` says whose answers come, and what whoever is heard or seen is to be told.

    One thread may send while another reads.
    """

    def __init__(self, connection: ClientConnection, question: OpenQuestion) -> None:
        self._connection = connection
        self._connection.send(question.model_dump_json())
        answer = self._next()
        if not isinstance(answer, OpenedAnswer):
            raise ServiceError("the stream did not begin as Feelm's do: is another service there, or another version?")
        self.opened = answer

    def send(self, frame: bytes) -> None:
        """Send sound, 16-bit little-endian mono samples, or a JPEG picture.

        Raises:
            ServiceError: the stream was ended by the service, by its kind.
        """
        self._send(frame)

    def end(self) -> None:
        """Say that nothing more comes; readings go on to the last."""
        self._send('{"kind": "end"}')

    def readings(self) -> Iterator[Reading]:
        """What is recognised, as it comes, until the stream ends.

        Raises:
            ServiceError: it cannot go on, by its kind.
        """
        while not isinstance(answer := self._next(), EndedAnswer):
            if isinstance(answer, ReadingAnswer):
                yield answer.value()

    def _send(self, message: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._connection.send(message)
        except ConnectionClosed as error:
            raise NotReached("the stream was ended; its readings say why") from error

    def _next(self) -> OpenedAnswer | ReadingAnswer | EndedAnswer:
        from websockets.exceptions import ConnectionClosed

        try:
            answer = TypeAdapter[Message](Message).validate_json(self._connection.recv())
        except ConnectionClosed as error:
            raise NotReached(f"the stream broke off ({error})") from error
        except ValidationError as error:
            raise ServiceError("the answer is none of Feelm's: is another service there, or another version?") from error
        if isinstance(answer, ProblemMessage):
            raise _raised(answer.problem)
        return answer


class Client:
    """A service by its address; `key` is an API key where it asks for one, `tries` how often a question is asked at most."""

    def __init__(
        self,
        address: str = "http://127.0.0.1:8765",
        key: str | None = None,
        timeout_s: float = 60.0,
        tries: int = 5,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_s, transport=transport)
        self.tries, self._sleep = tries, sleep

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def detect(self, said: str | Sequence[Turn], explain: bool = False, language: str | None = None) -> DetectedTurns:
        """Emotion in a text, each line of which is a turn, or in turns.

        Raises:
            ServiceError: by its kind.
        """
        body = {**_input(said), "explain": explain, "language": language}
        return self._ask(DetectAnswer, "POST", "/v1/detect", json=body).value()

    def detect_batch(self, dialogues: Sequence[str | Sequence[Turn]], language: str | None = None) -> list[DetectedTurns]:
        """Emotion in several dialogues, none of which hears another."""
        body = {"inputs": [_input(said) for said in dialogues], "language": language}
        return [one.value() for one in self._ask(BatchAnswer, "POST", "/v1/detect/batch", json=body).outputs]

    def detect_media(
        self,
        path: Path,
        subtitles: Path | None = None,
        explain: bool = False,
        keep: bool = False,
        timeout_s: float = 1800.0,
        language: str | None = None,
    ) -> DetectedMedia:
        """Emotion over a file, or of the faces in a picture, waited for."""
        fields = _fields(explain=explain, keep=keep, wait=True, language=language)
        return self._send(MediaAnswer, path, subtitles, fields, timeout_s).value()

    def begin_media(
        self, path: Path, subtitles: Path | None = None, explain: bool = False, keep: bool = False, language: str | None = None
    ) -> MediaJob:
        """Have a file be read as a job."""
        return _job(self._send(JobAnswer, path, subtitles, _fields(explain=explain, keep=keep, wait=False, language=language), 300.0))

    def job(self, job_id: str) -> MediaJob:
        """How far a job is."""
        return _job(self._ask(JobAnswer, "GET", f"/v1/jobs/{job_id}"))

    def wait_for(self, job: MediaJob, timeout_s: float = 3600.0, every_s: float = 1.0) -> DetectedMedia:
        """What a job found, once it is done.

        Raises:
            JobLost: the service was stopped before.
            NotUsable: the file cannot be read.
            NotReady: it takes longer than `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        while job.state not in ENDED:
            if time.monotonic() > until:
                raise NotReady(f"the job {job.id} did not end within {timeout_s:.0f} s; it goes on")
            self._sleep(every_s)
            job = self.job(job.id)
        if job.found is not None:
            return job.found
        told = "the job ended without a result" if job.problem is None else job.problem.detail
        raise (JobLost if job.state is JobState.LOST else NotUsable)(told, problem=job.problem)

    def forget(self, job: MediaJob) -> None:
        """Have the service forget a job that has ended."""
        self._answer(lambda: self._http.delete(f"/v1/jobs/{job.id}"))

    @contextmanager
    def stream(
        self, use: UseProfile, rate_hz: int | None = None, conversation: str | None = None, language: str | None = None
    ) -> Iterator[LiveStream]:
        """A stream of a voice (with its sampling rate) or a face, read while it goes on.

        Raises:
            ServiceError: it is not let in, or the use is refused, by its kind.
        """
        from websockets.exceptions import InvalidHandshake, InvalidStatus
        from websockets.sync.client import connect

        asked = {"input": use.input, "context": use.context, "subject": use.subject}
        question = OpenQuestion.model_validate({**asked, "rate_hz": rate_hz, "conversation": conversation, "language": language})
        address = str(self._http.base_url).rstrip("/").replace("http", "ws", 1)
        key = self._http.headers.get("Authorization")
        try:
            connection = connect(f"{address}/v1/streams", additional_headers={} if key is None else {"Authorization": key})
        except InvalidStatus as error:
            raise _error(httpx.Response(error.response.status_code, content=bytes(error.response.body or b""))) from error
        except (InvalidHandshake, OSError) as error:
            raise NotReached(f"{self._http.base_url} does not answer ({error}): start it with `feelm serve`") from error
        with connection:
            yield LiveStream(connection, question)

    def anticipate(self, turns: Sequence[Turn], candidates: Sequence[Turn], language: str | None = None) -> AnticipateAnswer:
        """How the other person will react to each candidate for the next turn."""
        body = {"turns": _turns(turns), "candidates": _turns(candidates), "language": language}
        return self._ask(AnticipateAnswer, "POST", "/v1/anticipate", json=body)

    def respond(self, domain: str, turns: Sequence[Turn], conversation: str | None = None, language: str | None = None) -> RespondAnswer:
        """A reply to the last turn, a question whether somebody is in danger, or that a person takes over."""
        name = conversation or str(uuid.uuid4())  # asked again, it is the same conversation
        body = {"domain": domain, "turns": _turns(turns), "conversation": name, "language": language}
        return self._ask(RespondAnswer, "POST", "/v1/respond", json=body)

    def model(self) -> ModelFacts:
        """Which model answers, and what it is worth on unseen films beside one rater."""
        return self._ask(ModelAnswer, "GET", "/v1/model").value()

    def ready(self) -> Readiness:
        """Which model answers; NotReady where none does after all tries."""
        found = self._ask(ReadyAnswer, "GET", "/health/ready")
        return Readiness(found.model_version, found.trouble)

    def _send(self, kind: type[AnswerKind], path: Path, subtitles: Path | None, fields: dict[str, str], timeout_s: float) -> AnswerKind:
        parts = {"media": path, **({} if subtitles is None else {"subtitles": subtitles})}

        def send() -> httpx.Response:
            with ExitStack() as stack:
                files = {name: (part.name, stack.enter_context(part.open("rb"))) for name, part in parts.items()}
                return self._http.post("/v1/detect/media", files=files, data=fields, timeout=timeout_s)

        return _read(kind, self._answer(send))

    def _ask(self, kind: type[AnswerKind], method: str, path: str, json: Any = None) -> AnswerKind:
        return _read(kind, self._answer(lambda: self._http.request(method, path, json=json)))

    def _answer(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send until it is answered, or cannot be."""
        for left in range(self.tries - 1, -1, -1):
            response = self._once(send)
            if response.is_success:
                return response
            error = _error(response)
            if response.status_code not in RETRIED or left == 0:
                raise error
            self._sleep(_wait_s(response))
        raise NotReached("no try was allowed: give tries of 1 and more")

    def _once(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            return send()
        except httpx.TransportError as error:
            raise NotReached(f"{self._http.base_url} does not answer ({error}): start it with `feelm serve`") from error


def _fields(language: str | None, **told: bool) -> dict[str, str]:
    """Fields of a form."""
    return {name: str(value).lower() for name, value in told.items()} | ({} if language is None else {"language": language})


def _input(said: str | Sequence[Turn]) -> dict[str, Any]:
    if isinstance(said, str):
        return {"text": said}
    return {"turns": _turns(said)}


def _turns(said: Sequence[Turn]) -> list[dict[str, str | None]]:
    return [{"text": turn.text, "speaker": turn.speaker} for turn in said]


def _job(answer: JobAnswer) -> MediaJob:
    return MediaJob(answer.id, answer.state, None if answer.result is None else answer.result.value(), answer.problem)


def _read(kind: type[AnswerKind], response: httpx.Response) -> AnswerKind:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise ServiceError("the answer is none of Feelm's: is another service there, or another version?", response.status_code) from error


def _error(response: httpx.Response) -> ServiceError:
    try:
        problem = ProblemAnswer.model_validate_json(response.content)
    except ValidationError:
        return ServiceError(f"the service answered {response.status_code} without saying why", response.status_code)
    return _raised(problem)


def _raised(problem: ProblemAnswer) -> ServiceError:
    return _kind_of(problem.status)(f"{problem.title}: {problem.detail}", problem.status, problem)


def _kind_of(status: int) -> type[ServiceError]:
    match status:
        case 401 | 403 | 421:
            return NotLetIn
        case 404:
            return NotThere
        case 429:
            return TooMany
        case 503:
            return NotReady
        case _ if 400 <= status < 500:
            return NotUsable
    return ServiceError


def _wait_s(response: httpx.Response) -> float:
    told = response.headers.get("retry-after", "")
    return min(float(told), LONGEST_WAIT_S) if told.isdigit() else 1.0
