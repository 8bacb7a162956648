"""A client of Label Studio's server: a project with our tasks in it, and its export as a batch whenever its annotations changed.

The tool sends its webhooks once and forgets them, so its export is polled. A cheap look (how many annotations there are, which task was
touched last) tells whether an export is worth asking for, and a digest of the annotations themselves whether it says anything new; both
are kept as a cursor once the batch lies in the inbox. Whatever goes wrong in between, the next poll begins where the last good one ended.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from corpus.annotations.batches import InboxFile, deliver
from corpus.annotations.importers.reading import MOST_BYTES, Told
from corpus.films.catalogue.names import slug
from corpus.paths import Home, write_bytes, write_json
from corpus.terms import FeelmError

TASK_KEY = "task_key"
"""Where a task's data says which of our tasks it is; the tool itself takes any task any number of times."""

LIMIT_S = 120.0
"""Longest time for one answer: an export of 2000 tasks takes 8 s."""

MOST_RATERS = 1000
"""The tool gives a film to so many raters; by its own default it is done with the first."""

PAGE = 500
_CHUNK = 1024 * 1024


class ToolUnavailable(FeelmError):
    """Label Studio does not answer, or fails by itself: to be tried again."""


@dataclass(frozen=True)
class Project:
    """A project of the tool; `created_at` tells it from another one that got the same number in a new database."""

    number: int
    title: str
    created_at: str


@dataclass(frozen=True)
class Cursor:
    """How far a project was collected: what the look at its tasks gave, and the digest of the annotations delivered last."""

    project: int
    created_at: str
    seen: str
    digest: str


@dataclass(frozen=True)
class Poll:
    """What a poll found; `content` is the export, as the importer reads it, where its annotations are not those delivered last."""

    cursor: Cursor
    annotations: int
    content: bytes | None


@dataclass(frozen=True)
class Collected:
    """What a poll brought into the inbox; `delivered` is None where there was nothing new."""

    project: str
    batch_file: str
    annotations: int
    delivered: InboxFile | None


class LabelStudio:
    """The API of a running Label Studio, with a legacy token or a personal access token; every call ends within `limit_s`."""

    def __init__(self, url: str, token: str, limit_s: float = LIMIT_S) -> None:
        """Raises FeelmError where the address or token is none, or would send the token in clear over a network."""
        self.url = _checked(url)
        self._token = token.strip()
        if not self._token.isascii() or not self._token.isprintable() or not self._token:
            raise FeelmError("that is no token of Label Studio: copy it from the account's settings there")
        self._limit_s = limit_s
        local = _is_loopback(urllib.parse.urlsplit(self.url).hostname or "")
        handlers = [_NoRedirects(), *([urllib.request.ProxyHandler({})] if local else [])]
        self._opener = urllib.request.build_opener(*handlers)
        self._authorization: str | None = None

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            self._answer("GET", "/health", None, {})
        except ToolUnavailable:
            return False
        return True

    def project(self, title: str) -> Project | None:
        """The project of exactly this title, the oldest of several."""
        found = [_project(raw) for raw in self._pages("/api/projects/", {})]
        return min((one for one in found if one.title == title), key=lambda one: one.number, default=None)

    def create_project(self, title: str, labelling_config: bytes) -> Project:
        """A new project, whose tasks each rater gets once and nobody submits without having judged anything."""
        told = {"title": title, "label_config": labelling_config.decode()}
        return _project(self.ask("POST", "/api/projects/", told | {"maximum_annotations": MOST_RATERS, "enable_empty_annotation": False}))

    def tasks(self, project: Project, *columns: str) -> list[dict[str, Any]]:
        """The `columns` of all tasks of a project."""
        found: list[dict[str, Any]] = []
        while True:
            # Listed without order: `ordering` in the address is not heeded, and not needed here.
            wanted = {"project": project.number, "fields": "all", "include": ",".join(columns), "page": len(found) // PAGE + 1}
            listed = self.ask("GET", f"/api/tasks?{urllib.parse.urlencode({**wanted, 'page_size': PAGE})}")
            if not isinstance(listed, dict) or not isinstance(listed.get("tasks"), list) or not isinstance(listed.get("total"), int):
                raise FeelmError(f"Label Studio at {self.url} does not list its tasks as version 1.23 does")
            found += listed["tasks"]
            if len(found) >= listed["total"] or len(listed["tasks"]) < PAGE:
                return found

    def add_tasks(self, project: Project, tasks: Sequence[Mapping[str, Any]]) -> int:
        """Import the tasks (with a TASK_KEY in their data) that the project does not have yet; how many these were.

        A task that is there gets the predictions of models that it has none of.
        """
        known = {str(task["data"].get(TASK_KEY)): task for task in self.tasks(project, "id", "data", "predictions_model_versions")}
        missing = [task for task in tasks if task["data"][TASK_KEY] not in known]
        for task in missing:
            self.ask("POST", f"/api/projects/{project.number}/import", [task])
        for task in tasks:
            if (there := known.get(task["data"][TASK_KEY])) is not None:
                self._add_predictions(there, task.get("predictions", ()))
        return len(missing)

    def _add_predictions(self, there: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]]) -> None:
        versions = [version.strip() for version in str(there.get("predictions_model_versions") or "").split(",")]
        for prediction in predictions:
            if prediction["model_version"] not in versions:
                self.ask("POST", "/api/predictions/", {**prediction, "task": there["id"]})

    def show_suggestions(self, project: Project, version: str | None) -> None:
        """Let raters see the predictions of this version of a model, which the project has, or none; the tool keeps to the first it got."""
        shown = {"show_collab_predictions": False} if version is None else {"show_collab_predictions": True, "model_version": version}
        self.ask("PATCH", f"/api/projects/{project.number}/", shown)

    def serve_folder(self, project: Project, folder: Path) -> None:
        """Let the project's tasks name files of `folder`, on the tool's own machine, as /data/local-files/?d=..."""
        known = self.ask("GET", f"/api/storages/localfiles?project={project.number}")
        if not isinstance(known, list) or str(folder) not in [str(storage.get("path")) for storage in known]:
            storage = {"project": project.number, "title": "Feelm's films", "path": str(folder), "use_blob_urls": True}
            self.ask("POST", "/api/storages/localfiles", storage)

    def poll(self, project: Project, cursor: Cursor | None) -> Poll:
        """The export, where its annotations changed since `cursor`.

        Raises:
            ToolUnavailable: the tool is down or failed; polling again with the same cursor loses nothing.
            FeelmError: what it answers is no export.
        """
        seen = self._seen(project)
        if cursor is not None and cursor.seen == seen:
            return Poll(cursor, 0, None)
        content, annotations = _export(self.ask("GET", f"/api/projects/{project.number}/export?exportType=JSON"), self.url)
        now = Cursor(project.number, project.created_at, seen, hashlib.sha256(content).hexdigest())
        is_old = now.digest == cursor.digest if cursor is not None else not annotations
        return Poll(now, annotations, None if is_old else content)

    def _seen(self, project: Project) -> str:
        """Changes with every annotation that is made, edited, skipped or taken away; also with other things."""
        columns = ("id", "updated_at", "total_annotations", "cancelled_annotations")
        rows = sorted([str(task.get(name)) for name in columns] for task in self.tasks(project, *columns))
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def _pages(self, path: str, query: dict[str, object]) -> Iterator[Any]:
        page = 1
        while True:
            found = self.ask("GET", f"{path}?{urllib.parse.urlencode({**query, 'page': page, 'page_size': PAGE})}")
            if not isinstance(found, dict) or not isinstance(found.get("results"), list):
                raise FeelmError(f"Label Studio at {self.url} does not answer {path} as version 1.23 does")
            yield from found["results"]
            if not found.get("next"):
                return
            page += 1

    def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """One call of the API.

        Raises:
            ToolUnavailable: no answer in time, or one of 500 and above.
            FeelmError: the token is refused, the call is, or the answer is no JSON.
        """
        payload = None if body is None else json.dumps(body).encode()
        return self._parsed(self._answer(method, path, payload, self._headers()))

    def _headers(self) -> dict[str, str]:
        if self._authorization is None:
            # A personal access token is a JWT that is given for short-lived ones; the legacy token is sent as it is.
            self._authorization = f"Bearer {self._fresh()}" if _is_jwt(self._token) else f"Token {self._token}"
        return {"Authorization": self._authorization}

    def _fresh(self) -> str:
        found = self._parsed(self._answer("POST", "/api/token/refresh", json.dumps({"refresh": self._token}).encode(), {}))
        if not isinstance(found, dict) or not isinstance(found.get("access"), str):
            raise FeelmError(f"Label Studio at {self.url} gives no access for the token")
        return str(found["access"])

    def _parsed(self, content: bytes) -> Any:
        try:
            return json.loads(content) if content else None
        except (ValueError, RecursionError) as error:
            raise FeelmError(f"{self.url} does not answer as Label Studio does (no JSON): is it the right address?") from error

    def _answer(self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str]) -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", payload, {"Content-Type": "application/json", **headers}, method=method)
        until = time.monotonic() + self._limit_s
        try:
            with self._opener.open(request, timeout=self._limit_s) as response:
                return _read(response, until)
        except urllib.error.HTTPError as error:
            raise self._refused(error, method, path) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise ToolUnavailable(f"Label Studio at {self.url} does not answer ({reason}): is it running?") from error

    def _refused(self, error: urllib.error.HTTPError, method: str, path: str) -> FeelmError:
        place = path.partition("?")[0]
        with error:
            said = " ".join(error.read(500).decode(errors="replace").split())[:300]
        if error.code in (401, 403):
            return FeelmError(f"Label Studio at {self.url} refuses the token (code {error.code} for {place}): give it with --token")
        if error.code >= 500 or error.code == 429:
            return ToolUnavailable(f"Label Studio at {self.url} failed (code {error.code} for {place}): try again; its log says more")
        return FeelmError(f"Label Studio at {self.url} refused {method} {place} (code {error.code}): {said}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address would be sent the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def collect(tool: LabelStudio, title: str, home: Home) -> Collected:
    """Poll a project once and put its export into the inbox, in the place of the one before, where its annotations changed.

    Raises:
        ToolUnavailable: the tool is down or failed; nothing changed here, and the next call goes on from the same place.
        FeelmError: there is no such project, or another one was collected under its name.
    """
    project = tool.project(title)
    if project is None:
        raise FeelmError(f"Label Studio at {tool.url} has no project {title!r}: `feelm annotations serve` makes it")
    name = batch_file(title)
    kept = home.root / "label-studio" / f"collected-{name}"
    with locked(home, "collect"):
        cursor = _kept(kept, project)
        found = tool.poll(project, cursor)
        delivered = None if found.content is None else _delivered(found.content, name, home)
        # Only now: a crash before this delivers the same content again, which changes nothing.
        write_json(kept, asdict(found.cursor))
    return Collected(title, name, found.annotations, delivered)


def batch_file(title: str) -> str:
    """The name under which a project's export is delivered."""
    name = slug(title)
    if not name:
        raise FeelmError(f"the project's title {title!r} has no letter or digit to name a batch by")
    return f"label-studio-{name}.json"


def _kept(path: Path, project: Project) -> Cursor | None:
    if not path.is_file():
        return None
    try:
        cursor = Cursor(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise FeelmError(f"{path} is damaged ({error}): delete it, and the export is delivered whole again") from error
    if (cursor.project, cursor.created_at) != (project.number, project.created_at):
        raise FeelmError(
            f"{project.title!r} is not the project that was collected under this name before, and would replace its judgements: "
            f"give it another title (--project), or delete {path} if the old ones may go"
        )
    return cursor


def _delivered(content: bytes, name: str, home: Home) -> InboxFile:
    export = home.root / "label-studio" / name
    write_bytes(export, content)
    try:
        return deliver(export, home, told=Told(format="label-studio"))
    finally:
        export.unlink()


@contextmanager
def locked(home: Home, name: str, wait: bool = True) -> Iterator[None]:
    """One process at a time does what is called `name` with this home's Label Studio; others wait, or get a FeelmError."""
    folder = home.root / "label-studio"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FeelmError(f"another feelm does this with {folder} already ({name})") from error
        yield


def _export(tasks: Any, url: str) -> tuple[bytes, int]:
    """The annotated tasks as comparable JSON, and how many annotations these are.

    Predictions and drafts are nobody's judgement; they say how long ago they were made, so that no two exports are alike, and drafts name
    people by their e-mail.
    """
    if not isinstance(tasks, list) or not all(map(_is_exported, tasks)):
        raise FeelmError(f"what Label Studio at {url} exports is no list of tasks with annotations: nothing was delivered")
    kept = [{"id": task.get("id"), "data": task.get("data"), "annotations": _judged(task)} for task in tasks if task["annotations"]]
    content = json.dumps(sorted(kept, key=_number), indent=1, sort_keys=True) + "\n"
    return content.encode(), sum(len(task["annotations"]) for task in kept)


def _is_exported(task: Any) -> bool:
    annotations = task.get("annotations") if isinstance(task, dict) else None
    return isinstance(annotations, list) and all(isinstance(one, dict) for one in annotations)


def _judged(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sorted(({name: value for name, value in one.items() if name != "prediction"} for one in task["annotations"]), key=_number)


def _number(thing: Mapping[str, Any]) -> str:
    return str(thing.get("id")).zfill(20)


def _project(raw: Any) -> Project:
    try:
        return Project(int(raw["id"]), str(raw["title"]), str(raw["created_at"]))
    except (TypeError, KeyError, ValueError) as error:
        raise FeelmError("Label Studio does not describe its projects as version 1.23 does") from error


def _read(response: Any, until: float) -> bytes:
    """The whole answer; a socket's own timeout begins anew with every packet."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise FeelmError(f"Label Studio's answer has more than {MOST_BYTES / 1e6:.0f} MB: export the project in parts by hand")
        if time.monotonic() > until:
            raise TimeoutError("it takes too long")
    declared = response.headers.get("Content-Length")
    if declared is not None and declared.isdigit() and size < int(declared):
        raise http.client.IncompleteRead(b"".join(parts), int(declared) - size)
    return b"".join(parts)


def _checked(url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise FeelmError(f"{url!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise FeelmError(f"{url!r} is no address of a Label Studio, such as http://127.0.0.1:8080")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise FeelmError(f"{url} would send the token in clear over the network: give an https address")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_jwt(token: str) -> bool:
    head, dot, rest = token.partition(".")
    if not dot or "." not in rest:
        return False
    try:
        return b'"alg"' in base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except ValueError:
        return False
