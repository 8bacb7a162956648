from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from corpus.contracts import GOLD_LABELS
from corpus.films.catalogue.coverage import Coverage, FilmSize, culture_of, measure_coverage
from corpus.films.catalogue.entries import ArcNote, Character, Film
from corpus.films.catalogue.sources import Source
from corpus.terms import EMOTIONS, ArcShape, Rights


def _film(film_id: str, **facts: object) -> Film:
    return replace(Film(film_id, film_id.title(), Path(f"/films/{film_id}.mkv")), **facts)  # type: ignore[arg-type]


def _gold(film_id: str, *labels: str, status: str = "gold", unit: str = "u") -> pd.DataFrame:
    rows = [
        {
            "unit_id": f"{film_id}.{unit}{n:05}",
            "film_id": film_id,
            "perspective": "portrayed",
            "status": status,
            "label": label if status == "gold" else None,
            **{f"p_{emotion}": float(emotion == label) for emotion in EMOTIONS},
            "n_raters": 3,
            "top_share": 1.0,
            "entropy_bits": 0.0,
        }
        for n, label in enumerate(labels)
    ]
    return GOLD_LABELS.frame(rows)


NONE = GOLD_LABELS.empty()
OLD = _film("old", year=1968, country="US", language="en", genres=("horror", "drama"), rights=Rights.PUBLIC_DOMAIN, arc=ArcShape.TRAGEDY)
NEW = _film("new", year=2019, country="FR", language="fr", genres=("drama",), rights=Rights.CC_BY)


def _said(coverage: Coverage, about: str) -> list[str]:
    return [sentence for sentence in coverage.missing if about in sentence]


def test_films_and_minutes_are_counted_by_every_dimension() -> None:
    found = measure_coverage([OLD, NEW], {"old": FilmSize(90 * 60_000), "new": FilmSize(30 * 60_000)}, NONE)
    assert (found.n_films, found.minutes, found.n_unmeasured) == (2, 120.0, 0)
    assert [(s.name, s.films, s.minutes) for s in found.genres] == [("drama", 2, 120.0), ("horror", 1, 90.0)]
    assert {s.name: s.film_ids for s in found.decades} == {"1960s": ("old",), "2010s": ("new",)}
    assert {s.name for s in found.languages} == {"en", "fr"}
    assert {s.name for s in found.cultures} == {"Northern America", "Western Europe"}
    assert {s.name for s in found.rights} == {"public_domain", "cc_by"}
    assert [(s.name, s.films) for s in found.arcs] == [("tragedy", 1), ("unknown", 1)]


def test_a_film_of_unknown_length_is_counted_and_told() -> None:
    found = measure_coverage([OLD, NEW], {"old": FilmSize(60_000), "new": FilmSize(None)}, NONE)
    assert (found.minutes, found.n_unmeasured) == (1.0, 1)


@pytest.mark.parametrize(
    ("facts", "culture"),
    [
        ({"country": "US"}, "Northern America"),
        ({"country": "no"}, "Northern Europe"),
        ({"country": "NO", "culture": "Sámi"}, "Sámi"),
        ({"country": "??"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_culture_is_what_the_entry_says_else_the_region_of_the_country(facts: dict[str, str], culture: str) -> None:
    assert culture_of(_film("a", **facts)) == culture


def test_emotion_is_the_soft_mass_of_gold_and_leads_where_it_is_most_beside_neutral() -> None:
    gold = pd.concat(
        [
            _gold("old", *["neutral"] * 10, *["fear"] * 4, *["joy"] * 2),
            _gold("new", "joy", status="insufficient"),
            _gold("gone", *["disgust"] * 9),
        ]
    )
    found = measure_coverage([OLD, NEW], {}, gold)
    by_name = {entry.emotion: entry for entry in found.emotions}
    assert found.n_judged == 16
    assert (by_name["fear"].mass, by_name["fear"].share, by_name["fear"].leads_in) == (4.0, 0.25, ("old",))
    assert (by_name["disgust"].mass, by_name["joy"].leads_in) == (0.0, ())
    assert _said(found, "disgust: 0.0% of 16 judged units")


def test_a_scene_made_of_judged_lines_is_not_counted_again() -> None:
    gold = pd.concat([_gold("old", "fear"), _gold("old", "joy", unit="scene"), _gold("new", "joy", unit="scene")])
    assert measure_coverage([OLD, NEW], {}, gold).n_judged == 2


def test_a_scarce_emotion_points_to_the_films_where_a_curator_noted_it_unjudged_ones_first() -> None:
    noted = [replace(film, arc_notes=(ArcNote("disgust", "the cellar", at=0.8),)) for film in (OLD, NEW)]
    found = measure_coverage(noted, {}, _gold("old", *["joy"] * 50, "disgust"))
    assert _said(found, "disgust: 2.0% of 51 judged units, less than 5%: annotate new, old, where an arc note has it")


def test_without_judgements_emotion_is_known_from_arc_notes_alone() -> None:
    found = measure_coverage([replace(OLD, arc_notes=(ArcNote("fear", at=0.5), ArcNote("fear", at_s=60.0)))], {}, NONE)
    assert {entry.emotion: entry.notes for entry in found.emotions}["fear"] == 2
    assert _said(found, "only known from 2 arc notes") and _said(found, "disgust: nothing judged")
    assert not _said(found, "fear: ")


def test_what_is_missing_is_told_in_sentences_that_name_films() -> None:
    found = measure_coverage([OLD, NEW], {"old": FilmSize(1, 0)}, NONE)
    for sentence in (
        "decade: no film before 1960",
        "decade: no film of the 1970s, 1980s, 1990s, 2000s",
        "genre: one film only for horror (old)",
        "language: one film only for en (old), fr (new)",
        "culture: only Northern America, Western Europe; none of 18 others",
        "arc: no film of rags_to_riches, man_in_a_hole, icarus, cinderella, oedipus",
        "2 of 2 films without subtitles: old, new",
        "1 of 2 films whose dialogue has no line: old",
        "1 of 2 films without an arc: new",
    ):
        assert sentence in found.missing
    assert any(s.startswith("genre: no film of action, adventure") and "drama" not in s for s in found.missing)


def test_rights_and_films_that_were_never_fetched_are_missing_too() -> None:
    waiting = _film("waiting", sources=(Source("video", "waiting.mkv", url="https://example.org/waiting.mkv"),))
    found = measure_coverage([waiting, OLD], {}, NONE)
    assert _said(found, "1 of 2 films of unknown rights, so never trained on: waiting")
    assert _said(found, "1 of 2 films not here yet")


def test_nothing_is_missing_of_what_is_there() -> None:
    whole = replace(OLD, subtitles=Path("a.srt"), screenplay=Path("a.fountain"), characters=(Character("Ben"),))
    found = measure_coverage([whole], {}, _gold("old", *EMOTIONS))
    assert not any(s.startswith("1 of 1") or s.split(":")[0] in EMOTIONS for s in found.missing)


def test_all_films_of_one_language_is_told() -> None:
    assert "language: all 2 films are en" in measure_coverage([OLD, replace(NEW, language="en")], {}, NONE).missing


def test_an_empty_catalogue_says_how_to_begin() -> None:
    found = measure_coverage([], {}, NONE)
    assert (found.n_films, len(found.missing)) == (0, 1)
    assert "feelm films add" in found.missing[0]
