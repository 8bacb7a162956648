"""`feelm annotations`: what people judged, into a home or by hand from any folder."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.workspace import Workspace
from corpus.annotations.importers.reading import Told
from corpus.annotations.judgements import VALUE_RANGES
from corpus.contracts import GOLD_LABELS
from corpus.paths import Home, write_text
from corpus.terms import FeelmError
from orchestration.console import Json, err, out, rows_table, show, warn

if TYPE_CHECKING:
    import pandas as pd

    from corpus.annotations.by_hand import Handful
    from corpus.annotations.decisions import Decision
    from corpus.annotations.figures import AgreementFigure

annotations_app = typer.Typer(no_args_is_help=True, help="What people judged.")

SHOWN = 40
"""Rows of a long table that are printed for people."""

Paths = Annotated[list[Path], typer.Argument(help="Files, archives or folders of a tool.")]
Source = Annotated[Path, typer.Argument(help="A file, archive or folder of a tool.")]

PROJECT = "The project's title in Label Studio."
Project = Annotated[str, typer.Option(help=PROJECT)]
Url = Annotated[str | None, typer.Option(help="The address of a Label Studio that runs.")]
Token = Annotated[str | None, typer.Option(envvar="FEELM_LABEL_STUDIO_TOKEN", help="Its API token; better in the environment.")]

TOLD: dict[str, tuple[Any, Any]] = {
    "format_name": (Annotated[str | None, typer.Option("--format", help="The tool's format; see `feelm annotations formats`.")], None),
    "film": (Annotated[str | None, typer.Option(help="The film's id, where the file does not name it.")], None),
    "annotator": (Annotated[str | None, typer.Option(help="The rater's name, where the file does not give it.")], None),
    "character": (Annotated[str | None, typer.Option(help="Who is judged, where the file does not say it.")], None),
    "perspective": (Annotated[str, typer.Option(help="portrayed, intended, perceived or felt, where the file does not say.")], "portrayed"),
    "scheme": (Annotated[str, typer.Option(help="The scheme of the emotion words.")], "feelm"),
    "modality_seen": (Annotated[str | None, typer.Option(help="What the raters saw and heard: a, v, t, av, at, vt or avt.")], None),
    "fps": (Annotated[float | None, typer.Option(help="Pictures a second of times that are frames.")], None),
    "first_frame": (Annotated[int, typer.Option(min=0, max=1, help="Number of the film's first picture in the tool.")], 1),
    "scale": (Annotated[list[str] | None, typer.Option(help="Ends of a rating scale, such as intensity=1:5.")], None),
}
"""The options by which the one who delivers says what a file does not hold, with their defaults."""


def tells(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options TOLD and passes what was said as its argument `told`."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        said = {name: given.pop(name) for name in TOLD}
        command(**given, told=_told(**said))

    own = [p for p in signature(command).parameters.values() if p.name != "told"]
    told = [Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind) for name, (kind, default) in TOLD.items()]
    parameters = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in own] + told
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


@annotations_app.command("import")
@tells
def annotations_import(
    files: Paths,
    told: Told,
    as_json: Json = False,
) -> None:
    """Deliver annotation files, check them, and say what is accepted; the next `feelm run` trains on it."""
    from corpus.annotations.batches import deliver
    from orchestration.library import judge_delivered

    home = Home.from_environment()
    decisions = judge_delivered(home, [deliver(path, home, told=told) for path in files])
    _show_decisions(decisions, as_json)
    if not all(decision.accepted for decision in decisions):
        raise typer.Exit(1)


@annotations_app.command("reject")
def annotations_reject(
    name: Annotated[str, typer.Argument(help="The refused batch, or its file in the inbox.")],
    reason: Annotated[str | None, typer.Option(help="Why nobody will mend it; kept, and shown wherever the batch is told.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the rejection back: the batch is judged again.")] = False,
    as_json: Json = False,
) -> None:
    """Wait no longer for a refused batch: it is kept, told as rejected, and never used; another file of its name is judged anew."""
    from orchestration.library import readmit_batch, reject_batch

    if undo and reason is not None:
        raise typer.BadParameter("--undo takes a rejection back, and needs no --reason")
    home = Home.from_environment()
    decision = readmit_batch(home, name) if undo else reject_batch(home, name, reason)
    _show_decisions([decision], as_json)


@annotations_app.command("check")
@tells
def annotations_check(
    path: Source,
    told: Told,
    as_json: Json = False,
) -> None:
    """Read a file or folder by hand and put it through the checks of a batch; exit code 1 where they would refuse it."""
    from quality.gate import check_by_hand

    handful = _handful(path, told)
    outcomes = check_by_hand(handful)
    summary = handful.batch.summary
    rows = [[o.check, _told_outcome(o), o.observed] for o in outcomes]
    told_rows = f"{summary.rows_read} read, {summary.judgements} accepted, {summary.repaired} repaired, {summary.refused} refused"
    value = {
        "summary": summary,
        "refused": handful.batch.refusals,
        "repaired": handful.batch.repairs,
        "outcomes": outcomes,
    }
    show(value, rows_table(f"{path.name} ({summary.tool}): {told_rows}", ["check", "", "what it found"], rows), as_json)
    if any(outcome.blocks for outcome in outcomes):
        raise typer.Exit(1)


@annotations_app.command("agreement")
@tells
def annotations_agreement(
    told: Told,
    path: Source,
    step_ms: Annotated[int, typer.Option(min=40, help="Steps of time at which free spans are compared.")] = 1000,
    scenes: Annotated[Path | None, typer.Option(help="Also scene by scene: a CSV whose rows begin with their starts in seconds.")] = None,
    by_character: Annotated[bool, typer.Option(help="Also the figures of each person.")] = False,
    as_json: Json = False,
) -> None:
    """How far the raters of a file or folder agree: over the film's time, by scene and person, and on spans that several judged."""
    from corpus.annotations.figures import measure

    handful = _handful(path, told)
    durations_ms = handful.durations_ms()
    spans = _scenes(scenes, durations_ms) if scenes else ()
    found = measure(handful.batch.annotations, durations_ms, step_ms, spans, by_character)
    rows = [_figure_row(figure) for figure in found]
    columns = ["film", "person", "about", "compared at", "figure", "value", "raters", "places"]
    alone = f"{path.name}: no film has two raters who judged the same, so there is nothing to compare"
    show(found, rows_table(f"{path.name}: agreement", columns, rows) if rows else alone, as_json)


@annotations_app.command("gold")
@tells
def annotations_gold(
    told: Told,
    path: Source,
    every_ms: Annotated[int | None, typer.Option(min=100, help="Gold of stretches of so many ms, not of the spans as judged.")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the gold here, as .parquet or .csv.")] = None,
    as_json: Json = False,
) -> None:
    """Make gold of a file or folder by hand: vote shares that keep the doubt, spam left out, traces' lags taken off."""
    from corpus.annotations.gold import make_gold

    handful = _handful(path, told)
    made = make_gold(handful.batch.annotations, handful.batch.traces, handful.units(every_ms))
    if out_file is not None:
        _write_table(made.gold, out_file)
    rows = [_gold_row(row) for row in made.gold.to_dict("records")]
    counts = ", ".join(f"{n} {status}" for status, n in made.summary.by_status.items())
    columns = ["unit", "perspective", "status", "emotion", "raters", "doubt (bits)"]
    value = {"summary": made.summary, "agreement": made.agreement, "gold": json.loads(made.gold.to_json(orient="records"))}
    show(value, rows_table(f"{path.name}: {counts}", columns, rows[:SHOWN]), as_json)
    for rater, reason in made.agreement.flagged.items():
        warn(f"{rater} is left out: {reason}")
    if len(rows) > SHOWN and not as_json:
        err.print(f"and {len(rows) - SHOWN} more: --json or --out shows all")


@annotations_app.command("export")
@tells
def annotations_export(
    told: Told,
    to: Annotated[str, typer.Option(help="The format to write; see `feelm annotations formats`.")],
    out_folder: Annotated[Path, typer.Option("--out", help="The folder to write into; made where it is not there.")],
    path: Annotated[Path | None, typer.Argument(help="What to write; without it what the home has accepted.")] = None,
    as_json: Json = False,
) -> None:
    """Write judgements for another tool. Raters stand there as pseudonyms; --fps is for tools that count frames."""
    from corpus.annotations.exporters.registry import export, exporter_named
    from orchestration.library import accepted_judgements

    exporter = exporter_named(to)
    judged = _handful(path, told).judged(told.fps) if path else accepted_judgements(Home.from_environment(), told.fps)
    written = export(exporter, judged, out_folder)
    value = {"format": exporter.name, "files": [str(file) for file in written], "leaves_out": exporter.leaves_out}
    show(value, rows_table(exporter.what, ["file"], [[str(file)] for file in written]), as_json)
    if not as_json:
        err.print(f"left out: {exporter.leaves_out}")


@annotations_app.command("formats")
def annotations_formats(as_json: Json = False) -> None:
    """Show the formats that are read and written."""
    from corpus.annotations.exporters.registry import EXPORTERS
    from corpus.annotations.importers.registry import IMPORTERS

    written = {exporter.name: exporter for exporter in EXPORTERS}
    read = {importer.name: importer for importer in IMPORTERS}
    names = [*read, *(name for name in written if name not in read)]
    rows = [[n, (read.get(n) or written[n]).what, "yes" if n in read else "-", "yes" if n in written else "-"] for n in names]
    value = [{"name": n, "what": (read.get(n) or written[n]).what, "read": n in read, "written": n in written} for n in names]
    show(value, rows_table("Formats of annotations", ["name", "what", "read", "written"], rows), as_json)


@annotations_app.command("next")
def annotations_next(
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    film: Annotated[str | None, typer.Option(help="Only of this film.")] = None,
    as_json: Json = False,
) -> None:
    """What to judge next: the lines from which the model and the gold would learn most, and why."""
    from orchestration.library import what_to_judge_next

    found = what_to_judge_next(Workspace.from_environment(), count, film)
    rows = [[unit.unit_id, _clock(unit.start_ms), unit.text or "-", f"{unit.worth:.2f}", unit.reason] for unit in found]
    columns = ["unit", "at", "words", "worth", "why"]
    show(found, rows_table("To judge next", columns, rows), as_json)


@annotations_app.command("serve")
def annotations_serve(
    film: Annotated[list[str] | None, typer.Option(help="Only these films; else all that are here.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    project: Project = "Feelm",
    suggestions: Annotated[
        bool, typer.Option(help="Begin each answer with what the champion would say; what is left of it counts as the rater's own.")
    ] = False,
    url: Url = None,
    token: Token = None,
    media_url: Annotated[
        str | None, typer.Option(help="With --url: what stands before a proxy's file name where its users get it.")
    ] = None,
) -> None:
    """Let raters judge films in Label Studio: this home's own on 127.0.0.1, installed on first use (1 GB), or one that runs (--url)."""
    from orchestration.label_studio import SERVED_AT, Elsewhere, serve

    home = Home.from_environment()
    if url is not None and (token is None or media_url is None):
        raise FeelmError(
            "--url also needs --token (or FEELM_LABEL_STUDIO_TOKEN) and --media-url: the proxies lie in "
            f"{home.root / 'label-studio' / 'served' / 'films'}, and how the tool's users get them is not known "
            f"(with its local files storage: {SERVED_AT})"
        )
    elsewhere = Elsewhere(url, token, media_url) if url and token and media_url else None
    serve(home, film or (), project, port, elsewhere, suggestions, err)


@annotations_app.command("collect")
def annotations_collect(project: Annotated[str | None, typer.Option(help=PROJECT)] = None, url: Url = None, token: Token = None) -> None:
    """Ask Label Studio once for what raters said; what is new goes through the checks, and the next `feelm run` trains on it."""
    from orchestration.label_studio import collect_once
    from orchestration.library import judge_delivered

    home = Home.from_environment()
    collected = collect_once(home, url, token, project)
    if collected.delivered is None:
        out.print(f"{collected.project}: nothing new", highlight=False)
        return
    (decision,) = judge_delivered(home, [collected.delivered])
    out.print(f"{collected.project}: {collected.annotations} annotations, batch {decision.batch_id}", highlight=False, soft_wrap=True)
    out.print(decision.verdict, *_lines(decision), sep="\n", markup=False, highlight=False)
    if not decision.accepted:
        raise typer.Exit(1)


@annotations_app.command("forget")
def annotations_forget(
    name: Annotated[str, typer.Argument(help="The rater's name, as the delivered files give it, or the pseudonym.")],
    as_json: Json = False,
) -> None:
    """Erase a rater: the name goes, the judgements stay under the pseudonym, and no artifact changes."""
    from corpus.annotations.erasure import forget

    erasure = forget(Home.from_environment(), name)
    rows = [
        ["judgements stay under", erasure.pseudonym],
        ["files without names now", ", ".join(erasure.replaced) or "none"],
        ["files that are called so", ", ".join(erasure.named_files) or "none"],
        ["notes that hold the name", ", ".join(erasure.notes[:20]) or "none"],
    ]
    show(erasure, rows_table("Forgotten", ["", ""], rows), as_json)


@annotations_app.command("template")
def annotations_template() -> None:
    """Print the header of the table that annotators fill; docs/annotations.md explains the columns."""
    from corpus.annotations.importers.long_csv import template

    typer.echo(template(), nl=False)


def _show_decisions(decisions: "Sequence[Decision]", as_json: bool) -> None:
    rows = [[decision.batch_id, decision.verdict, "\n".join(_lines(decision)) or "-"] for decision in decisions]
    show(decisions, rows_table("Batches", ["batch", "decision", "what the checks say"], rows), as_json)


def _lines(decision: "Decision") -> list[str]:
    """What is told of a decision: a rejection with what takes it back, then what the checks say."""
    undo = f"`feelm annotations reject {decision.batch_id} --undo` has it judged again"
    rejected = [] if decision.rejected is None else [f"{decision.rejected.words}; {undo}"]
    return [*rejected, *decision.reasons, *decision.warnings]


def _told(format_name: str | None, film: str | None, scale: list[str] | None, **said: Any) -> Told:
    return Told(format=format_name, film_id=film, scales=dict(map(_scale, scale)) if scale else None, **said)


def _scale(text: str) -> tuple[str, tuple[float, float]]:
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    if name not in VALUE_RANGES:
        raise FeelmError(f"--scale {text}: {name!r} is none of {', '.join(VALUE_RANGES)}")
    try:
        return name, (float(low), float(high))
    except ValueError as error:
        raise FeelmError(f"--scale {text} is not like intensity=1:5") from error


def _handful(path: Path, told: Told) -> "Handful":
    from corpus.annotations.by_hand import read_by_hand

    handful = read_by_hand(path, told)
    for refusal in handful.batch.refusals[:10]:
        warn(f"{refusal.ref}: {refusal.reason}")
    return handful


def _told_outcome(outcome: Any) -> str:
    if outcome.passed:
        return "holds"
    return "could not be checked" if outcome.errored else outcome.severity


def _scenes(path: Path, durations_ms: dict[str, int]) -> list[tuple[int, int]]:
    from corpus.annotations.courses import read_scenes

    if len(durations_ms) != 1:
        raise FeelmError(f"--scenes is for one film, and here are {len(durations_ms)}")
    if not path.is_file():
        raise FeelmError(f"there is no file {path}")
    return read_scenes(path.read_text(encoding="utf-8"), *durations_ms.values())


def _figure_row(figure: "AgreementFigure") -> list[str]:
    value = "-" if figure.value is None else f"{figure.value:.3f}"
    place = [figure.film_id, figure.character or "-", figure.about, figure.level]
    return [*place, figure.figure, value, str(figure.raters), str(figure.places)]


def _gold_row(row: dict[str, Any]) -> list[str]:
    label = row["label"] if isinstance(row["label"], str) else "-"
    return [row["unit_id"], row["perspective"], row["status"], label, str(row["n_raters"]), f"{row['entropy_bits']:.2f}"]


def _write_table(table: "pd.DataFrame", path: Path) -> None:
    if path.suffix == ".parquet":
        GOLD_LABELS.write(table, path)
    elif path.suffix == ".csv":
        write_text(path, table.to_csv(index=False))
    else:
        raise FeelmError(f"--out {path}: the gold is written as .parquet or .csv")


def _clock(t_ms: int | None) -> str:
    return "-" if t_ms is None else f"{t_ms // 60_000}:{t_ms // 1000 % 60:02d}"
