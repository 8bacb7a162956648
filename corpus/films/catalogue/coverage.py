"""What the films of a catalogue cover, and what is missing: genre, decade, language, culture, emotion, arc, rights.

Counts and minutes come from the entries and from what was measured. Emotion is counted from gold labels where people judged, else from
the curators' arc notes. What is missing is told in sentences that a curator can act on, each with its figure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pandas as pd

from corpus.films.catalogue.entries import Film
from corpus.films.catalogue.reading import load_yaml
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS, ArcShape, GoldStatus, Rights

REGIONS = Path(__file__).with_name("regions.yaml")
GENRES = (
    "action", "adventure", "animation", "comedy", "crime", "documentary", "drama", "fantasy", "horror", "musical", "romance",
    "science fiction", "thriller", "war", "western",
)  # fmt: skip
"""What a collection for emotion is asked to have some of; films may name any other."""
FIRST_DECADE = 1930
"""From here on films speak."""
LEAST_SHARE = 0.05
"""An emotion with less of the judged units is called scarce: of seven, an even share would be 0.14."""
UNKNOWN = "unknown"
MANY = 15
"""Longer lists are cut short."""


@dataclass(frozen=True)
class FilmSize:
    """What was measured of a film: its length, and the lines of its dialogue; each null where it was not measured yet."""

    duration_ms: int | None = None
    n_lines: int | None = None


@dataclass(frozen=True)
class Share:
    """One value of a dimension: how many films have it, and their minutes (of films whose length is known)."""

    name: str
    films: int
    minutes: float
    film_ids: tuple[str, ...]


@dataclass(frozen=True)
class EmotionShare:
    """One emotion: `mass` in judged units (soft votes), its `share` of them (null without any), films it leads in, arc notes of it."""

    emotion: str
    mass: float
    share: float | None
    leads_in: tuple[str, ...]
    notes: int


@dataclass(frozen=True)
class Coverage:
    """What the catalogue covers; `n_judged` counts units with gold or ambiguous votes, `missing` holds sentences."""

    n_films: int
    minutes: float
    n_unmeasured: int
    n_judged: int
    genres: tuple[Share, ...]
    decades: tuple[Share, ...]
    languages: tuple[Share, ...]
    cultures: tuple[Share, ...]
    rights: tuple[Share, ...]
    arcs: tuple[Share, ...]
    emotions: tuple[EmotionShare, ...]
    missing: tuple[str, ...]


def measure_coverage(films: Sequence[Film], sizes: Mapping[str, FilmSize], gold: pd.DataFrame) -> Coverage:
    """Count what the films cover.

    `gold` has GOLD_LABELS with at most one row a unit (see `ml.models.training_set.one_perspective`); rows of films that are not in
    the catalogue are passed over.
    """
    gold = _counted(gold, {film.film_id for film in films})
    lengths = {film.film_id: size.duration_ms for film in films if (size := sizes.get(film.film_id)) and size.duration_ms is not None}
    minutes = {film_id: round(ms / 60_000, 1) for film_id, ms in lengths.items()}

    def by(values: Callable[[Film], Iterable[str]]) -> tuple[Share, ...]:
        return _shares(films, minutes, values)

    found = Coverage(
        n_films=len(films),
        minutes=_sum(minutes.values()),
        n_unmeasured=len(films) - len(minutes),
        n_judged=len(gold),
        genres=by(lambda film: film.genres or (UNKNOWN,)),
        decades=by(lambda film: (decade_of(film),)),
        languages=by(lambda film: (film.language or UNKNOWN,)),
        cultures=by(lambda film: (culture_of(film),)),
        rights=by(lambda film: (film.rights.value,)),
        arcs=by(lambda film: (film.arc.value if film.arc else UNKNOWN,)),
        emotions=_emotions(films, gold),
        missing=(),
    )
    return replace(found, missing=tuple(_missing(found, films, sizes, set(gold["film_id"]))))


def _counted(gold: pd.DataFrame, film_ids: set[str]) -> pd.DataFrame:
    """Units whose votes say something, of these films; a scene only where nothing finer of its film was judged."""
    kept = gold[gold["film_id"].isin(film_ids) & (gold["status"] != GoldStatus.INSUFFICIENT.value)]
    is_scene = kept["unit_id"].str.contains(".scene", regex=False)
    finer = set(kept.loc[~is_scene, "film_id"])
    return kept[~(is_scene & kept["film_id"].isin(finer))]


def _shares(films: Sequence[Film], minutes: Mapping[str, float], values: Callable[[Film], Iterable[str]]) -> tuple[Share, ...]:
    holders: dict[str, list[str]] = defaultdict(list)
    for film in films:
        for value in dict.fromkeys(values(film)):
            holders[value].append(film.film_id)
    shares = [Share(name, len(ids), _sum(minutes.get(i, 0.0) for i in ids), tuple(sorted(ids))) for name, ids in holders.items()]
    return tuple(sorted(shares, key=lambda share: (share.name == UNKNOWN, -share.films, share.name)))


def _sum(minutes: Iterable[float]) -> float:
    return round(sum(minutes, 0.0), 1)


def decade_of(film: Film) -> str:
    """The decade that a film is from, as 1960s, else unknown."""
    return f"{film.year // 10 * 10}s" if film.year is not None else UNKNOWN


def culture_of(film: Film) -> str:
    """The culture that a film speaks from: as its entry says, else the region of its country (UN M49), else unknown."""
    return film.culture or _region_by_country().get((film.country or "").upper(), UNKNOWN)


@cache
def _region_by_country() -> dict[str, str]:
    return {country: region for region, countries in load_yaml(REGIONS).items() for country in countries}


def _emotions(films: Sequence[Film], gold: pd.DataFrame) -> tuple[EmotionShare, ...]:
    mass = gold[list(PROBABILITY_COLUMNS)].sum().to_numpy(dtype=float)
    leads = _leading(gold)
    notes = Counter(note.emotion for film in films for note in film.arc_notes)
    return tuple(
        EmotionShare(
            emotion,
            round(float(mass[n]), 1),
            round(float(mass[n]) / len(gold), 4) if len(gold) else None,
            tuple(film_id for film_id, leader in leads.items() if leader == emotion),
            notes[emotion],
        )
        for n, emotion in enumerate(EMOTIONS)
    )


def _leading(gold: pd.DataFrame) -> dict[str, str]:
    """The emotion with the most votes in each judged film, neutral apart."""
    felt = [(column, emotion) for column, emotion in zip(PROBABILITY_COLUMNS, EMOTIONS, strict=True) if emotion != "neutral"]
    sums = gold.groupby("film_id", sort=True)[[column for column, _ in felt]].sum()
    return {str(film_id): felt[int(row.to_numpy().argmax())][1] for film_id, row in sums.iterrows()}


def _missing(coverage: Coverage, films: Sequence[Film], sizes: Mapping[str, FilmSize], judged: set[str]) -> Iterator[str]:
    if not films:
        yield "no film in the catalogue: `feelm films add FILE`, or `feelm films fetch` for open ones"
        return
    yield from _missing_emotions(coverage, films, judged)
    yield from _missing_decades(coverage.decades)
    yield from _one_sided("genre", coverage.genres, GENRES)
    yield from _one_sided("language", coverage.languages, ())
    yield from _one_sided("culture", coverage.cultures, tuple(load_yaml(REGIONS)))
    yield from _one_sided("arc", coverage.arcs, tuple(ArcShape))
    yield from _missing_facts(films, sizes, judged)


def _missing_emotions(coverage: Coverage, films: Sequence[Film], judged: set[str]) -> Iterator[str]:
    for entry in coverage.emotions:
        where = _where(entry.emotion, films, judged)
        if entry.share is not None and entry.share < LEAST_SHARE:
            yield f"{entry.emotion}: {entry.share:.1%} of {coverage.n_judged} judged units, less than {LEAST_SHARE:.0%}{where}"
        elif entry.share is None and not entry.notes and any(film.arc_notes for film in films):
            yield f"{entry.emotion}: nothing judged, no arc note of it"
    if not coverage.n_judged:
        noted = sum(entry.notes for entry in coverage.emotions)
        yield f"no unit was judged yet, so emotion is only known from {noted} arc notes: `feelm annotations import FILE`"


def _where(emotion: str, films: Sequence[Film], judged: set[str]) -> str:
    """Where to look for more of an emotion: films with an arc note of it, those that nobody judged first."""
    noted = sorted((film.film_id in judged, film.film_id) for film in films if any(note.emotion == emotion for note in film.arc_notes))
    if noted:
        return ": annotate " + _some([film_id for _, film_id in noted]) + ", where an arc note has it"
    return ": no arc note says where there is more"


def _missing_decades(decades: Sequence[Share]) -> Iterator[str]:
    known = sorted(int(share.name[:-1]) for share in decades if share.name != UNKNOWN)
    if not known:
        return
    if known[0] > FIRST_DECADE:
        yield f"decade: no film before {known[0]}"
    gaps = [f"{decade}s" for decade in range(known[0], known[-1], 10) if decade not in known]
    if gaps:
        yield f"decade: no film of the {', '.join(gaps)}"


def _one_sided(what: str, shares: Sequence[Share], wanted: Sequence[str]) -> Iterator[str]:
    """What a dimension lacks: values nobody has, values of one film only, everything of one value."""
    known = [share for share in shares if share.name != UNKNOWN]
    have = {share.name.lower() for share in known}
    absent = [name for name in wanted if name.lower() not in have]
    if len(absent) > MANY and len(known) > 1:
        yield f"{what}: only {', '.join(share.name for share in known)}; none of {len(absent)} others"
    elif absent and known:
        yield f"{what}: no film of {', '.join(absent[:MANY])}" + (f" and {len(absent) - MANY} others" if len(absent) > MANY else "")
    if len(known) == 1 and known[0].films > 1:
        yield f"{what}: all {known[0].films} films are {known[0].name}"
    single = [f"{share.name} ({share.film_ids[0]})" for share in known if share.films == 1]
    if single and len(known) > 1:
        yield f"{what}: one film only for {', '.join(single)}"


def _missing_facts(films: Sequence[Film], sizes: Mapping[str, FilmSize], judged: set[str]) -> Iterator[str]:
    lacking: dict[str, Callable[[Film], bool]] = {
        "of unknown rights, so never trained on": lambda film: film.rights is Rights.UNKNOWN,
        "not here yet (`feelm films fetch ID`)": lambda film: film.waits is not None,
        "without subtitles": lambda film: film.subtitles is None,
        "without a screenplay": lambda film: film.screenplay is None,
        "whose dialogue has no line": lambda film: (sizes.get(film.film_id) or FilmSize()).n_lines == 0,
        "that nobody judged": lambda film: film.film_id not in judged,
        "without a year": lambda film: film.year is None,
        "without a genre": lambda film: not film.genres,
        "without a language": lambda film: film.language is None,
        "without a country or culture": lambda film: culture_of(film) == UNKNOWN,
        "without an arc": lambda film: film.arc is None,
        "without characters": lambda film: not film.characters,
    }
    for words, lacks in lacking.items():
        film_ids = [film.film_id for film in films if lacks(film)]
        if film_ids:
            yield f"{len(film_ids)} of {len(films)} films {words}: {_some(film_ids)}"


def _some(film_ids: Sequence[str]) -> str:
    return ", ".join(film_ids[:3]) + (f" and {len(film_ids) - 3} more" if len(film_ids) > 3 else "")
