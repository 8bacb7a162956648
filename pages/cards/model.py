"""The model's card: which data and weights made it, what it is worth on films it never saw, what it is for and what is forbidden.

All figures are the validation report's own. The front matter follows Hugging Face's conventions with results as `model-index`, so that
hubs and their tools read them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.contracts import TRAINING_UNITS
from corpus.paths import Home, write_json
from corpus.terms import EMOTIONS, FUSED, MODALITIES, ROLES, FaceNetwork, FeelmError
from ml.evaluation.findings import GroupScore
from ml.evaluation.report import CorpusReport, Interval, SystemScore, ValidationReport
from ml.evaluation.robustness.report import ConditionScore, RobustnessReport
from ml.models.grounds import Ground, GroundKind, named, narrower, read_grounds
from ml.models.training_set import Manifest
from pages.cards.document import Card, CardTable, Section, number, write_card
from pages.cards.sources import SourceSet, languages, source_sets, sources_table, weights_table
from pages.findings import points
from pages.render import percent, plural
from pages.robustness import better_without, fused_change, in_words, worst
from pages.stored import raters_agreement
from pages.systems import ROLE_NAMES, fused, human, ordered, system_name

if TYPE_CHECKING:
    import pandas as pd

GROUNDS_FILE = "grounds.json"
NAME = "feelm-emotion"

INTENDED = (
    "Reading what is portrayed in films, clips, recordings and dialogue: curation, search, annotation and research on stories.",
    "Helping a writer, a game or an application to answer people's words fittingly, where they know that a machine reads them.",
    "With a person who looks at what matters: confidence stands beside every answer, and below 0.4 the service says “uncertain”.",
)
FORBIDDEN = (
    "Inferring emotions of persons at a workplace or in education from face or voice: prohibited by the EU AI Act, Article 5(1)(f), except "
    "for medical or safety reasons.",
    "Deciding about a person: employment, credit, insurance, migration, law enforcement, care. Nothing here was validated for that.",
    "Telling what somebody really feels, whether somebody lies, or a diagnosis: it sees what is shown, as raters of films named it.",
    "Watching persons who were not told: the EU AI Act, Article 50(3), asks that those exposed to emotion recognition be informed.",
)
GROUPS = "Groups are as films and characters were declared, never inferred. False distress: what is neither fear nor sadness, taken for it."
NO_GROUPS = "It was not measured by group of persons (sex, age, skin, culture): how well it reads each of them is unknown."
PROMISE = "It recognises and responds; it never feels."


@dataclass(frozen=True)
class Origin:
    """What made a model: content version of its training set, digest of the code, seed; `modalities` that it has networks for."""

    data_version: str
    code: str
    seed: int
    declared_use: str
    modalities: tuple[str, ...]


@dataclass(frozen=True)
class ModelCard:
    """Everything the card is written from; `alpha_unflagged` is the raters' agreement on the category without those set aside."""

    report: ValidationReport
    origin: Origin
    grounds: tuple[Ground, ...]
    sources: tuple[SourceSet, ...]
    alpha_unflagged: float | None = None


@dataclass(frozen=True)
class ModelCardSummary:
    """What the card tells at a glance."""

    model_version: str
    declared_use: str
    narrowed_by: list[str]
    accuracy: dict[str, float]


def build_model_card(home: Home, data_version: str, code: str, out: Path) -> ModelCardSummary:
    """Write README.md, card.html, grounds.json (what the model rests on) and summary.json into `out`.

    Raises:
        FeelmError: there is no report, model or training set, or the report is of another model.
    """
    card = read_model_card(home, data_version, code)
    write_card(model_card(card), out)
    write_json(out / GROUNDS_FILE, [dataclasses.asdict(ground) for ground in card.grounds])
    own = card.origin.declared_use
    summary = ModelCardSummary(
        model_version=card.report.model_version,
        declared_use=own,
        narrowed_by=[ground.name for ground in card.grounds if ground.declared_use == own],
        accuracy={corpus.name: score.accuracy.value for corpus in card.report.corpora if (score := fused(corpus))},
    )
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def read_model_card(home: Home, data_version: str, code: str) -> ModelCard:
    """Read what the stages left about the model in training."""
    report_file, model_file = home.artifact("validation_report") / "report.json", home.artifact("emotion_model") / "model.json"
    if not report_file.is_file() or not model_file.is_file():
        raise FeelmError(f"no tested model in {home.data}: train and test one first (feelm run)")
    facts: dict[str, Any] = json.loads(model_file.read_text(encoding="utf-8"))
    folder = home.artifact("training_set")
    face_network = str(facts["config"].get("face_network", FaceNetwork.SMALL))
    grounds = read_grounds(home, Manifest.read(folder), str(facts["columns"]["text_encoder"]), face_network)
    networks = tuple(name for name in MODALITIES if facts["expert_temperatures"].get(name))
    rows: pd.DataFrame = TRAINING_UNITS.read(folder / "manifest.parquet")
    return ModelCard(
        report=ValidationReport.read(report_file),
        origin=Origin(data_version, code, int(facts["seed"]), str(facts["declared_use"]), networks),
        grounds=tuple(grounds),
        sources=tuple(source_sets(grounds, rows)),
        alpha_unflagged=raters_agreement(home).get("alpha_unflagged", {}).get("category"),
    )


def read_card_grounds(folder: Path) -> list[Ground]:
    """What the model of a card rests on; empty where the card is not there."""
    path = folder / GROUNDS_FILE
    raw: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [Ground(**{**one, "kind": GroundKind(one["kind"])}) for one in raw]


def model_card(card: ModelCard) -> Card:
    """The card's front matter and sections."""
    sections = [_what(card), _uses(card), _data(card), _weights(card)]
    sections += [section for corpus in card.report.corpora for section in _results(corpus)]
    sections += [*_reaction(card.report), *_disturbed(card.report.robustness), _raters(card), _limits(card), _origin(card)]
    return Card(
        front=front_matter(card),
        title=f"{NAME} {card.report.model_version}",
        lead=_lead(card),
        sections=tuple(sections),
        notice=_notice(card),
    )


def front_matter(card: ModelCard) -> Mapping[str, object]:
    """What model hubs read."""
    task = {"type": _pipeline(card.origin.modalities), "name": "Recognising emotion, each film unseen in training"}
    return {
        "license": "other",
        "license_name": f"declared-for-{card.origin.declared_use}-use",
        "language": languages(card.grounds) or ["und"],
        "pipeline_tag": task["type"],
        "tags": ["emotion-recognition", "films", "multimodal", *card.origin.modalities, f"{card.origin.declared_use}-use"],
        "datasets": [corpus.name for corpus in card.report.corpora],
        "metrics": ["accuracy", "recall", "f1"],
        "model-index": [{"name": NAME, "results": [_result(corpus, task) for corpus in card.report.corpora if fused(corpus)]}],
    }


def _pipeline(modalities: Sequence[str]) -> str:
    """The task's name at Hugging Face, by what the model can read."""
    if "face" in modalities:
        return "video-classification"
    return "audio-classification" if "voice" in modalities else "text-classification"


def _result(corpus: CorpusReport, task: dict[str, str]) -> dict[str, object]:
    score = fused(corpus)
    metrics = [] if score is None else _metrics(score)
    return {"task": task, "dataset": {"name": corpus.name, "type": corpus.name, "split": "every film unseen once"}, "metrics": metrics}


def _metrics(score: SystemScore) -> list[dict[str, object]]:
    figures: list[tuple[str, str, float | None]] = [
        ("accuracy", "Accuracy", score.accuracy.value),
        ("recall", "UAR (macro recall)", score.uar.value),
        ("f1", "Macro-F1", score.macro_f1.value),
        ("f1", "Weighted F1", score.weighted_f1),
        ("jensen-shannon", "Divergence from the raters' votes (bits)", score.jsd_bits),
        ("calibration", "Expected calibration error (15 bins)", score.ece),
    ]
    return [{"type": kind, "name": name, "value": round(value, 4)} for kind, name, value in figures if value is not None]


def _lead(card: ModelCard) -> str:
    scored = ((corpus, fused(corpus)) for corpus in card.report.corpora)
    corpus, score = next(((corpus, score) for corpus, score in scored if score), (None, None))
    said = f"Recognises {len(EMOTIONS)} emotions ({', '.join(EMOTIONS)}) in films and dialogue from {_words(card.origin.modalities)}."
    if corpus is None or score is None:
        return f"{said} {PROMISE}"
    figure = f"On {plural(score.n_units, 'unit')} of {plural(corpus.n_films, 'film')} that it never saw it names the emotion right in"
    return f"{said} {figure} {_percent(score.accuracy)}. {PROMISE}"


def _words(modalities: Sequence[str]) -> str:
    words = ["words" if name == "text" else f"{name}s" for name in modalities]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:]))) or "nothing yet"


def _percent(figure: Interval) -> str:
    spread = (
        f" (95 % interval {100 * figure.low:.0f} to {100 * figure.high:.0f})" if figure.low is not None and figure.high is not None else ""
    )
    return f"{percent(figure.value)}{spread}"


def _notice(card: ModelCard) -> str | None:
    """Says so when films that Feelm made itself are all that was learned."""
    data = [ground for ground in card.grounds if ground.kind is not GroundKind.WEIGHT]
    if not data or not all(ground.kind is GroundKind.FILM and ground.name.startswith("made-") for ground in data):
        return None
    return "It knows films made by Feelm alone. The figures show that the chain works; they say nothing about films that people made."


def _what(card: ModelCard) -> Section:
    paragraph = (
        "For each line, scene or span it gives the probability of each emotion, an intensity from 0 to 1, valence and arousal "
        "from -1 to 1, and the probability of the "
        "next unit's emotion. A network for each modality reads the unit, and a network over the sequence of units joins what they say; "
        "any modality may be missing. It is a folder of safetensors and JSON with a sha256 manifest, and loads no pickle."
    )
    return Section("What it is", (paragraph,))


def _uses(card: ModelCard) -> Section:
    allowed = f"It may be used for {card.origin.declared_use} purposes and no wider: that is the narrowest of what it rests on."
    uses = CardTable(("", "Use"), tuple(("intended", use) for use in INTENDED) + tuple(("forbidden", use) for use in FORBIDDEN))
    return Section("Intended and forbidden uses", (f"{PROMISE} {allowed}",), tables=(uses,))


def _data(card: ModelCard) -> Section:
    about = "Each row is what taught the weights, with the terms under which it was used; units are lines, scenes or spans."
    return Section("What it learned from", (about,), tables=(sources_table(card.sources),))


def _weights(card: ModelCard) -> Section:
    use = card.origin.declared_use
    narrow = [ground for ground in card.grounds if ground.declared_use == use]
    told = f"Declared for {use} use because of: {named(narrow)}." if narrow else f"Declared for {use} use."
    if not narrower(card.grounds, "commercial"):
        told = "Nothing it rests on narrows its use."
    return Section(
        "Pretrained weights it rests on",
        ("They read faces, voices and words before the model's own networks do.", told),
        tables=(weights_table(card.grounds),),
    )


def _results(corpus: CorpusReport) -> list[Section]:
    score = fused(corpus)
    if score is None:
        return []
    ceiling = human(corpus)
    said = f"Each of {plural(corpus.n_films, 'film')} was unseen once; all systems are scored on the same {plural(score.n_units, 'unit')}."
    if ceiling is not None:
        said += f" Human ceiling: one rater against the others on these units reaches {_percent(ceiling.accuracy)}."
    head = ("System", "Kind", "Accuracy", "UAR", "Macro-F1", "Weighted F1", "JSD (bits)", "Calibration error", "p, model better")
    p_values = {test.other: test.p_value for test in corpus.tests}
    systems = CardTable(head, tuple(_system(one, p_values.get(one.system)) for one in ordered(corpus.scores)))
    return [
        Section(f"Results: {corpus.name}", (said,), tables=(systems,)),
        Section(f"By emotion: {corpus.name}", tables=(_by_emotion(score),)),
        Section(f"By unseen film: {corpus.name}", tables=(_by_film(score),)),
        _calibration(corpus, score),
        *_groups(corpus),
    ]


def _system(score: SystemScore, p_value: float | None) -> tuple[str, ...]:
    kind = "human ceiling" if score.kind == "human" else score.kind
    figures = (_figure(score.accuracy), _figure(score.uar), _figure(score.macro_f1), f"{score.weighted_f1:.3f}")
    return (system_name(score.system), kind, *figures, number(score.jsd_bits), number(score.ece), number(p_value, 4))


def _figure(value: Interval) -> str:
    spread = f" ({value.low:.2f} to {value.high:.2f})" if value.low is not None and value.high is not None else ""
    return f"{value.value:.3f}{spread}"


def _by_emotion(score: SystemScore) -> CardTable:
    units = [sum(row) for row in score.confusion]
    rows = [(name, f"{n:,}", number(score.recall.get(name)), number(score.f1.get(name))) for name, n in zip(EMOTIONS, units, strict=True)]
    return CardTable(("Emotion", "Units", "Recall", "F1"), tuple(rows))


def _by_film(score: SystemScore) -> CardTable:
    rows = [(film, number(score.by_film[film]), number(score.macro_f1_by_film.get(film))) for film in sorted(score.by_film)]
    return CardTable(("Film", "Accuracy", "Macro-F1"), tuple(rows))


def _calibration(corpus: CorpusReport, score: SystemScore) -> Section:
    ece = f"Expected calibration error {number(score.ece)} (15 bins of equal mass); one temperature a source, fitted on other films."
    bins = [(f"{one.confidence:.2f}", f"{one.accuracy:.2f}", f"{one.count:,}") for one in corpus.reliability if one.count]
    tables = (CardTable(("Says", "Is right", "Units"), tuple(bins)),) if bins else ()
    return Section(f"Calibration: {corpus.name}", (ece,), tables=tables)


def _groups(corpus: CorpusReport) -> list[Section]:
    groups = corpus.groups
    if not groups:
        return []
    head = ("Group", "Units", "Accuracy", "UAR", "Calibration error", "One rater", "False distress")
    return [Section(f"By group: {corpus.name}", (GROUPS,), tables=(CardTable(head, tuple(map(_group, groups))),))]


def _group(group: GroupScore) -> tuple[str, ...]:
    figures = (_figure(group.accuracy), _figure(group.uar), _figure(group.ece), number(group.human), number(group.false_distress))
    return (group.name, f"{group.n_units:,}", *figures)


def _reaction(report: ValidationReport) -> list[Section]:
    if not report.reaction:
        return []
    about = "Who foresees the next unit's emotion; a model that does not beat persistence should not be used for it."
    sections = [Section("The next emotion", (about,), tables=(_foreseeing(report.reaction),))]
    for role in ROLES:
        if role in report.characters:
            sections.append(Section(ROLE_NAMES[role], tables=(_foreseeing(report.characters[role]),)))
    return sections


def _foreseeing(scores: list[SystemScore]) -> CardTable:
    rows = [(system_name(one.system), _figure(one.accuracy), _figure(one.macro_f1)) for one in ordered(scores)]
    return CardTable(("System", "Accuracy", "Macro-F1"), tuple(rows))


def _disturbed(found: RobustnessReport | None) -> list[Section]:
    """What disturbed films cost, where it was measured."""
    if found is None or not found.conditions:
        return []
    about = (
        f"Change of macro recall in points on {plural(found.n_units, 'unit')} of {plural(found.n_films, 'film')}; on the clean films it is "
        f"{_figure(found.clean[FUSED])}."
    )
    rows = tuple(_condition(one, found) for one in found.conditions)
    head = ("What is worse", "How much", "All together", "What is disturbed", "Macro recall without it, if better")
    return [Section("On disturbed films", (about,), tuple(found.notes), (CardTable(head, rows),))]


def _condition(one: ConditionScore, found: RobustnessReport) -> tuple[str, ...]:
    return (*in_words(one), points(fused_change(one).change), _alone(one), number(better_without(one, found)))


def _alone(one: ConditionScore) -> str:
    return "; ".join(f"{system_name(change.system)} {points(change.change)}" for change in one.changes if change.system != FUSED)


def _disturbed_limit(found: RobustnessReport | None) -> str:
    """What its user must know of bad input."""
    one = worst(found.conditions) if found is not None else None
    if one is None:
        return "What noise, wrong words, bad pictures or words out of step cost was not measured (`feelm benchmark robustness`)."
    name, dose = in_words(one)
    return f"Of all that films were disturbed with, it loses most by this: {name.lower()}, {dose}: {points(fused_change(one).change)}."


def _raters(card: ModelCard) -> Section:
    agreement = card.report.agreement
    if agreement is None:
        return Section("Raters", ("No judgements of single raters are known; the labels are those of the corpora.",))
    alphas = "; ".join(f"{name} {alpha:.2f}" for name, alpha in sorted(agreement.alpha.items()))
    without = "" if card.alpha_unflagged is None else f" Category without the raters who were set aside: {card.alpha_unflagged:.2f}."
    said = (
        f"{plural(agreement.n_judgements, 'judgement')} by {plural(agreement.n_raters, 'rater')}. Krippendorff's alpha: {alphas}.{without}"
    )
    return Section("Raters", (said,), tuple(f"One rater was set aside: {reason}" for reason in agreement.flagged.values()))


def _limits(card: ModelCard) -> Section:
    spoken = ", ".join(languages(card.grounds)) or "an unknown language"
    bullets = [
        f"It learned from films and dialogue in {spoken}; other languages, cultures and real life are untested.",
        "Labels are what raters saw portrayed. It does not know what anybody feels, and raters differ.",
        *(() if any(corpus.groups for corpus in card.report.corpora) else (NO_GROUPS,)),
        _disturbed_limit(card.report.robustness),
        *card.report.notes,
        *(f"Left out: {name}: {reason}" for name, reason in card.report.left_out.items()),
    ]
    return Section("Limits", bullets=tuple(bullets))


def _origin(card: ModelCard) -> Section:
    rows = (
        ("model", card.report.model_version),
        ("training set (content version)", card.origin.data_version),
        ("code that trained it (digest)", card.origin.code),
        ("seed", str(card.origin.seed)),
    )
    return Section(
        "Where it comes from",
        ("The same data, code and seed give the same weights on the same machine.",),
        tables=(CardTable(("What", "Value"), rows),),
    )
