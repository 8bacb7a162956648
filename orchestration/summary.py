"""What the command line shows of a finished run: films, units, agreement, scores, cost, and where the pages are."""

import math
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assets.chain import Reason
from assets.workspace import Workspace
from corpus.terms import EMOTIONS, MODALITIES, FeelmError
from ml.evaluation.findings import Interval
from ml.evaluation.report import CorpusReport, ValidationReport
from ml.models.reasons import Effect, Why
from orchestration.console import rows_table
from orchestration.due import Due, Plan, State
from orchestration.run import RunReport, costs

if TYPE_CHECKING:
    from service.detect import DetectedUnit, Detection

SHOWN_NAMES = 5
"""Of what a reason names."""

WORDY = ("words", "emotion", "next best", "from")
"""Columns of words stand to the left, figures to the right."""


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 or column in WORDY else "right")
    return table


def run_table(report: RunReport) -> Group:
    """What a run did, which batches wait in quarantine, which were rejected by name, what failed."""
    parts: list[Any] = [_run_sentence(report)] if not report.failures else []
    waiting = {film_id: (told,) for film_id, told in report.waiting.items()}
    told = (
        ("Films to be fetched", waiting),
        ("Batches in quarantine", report.refused),
        ("Batches rejected by name", report.rejected),
        ("Failed", report.failures),
    )
    for title, entries in told:
        if entries:
            table = Table(title=title, title_justify="left")
            table.add_column("what", no_wrap=True)
            table.add_column("why")
            for name, lines in entries.items():
                table.add_row(Text(name), Text("\n".join(lines)))
            parts.append(table)
    return Group(*parts)


def _run_sentence(report: RunReport) -> str:
    if not report.computed:
        return f"Nothing has changed: all {report.fresh} jobs are up to date."
    return f"Done: {report.computed} jobs run, {report.fresh} were up to date."


def plan_table(plan: Plan) -> Group:
    """What `feelm run` would do, link by link with the reasons, and how the last run of each failed."""
    jobs = len(plan.due) + plan.fresh
    parts: list[Any] = [
        f"Due: {len(plan.due)} of {jobs} jobs. Nothing was run." if plan.due else f"Nothing is due: all {jobs} jobs are up to date."
    ]
    if plan.due:
        table = rows_table("Due", ["what", "link", "state", "why"], [row for due in plan.due for row in _due_rows(due)])
        parts.append(table)
    if plan.held:
        parts.append(f"No model is trained: {plan.held}.")
    if plan.waiting:
        parts.append(rows_table("Films to be fetched", ["what", "why"], [list(entry) for entry in plan.waiting.items()]))
    return Group(*parts)


WITHOUT_REASON = {State.UNRECORDED: "made without Dagster", State.FAILING: "it is checked again"}


def _due_rows(due: Due) -> list[list[str]]:
    rows = [["", one.link, one.state.value, "; ".join(map(_reason, one.reasons)) or WITHOUT_REASON[one.state]] for one in due.links]
    rows += [["", "last run", "failed", line] for line in due.failure]
    rows[0][0] = f"{due.phase} {due.key}".strip()
    return rows


def _reason(reason: Reason) -> str:
    shown, more = ", ".join(reason.names[:SHOWN_NAMES]), len(reason.names) - SHOWN_NAMES
    return reason.cause.value + (f": {shown}" if shown else "") + (f" and {more} more" if more > 0 else "")


def read_report(workspace: Workspace) -> ValidationReport:
    """The validation report of the last run."""
    path = workspace.home.artifact("validation_report") / "report.json"
    if not path.is_file():
        raise FeelmError(f"no report at {path}: `feelm run` makes it")
    return ValidationReport.read(path)


def result_json(workspace: Workspace) -> dict[str, Any]:
    """The result for programs: the validation report, cost per stage, and the page."""
    spent = {name: {"jobs": n, "wall_s": wall, "cpu_s": cpu} for name, (n, wall, cpu) in costs(workspace).items()}
    page = str(workspace.home.reports / "report.html")
    return {"validation": asdict(read_report(workspace)), "stages": spent, "report": page}


def result_tables(workspace: Workspace) -> Group:
    """The result for people."""
    report = read_report(workspace)
    parts: list[Any] = [_overview(workspace, report)]
    parts += [_scores(corpus) for corpus in report.corpora]
    parts += [_stages(workspace), f"Report: {workspace.home.reports / 'report.html'}"]
    return Group(*parts)


def _overview(workspace: Workspace, report: ValidationReport) -> Table:
    table = _table("Feelm", "what", "figure")
    table.add_row("films", str(len(workspace.film_ids)))
    for corpus in report.corpora:
        table.add_row(f"{corpus.name}: units, of them gold", f"{corpus.n_units}, {corpus.n_gold}")
    if report.agreement:
        table.add_row("raters", str(report.agreement.n_raters))
        for dimension, alpha in report.agreement.alpha.items():
            table.add_row(f"agreement (alpha), {dimension}", f"{alpha:.2f}")
        for rater, reason in report.agreement.flagged.items():
            table.add_row(f"flagged rater {rater}", reason)
    for name, why in report.left_out.items():
        table.add_row(f"not trained on: {name}", why)
    return table


def _scores(corpus: CorpusReport) -> Table:
    title = f"{corpus.name}: {corpus.n_films} films, each unseen once, {corpus.n_gold} gold units"
    table = _table(title, "system", "accuracy", "UAR", "macro-F1", "fused better by", "p")
    tests = {test.other: test for test in corpus.tests}
    for score in corpus.scores:
        test = tests.get(score.system)
        compared = (f"{test.difference:+.3f}", f"{test.p_value:.4f}") if test else ("", "")
        table.add_row(score.system, _interval(score.accuracy), f"{score.uar.value:.3f}", f"{score.macro_f1.value:.3f}", *compared)
    return table


def _interval(figure: Interval) -> str:
    spread = f" [{figure.low:.2f}, {figure.high:.2f}]" if figure.low is not None and figure.high is not None else ""
    return f"{figure.value:.3f}{spread}"


def _stages(workspace: Workspace) -> Table:
    table = _table("Time per stage", "stage", "jobs", "wall s", "CPU s")
    for name, (count, wall_s, cpu_s) in costs(workspace).items():
        table.add_row(name, str(count), f"{wall_s:.1f}", f"{cpu_s:.1f}")
    return table


def detection_tables(detection: "Detection") -> Group:
    """Detected emotions, a row a unit, and where they were asked for the reasons."""
    explained = [unit for unit in detection.units if unit.why is not None]
    reasons: list[RenderableType] = [_reasons(explained), REASONS_READ] if explained else []
    return Group(_detected(detection), *reasons)


def _detected(detection: "Detection") -> Table:
    table = _table(
        f"{detection.source} (trained on: {detection.trained_on})",
        *("time", "words", "emotion", "next best", "valence, arousal", "from"),
    )
    for unit in detection.units:
        ranked = sorted(zip(unit.probabilities, EMOTIONS, strict=True), reverse=True)
        best = f"{'uncertain' if unit.uncertain else ranked[0][1]} {ranked[0][0]:.2f}"
        next_best = f"{ranked[1][1]} {ranked[1][0]:.2f}"
        affect = f"{_signed(unit.valence)} {_signed(unit.arousal)}"
        table.add_row(_span(unit), Text(unit.text or "-"), best, next_best, affect, ", ".join(unit.modalities))
    told = [f"{modality}: {why}" for modality, why in detection.missing.items()]
    table.caption = "; ".join([*told, *_languages(detection)]) or None
    return table


def _languages(detection: "Detection") -> list[str]:
    """In which languages the words were read, and which are uncertain because the model does not know theirs."""
    read = sorted({unit.language for unit in detection.units if unit.read and unit.language})
    unread = sorted({unit.language for unit in detection.units if not unit.read and unit.language})
    told = [f"words read in {', '.join(read)}"] if read else []
    return [*told, f"uncertain: words in {', '.join(unread)}, which the model does not read"] if unread else told


def _signed(level: float | None) -> str:
    return "-" if level is None else f"{level:+.2f}"


def _span(unit: "DetectedUnit") -> str:
    if unit.place is not None:
        return f"at {unit.place.x + unit.place.width / 2:.0%}, {unit.place.y + unit.place.height / 2:.0%}"
    return f"{unit.start_ms / 1000:.1f}-{unit.end_ms / 1000:.1f} s" if unit.start_ms is not None and unit.end_ms is not None else "-"


REASONS_READ = Text(
    "Shares: what leaving the modality out takes from the odds, of what all do; below 0 it speaks against the emotion. Lines and moments "
    "of the face: by what factor the odds fall without them (of the face: in what it says alone).",
    style="dim",
)


def _reasons(units: "list[DetectedUnit]") -> Table:
    """Why each unit's emotion is named, narrow enough for 80 columns."""
    table = Table(title="Why", title_justify="left")
    for name in ("time", "emotion", *MODALITIES, "lines and moments"):
        table.add_column(name, justify="right" if name in MODALITIES else "left", no_wrap=name != "lines and moments", overflow="fold")
    for unit in units:
        assert unit.why is not None
        shares = {effect.name: effect.share for effect in unit.why.modalities}
        start = "-" if unit.start_ms is None else f"{unit.start_ms / 1000:.1f} s"
        table.add_row(start, unit.why.emotion, *(_share(shares, name) for name in MODALITIES), Text("\n".join(_moved(unit.why)) or "-"))
    return table


def _share(shares: dict[str, float | None], modality: str) -> str:
    share = shares.get(modality)
    return f"{100 * share:+.0f} %" if share is not None else "none" if modality in shares else "-"


def _moved(why: Why) -> list[str]:
    lines = [f"{_factor(line)} {_at(line)}{textwrap.shorten(line.name, 60, placeholder='…')}" for line in why.lines]
    return lines + [f"{_factor(frame)} face at {(frame.t_ms or 0) / 1000:.1f} s" for frame in why.frames]


def _at(line: Effect) -> str:
    return "" if line.t_ms is None else f"{line.t_ms / 1000:.1f} s: "


def _factor(effect: Effect) -> str:
    """By what the odds are divided without it; below 1 they grow."""
    return f"{math.exp(effect.log_odds):.2f}x"
