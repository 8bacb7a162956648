"""Films into Label Studio, and what raters said there into the inbox.

Each film is one task: its proxy at a constant picture rate, and what the champion would say as a suggestion that counts for nothing until
a rater takes it over. Where the tool runs is kept in the home, so that collecting, by hand or by Dagster's sensor, needs no arguments.
"""

import json
import math
import os
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from assets.workspace import Workspace
from corpus.annotations.label_studio_config import labelling_config
from corpus.annotations.label_studio_server import LIMIT_S, TASK_KEY, Collected, LabelStudio, Project, collect
from corpus.films.catalogue.entries import Film
from corpus.paths import Home, file_digest, write_json
from corpus.terms import FeelmError
from orchestration.label_studio_tool import Places, install, read_secrets, running
from orchestration.ui import stop_when_asked

if TYPE_CHECKING:
    from corpus.annotations.judgements import Judgement
    from corpus.films.media.proxy import Proxy

PERSPECTIVE = "portrayed"
SERVED_AT = "/data/local-files/?d=films/"
"""Where the tool serves the folder of proxies."""

TOKEN_VARIABLE = "FEELM_LABEL_STUDIO_TOKEN"


@dataclass(frozen=True)
class Server:
    """Where the tool is and which of its projects is ours; `own` where this home's own tool was started."""

    url: str
    project: str
    own: bool


@dataclass(frozen=True)
class Elsewhere:
    """A Label Studio that runs already, and the address before a proxy's file name under which its users get the films."""

    url: str
    token: str
    media_url: str


def serve(home: Home, film_ids: Sequence[str], title: str, port: int, elsewhere: Elsewhere | None, suggest: bool, console: Console) -> None:
    """Put films into the project and, with this home's own tool, serve until interrupted.

    Raises:
        FeelmError: a film is not in the catalogue or cannot be decoded; the tool cannot be installed, started or reached.
    """
    tell = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    tasks = film_tasks(Workspace(home), film_ids, elsewhere.media_url if elsewhere else SERVED_AT, suggest, console)
    if elsewhere is not None:
        tell(_fill(home, LabelStudio(elsewhere.url, elsewhere.token), title, tasks, suggest, own=False))
        return
    stop_when_asked()
    install(home, tell)
    with running(home, port, tell) as (tool, child):
        tell(_fill(home, tool, title, tasks, suggest, own=True))
        known = read_secrets(home)
        tell(
            f"Log in as {known.username} with the password in {Places(home).folder / 'secrets.json'}; each rater gets an account by the "
            "invitation link under Organization, and films by the button Label All Tasks. Ctrl-C stops it"
        )
        while child.poll() is None:
            time.sleep(0.5)
        raise FeelmError(f"Label Studio ended by itself with code {child.returncode}: {Places(home).log} says why")


def _fill(home: Home, tool: LabelStudio, title: str, tasks: list[dict[str, Any]], suggest: bool, own: bool) -> str:
    """Project and tasks into the tool; what was done, in words."""
    project = tool.project(title) or tool.create_project(title, labelling_config(with_units=False))
    if own:
        tool.serve_folder(project, Places(home).films)
    added = add_films(tool, project, tasks, suggest)
    write_json(Places(home).folder / "server.json", asdict(Server(tool.url, title, own)))
    return f"{title}: {added} of {len(tasks)} films are new there, at {tool.url}/projects/{project.number}"


def add_films(tool: LabelStudio, project: Project, tasks: Sequence[Mapping[str, Any]], suggest: bool) -> int:
    """Give raters the films, and let them see what these tasks suggest, or nothing; how many are new there."""
    added = tool.add_tasks(project, tasks)
    version = next((prediction["model_version"] for task in tasks for prediction in task.get("predictions", ())), None)
    if version is not None or not suggest:
        tool.show_suggestions(project, version)
    return added


def film_tasks(workspace: Workspace, film_ids: Sequence[str], media_url: str, suggest: bool, console: Console) -> list[dict[str, Any]]:
    """A task for each film, all that are here where none is named; their proxies are made first."""
    from corpus.films.media.probe import MediaError

    films = [workspace.film(film_id) for film_id in film_ids] or [film for film in workspace.films.values() if film.waits is None]
    if not films:
        raise FeelmError("no film is here to judge: add one with `feelm films add FILE`")
    waits = [film.waits for film in films if film.waits is not None]
    if waits:
        raise FeelmError("; ".join(waits))
    tasks = []
    for film in films:
        try:
            tasks.append(_film_task(workspace, film, media_url, suggest, console))
        except MediaError as error:
            # One film of many that cannot be shown keeps nobody from judging the others.
            if film_ids:
                raise
            console.print(f"{film.film_id} is left out: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if not tasks:
        raise FeelmError("none of the films can be shown")
    return tasks


def _film_task(workspace: Workspace, film: Film, media_url: str, suggest: bool, console: Console) -> dict[str, Any]:
    from corpus.annotations.exporters.label_studio import TASKS_FILE, write_label_studio
    from corpus.annotations.exporters.writing import FilmMedia, Judged
    from corpus.annotations.judgements import annotation_rows
    from corpus.contracts import ANNOTATIONS, TRACES

    proxy = _proxy(workspace, film, console)
    fps = proxy.fps_num if proxy.fps_den == 1 else proxy.fps
    data: dict[str, Any] = {"film_id": film.film_id, "video": media_url + proxy.path.name, "perspective": PERSPECTIVE, "fps": fps}
    # Another proxy has other frames: judgements of the old one must keep their task.
    data[TASK_KEY] = f"{film.film_id} {PERSPECTIVE} {proxy.path.stem}"
    version, said = champion_says(workspace, film.film_id) if suggest else (None, [])
    if not said:
        return {"data": data}
    rows = ANNOTATIONS.frame([row for judgement in said for row in annotation_rows(judgement, "champion", "feelm", "")])
    media = FilmMedia(film.film_id, data["video"], float(fps), None)
    (task,) = json.loads(write_label_studio(Judged(rows, TRACES.empty(), {film.film_id: media}))[TASKS_FILE])
    return {"data": data, "predictions": [{"model_version": version, "result": one["result"]} for one in task["predictions"]]}


def _proxy(workspace: Workspace, film: Film, console: Console) -> "Proxy":
    from corpus.films.media.probe import MediaError
    from corpus.films.media.proxy import make_proxy

    if not film.video.is_file():
        raise MediaError(f"film {film.film_id} is not at {film.video}: put it back, or add it again")
    with console.status(f"{film.film_id}: its proxy") as status:

        def tell(done_ms: int, all_ms: int | None) -> None:
            part = f", {min(100 * done_ms // all_ms, 100)} %" if all_ms else ""
            status.update(f"{film.film_id}: its proxy, {done_ms // 60_000}:{done_ms // 1000 % 60:02d} of the film{part}")

        sha256 = file_digest(film.video)
        return make_proxy(film.video, sha256, Places(workspace.home).films, language=film.language, progress=tell)


def champion_says(workspace: Workspace, film_id: str) -> "tuple[str | None, list[Judgement]]":
    """The champion's version, and what it is not uncertain of about the film's lines; nothing where there is no champion or no lines."""
    from ml.models import registry

    home = workspace.home
    registered = registry.champion(home)
    if registered is None or not (home.artifact("scenes", film_id) / "units.parquet").is_file():
        return None, []
    from corpus.terms import UnitLevel
    from ml.models.dataset import load_film
    from ml.models.predict import load_model, predict

    model = load_model(registry.model_folder(home, registered))
    units, data = load_film(home, film_id, model.facts.columns)
    if units.empty:
        return None, []
    table = units.merge(predict(model, units, data).drop(columns="film_id"), on="unit_id", validate="one_to_one")
    lines = table[(table["level"] == UnitLevel.UTTERANCE.value) & (table["end_ms"] > table["start_ms"])]
    said = [_as_judgement(row) for row in lines.to_dict("records")]
    return f"{registry.MODEL} {registry.CHAMPION} {registered.version}", [judgement for judgement in said if judgement is not None]


def _as_judgement(row: dict[Hashable, Any]) -> "Judgement | None":
    """What the model says of a line, None where it is uncertain."""
    from corpus.annotations.judgements import Judgement
    from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
    from service.detect import UNCERTAIN_BELOW

    shares = [float(row[name]) for name in PROBABILITY_COLUMNS]
    if max(shares) < UNCERTAIN_BELOW:
        return None
    return Judgement(
        str(row["film_id"]),
        "champion",
        str(row["unit_id"]),
        start_ms=int(row["start_ms"]),
        end_ms=int(row["end_ms"]),
        perspective=PERSPECTIVE,
        character_id=row["character_id"] if isinstance(row["character_id"], str) else None,
        emotion=EMOTIONS[shares.index(max(shares))],
        values={} if math.isnan(row["intensity"]) else {"intensity": float(row["intensity"])},
    )


def read_server(home: Home) -> Server | None:
    """Where the tool was served last; None before."""
    path = Places(home).folder / "server.json"
    if not path.is_file():
        return None
    try:
        return Server(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise FeelmError(f"{path} is damaged ({error}): `feelm annotations serve` writes it again") from error


def collect_once(
    home: Home, url: str | None = None, token: str | None = None, title: str | None = None, limit_s: float = LIMIT_S
) -> Collected:
    """Poll the tool that was served last, or another one, and put what is new into the inbox; each answer comes within `limit_s`.

    Raises:
        ToolUnavailable: the tool is down; nothing is lost.
        FeelmError: no tool or token is known.
    """
    known = read_server(home)
    address = url or (known.url if known else None)
    if address is None:
        raise FeelmError("no Label Studio is known here: `feelm annotations serve` starts one, --url names one")
    is_own = known is not None and known.own and address == known.url
    secret = token or os.environ.get(TOKEN_VARIABLE) if not is_own else read_secrets(home).token
    if not secret:
        raise FeelmError(f"the token for {address} is not known: give it with --token or {TOKEN_VARIABLE}")
    return collect(LabelStudio(address, secret, limit_s), title or (known.project if known else "Feelm"), home)
