"""Small pictures for Dagster's metadata: contact sheets of shots and faces, label shares, training curves, the confusion matrix.

Each is a PNG within a markdown image, so that the page needs no file server. An artifact without something to show gives none.
"""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.contracts import EMOTIONS, FACES, GOLD_LABELS, VOICE_COURSE

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

SHEET_TILES = 24


def plots(folder: Path, output: str) -> dict[str, str]:
    """Markdown images of one artifact, by title."""
    title, draw = _PLOTS.get(output, ("", None))
    picture = draw(folder) if draw else None
    if picture is None:
        return {}
    return {title: f"![{title}](data:image/png;base64,{base64.b64encode(picture).decode('ascii')})"}


def _sheet(tiles: "list[np.ndarray]", columns: int) -> bytes | None:
    """PNG of equally sized BGR tiles in rows."""
    import cv2
    import numpy as np

    if not tiles:
        return None
    blank = np.full_like(tiles[0], 32)
    padded = tiles + [blank] * (-len(tiles) % columns)
    rows = [np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)]
    return bytes(cv2.imencode(".png", np.vstack(rows))[1])


def _spread(count: int) -> list[int]:
    step = max(1, count / SHEET_TILES)
    return [int(index * step) for index in range(min(count, SHEET_TILES))]


def _shot_sheet(folder: Path) -> bytes | None:
    import cv2

    paths = sorted((folder / "thumbs").glob("*.jpg"))
    return _sheet([cv2.resize(cv2.imread(str(paths[i])), (160, 90)) for i in _spread(len(paths))], columns=6)


def _face_sheet(folder: Path) -> bytes | None:
    from safetensors.numpy import load_file

    count = len(FACES.read(folder / "faces.parquet"))
    if not count:
        return None
    crops = load_file(folder / "crops.safetensors")["crops"]
    return _sheet([crops[i][:, :, ::-1] for i in _spread(count)], columns=12)


def _figure(draw: "Callable[[Axes], None]", width: float = 6.0, height: float = 2.6) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=90, layout="constrained")
    draw(figure.add_subplot())
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _voice_plot(folder: Path) -> bytes | None:
    if not (folder / "course.parquet").is_file():
        return None
    course = VOICE_COURSE.read(folder / "course.parquet")
    if course.empty:
        return None

    def draw(axes: "Axes") -> None:
        axes.plot(course["t_ms"] / 1000, course["pitch_hz"], ".", markersize=2)
        axes.set(xlabel="s", ylabel="pitch (Hz)")
        loudness = axes.twinx()
        loudness.plot(course["t_ms"] / 1000, course["loudness_db"], color="tab:gray", linewidth=0.7)
        loudness.set_ylabel("loudness (dBFS)")

    return _figure(draw)


def _gold_plot(folder: Path) -> bytes | None:
    gold = GOLD_LABELS.read(folder / "gold.parquet")
    counts = gold.loc[gold["status"] == "gold", "label"].value_counts()

    def draw(axes: "Axes") -> None:
        axes.bar(EMOTIONS, [int(counts.get(emotion, 0)) for emotion in EMOTIONS])
        axes.set_ylabel("gold units")

    return _figure(draw)


def _confusion_plot(folder: Path) -> bytes | None:
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    scores = [score for corpus in report["corpora"][:1] for score in corpus["scores"] if score["kind"] == "fused"]
    if not scores:
        return None

    def draw(axes: "Axes") -> None:
        axes.imshow(scores[0]["confusion"], cmap="Blues")
        axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=45)
        axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
        axes.set(xlabel="predicted", ylabel="gold")

    return _figure(draw, 4.2, 4.0)


def _curve_plot(folder: Path) -> bytes | None:
    path = folder / "curves.json"
    if not path.is_file():
        return None
    curves = json.loads(path.read_text(encoding="utf-8"))

    def draw(axes: "Axes") -> None:
        for name, values in sorted(curves.items()):
            if isinstance(values, list):
                axes.plot(values, linewidth=0.8, label=name)
        axes.set(xlabel="epoch", ylabel="loss")

    return _figure(draw)


_PLOTS: dict[str, tuple[str, Callable[[Path], bytes | None]]] = {
    "shots": ("shots", _shot_sheet),
    "faces": ("faces", _face_sheet),
    "voice_features": ("voice", _voice_plot),
    "gold_labels": ("labels", _gold_plot),
    "corpus": ("labels", _gold_plot),
    "emotion_model": ("curves", _curve_plot),
    "validation_report": ("confusion", _confusion_plot),
}
