"""Small pictures for Dagster's metadata: contact sheets of shots, faces and persons, curves, label shares, the confusion matrix.

Each is a PNG within a markdown image, so that the page needs no file server. An artifact without something to show gives none.
"""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.contracts import FACE_COURSE, FACES, GOLD_LABELS, VOICE_COURSE
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

SHEET_TILES = 24
SHEET_PERSONS, SHEET_TILE = 6, 48
DOTS = 90
PEOPLE_FACES = "people_faces.safetensors"


def plots(folder: Path, output: str) -> dict[str, str]:
    """Markdown images of one artifact, by title."""
    drawn = {title: draw(folder) for title, draw in _PLOTS.get(output, {}).items()}
    return {
        title: f"![{title}](data:image/png;base64,{base64.b64encode(picture).decode('ascii')})"
        for title, picture in drawn.items()
        if picture is not None
    }


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

    figure = Figure(figsize=(width, height), dpi=DOTS, layout="constrained")
    draw(figure.add_subplot())
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def _people_sheet(folder: Path) -> bytes | None:
    """A row a person: some faces with their times, name, time on screen."""
    import numpy as np

    from pages.people import names, read_people
    from pages.render import clock

    people = read_people(folder)
    if people is None or not (folder / PEOPLE_FACES).is_file():
        return None
    from safetensors.numpy import load_file

    faces = load_file(folder / PEOPLE_FACES)
    crops, t_ms = faces["crops"][:SHEET_PERSONS], faces["t_ms"][:SHEET_PERSONS]
    called = list(names(people).items())[: len(crops)]
    tracks = people.groupby("person_id").size()
    side = crops.shape[2]

    def draw(axes: "Axes") -> None:
        axes.imshow(np.concatenate([np.concatenate(list(row), axis=1) for row in crops]), interpolation="antialiased")
        rows = [side * (place + 0.5) for place in range(len(crops))]
        labels = [f"{name}\nseen {tracks[person_id]} times" for person_id, name in called]
        axes.set_yticks(rows, labels, parse_math=False, fontsize=8)
        axes.set_xticks([])
        for place, moments in enumerate(t_ms):
            for column, t in enumerate(moments[moments >= 0]):
                axes.text(side * (column + 0.04), side * (place + 0.97), clock(t), color="white", fontsize=6, backgroundcolor="#0008")

    wide, high = crops.shape[1] * SHEET_TILE / DOTS, len(crops) * SHEET_TILE / DOTS
    return _figure(draw, wide + 1.2, high + 0.2)


def _expression_plot(folder: Path) -> bytes | None:
    """What the faces on screen show, second by second."""
    if not (folder / "course.parquet").is_file():
        return None
    course = FACE_COURSE.read(folder / "course.parquet")
    if course.empty:
        return None
    means = course[list(PROBABILITY_COLUMNS)].groupby((course["t_ms"] // 1000).astype(int)).mean()
    means = means.reindex(range(int(means.index.max()) + 1))

    def draw(axes: "Axes") -> None:
        axes.stackplot(means.index + 0.5, means.fillna(0).to_numpy().T, labels=EMOTIONS)
        axes.set(xlabel="s", ylabel="shown", ylim=(0, 1))
        axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))

    return _figure(draw)


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


_PLOTS: dict[str, dict[str, Callable[[Path], bytes | None]]] = {
    "shots": {"shots": _shot_sheet},
    "faces": {"faces": _face_sheet},
    "face_features": {"people": _people_sheet, "expression": _expression_plot},
    "voice_features": {"voice": _voice_plot},
    "gold_labels": {"labels": _gold_plot},
    "corpus": {"labels": _gold_plot},
    "emotion_model": {"curves": _curve_plot},
    "validation_report": {"confusion": _confusion_plot},
}
