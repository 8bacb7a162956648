"""Any film, clip or sound brought to its shots, faces, sound, dialogue and scenes, without a catalogue.

The stages are those of the catalogue's films and write the same artifacts. Where nobody asks for pictures, or the file has none, only the
sound is read: the film is then one shot without faces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from corpus.chunks import Tell
from corpus.contracts import FACES, PICTURES, SHOTS
from corpus.dialogue.build import build_dialogue
from corpus.dialogue.origin import find_words
from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.store import build_film
from corpus.films.media.probe import MAXIMUM_HOURS, MediaFacts, probe_sound
from corpus.films.media.sound import SoundFacts, extract_sound
from corpus.films.media.text_tracks import write_text_tracks
from corpus.films.scan import build_scan
from corpus.films.scenes.scenes import build_scenes
from corpus.films.shots.shots import ShotSetting
from corpus.paths import write_json
from corpus.terms import FeelmError

ARTIFACTS = ("film", "shots", "faces", "soundtrack", "dialogue", "scenes")


def prepare_film(
    film: Film,
    at: Callable[[str], Path],
    *,
    shots: ShotSetting = ShotSetting.BEST,
    pictures: bool = True,
    work: Path | None = None,
    tell: Tell | None = None,
) -> None:
    """Write ARTIFACTS of `film`, each into the folder that `at` gives for its name; it must be empty.

    `work` and `tell` are for the scan, as `build_scan` takes them.

    Raises:
        FeelmError: the film cannot be read, or subtitles that were given cannot.
    """
    folders = {name: at(name) for name in ARTIFACTS}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    # Before the costly scan; a film of the catalogue would go on without words.
    if film.subtitles is not None and (fault := find_words(film.subtitles, folders["shots"], None, None).fault):
        raise FeelmError(fault)
    build_film(film, folders["film"])
    scanned = (folders["shots"], folders["faces"], folders["soundtrack"])
    if pictures:
        build_scan(folders["film"], *scanned, shots=shots, work=work, tell=tell)
    else:
        build_sound(film, *scanned)
    build_dialogue(folders["film"], folders["soundtrack"], folders["shots"], folders["dialogue"])
    build_scenes(folders["film"], folders["shots"], folders["soundtrack"], folders["dialogue"], folders["scenes"])


def build_sound(film: Film, shots_out: Path, faces_out: Path, soundtrack_out: Path) -> SoundFacts:
    """What a scan writes, of the sound alone: one shot, no picture, no face.

    Raises:
        MediaError: the file cannot be read or has no sound.
    """
    facts = probe_sound(film.video)
    sound = extract_sound(film.video, facts, MAXIMUM_HOURS * 3_600_000, soundtrack_out / "sound.flac", language=film.language)
    write_json(soundtrack_out / "summary.json", asdict(sound))
    duration_ms = sound.duration_ms or facts.declared_duration_ms or 0
    _write_one_shot(film.film_id, duration_ms, facts, shots_out)
    write_text_tracks(film.video, facts, shots_out)
    FACES.write(FACES.empty(), faces_out / "faces.parquet")
    write_json(faces_out / "summary.json", {"n_faces": 0, "n_tracks": 0, "missing": "no picture was read"})
    return sound


def _write_one_shot(film_id: str, duration_ms: int, facts: MediaFacts, out: Path) -> None:
    shot = {"shot_id": f"{film_id}.shot0000", "film_id": film_id, "index": 0, "start_ms": 0, "end_ms": duration_ms}
    SHOTS.write_rows([shot | {"transition": "start", "thumbnail": ""}], out / "shots.parquet")
    PICTURES.write(PICTURES.empty(), out / "pictures.parquet")
    write_json(out / "stream.json", {**asdict(facts), "duration_ms": duration_ms, "fps": facts.declared_fps})
