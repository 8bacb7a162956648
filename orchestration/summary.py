"""What the command line shows of a finished run: films, units, agreement, scores, cost, and where the pages are."""

from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table

from assets.chain import STAGES, Reason, keys_of
from assets.stamps import read_told
from assets.workspace import Workspace
from corpus.terms import FeelmError
from ml.evaluation.report import CorpusReport, ValidationReport
from orchestration.console import interval, rows_table
from orchestration.due import Due, Plan, State
from orchestration.run import RunReport

SHOWN_NAMES = 5
"""Of what a reason names."""


def _table(title: str, *columns: str) -> Table:
    """Names to the left, figures to the right."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
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
            parts.append(rows_table(title, ["what", "why"], [[name, "\n".join(lines)] for name, lines in entries.items()]))
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


def costs(workspace: Workspace) -> dict[str, tuple[int, float, float]]:
    """Per link: how many times it stands computed, wall seconds and CPU seconds in all, from the stamps."""
    table: dict[str, tuple[int, float, float]] = {}
    for stage in STAGES.values():
        told = read_told(workspace.home, stage)
        spent = [told[key] for key in keys_of(workspace, stage) if key in told]
        if spent:
            table[stage.name] = (len(spent), sum(one.wall_s for one in spent), sum(one.cpu_s for one in spent))
    return table


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
        table.add_row(score.system, interval(score.accuracy), f"{score.uar.value:.3f}", f"{score.macro_f1.value:.3f}", *compared)
    return table


def _stages(workspace: Workspace) -> Table:
    table = _table("Time per stage", "stage", "jobs", "wall s", "CPU s")
    for name, (count, wall_s, cpu_s) in costs(workspace).items():
        table.add_row(name, str(count), f"{wall_s:.1f}", f"{cpu_s:.1f}")
    return table
