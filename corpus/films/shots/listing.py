"""The shots of any film file in one pass, without faces and sound: what `feelm shots` shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corpus.films.media.decode import VideoPass, fitted
from corpus.films.shots.measures import small_picture
from corpus.films.shots.shots import SOURCE_WIDTH, Shot, ShotSetting, shot_detector, shots_between


@dataclass(frozen=True)
class FilmShots:
    """A film's shots; `damage` dates what could not be decoded, in words; `checksums` says whether the container vouches for the rest."""

    setting: ShotSetting
    duration_ms: int
    fps: float
    shots: tuple[Shot, ...]
    damage: tuple[str, ...]
    checksums: bool


def list_shots(media: Path, setting: ShotSetting = ShotSetting.BEST) -> FilmShots:
    """Decode a film once and find its shots.

    Raises:
        MediaError: the film cannot be used.
        WeightError: the best setting's network is not there; the message says how to fetch it.
    """
    detector = shot_detector(setting)
    video = VideoPass(media)
    size = fitted(video.facts, SOURCE_WIDTH)
    for frame in video:
        detector.push(frame.t_ms, small_picture(frame.rgb(*size)))
    stream = video.summary()
    shots = shots_between(detector.finish(), stream.duration_ms)
    return FilmShots(setting, stream.duration_ms, stream.fps, tuple(shots), tuple(map(str, stream.damage)), stream.checksums)
