"""`feelm benchmark`: how good the models are on public data that somebody has, and how fast this machine is."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assets.training import training_params
from assets.workspace import Workspace
from corpus.paths import Home
from corpus.terms import FeelmError, TextEncoder
from orchestration.console import Json, err, out, rows_table, show

if TYPE_CHECKING:
    from ml.evaluation.benchmarks import BenchmarkResult
    from ml.evaluation.report import Interval
    from ml.evaluation.robustness.conditions import Disturbance
    from ml.evaluation.robustness.report import RobustnessReport

benchmark_app = typer.Typer(no_args_is_help=True, help="How good the models are on public data, and how fast this machine is.")

SETS = {
    "meld": "Lines of MELD's dialogue in seven emotions, from words, speaker and neighbours.",
    "emorynlp": "Lines of EmoryNLP's dialogue in its own seven emotions.",
    "xed": "Lines of XED's film subtitles in seven emotions, on films never seen.",
    "ravdess": "RAVDESS' spoken sentences in eight emotions, by actors never heard.",
    "crema-d": "How far CREMA-D's crowd agrees, and how often it says what was played.",
    "studyforrest": "How far the observers of Forrest Gump agree.",
    "faces": "Pictures of faces in a folder for each expression, read by the packaged networks.",
}
ENCODERS = f"{', '.join(one.value for one in TextEncoder)}, or a folder with one of BERT's kind as transformers writes it"
HEADLINE = ("accuracy", "uar", "macro_f1", "weighted_f1", "ece")


@benchmark_app.command("features")
def benchmark_features(
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1; the GPU where there is one.")] = "",
    as_json: Json = False,
) -> None:
    """Rates of the feature networks on a device, how busy they keep it, and how far their numbers are from the CPU's."""
    from corpus.devices import best_device
    from ml.features.rates import check_device, measure, told

    chosen = check_device(device or best_device())
    rates = measure(chosen)
    columns = ["network", "a second", "GPU busy", "farthest from the CPU"]
    show(rates, rows_table(f"Features on {chosen}", columns, [told(rate) for rate in rates]), as_json)


@benchmark_app.command("robustness")
def benchmark_robustness(
    only: Annotated[list[str] | None, typer.Option(help="A disturbance by name, such as noise; all where none is named.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the noise and the errors.")] = 0,
    units: Annotated[
        int | None, typer.Option(min=1, help="So many labelled lines of whole films, two films at least; all if left out.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Conditions side by side.")] = 2,
    as_json: Json = False,
) -> None:
    """How far the readings of your own unseen films fall when sound, words, faces or times are disturbed; writes robustness.json."""
    from assets.store.cache import at_hand
    from assets.store.places import HEAVY
    from ml.evaluation.robustness.conditions import conditions_of
    from ml.evaluation.robustness.measure import measure_robustness
    from orchestration.progress import row_bars

    workspace = Workspace.from_environment()
    params = replace(training_params(workspace.params), workers=workers)
    conditions = conditions_of(_disturbances(only or []))
    with row_bars(err) as tell, at_hand(workspace, HEAVY):
        found = measure_robustness(
            workspace.home, conditions, params, seed, units, tell, lambda what, done, total: tell(f"taught: {what}", done / total)
        )
    show(found, _robustness(found), as_json)


def _disturbances(names: list[str]) -> "tuple[Disturbance, ...]":
    from ml.evaluation.robustness.conditions import Disturbance

    known = {one.value: one for one in Disturbance}
    if unknown := [name for name in names if name not in known]:
        raise FeelmError(f"there is no disturbance {unknown[0]!r}: choose among {', '.join(known)}")
    return tuple(known[name] for name in names) or tuple(Disturbance)


def _robustness(found: "RobustnessReport") -> Table:
    """Each condition's systems: the UAR, its change, and how often the modality is still found."""
    rows = [["clean", "", name, _bounds(value), "", f"{found.clean_present.get(name, 1):.0%}"] for name, value in found.clean.items()]
    rows += [[f"without {name}", "", "fused", _bounds(value), "", ""] for name, value in found.without.items()]
    rows += [
        [one.disturbance, f"{one.dose:g}", change.system, _bounds(change.uar), _bounds(change.change, "+"), f"{change.present:.0%}"]
        for one in found.conditions
        for change in one.changes
    ]
    table = rows_table(
        f"{found.n_units} units of {found.n_films} unseen films", ["disturbance", "dose", "system", "UAR", "change", "found"], rows
    )
    units = {one.disturbance: one.unit for one in found.conditions}
    table.caption = "; ".join(f"{name}: {unit}" for name, unit in units.items())
    return table


def _bounds(value: "Interval", sign: str = "") -> str:
    said = f"{value.value:{sign}.3f}"
    return said if value.low is None or value.high is None else f"{said} ({value.low:{sign}.3f} to {value.high:{sign}.3f})"


def _set_command(name: str, about: str) -> None:
    """A command for one set; all take the same options."""

    @benchmark_app.command(name, help=about)
    def run(
        data: Annotated[Path, typer.Option(exists=True, file_okay=name == "xed", help="Your copy of the set: what is trained on.")],
        test: Annotated[Path | None, typer.Option(exists=True, help="Data that nobody has tuned on: what is scored.")] = None,
        seeds: Annotated[int, typer.Option(min=1, help="How many seeds: 1, 2, 3 and so on.")] = 3,
        quick: Annotated[bool, typer.Option("--quick", help="Only what trains in a minute.")] = False,
        encoder: Annotated[str, typer.Option(help=f"The text encoder that is fine-tuned: {ENCODERS}.")] = TextEncoder.MINILM.value,
        workers: Annotated[int, typer.Option(min=1, help="Trainings side by side.")] = 2,
        work: Annotated[Path | None, typer.Option(help="Where finished rows are kept; in FEELM_HOME where it is not given.")] = None,
        as_json: Json = False,
    ) -> None:
        from ml.evaluation.benchmarks import Options, run_benchmark
        from ml.models.loop import met
        from orchestration.progress import row_bars

        with met() as share, row_bars(err, quiet=share.rank > 0) as tell:
            options = Options(
                work=work or Home.from_environment().benchmarks,
                seeds=tuple(range(1, seeds + 1)),
                fine_tunes=not quick,
                encoder=encoder,
                workers=workers if share.count == 1 else 1,
                tell=tell,
            )
            found = run_benchmark(name, data, test, options)
        if share.rank == 0:
            _tell(found, as_json)


def _tell(found: "BenchmarkResult", as_json: bool) -> None:
    if as_json:
        typer.echo(found.to_json())
    else:
        out.print(_scores(found))
        out.print(_protocol(found))


def _scores(found: "BenchmarkResult") -> Table:
    """The system's figures with their spread, then the variants' and baselines'."""
    if not set(HEADLINE) <= set(found.metrics):
        told = list(found.metrics.items())
        told += [(f"{system}: {name}", value) for system, figures in found.baselines.items() for name, value in figures.items()]
        return rows_table(found.benchmark, ["figure", "value"], [[name, f"{value:.3f}"] for name, value in told])
    several = len(found.protocol.seeds) > 1
    rows = [[found.protocol.system, *(_with_spread(found, name) if several else f"{found.metrics[name]:.3f}" for name in HEADLINE)]]
    others = {**found.variants, **found.baselines}
    rows += [[system, *(f"{figures[name]:.3f}" for name in HEADLINE)] for system, figures in others.items()]
    return rows_table(found.benchmark, ["system", *(name.replace("_", " ") for name in HEADLINE)], rows)


def _with_spread(found: "BenchmarkResult", name: str) -> str:
    return f"{found.metrics[name]:.3f}±{found.spread[name]:.3f}"


def _protocol(found: "BenchmarkResult") -> Table:
    """Each class's figures, and how they came about."""
    told = found.protocol
    rows = [
        [name, f"F1 {one.f1:.3f}, precision {one.precision:.3f}, recall {one.recall:.3f}, n {one.n}"]
        for name, one in found.per_class.items()
    ]
    rows += [["trained on", f"{told.trained_on} (n {told.n_train})"], ["chosen on", told.chosen_on]]
    rows += [["scored on", f"{told.scored_on} (n {told.n_scored})"], ["seeds", ", ".join(map(str, told.seeds))]]
    rows += [["note", note] for note in told.notes]
    return rows_table("how", ["", ""], rows)


for _name, _about in SETS.items():
    _set_command(_name, _about)
