"""The training set's card (a datasheet) with the tables that may leave the team, and their description for programs.

The tables hold units and gold labels. Words are in them only for films whose rights allow export; a public corpus's words are to be had
from its publisher, by the unit's id.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.contracts import ANNOTATIONS, TRAINING_UNITS, UNITS, TableSchema
from corpus.films.catalogue.rights import Use, refusal
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS, MODALITIES, PROBABILITY_COLUMNS, FaceNetwork, GoldStatus, TextEncoder
from ml.models.grounds import Ground, GroundKind, read_grounds
from ml.models.training_set import FILMS, Manifest
from pages.cards.croissant import DescribedTable, Description, write_croissant
from pages.cards.document import Card, CardTable, Section, number, write_card
from pages.cards.sources import LICENCE_ADDRESSES, SourceSet, hub_licences, languages, source_sets, sources_table
from pages.render import percent, plural
from pages.rights import RIGHTS
from pages.stored import raters_agreement

if TYPE_CHECKING:
    import pandas as pd

NAME = "feelm-training-set"

_BROUGHT = ("source", "group_id", "licence", "declared_use", *(f"has_{name}" for name in MODALITIES))
_JUDGED = ("unit_id", "status", "label", *PROBABILITY_COLUMNS, "intensity")
_COLUMNS = {column.name: column for column in TRAINING_UNITS.columns}

CARD_UNITS = TableSchema("card_units", (*UNITS.columns, *(_COLUMNS[name] for name in _BROUGHT)), key=("unit_id",))
CARD_GOLD = TableSchema("card_gold", tuple(_COLUMNS[name] for name in _JUDGED), key=("unit_id",))

TABLES = (
    DescribedTable("units.parquet", CARD_UNITS, "One row a unit: a line, scene or span of a film, or a line of a corpus."),
    DescribedTable(
        "gold.parquet", CARD_GOLD, "One row a unit that was judged: its soft label over all emotions and how far it is trusted."
    ),
)

MOTIVATION = (
    "It was made by the team that runs Feelm, to teach models which emotions films portray and to test them on films they never saw."
)
COLLECTION = (
    "Films were brought by the team, which states their rights; public corpora were added from where their publishers give them. Units "
    "of a film are its subtitles' lines and its scenes, labels are the votes of its raters; a corpus brings both."
)
USES = (
    "Training and testing models of portrayed emotion, split by group so that no film stands on both sides.",
    "Studying how far raters agree on emotion in films.",
)
MISUSES = (
    "No label says what an actor or any person felt; none may be used to judge a person.",
    "Recognising emotions of persons at a workplace or in education is prohibited by the EU AI Act, Article 5(1)(f).",
    "Words that are not in the tables may not be put back by those who have no right to the film or corpus.",
)
PREPROCESSING = (
    "Subtitles are placed by the sound and cleared of markup; speakers come from the screenplay where there is one; scenes are found by "
    "headings, picture, sound and dialogue. A judgement counts for a unit when it covers half of it or lies within it.",
    "Gold is the smoothed, reliability-weighted vote share over all emotions; raters who guess, copy or answer too fast are set aside.",
    "Films with the same video, series or nearly the same dialogue share a group.",
)


@dataclass(frozen=True)
class Judging:
    """How raters judged: tools, what they saw, alpha by dimension, human ceiling; empty where only corpora are labelled."""

    tools: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    perspectives: tuple[str, ...] = ()
    latest: str | None = None
    n_judgements: int = 0
    n_raters: int = 0
    n_flagged: int = 0
    alpha: Mapping[str, float] = dataclasses.field(default_factory=dict)
    alpha_unflagged: Mapping[str, float] = dataclasses.field(default_factory=dict)
    ceiling: float | None = None


@dataclass(frozen=True)
class DatasetCard:
    """Everything the card is written from. `withheld` says by film or corpus why its words are not in the tables."""

    version: str
    grounds: tuple[Ground, ...]
    sources: tuple[SourceSet, ...]
    units: Mapping[str, int]
    labels: Mapping[str, int]
    statuses: Mapping[str, int]
    with_modality: Mapping[str, int]
    judging: Judging
    withheld: Mapping[str, str]
    left_out: Mapping[str, str]
    n_groups: int


@dataclass(frozen=True)
class DatasetCardSummary:
    """What was written: rows of both tables, and films and corpora whose words were kept back."""

    n_units: int
    n_judged: int
    n_with_words: int
    withheld: dict[str, str]


def build_dataset_card(home: Home, version: str, export_rights: Collection[str], out: Path) -> DatasetCardSummary:
    """Write units.parquet, gold.parquet, croissant.json, README.md, card.html and summary.json into `out`.

    `version` is the training set's content version, `export_rights` the rights under which a film's words may leave.

    Raises:
        FeelmError: there is no training set, or the description is not valid.
    """
    folder = home.artifact("training_set")
    manifest = Manifest.read(folder)
    rows: pd.DataFrame = TRAINING_UNITS.read(folder / "manifest.parquet")
    every = read_grounds(home, manifest, TextEncoder.MINILM.value, FaceNetwork.SMALL.value)
    grounds = [ground for ground in every if ground.kind is not GroundKind.WEIGHT]
    withheld = words_withheld(grounds, export_rights)
    units = CARD_UNITS.write(_without_words(rows, withheld)[CARD_UNITS.names], out / TABLES[0].file)
    gold = CARD_GOLD.write(rows.loc[rows["status"].notna(), CARD_GOLD.names], out / TABLES[1].file)
    card = _card(version, manifest, rows, grounds, read_judging(home), withheld)
    write_croissant(description(card), out)
    write_card(dataset_card(card), out)
    summary = DatasetCardSummary(len(units), len(gold), int(units["text"].notna().sum()), dict(withheld))
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def words_withheld(grounds: Sequence[Ground], export_rights: Collection[str]) -> dict[str, str]:
    """Films and corpora whose words stay out of the tables, and why."""
    told: dict[str, str] = {}
    for ground in grounds:
        if ground.kind is GroundKind.CORPUS:
            told[ground.name] = "a public corpus: its words are to be had from its publisher, by the unit's id"
        elif reason := refusal(Use.EXPORT, ground.name, ground.about, ground.licence, export_rights):
            told[ground.name] = reason
    return told


def _without_words(rows: pd.DataFrame, withheld: Collection[str]) -> pd.DataFrame:
    named = rows["film_id"].where(rows["source"] == FILMS, rows["source"])
    return rows.assign(text=rows["text"].mask(named.isin(list(withheld))))


def _card(
    version: str, manifest: Manifest, rows: pd.DataFrame, grounds: Sequence[Ground], judging: Judging, withheld: Mapping[str, str]
) -> DatasetCard:
    gold = rows[rows["status"] == GoldStatus.GOLD.value]
    return DatasetCard(
        version=version,
        grounds=tuple(grounds),
        sources=tuple(source_sets(grounds, rows)),
        units=_counts(rows["level"]),
        labels=_counts(gold["label"]),
        statuses=_counts(rows["status"].fillna("judged by nobody")),
        with_modality={name: int(rows[f"has_{name}"].sum()) for name in MODALITIES},
        judging=judging,
        withheld=withheld,
        left_out=manifest.left_out,
        n_groups=int(rows["group_id"].nunique()),
    )


def _counts(series: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in series.value_counts().sort_index().items()}


def read_judging(home: Home) -> Judging:
    """How the films' raters judged; all empty where nobody did."""
    told = raters_agreement(home)
    path = home.artifact("annotations") / "annotations.parquet"
    if not told or not path.is_file():
        return Judging()
    rows = ANNOTATIONS.read(path)
    days = [str(day)[:10] for column in ("updated_at", "created_at") for day in rows[column].dropna()]
    return Judging(
        tools=_named(rows["source_tool"]),
        seen=_named(rows["modality_seen"]),
        perspectives=_named(rows["perspective"]),
        latest=max(days, default=None),
        n_judgements=int(told["n_judgements"]),
        n_raters=int(told["n_raters"]),
        n_flagged=len(told["flagged"]),
        alpha=_known(told["alpha"]),
        alpha_unflagged=_known(told.get("alpha_unflagged", {})),
        ceiling=told.get("human_ceiling"),
    )


def _named(series: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(set(map(str, series.dropna()))))


def _known(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items() if value is not None}


def dataset_card(card: DatasetCard) -> Card:
    """The datasheet's front matter and sections."""
    return Card(
        front=_front(card),
        title=f"{NAME} {card.version[:12]}",
        lead=_about(card),
        sections=(
            Section("Motivation", (MOTIVATION,)),
            _composition(card),
            Section("Collection", (COLLECTION,), tables=(sources_table(card.sources),)),
            _raters(card.judging),
            Section("Preprocessing", bullets=PREPROCESSING),
            Section("Biases", (_biases(card),)),
            Section("Uses", bullets=(*USES, *MISUSES)),
            _licences(card),
            _left_out(card),
        ),
    )


def _front(card: DatasetCard) -> Mapping[str, object]:
    n = sum(card.units.values())
    size = "n<1K" if n < 1000 else "1K<n<10K" if n < 10_000 else "10K<n<100K" if n < 100_000 else "100K<n<1M"
    return {
        "pretty_name": "Feelm training set",
        "license": hub_licences(card.grounds) or ["other"],
        "language": languages(card.grounds) or ["und"],
        "task_categories": ["text-classification", "video-classification"],
        "tags": ["emotion-recognition", "films", "soft-labels"],
        "size_categories": [size],
        "configs": [{"config_name": Path(table.file).stem, "data_files": table.file} for table in TABLES],
    }


def _about(card: DatasetCard) -> str:
    films = sum(ground.kind is GroundKind.FILM for ground in card.grounds)
    corpora = sum(ground.kind is GroundKind.CORPUS for ground in card.grounds)
    gold = card.statuses.get(GoldStatus.GOLD.value, 0)
    what = " and ".join(
        words for count, words in ((films, plural(films, "film")), (corpora, plural(corpora, "public corpus", "public corpora"))) if count
    )
    return f"{plural(sum(card.units.values()), 'unit')} of {what} with emotions as soft labels; {gold:,} of them have a gold label."


def _composition(card: DatasetCard) -> Section:
    rows = [(f"units: {name}", count) for name, count in card.units.items()]
    rows += [(f"gold status: {name}", count) for name, count in card.statuses.items()]
    rows += [(f"gold label: {name}", card.labels.get(name, 0)) for name in EMOTIONS]
    rows += [(f"with features of {name}", count) for name, count in card.with_modality.items()]
    rows += [("groups that no split may part", card.n_groups)]
    counted = CardTable(("What", "How many"), tuple((name, f"{count:,}") for name, count in rows))
    files = CardTable(("File", "A row is"), tuple((table.file, table.about) for table in TABLES))
    said = "No picture and no sound is inside. croissant.json describes both tables, field by field, for programs."
    return Section("Composition", (said,), tables=(counted, files))


def _raters(judging: Judging) -> Section:
    if not judging.n_judgements:
        return Section("Raters and agreement", ("Labels are those of the corpora; single raters are not known.",))
    ceiling = "" if judging.ceiling is None else f" One rater gives what most others give in {percent(judging.ceiling)} of the units."
    said = (
        f"{plural(judging.n_judgements, 'judgement')} by {plural(judging.n_raters, 'rater')} under pseudonyms; {judging.n_flagged} set "
        f"aside.{ceiling} Asked for: {', '.join(judging.perspectives)} emotion. Raters had: {_seen(judging.seen)}. "
        f"Tools: {', '.join(judging.tools)}."
    )
    rows = [(name, f"{alpha:.2f}", number(judging.alpha_unflagged.get(name), 2)) for name, alpha in sorted(judging.alpha.items())]
    return Section(
        "Raters and agreement", (said,), tables=(CardTable(("Krippendorff's alpha", "All", "Without those set aside"), tuple(rows)),)
    )


def _seen(modalities: Sequence[str]) -> str:
    """`avt` in words."""
    words = {"a": "sound", "v": "picture", "t": "words"}
    return "; ".join(" and ".join(words[mark] for mark in seen) for seen in modalities) or "not told"


def _biases(card: DatasetCard) -> str:
    most = sorted(card.labels.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{name} {percent(count / sum(card.labels.values()))}" for name, count in most) or "no gold label"
    spoken = ", ".join(languages(card.grounds)) or "unknown"
    made = " All films were made by Feelm itself, with drawn faces and synthetic voices." if _all_made(card) else ""
    return (
        f"Emotions are portrayed by actors and named by few raters of one team. Gold labels: {shares}. Languages: {spoken}. Groups of "
        f"persons (sex, age, skin, culture) were not balanced.{made}"
    )


def _all_made(card: DatasetCard) -> bool:
    return bool(card.grounds) and all(ground.name.startswith("made-") for ground in card.grounds)


def _licences(card: DatasetCard) -> Section:
    said = "Each row carries its licence and declared use. Whoever uses the whole is bound by the narrowest."
    kept = tuple(f"Words withheld: {name}: {reason}" for name, reason in card.withheld.items())
    return Section("Licences and distribution", (said,), kept or ("No words are withheld.",))


def _left_out(card: DatasetCard) -> Section:
    reasons = tuple(f"{name}: {reason}" for name, reason in card.left_out.items())
    return Section("Left out, and why", () if reasons else ("Nothing was left out.",), reasons)


def description(card: DatasetCard) -> Description:
    """What croissant.json says."""
    return Description(
        name=NAME,
        about=_about(card),
        version=f"1.0.0+{card.version[:12]}",
        address=f"urn:feelm:training-set:{card.version}",
        licences=sorted({LICENCE_ADDRESSES.get(ground.licence) or RIGHTS.get(ground.licence, ground.licence) for ground in card.grounds}),
        citation="; ".join(sorted({ground.credit for ground in card.grounds if ground.credit})) or "Feelm training set",
        published=card.judging.latest,
        collection=COLLECTION,
        biases=_biases(card),
        protocol=" ".join(PREPROCESSING),
        limits=MISUSES,
        uses=USES,
        platforms=card.judging.tools or ("as published with each corpus",),
        tables=TABLES,
    )
