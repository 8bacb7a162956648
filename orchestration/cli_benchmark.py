"""`feelm benchmark`: how good the models are on public data that somebody has, and how fast this machine is."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from corpus.paths import Home
from corpus.terms import TextEncoder
from orchestration.console import Json, err, out, rows_table, show

if TYPE_CHECKING:
    from ml.evaluation.benchmarks import BenchmarkResult

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
    show([asdict(rate) for rate in rates], rows_table(f"Features on {chosen}", columns, [told(rate) for rate in rates]), as_json)


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
