"""Where picture or sound of a film's scene go another way than the film's own scenes of the same emotion.

Tempo, loudness, brightness, movement and length of shots are taken from what the chain measured; a scene is held against the others that
read alike, in deviations within this film, and told with its times and figures. Nothing is said of what a fearful scene ought to look
like: a film is compared with itself, and the bounds are declared in `advice.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from corpus.contracts import PREDICTIONS, SCENES, UNIT_FEATURES, UNITS
from corpus.paths import Home
from corpus.terms import EMOTIONS, FUSED, PROBABILITY_COLUMNS, FeelmError, UnitLevel
from ml.features.frame import FEATURES_FILE
from ml.features.scene import SCENE_DIMENSIONS
from pages.render import clock
from pages.stored import film_title

if TYPE_CHECKING:
    import pandas as pd

ADVICE_FILE = Path(__file__).parent / "advice.yaml"
MAD_TO_DEVIATION = 1.4826
"""The median distance from the middle is so much smaller than a standard deviation where values are normal."""

_COLUMNS = frozenset(dimension.name for dimension in SCENE_DIMENSIONS)


@dataclass(frozen=True)
class Measure:
    """What scenes are compared by: a column of the scene's features, its unit, digits, the least difference worth a word, and its words."""

    name: str
    unit: str
    digits: int
    least: float
    about: str
    above: str
    below: str
    needs: Mapping[str, float] = field(default_factory=dict)

    def told(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.{self.digits}f} {self.unit}".replace("-", "−")


@dataclass(frozen=True)
class AdviceRules:
    """What `advice.yaml` declares."""

    named: float
    alike: int
    deviations: float
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class SceneCurves:
    """A scene: number from 1, what it reads as with the mean probability (0..1) of that, and its measures by name where they are known."""

    scene_id: str
    number: int
    heading: str | None
    start_ms: int
    end_ms: int
    emotion: str
    probability: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class SceneAdvice:
    """A scene whose `measure` lies `deviations` (signed) from the `usual` of the `others` that read alike.

    `nearer_to` is another emotion whose scenes have this value rather, and `nearer_usual` theirs; `text` says it in words.
    """

    scene_id: str
    number: int
    start_ms: int
    end_ms: int
    emotion: str
    measure: str
    unit: str
    value: float
    usual: float
    others: int
    deviations: float
    nearer_to: str | None
    nearer_usual: float | None
    text: str


@dataclass(frozen=True)
class FilmAdvice:
    """What was found in a film: its scenes, the advice (the farthest from the usual first), and what could not be compared and why.

    `unseen` is the share (0..1) of its lines that were read by a model which had not seen the film.
    """

    film_id: str
    title: str
    scenes: tuple[SceneCurves, ...]
    advice: tuple[SceneAdvice, ...]
    not_compared: tuple[str, ...]
    unseen: float


def advise_film(home: Home, film_id: str) -> FilmAdvice:
    """Advice on a film of the home.

    Raises:
        FeelmError: the film, its scenes, their measures or the model's predictions are not there yet.
    """
    if not (home.artifact("film", film_id) / "film.json").is_file():
        raise FeelmError(f"there is no film {film_id!r} in {home.root}: add it and run the chain (feelm run --film {film_id})")
    rules, predictions = read_advice_rules(), home.artifact("film_report", film_id) / "predictions.parquet"
    said = PREDICTIONS.read(predictions)
    said = said[said["system"] == FUSED]
    if said.empty:
        raise FeelmError(f"no model has read the film {film_id!r} yet: a champion must be there (feelm run --film {film_id})")
    scenes = tuple(_scenes(home, film_id, said, rules))
    advice, not_compared = advise(scenes, rules)
    return FilmAdvice(film_id, film_title(home, film_id), scenes, advice, not_compared, round(float((said["fold"] >= 0).mean()), 3))


def advise(scenes: Sequence[SceneCurves], rules: AdviceRules) -> tuple[tuple[SceneAdvice, ...], tuple[str, ...]]:
    """The scenes that go another way than those that read alike, and what could not be compared."""
    found = [one for measure in rules.measures for one in _of_measure(scenes, measure, rules)]
    return tuple(sorted(found, key=lambda one: -abs(one.deviations))), tuple(_not_compared(scenes, rules))


def _of_measure(scenes: Sequence[SceneCurves], measure: Measure, rules: AdviceRules) -> Iterator[SceneAdvice]:
    known = [scene for scene in scenes if measure.name in scene.values]
    deviation = _deviation(known, measure)
    for scene in known:
        usual = {emotion: _usual(known, measure, emotion, scene) for emotion in EMOTIONS}
        own, others = usual[scene.emotion]
        value = scene.values[measure.name]
        if others >= rules.alike and abs(value - own) >= max(rules.deviations * deviation, measure.least):
            near = _nearest(value, own, {emotion: middle for emotion, (middle, n) in usual.items() if n >= rules.alike})
            yield _advice(scene, measure, own, others, (value - own) / deviation, near)


def _usual(scenes: Sequence[SceneCurves], measure: Measure, emotion: str, but: SceneCurves | None = None) -> tuple[float, int]:
    """The middle value of the scenes of an emotion, and how many they are, one left out."""
    values = [scene.values[measure.name] for scene in scenes if scene.emotion == emotion and scene is not but]
    return (float(np.median(values)) if values else float("nan")), len(values)


def _deviation(scenes: Sequence[SceneCurves], measure: Measure) -> float:
    """How far scenes usually are from the middle one of their emotion; at least the measure's least difference, where all are alike."""
    middles = {emotion: _usual(scenes, measure, emotion)[0] for emotion in {scene.emotion for scene in scenes}}
    apart = [abs(scene.values[measure.name] - middles[scene.emotion]) for scene in scenes]
    return max(MAD_TO_DEVIATION * float(np.median(apart)), measure.least) if apart else measure.least


def _nearest(value: float, own: float, usual: Mapping[str, float]) -> tuple[str, float] | None:
    """The emotion whose scenes are nearest to the value, where they are at most half as far off as the scene's own."""
    near = min(usual, key=lambda emotion: abs(usual[emotion] - value), default=None)
    return (near, usual[near]) if near is not None and abs(usual[near] - value) <= 0.5 * abs(own - value) else None


def _advice(
    scene: SceneCurves, measure: Measure, usual: float, others: int, deviations: float, near: tuple[str, float] | None
) -> SceneAdvice:
    value, above = scene.values[measure.name], deviations > 0
    apart = f"{abs(deviations):.1f} deviations {'above' if above else 'below'}"
    named = f"Scene {scene.number} ({f'{scene.heading}, ' if scene.heading else ''}{clock(scene.start_ms)}–{clock(scene.end_ms)})"
    text = (
        f"{named} reads as {scene.emotion} ({scene.probability:.2f}); {measure.about} {measure.told(value)} where your other {others} "
        f"scenes that read as {scene.emotion} have {measure.told(usual)} ({apart})."
    )
    text += f" That is rather what your scenes of {near[0]} have ({measure.told(near[1])})." if near is not None else ""
    return SceneAdvice(
        scene_id=scene.scene_id,
        number=scene.number,
        start_ms=scene.start_ms,
        end_ms=scene.end_ms,
        emotion=scene.emotion,
        measure=measure.name,
        unit=measure.unit,
        value=round(value, 4),
        usual=round(usual, 4),
        others=others,
        deviations=round(deviations, 2),
        nearer_to=near[0] if near is not None else None,
        nearer_usual=round(near[1], 4) if near is not None else None,
        text=f"{text} To go with them it would take {measure.above if above else measure.below}.",
    )


def _not_compared(scenes: Sequence[SceneCurves], rules: AdviceRules) -> Iterator[str]:
    for emotion in EMOTIONS:
        own = [scene for scene in scenes if scene.emotion == emotion]
        if 0 < len(own) <= rules.alike:
            which = ", ".join(str(scene.number) for scene in own)
            named = f"scene {which} is the only one that reads" if len(own) == 1 else f"scenes {which} are the only ones that read"
            yield f"{named} as {emotion}: {rules.alike} others are needed to compare with"
    for measure in rules.measures:
        missing = [scene for scene in scenes if measure.name not in scene.values]
        if missing:
            numbers = ", ".join(str(scene.number) for scene in missing)
            which = "any scene" if len(missing) == len(scenes) else f"scene{'s' if len(missing) > 1 else ''} {numbers}"
            needs = "".join(f", or {name} is below {least} there" for name, least in measure.needs.items())
            yield f"{measure.name} was not measured in {which}{needs}"


def _scenes(home: Home, film_id: str, said: pd.DataFrame, rules: AdviceRules) -> Iterator[SceneCurves]:
    folder = home.artifact("scenes", film_id)
    units = UNITS.read(folder / "units.parquet").merge(said[["unit_id", *PROBABILITY_COLUMNS]], on="unit_id", how="left")
    units = units.merge(UNIT_FEATURES.read(home.artifact("scene_features", film_id) / FEATURES_FILE), on="unit_id", how="left")
    for number, scene in enumerate(SCENES.read(folder / "scenes.parquet").sort_values("start_ms").to_dict("records"), start=1):
        own = units[units["scene_id"] == scene["scene_id"]]
        probabilities = _read_as(own)
        if probabilities is None:
            continue
        emotion = named_emotion(probabilities, rules.named)
        yield SceneCurves(
            scene_id=str(scene["scene_id"]),
            number=number,
            heading=scene["heading"] if isinstance(scene["heading"], str) else None,
            start_ms=int(scene["start_ms"]),
            end_ms=int(scene["end_ms"]),
            emotion=emotion,
            probability=round(float(probabilities[EMOTIONS.index(emotion)]), 3),
            values=_values(own, rules),
        )


def _finest(own: pd.DataFrame, level: UnitLevel, there: pd.Series) -> pd.DataFrame:
    """The units of a level for which there is something, else those of any other."""
    at_level = own[there & (own["level"] == level)]
    return at_level if len(at_level) else own[there]


def _read_as(own: pd.DataFrame) -> np.ndarray | None:
    """Mean probabilities (7,) of a scene's lines by their length, or of the scene itself where it has none; None where none was read."""
    read = _finest(own, UnitLevel.UTTERANCE, own[PROBABILITY_COLUMNS[0]].notna())
    if read.empty:
        return None
    length = (read["end_ms"] - read["start_ms"]).fillna(1.0).clip(lower=1.0).to_numpy(float)
    mean: np.ndarray = np.average(read[list(PROBABILITY_COLUMNS)].to_numpy(float), axis=0, weights=length)
    return mean


def named_emotion(probabilities: np.ndarray, least: float) -> str:
    """The likeliest emotion (of 7); neutral gives way to another that has at least `least`."""
    best = int(probabilities[1:].argmax()) + 1
    return EMOTIONS[best] if probabilities[best] >= least else EMOTIONS[int(probabilities.argmax())]


def _values(own: pd.DataFrame, rules: AdviceRules) -> dict[str, float]:
    """The scene's measures: those of the scene as a whole, else the mean of its lines'."""
    values: dict[str, float] = {}
    for measure in rules.measures:
        columns = [measure.name, *measure.needs]
        if not set(columns) <= set(own.columns):
            continue
        means = _finest(own, UnitLevel.SCENE, own[measure.name].notna())[columns].mean()
        if means.notna().all() and all(means[name] >= least for name, least in measure.needs.items()):
            values[measure.name] = float(means[measure.name])
    return values


@cache
def read_advice_rules(path: Path = ADVICE_FILE) -> AdviceRules:
    """The declared measures and bounds.

    Raises:
        FeelmError: the file declares something else, or a measure that the chain does not take.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        measures = tuple(_measure(name, one) for name, one in raw["measures"].items())
        return AdviceRules(_positive(raw, "named"), int(_positive(raw, "alike")), _positive(raw, "deviations"), measures)
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise FeelmError(f"{path} declares no rules for advice: {error}") from error


def _measure(name: str, raw: Mapping[str, Any]) -> Measure:
    needs = {str(column): float(least) for column, least in raw.get("needs", {}).items()}
    if unknown := {name, *needs} - _COLUMNS:
        raise ValueError(f"measures: {', '.join(sorted(unknown))} is not measured")
    words = {key: str(raw[key]) for key in ("unit", "about", "above", "below")}
    return Measure(name=name, digits=int(raw["digits"]), least=_positive(raw, "least"), needs=needs, **words)


def _positive(raw: Mapping[str, Any], name: str) -> float:
    value = raw[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{name} must be a number above 0, not {value!r}")
    return float(value)
