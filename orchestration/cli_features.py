"""`feelm features`: what faces, voices, words and scenes are like in any film file, without a catalogue."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from corpus.films.shots.shots import ShotSetting
from corpus.terms import TextEncoder
from orchestration.console import Json, out, rows_table, show, show_progress

if TYPE_CHECKING:
    from ml.features.extract import Extraction

features_app = typer.Typer(no_args_is_help=True, help="Features of faces, voices, words and scenes.")


@features_app.command("extract")
def extract(
    media: Annotated[Path, typer.Argument(help="A film, a clip or a recording.")],
    to: Annotated[Path, typer.Option("--out", help="A new folder for everything that is found.")],
    modality: Annotated[str, typer.Option(help="Of face, voice, text and scene, with commas between.")] = "face,voice,text,scene",
    subtitles: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Subtitles, where none are in the file.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the words, as in en or fr; found out where it is not given.")] = None,
    shots: Annotated[ShotSetting, typer.Option(help="How shots are found: best or fast.")] = ShotSetting.BEST,
    text_encoder: Annotated[TextEncoder, typer.Option(help="What makes numbers of sentences.")] = TextEncoder.MINILM,
    as_json: Json = False,
) -> None:
    """Measure a file and say how fast that was; a run that was stopped goes on where it was."""
    from assets.progress import tell_progress
    from corpus.chunks import ChunkStore
    from corpus.paths import Home
    from ml.features.extract import Wanted, extract_media

    show_progress()
    names = tuple(name.strip() for name in modality.split(",") if name.strip())
    store = ChunkStore(Home.from_environment().chunks)
    found = extract_media(media, to, Wanted(names, subtitles, language, shots, text_encoder), store, tell_progress)
    show(found, _table(found), as_json)
    if not as_json:
        out.print(f"everything lies in {found.folder}", soft_wrap=True)


@features_app.command("list")
def list_features(
    modality: Annotated[str, typer.Argument(help="face, voice, text or scene; all where it is left out.")] = "",
    as_json: Json = False,
) -> None:
    """Every measure with its unit and meaning; units get statistics of these over their time."""
    from ml.features.extract import FEATURES, dimensions_of

    found = {name: dimensions_of(name) for name in ((modality,) if modality else FEATURES)}
    rows = [[name, d.name, d.unit or "-", d.meaning] for name, dimensions in found.items() for d in dimensions]
    show(found, rows_table("Features", ["modality", "name", "unit", "what it is"], rows), as_json)


def _table(found: "Extraction") -> Table:
    seconds = found.duration_ms / 1000
    rows = [["reading", "", "", f"{found.read_wall_s:.1f}", f"{found.read_cpu_s:.1f}", f"{seconds / max(found.read_wall_s, 1e-6):.1f}", ""]]
    for m in found.modalities:
        costs = (f"{m.wall_s:.1f}", f"{m.cpu_s:.1f}", f"{m.rate:.1f}")
        rows.append([m.modality, f"{m.n_present} of {m.n_units}", str(m.n_features), *costs, m.missing or ""])
    title = f"{found.source}, {seconds:.1f} s"
    return rows_table(title, ["part", "units with it", "features", "s", "CPU s", "times real time", "what is missing"], rows)
