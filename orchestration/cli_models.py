"""`feelm models`: what is registered, which is in use and why, going back to an earlier one; `feelm reproduce`: making one again."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assets.workspace import Workspace
from corpus.paths import Home
from orchestration.console import Json, err, interval, rows_table, show

if TYPE_CHECKING:
    from assets.compute.search import Search, Trial
    from assets.reproduction import Reproduction
    from assets.versions import ModelVersion, VersionDetail
    from ml.evaluation.report import CorpusReport

models_app = typer.Typer(no_args_is_help=True, help="The registered models, and which is in use.")

COLUMNS = ["version", "registered", "content", "accuracy", "UAR", "declared use", "aliases", "trained on"]


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """Show every registered model: what it is worth on unseen films, what it may be used for, and which is in use."""
    from assets.versions import list_versions

    found = list_versions(Home.from_environment())
    table = rows_table("Models", COLUMNS, [_row(one) for one in found])
    table.caption = _unfinished(found)
    show(found, table, as_json)


@models_app.command("show")
def models_show(
    version: Annotated[int | None, typer.Argument(help="Its number; the one in use where it is left out.")] = None, as_json: Json = False
) -> None:
    """Show one model: its scores by system, why it was promoted or refused, what it rests on, whether its files are as registered."""
    from assets.versions import show_version

    detail = show_version(Home.from_environment(), version)
    show(detail, _detail(detail), as_json)


@models_app.command("rollback")
def models_rollback(
    to: Annotated[int | None, typer.Option(help="The version to put back; the champion before this one where it is left out.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "no reason was given",
    as_json: Json = False,
) -> None:
    """Put an earlier model back in use, with its report and card; the one in use now does not come back by itself."""
    from orchestration.library import roll_back

    rollback = roll_back(Home.from_environment(), to, reason)
    show(rollback, Text(f"{rollback.words}; `feelm run` brings the pages up to date"), as_json)


@models_app.command("search")
def models_search(
    trials: Annotated[int, typer.Option(min=1, help="How many models to train; the first has the numbers that hold now.")] = 16,
    seed: Annotated[int, typer.Option(help="Draws the numbers.")] = 0,
    as_json: Json = False,
) -> None:
    """Look for better numbers of training with Ray Tune, each trial a run in MLflow; nothing is registered or promoted by it."""
    from assets.compute.search import search

    found = search(Workspace.from_environment(), trials, seed)
    show(found, _search(found), as_json)


def _search(found: "Search") -> Group:
    rows = [
        [str(place), _loss(one), _share(one.accuracy), _changes(one, found.present) or "as it is"]
        for place, one in enumerate(found.trials, 1)
    ]
    parts: list[RenderableType] = [rows_table("Trials", ["", "validation loss", "accuracy", "numbers"], rows)]
    if found.best is not found.present:
        parts.append(Text(f"To train with the best, write into params.yaml:\n{_as_params(found.best.settings)}"))
    return Group(*parts)


def _loss(one: "Trial") -> str:
    return one.failure if one.loss is None else f"{one.loss:.4f}"


def _changes(one: "Trial", present: "Trial") -> str:
    return ", ".join(f"{where} {value:.3g}" for where, value in one.settings.items() if value != present.settings[where])


def _as_params(settings: dict[str, float]) -> str:
    parts: dict[str, dict[str, float]] = {}
    for where, value in settings.items():
        part, _, name = where.partition(".")
        parts.setdefault(part, {})[name] = float(f"{value:.4g}")
    return yaml.safe_dump({"training": parts}, sort_keys=False)


@models_app.command("ui")
def models_ui(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    host: Annotated[str, typer.Option(help="The address to listen on; it asks nobody for a password.")] = "127.0.0.1",
) -> None:
    """MLflow's pages on this home's registry: runs, parameters, curves, versions."""
    from orchestration.ui import serve_registry

    serve_registry(Home.from_environment(), host, port)


def reproduce(
    version: Annotated[int | None, typer.Argument(help="Its number; the one in use where it is left out.")] = None,
    to: Annotated[Path | None, typer.Option("--out", help="A folder that is not there yet; else reproduced-VERSION.")] = None,
    as_json: Json = False,
) -> None:
    """Make a registered model again in a fresh folder, from its code and data; exit code 1 where something else comes out."""
    from assets.reproduction import reproduce as make_again
    from assets.versions import registered_version

    workspace = Workspace.from_environment()
    number = registered_version(workspace.home, version).version
    made = make_again(workspace, number, (to or Path(f"reproduced-{number}")).resolve(), err.print)
    show({**asdict(made), "is_same": made.is_same}, _reproduced(made), as_json)
    if not made.is_same:
        raise typer.Exit(1)


def _reproduced(made: "Reproduction") -> Group:
    what = [[one.artifact, one.recorded, one.now if not one.is_same else "the same, byte for byte"] for one in made.artifacts]
    parts = [rows_table(f"Model version {made.version}, made again in {made.folder}", ["artifact", "as recorded", "now"], what)]
    if made.other_packages:
        packages = [[name, *versions] for name, versions in made.other_packages.items()]
        parts.append(rows_table("What computes is of another version", ["package", "then", "now"], packages))
    if made.changes:
        rows = [[one.corpus, one.system, *(f"{a:.4f} -> {b:.4f}" for a, b in (one.accuracy, one.uar))] for one in made.changes]
        parts.append(rows_table("What the reports say otherwise", ["corpus", "system", "accuracy", "UAR"], rows))
    return Group(*parts)


def _row(one: "ModelVersion") -> list[str]:
    marks = [*one.aliases, *(["in use"] if one.in_use else []), *(["withdrawn"] if one.withdrawn else [])]
    trained = "; ".join(f"{name}: {terms}" for name, terms in one.trained_on.items())
    worth = [_share(one.accuracy), _share(one.uar)]
    return [
        str(one.version),
        _minute(one.created_at),
        one.content_version[:12],
        *worth,
        one.declared_use or "-",
        ", ".join(marks) or "-",
        trained or "-",
    ]


def _minute(instant: str) -> str:
    return instant[:16].replace("T", " ")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _unfinished(versions: "list[ModelVersion]") -> str | None:
    """Says so when a change of champion was cut off: the alias has moved and what answers has not."""
    if all(one.in_use == ("champion" in one.aliases) for one in versions):
        return None
    return "the alias champion and the model in use differ: a change was cut off, `feelm run` completes it"


def _detail(detail: "VersionDetail") -> Group:
    facts = _row(detail.version)
    rows = [[name, value] for name, value in zip(COLUMNS, facts, strict=True)]
    rows += [["champion since", detail.version.promoted_at or "-"], ["withdrawn", detail.version.withdrawn or "-"]]
    rows += [["files", detail.fault or "as registered"], ["folder", detail.folder]]
    parts = [rows_table(f"Model version {detail.version.version}", ["what", "figure"], rows)]
    parts += [_scores(corpus) for corpus in detail.corpora]
    parts.append(rows_table("Why it was decided on so", ["reason"], [[reason] for reason in detail.reasons]))
    grounds = [[one.name, one.kind.value, one.licence, one.declared_use, one.credit or "-"] for one in detail.grounds]
    parts.append(rows_table("What it rests on", ["name", "kind", "licence", "declared use", "credit or origin"], grounds))
    return Group(*parts)


def _scores(corpus: "CorpusReport") -> Table:
    rows = [[one.system, *map(interval, (one.accuracy, one.uar, one.macro_f1)), _share(one.ece)] for one in corpus.scores]
    title = f"{corpus.name}: {corpus.n_films} films, each unseen once, {corpus.n_gold} gold units"
    return rows_table(title, ["system", "accuracy", "UAR", "macro-F1", "calibration error"], rows)
