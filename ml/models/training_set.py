"""The training set: a manifest of every unit that may teach, one row each, and the versions of what it rests on.

Films come in with their gold labels, public corpora with theirs; a film whose rights do not allow training, that nobody labelled or
whose units are not there yet is left out, and the manifest says why. Arrays are not copied: `ml.models.dataset` reads them through
the same `Home`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.contracts import GOLD_LABELS, TRAINING_UNITS, UNIT_FEATURES, UNITS
from corpus.dialogue.duplicates import Twins, find_twins, fingerprint
from corpus.films.catalogue import rights
from corpus.paths import Home, content_version, write_json
from corpus.terms import LEVELS, MODALITIES, PERSPECTIVES, PROBABILITY_COLUMNS, DeclaredUse, FeelmError, GoldStatus, UnitLevel

if TYPE_CHECKING:
    import pandas as pd

FILMS = "film"
"""The source of units that come from films of the catalogue."""

NOTHING_TO_LEARN_FROM = "it brings neither words nor recordings, or their features could not be made"

GOLD_COLUMNS = ("status", "label", *PROBABILITY_COLUMNS, *LEVELS)


@dataclass(frozen=True)
class TrainingSetSummary:
    """What the training set holds; `units_by_source` and `gold_by_source` count rows, `label_counts` gold units by emotion.

    `left_out` says by film or corpus why it cannot teach; `twins` maps a film to the one that says the same and stays with it in every
    split.
    """

    n_units: int
    n_gold: int
    n_films: int
    n_groups: int
    units_by_source: dict[str, int]
    gold_by_source: dict[str, int]
    label_counts: dict[str, int]
    with_modality: dict[str, int]
    left_out: dict[str, str]
    twins: dict[str, str]
    missing: str | None = None


@dataclass(frozen=True)
class FilmFacts:
    """What the training set must know of a film: where it belongs and what may be done with it."""

    film_id: str
    title: str
    series: str | None
    video_sha256: str | None
    rights: str
    declared_use: str


@dataclass(frozen=True)
class Manifest:
    """`manifest.json`: data behind the rows. `films` and `corpora` map a name to its artifacts' content versions."""

    films: dict[str, dict[str, str]]
    corpora: dict[str, dict[str, str]]
    gold_version: str | None
    licences: dict[str, str]
    declared_uses: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, training_set: Path) -> Manifest:
        """Read the manifest of a training set's folder."""
        path = training_set / "manifest.json"
        if not path.is_file():
            raise FeelmError(f"no training set at {training_set}: run the stage training_set (feelm run)")
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def build_training_set(
    home: Home, film_ids: list[str], corpora: list[str], allowed_rights: frozenset[str], out: Path
) -> TrainingSetSummary:
    """Write manifest.parquet (TRAINING_UNITS), manifest.json and summary.json into `out`.

    `allowed_rights` are the rights (see `corpus.terms.Rights`) under which a film may train a model.

    Raises:
        FeelmError: nothing is left to train on, or a corpus was not imported.
    """
    import pandas as pd

    gold = _read_gold(home)
    left_out: dict[str, str] = {}
    facts = {film_id: _film_facts(home, film_id, left_out) for film_id in sorted(film_ids)}
    kept = {
        film_id: fact for film_id, fact in facts.items() if fact is not None and not _refuse(home, fact, allowed_rights, gold, left_out)
    }
    groups = _groups(list(kept.values()))
    tables = [_film_rows(home, fact, groups[film_id], gold) for film_id, fact in kept.items()]
    brought = {name: _corpus_rows(home, name) for name in sorted(corpora)}
    left_out |= {name: NOTHING_TO_LEARN_FROM for name, rows in brought.items() if not _has_any(rows)}
    brought = {name: rows for name, rows in brought.items() if _has_any(rows)}
    tables += brought.values()
    if not tables:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "no film and no corpus was added"
        raise FeelmError(f"nothing to train on ({reasons})")
    together = pd.concat(tables, ignore_index=True)
    twins = _twins(together)
    rows = TRAINING_UNITS.write(_tie_twins(together, twins), out / "manifest.parquet")
    manifest = Manifest(
        films={film_id: _film_versions(home, film_id) for film_id in kept},
        corpora={name: _corpus_versions(home, name) for name in brought},
        gold_version=_version(home.artifact("gold_labels")),
        licences={**{i: fact.rights for i, fact in kept.items()}, **_stated(brought, "licence")},
        declared_uses={**{i: fact.declared_use for i, fact in kept.items()}, **_stated(brought, "declared_use")},
        left_out=left_out,
    )
    write_json(out / "manifest.json", dataclasses.asdict(manifest))
    summary = _summary(rows, left_out, twins)
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def one_perspective(gold: pd.DataFrame) -> pd.DataFrame:
    """One gold row a unit: the first perspective of `corpus.terms.PERSPECTIVES` that was judged."""
    rank = gold["perspective"].map({name: i for i, name in enumerate(PERSPECTIVES)})
    return gold.assign(rank=rank).sort_values(["unit_id", "rank"]).drop_duplicates("unit_id").drop(columns="rank")


def _read_gold(home: Home) -> pd.DataFrame:
    """Gold of units whose emotion somebody's vote counts for; others have no soft label to teach."""
    path = home.artifact("gold_labels") / "gold.parquet"
    gold = GOLD_LABELS.read(path) if path.is_file() else GOLD_LABELS.empty()
    return one_perspective(gold[gold["n_raters"] > 0])


def _film_facts(home: Home, film_id: str, left_out: dict[str, str]) -> FilmFacts | None:
    path = home.artifact("film", film_id) / "film.json"
    if not path.is_file():
        left_out[film_id] = "not scanned yet: run its film stages (feelm run)"
        return None
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    sources: dict[str, Any] = raw.get("sources", {})
    return FilmFacts(
        film_id=film_id,
        title=raw.get("title", film_id),
        series=raw.get("series"),
        video_sha256=(sources.get("video") or {}).get("sha256"),
        rights=raw["rights"],
        declared_use=raw.get("declared_use", DeclaredUse.RESEARCH.value),
    )


def _refuse(home: Home, fact: FilmFacts, allowed: frozenset[str], gold: pd.DataFrame, left_out: dict[str, str]) -> bool:
    """Note why a film cannot teach, if so."""
    reason = rights.refusal(rights.Use.TRAIN, fact.film_id, fact.title, fact.rights, allowed)
    if reason is None and not (home.artifact("scenes", fact.film_id) / "units.parquet").is_file():
        reason = "its units are not there: run its stage scenes (feelm run)"
    if reason is None and not (gold["film_id"] == fact.film_id).any():
        reason = "nobody has labelled it"
    if reason is not None:
        left_out[fact.film_id] = reason
    return reason is not None


def _groups(films: list[FilmFacts]) -> dict[str, str]:
    """The group of each film: its series, else its id; films with one and the same video are tied together."""
    group = {film.film_id: film.series or film.film_id for film in films}
    by_video: dict[str, str] = {}
    for film in films:
        if film.video_sha256 is not None:
            group = _tied(group, film.film_id, by_video.setdefault(film.video_sha256, film.film_id))
    return group


def _tied(group: dict[str, str], first: str, second: str) -> dict[str, str]:
    """The groups of two films made one."""
    own, other = group[first], group[second]
    return {film_id: other if name == own else name for film_id, name in group.items()}


def _twins(rows: pd.DataFrame) -> list[Twins]:
    """Films with near-equal dialogue, whether catalogue or corpus brought them."""
    lines = rows[(rows["level"] != UnitLevel.SCENE.value) & rows["text"].notna()]
    return find_twins({film_id: fingerprint(texts) for film_id, texts in lines.groupby("film_id", sort=True)["text"]})


def _tie_twins(rows: pd.DataFrame, twins: list[Twins]) -> pd.DataFrame:
    group = dict(zip(rows["film_id"], rows["group_id"], strict=True))
    for pair in twins:
        group = _tied(group, pair.second, pair.first)
    return rows.assign(group_id=rows["film_id"].map(group))


def _film_rows(home: Home, fact: FilmFacts, group: str, gold: pd.DataFrame) -> pd.DataFrame:
    units = UNITS.read(home.artifact("scenes", fact.film_id) / "units.parquet")
    units = units.sort_values(["level", "position", "unit_id"])
    units = _finest_gold(units.merge(gold[["unit_id", *GOLD_COLUMNS]], on="unit_id", how="left"))
    for modality in MODALITIES:
        units[f"has_{modality}"] = _present(units["unit_id"], home.artifact(f"{modality}_features", fact.film_id))
    return units.assign(source=FILMS, group_id=group, licence=fact.rights, declared_use=fact.declared_use)


def _finest_gold(units: pd.DataFrame) -> pd.DataFrame:
    """Gold at one level only: a scene's label, made of its lines' judgements, would count them a second time."""
    is_scene = units["level"] == UnitLevel.SCENE.value
    if units.loc[~is_scene, "status"].notna().any():
        units.loc[is_scene, list(GOLD_COLUMNS)] = None
    return units


def _corpus_facts(home: Home, name: str) -> dict[str, Any]:
    path = home.corpus(name) / "summary.json"
    if not path.is_file():
        raise FeelmError(f"the corpus {name} is not imported: run its stage (feelm run), or add it with `feelm corpus add {name} PATH`")
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def _corpus_rows(home: Home, name: str) -> pd.DataFrame:
    """A corpus's rows; the group is the work that its film is where the corpus names one, as two corpora may hold the same episode."""
    folder, facts = home.corpus(name), _corpus_facts(home, name)
    units = UNITS.read(folder / "units.parquet").sort_values(["film_id", "position", "unit_id"])
    gold = one_perspective(GOLD_LABELS.read(folder / "gold.parquet"))
    units = units.merge(gold[["unit_id", *GOLD_COLUMNS]], on="unit_id", how="left")
    for modality in MODALITIES:
        units[f"has_{modality}"] = _present(units["unit_id"], home.corpus(f"{name}-{modality}"))
    works: dict[str, str] = facts.get("groups", {})
    group = [works.get(film_id, film_id) for film_id in units["film_id"]]
    return units.assign(source=name, group_id=group, licence=facts["licence"], declared_use=facts["declared_use"])


def _has_any(rows: pd.DataFrame) -> bool:
    """Whether there is a unit that a network could look at."""
    return bool(rows[[f"has_{modality}" for modality in MODALITIES]].any(axis=None))


def _stated(brought: dict[str, pd.DataFrame], column: str) -> dict[str, str]:
    """What each corpus says of itself in `column`, the same in all of its rows."""
    return {name: str(rows[column].iloc[0]) for name, rows in brought.items()}


def _present(unit_ids: pd.Series, folder: Path) -> pd.Series:
    import pandas as pd

    path = folder / "features.parquet"
    if not path.is_file():
        return pd.Series(False, index=unit_ids.index)
    features = UNIT_FEATURES.read(path)
    return unit_ids.isin(features.loc[features["present"], "unit_id"])


def _film_versions(home: Home, film_id: str) -> dict[str, str]:
    names = ("film", "scenes", *(f"{modality}_features" for modality in MODALITIES))
    return _versions({name: home.artifact(name, film_id) for name in names})


def _corpus_versions(home: Home, name: str) -> dict[str, str]:
    return _versions({part: home.corpus(part) for part in (name, *(f"{name}-{modality}" for modality in MODALITIES))})


def _versions(folders: dict[str, Path]) -> dict[str, str]:
    versions = {name: _version(folder) for name, folder in folders.items()}
    return {name: version for name, version in versions.items() if version is not None}


def _version(folder: Path) -> str | None:
    return content_version(folder) if folder.exists() else None


def _summary(rows: pd.DataFrame, left_out: dict[str, str], twins: list[Twins]) -> TrainingSetSummary:
    gold = rows[rows["status"] == GoldStatus.GOLD.value]
    return TrainingSetSummary(
        n_units=len(rows),
        n_gold=len(gold),
        n_films=int(rows["film_id"].nunique()),
        n_groups=int(rows["group_id"].nunique()),
        units_by_source=_counts(rows["source"]),
        gold_by_source=_counts(gold["source"]),
        label_counts=_counts(gold["label"]),
        with_modality={modality: int(rows[f"has_{modality}"].sum()) for modality in MODALITIES},
        left_out=left_out,
        twins={pair.second: pair.first for pair in twins},
        missing=None if len(gold) else "no unit has a gold label",
    )


def _counts(series: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in series.value_counts().sort_index().items()}
