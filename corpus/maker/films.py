"""Makes whole films: story, performance, pictures, sound, subtitles, screenplay and truth, and the raters' file beside them.

Stories are planned first, in order, because sentences are dealt over the set; films are then made by processes side by side. A film's
manifest is written last, so that an interrupted run begins again where it stopped and makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import as_completed
from pathlib import Path

import cv2
import yaml

from corpus.maker.acting import FRAME_RATE
from corpus.maker.encode import encode
from corpus.maker.performance import perform
from corpus.maker.picture import Renderer
from corpus.maker.raters import annotations_csv
from corpus.maker.screenplay import fountain
from corpus.maker.sound import mix
from corpus.maker.story import Story, plan_stories
from corpus.maker.subtitles import draw_fault, make_cues, srt
from corpus.maker.truth import VERSION, read_truth, tell, truth_record
from corpus.maker.voice import SAMPLE_RATE
from corpus.paths import file_digest, read_json, write_json, write_text, writing
from corpus.processes import worker_pool
from corpus.terms import MADE, FeelmError

MANIFEST = "manifest.json"
ANNOTATIONS = "annotations.csv"
MOST_FILMS = 99


def make_films(out: Path, films: int, seed: int, workers: int = 2, progress: Callable[[str], None] | None = None) -> list[Path]:
    """Make `films` films (1..99) from `seed` (0 or more) into `out/<film_id>/`, and `out/annotations.csv`; returns the films' folders.

    The same seed gives the same bytes. Films that are complete already are kept. `progress` is told of each film as it is ready.

    Raises:
        FeelmError: the numbers are out of range.
    """
    if not 1 <= films <= MOST_FILMS or seed < 0 or workers < 1:
        raise FeelmError(f"cannot make {films} films with seed {seed} and {workers} workers: 1 to {MOST_FILMS} films, seed 0 or more")
    stories = plan_stories(films, seed)
    folders = [out / story.film_id for story in stories]
    out.mkdir(parents=True, exist_ok=True)
    waiting = [(story, folder) for story, folder in zip(stories, folders, strict=True) if not is_complete(folder)]
    tell_progress = progress or (lambda _message: None)
    tell_progress(f"{films - len(waiting)} of {films} films are there already")
    _make_all(waiting, workers, tell_progress)
    write_text(out / ANNOTATIONS, annotations_csv([read_truth(folder / "truth.json") for folder in folders], seed))
    return folders


def _make_all(waiting: list[tuple[Story, Path]], workers: int, progress: Callable[[str], None]) -> None:
    if not waiting:
        return
    with worker_pool(min(workers, len(waiting))) as pool:
        running = {pool.submit(make_film, story, folder): story for story, folder in waiting}
        for done in as_completed(running):
            done.result()
            progress(f"{running[done].film_id} is made")


def make_film(story: Story, folder: Path) -> Path:
    """Make one film into `folder`, which appears whole or not at all; returns it."""
    cv2.setNumThreads(1)
    performance = perform(story)
    renderer = Renderer(performance)
    fault = draw_fault(story.seed, story.index)
    with writing(folder) as draft:
        encode(draft / f"{story.film_id}.mp4", renderer.frames(), mix(performance), FRAME_RATE, SAMPLE_RATE)
        write_text(draft / f"{story.film_id}.srt", srt(make_cues(performance, fault)))
        write_text(draft / f"{story.film_id}.fountain", fountain(story))
        write_json(draft / "truth.json", truth_record(tell(performance, renderer.shots, fault, FRAME_RATE)))
        write_text(draft / "film.yaml", _catalogue_entry(story))
        digests = {path.name: file_digest(path) for path in sorted(draft.iterdir())}
        write_json(draft / MANIFEST, {"version": VERSION, "files": digests})
    return folder


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds a film of this version with every file that its manifest names, unchanged."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    content = read_json(manifest)
    if content.get("version") != VERSION:
        return False
    return all((folder / name).is_file() and file_digest(folder / name) == digest for name, digest in content["files"].items())


def _catalogue_entry(story: Story) -> str:
    entry = {
        "id": story.film_id,
        "title": story.title,
        "video": f"{story.film_id}.mp4",
        "subtitles": f"{story.film_id}.srt",
        "screenplay": f"{story.film_id}.fountain",
        "language": "en",
        "genres": ["made", story.scenes[0].mood],
        "rights": "cc0",
        "rights_ref": MADE,
        "attribution": f"Feelm's film maker, seed {story.seed}",
        "declared_use": "commercial",
    }
    return yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=120)
