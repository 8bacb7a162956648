"""The page people open first: what the model is worth on films it never saw, and every film as a card.

The figures are the validation report's own, nothing is computed anew; every system stands beside the baselines and the raters' own
score on the same units, and what was left out stands with its reason. `build_report_page` also copies the film pages beside it, and writes
the annotators' page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from corpus.contracts import UNITS
from corpus.paths import Home, write_json, write_text
from corpus.terms import EMOTIONS, FeelmError
from ml.evaluation.report import CorpusReport, Interval, SliceScore, SystemScore, ValidationReport
from pages.annotators import Ceiling, write_annotators
from pages.cards.document import CardLink, copy_cards
from pages.charts import Bar, Bin, confusion, dot_strip, interval_bar, reliability
from pages.film import REPORT_LINK, Fact
from pages.material import is_partial, read_json, read_missing
from pages.raters import RaterRow, read_raters
from pages.render import percent, picture, plural, render
from pages.rights import RIGHTS
from pages.systems import SYSTEM_NAMES, fused, human, ordered, system_name

FILMS = "films"
THUMBNAIL_BUDGET = 600_000
"""Bytes of base64 that the cards' pictures may take together; films beyond it get a blank."""

BACK = '<a href="../report.html">All films</a>'

KIND_CSS = {"fused": "k-fused", "human": "k-human", "modality": "k-modality", "baseline": "k-baseline"}


@dataclass(frozen=True)
class FilmCard:
    """One film on the page; `thumbnail` is a data URI, `href` null where the film has no page yet."""

    film_id: str
    title: str
    duration_ms: int
    units: int
    agreement: float | None
    accuracy: float | None
    missing: tuple[str, ...]
    thumbnail: str | None
    href: str | None


@dataclass(frozen=True)
class SystemRow:
    """One system's row: its name for people, its bar, its scores, and p where the fused model was tested against it."""

    name: str
    bar: Markup
    score: SystemScore
    p_value: float | None


@dataclass(frozen=True)
class EmotionRow:
    """How well one emotion is found: recall and F1 with their bars; null where no unit has it."""

    emotion: str
    units: int
    recall: float | None
    f1: float | None
    recall_bar: Markup
    f1_bar: Markup


@dataclass(frozen=True)
class SliceTable:
    """Slices on which the same systems were scored."""

    systems: tuple[str, ...]
    slices: tuple[SliceScore, ...]


@dataclass(frozen=True)
class FilmDots:
    """One system's score on every film, as dots on a line."""

    name: str
    chart: Markup
    median: float


@dataclass(frozen=True)
class ReportPage:
    """Everything the template shows; the views of corpora are made from `report`."""

    report: ValidationReport
    films: tuple[FilmCard, ...]
    raters: tuple[RaterRow, ...]
    licences: dict[str, str]
    alpha_unflagged: float | None = None
    judged: Ceiling | None = None
    """The human ceiling over everything that was judged."""

    documents: tuple[CardLink, ...] = ()
    """The model's and the data set's cards beside the page."""

    @property
    def main(self) -> CorpusReport | None:
        """The catalogue's films where they were scored, else the first corpus."""
        return self.report.corpus(FILMS) or next(iter(self.report.corpora), None)

    @property
    def others(self) -> list[CorpusReport]:
        """Public corpora beside the films."""
        return [corpus for corpus in self.report.corpora if corpus is not self.main]

    @property
    def lead(self) -> str:
        """What the report says, in at most three sentences."""
        return lead(self.main)

    @property
    def warning(self) -> str | None:
        """What a reader must know before believing the figures."""
        return warning(self.report, self.films)

    @property
    def facts(self) -> list[Fact]:
        """The tiles."""
        return facts(self.report, self.main, self.alpha_unflagged)

    @property
    def ceiling(self) -> str:
        """Why the human ceiling here is not that of the raters' page; empty where there are not both."""
        return ceiling(self.main, self.judged)

    def systems(self, corpus: CorpusReport, metric: str = "accuracy") -> list[SystemRow]:
        """All systems of a corpus, the fused model first; `metric` is what the bars show."""
        return system_rows(corpus, metric)

    def reaction(self) -> list[SystemRow]:
        """Who foresees the next emotion."""
        return _rows(self.report.reaction, {}, None, "macro_f1")

    def confusion(self, corpus: CorpusReport) -> Markup | None:
        """The fused model's confusions."""
        score = fused(corpus)
        if score is None:
            return None
        label = "Confusion matrix, raters’ emotion by row: " + "; ".join(
            f"{emotion} {percent(value)} found" for emotion, value in score.recall.items() if value is not None
        )
        return confusion(score.confusion, label)

    def reliability(self, corpus: CorpusReport) -> Markup | None:
        """Confidence against accuracy."""
        total = sum(item.count for item in corpus.reliability)
        if not total:
            return None
        bins = [Bin(item.confidence, item.accuracy, item.count / total) for item in corpus.reliability if item.count]
        words = "; ".join(f"confidence {percent(item.confidence)}, right {percent(item.accuracy)}" for item in bins)
        return reliability(bins, f"Reliability diagram: {words}")

    def ece(self, corpus: CorpusReport) -> float | None:
        """The fused model's expected calibration error."""
        score = fused(corpus)
        return score.ece if score else None

    def emotions(self, corpus: CorpusReport) -> list[EmotionRow]:
        """Recall and F1 of the fused model by emotion."""
        score = fused(corpus)
        return [] if score is None else [_emotion_row(score, index) for index in range(len(EMOTIONS))]

    def by_film(self, corpus: CorpusReport) -> list[FilmDots]:
        """Macro-F1 of every system by unseen film; only where there are enough films for a picture."""
        if corpus.n_films < 8:
            return []
        return [_dots(score) for score in ordered(corpus.scores) if score.macro_f1_by_film]

    def tables(self, corpus: CorpusReport) -> list[SliceTable]:
        """The slices, those with the same systems in one table."""
        return slice_tables(corpus)

    def name(self, system: str) -> str:
        """A system's name for people."""
        return system_name(system)


@dataclass(frozen=True)
class ReportPageSummary:
    """What was written."""

    films: int
    film_pages: int
    report_bytes: int


def render_report(page: ReportPage) -> str:
    """The page as self-contained HTML without script."""
    return render("report.html", page)


def build_report_page(home: Home, report_dir: Path, film_ids: list[str], out: Path) -> ReportPageSummary:
    """Write `out/report.html`, the annotators' page and the cards with their Markdown, the film pages there are, and `summary.json`.

    Raises:
        FeelmError: there is no report.json in `report_dir`.
    """
    if not (report_dir / "report.json").is_file():
        raise FeelmError(f"no validation report at {report_dir}: train and test a model first (feelm run)")
    report = ValidationReport.read(report_dir / "report.json")
    cards = _budgeted([read_card(home, film_id, report) for film_id in film_ids])
    told = read_json(home.artifact("gold_labels") / "agreement.json")
    alpha, share = told.get("alpha_unflagged", {}).get("category"), told.get("human_ceiling")
    judged = None if share is None else Ceiling(float(share), int(told["units"]))
    raters = read_raters(home)
    text = render_report(ReportPage(report, cards, raters, read_licences(home, report, film_ids), alpha, judged, copy_cards(home, out)))
    write_text(out / "report.html", text)
    write_annotators(home, film_ids, {card.film_id for card in cards if card.href is not None}, raters, out, _tested(report))
    for card in cards:
        if card.href is not None:
            write_text(out / card.href, _film_html(home, card.film_id).read_text(encoding="utf-8").replace(REPORT_LINK, BACK, 1))
    summary = ReportPageSummary(len(cards), sum(card.href is not None for card in cards), len(text.encode()))
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _tested(report: ValidationReport) -> Ceiling | None:
    """The human ceiling over the films' gold that the model was tested on."""
    corpus = report.corpus(FILMS)
    score = human(corpus) if corpus else None
    return Ceiling(score.accuracy.value, corpus.n_gold) if corpus and score else None


def _film_html(home: Home, film_id: str) -> Path:
    return home.artifact("film_report", film_id) / "film.html"


def read_card(home: Home, film_id: str, report: ValidationReport) -> FilmCard:
    """A film's card from what the stages left."""
    corpus = report.corpus(FILMS)
    score = fused(corpus) if corpus else None
    agreement = read_json(home.artifact("gold_labels") / "agreement.json").get("alpha_by_film", {}).get(film_id)
    units = home.artifact("scenes", film_id) / "units.parquet"
    return FilmCard(
        film_id=film_id,
        title=str(read_json(home.artifact("film", film_id) / "film.json").get("title") or film_id),
        duration_ms=int(read_json(home.artifact("shots", film_id) / "stream.json").get("duration_ms") or 0),
        units=_lines(units) if units.is_file() else 0,
        agreement=None if agreement is None else float(agreement),
        accuracy=score.by_film.get(film_id) if score else None,
        missing=_missing_words(read_missing(home, film_id)),
        thumbnail=_thumbnail(home.artifact("shots", film_id)),
        href=f"films/{film_id}.html" if _film_html(home, film_id).is_file() else None,
    )


def _lines(units: Path) -> int:
    levels = UNITS.read(units)["level"]
    return int((levels == "utterance").sum() or (levels == "span").sum())


def _missing_words(missing: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for reasons in missing.values() for reason in reasons if not is_partial(reason)))


def _thumbnail(shots: Path) -> str | None:
    """The shot a third into the film: the first one is often a title or black."""
    names = sorted((shots / "thumbs").glob("*.jpg"))
    return picture(names[len(names) // 3]) if names else None


def _budgeted(cards: Sequence[FilmCard]) -> tuple[FilmCard, ...]:
    kept, size = [], 0
    for card in cards:
        size += len(card.thumbnail or "")
        kept.append(card if size <= THUMBNAIL_BUDGET else dataclasses.replace(card, thumbnail=None))
    return tuple(kept)


def read_licences(home: Home, report: ValidationReport, film_ids: Sequence[str]) -> dict[str, str]:
    """What may be done with what the model learned from, and with each film shown."""
    licences = dict(sorted(report.trained_on.items()))
    for film_id in film_ids:
        film = read_json(home.artifact("film", film_id) / "film.json")
        rights = RIGHTS.get(str(film.get("rights")), "Rights unknown")
        told = [rights, f"for {film['declared_use']} use" if film.get("declared_use") else "", str(film.get("attribution") or "")]
        licences[str(film.get("title") or film_id)] = ", ".join(text for text in told if text)
    return licences


def lead(corpus: CorpusReport | None) -> str:
    """The report in at most three sentences."""
    score = fused(corpus) if corpus else None
    if corpus is None or score is None:
        return "No model has been tested yet: there were no labelled units to test it on."
    what = "lines" if corpus.name == FILMS else f"units of {corpus.name}"
    where = f"{score.n_units:,} {what} in {plural(corpus.n_films, 'film')}"
    said = [f"The model names the right emotion in {percent(score.accuracy.value)} of {where}, each film unseen in training."]
    ceiling = human(corpus)
    if ceiling is not None:
        said.append(f"A single rater, held against the others on the same {what}, reaches {percent(ceiling.accuracy.value)}.")
    channels = [other for other in corpus.scores if other.kind == "modality"]
    if channels:
        best = max(channels, key=lambda other: other.accuracy.value)
        channel = system_name(best.system).lower()
        said.append(f"The best single channel, {channel}, reaches {percent(best.accuracy.value)}.")
    return " ".join(said)


def ceiling(corpus: CorpusReport | None, judged: Ceiling | None) -> str:
    """The human ceiling counts the same units as the model's score, and the raters' page everything judged: in a sentence."""
    if corpus is None or corpus.name != FILMS or human(corpus) is None or judged is None:
        return ""
    here = f"The human ceiling counts these {plural(corpus.n_gold, 'line')} with gold alone, as the model’s score does"
    return f"{here}; over all {judged.units:,} judged, those on which the raters split too, it is {percent(judged.share)}."


def warning(report: ValidationReport, films: Sequence[FilmCard]) -> str | None:
    """Says so when all that was learned are films made by Feelm itself."""
    scored = [card.film_id for card in films if card.accuracy is not None]
    if scored and set(report.trained_on) <= {FILMS, "made"} and all(film_id.startswith("made-") for film_id in scored):
        return (
            "The model knows films made by Feelm alone. These figures show that the chain works; "
            "they say nothing about films that people made."
        )
    return None


def facts(report: ValidationReport, corpus: CorpusReport | None, alpha_unflagged: float | None) -> list[Fact]:
    """The tiles above everything."""
    found: list[Fact] = []
    if corpus is not None:
        found += [Fact("Films", f"{corpus.n_films:,}"), Fact("Labelled units", f"{corpus.n_gold:,}", f"of {corpus.n_units:,}")]
    if report.agreement is not None:
        alpha = report.agreement.alpha.get("category")
        flagged = len(report.agreement.flagged)
        note = f"; {alpha_unflagged:.2f} without {flagged} flagged" if flagged and alpha_unflagged is not None else ""
        found.append(Fact("Raters’ alpha", "–" if alpha is None else f"{alpha:.2f}", plural(report.agreement.n_raters, "rater") + note))
    score, ceiling = (fused(corpus), human(corpus)) if corpus else (None, None)
    if score is not None:
        found.append(Fact("Model’s accuracy", percent(score.accuracy.value), interval_words(score.accuracy)))
    if ceiling is not None:
        found.append(Fact("Human ceiling", percent(ceiling.accuracy.value), interval_words(ceiling.accuracy)))
    return found


def interval_words(value: Interval) -> str:
    """The 95 % interval in percent; empty where there is none."""
    return "" if value.low is None or value.high is None else f"{100 * value.low:.0f}–{percent(value.high)}"


def system_rows(corpus: CorpusReport, metric: str) -> list[SystemRow]:
    """One row per system, with p where it was tested against the fused model."""
    ceiling = human(corpus)
    tests = {test.other: test.p_value for test in corpus.tests}
    return _rows(corpus.scores, tests, None if ceiling is None else getattr(ceiling, metric).value, metric)


def _rows(scores: Sequence[SystemScore], tests: dict[str, float], ceiling: float | None, metric: str) -> list[SystemRow]:
    rows = []
    for score in ordered(scores):
        name, value = system_name(score.system), getattr(score, metric)
        bar = Bar(value.value, value.low, value.high, KIND_CSS[score.kind])
        chart = interval_bar(bar, None if score.kind == "human" else ceiling, f"{name}: {percent(value.value)}")
        rows.append(SystemRow(name, chart, score, tests.get(score.system)))
    return rows


def slice_tables(corpus: CorpusReport) -> list[SliceTable]:
    """The slices grouped by the systems they hold, in the report's order; one that says nothing new is left out."""
    groups: dict[tuple[str, ...], list[SliceScore]] = {}
    for position, one in enumerate(corpus.slices):
        if any(one.n_units == other.n_units and one.accuracy.items() <= other.accuracy.items() for other in corpus.slices[:position]):
            continue
        groups.setdefault(tuple(sorted(one.accuracy, key=_system_order)), []).append(one)
    return [SliceTable(systems, tuple(slices)) for systems, slices in groups.items()]


def _system_order(system: str) -> tuple[int, str]:
    known = list(SYSTEM_NAMES)
    return (known.index(system) if system in known else len(known), system)


def _emotion_row(score: SystemScore, index: int) -> EmotionRow:
    emotion = EMOTIONS[index]
    recall, f1 = score.recall.get(emotion), score.f1.get(emotion)
    css = f"e-{emotion}"
    return EmotionRow(
        emotion=emotion,
        units=sum(score.confusion[index]),
        recall=recall,
        f1=f1,
        recall_bar=interval_bar(Bar(recall or 0.0, css=css), None, f"{emotion}, recall {percent(recall)}"),
        f1_bar=interval_bar(Bar(f1 or 0.0, css=css), None, f"{emotion}, F1 {percent(f1)}"),
    )


def _dots(score: SystemScore) -> FilmDots:
    values = [score.macro_f1_by_film[film] for film in sorted(score.macro_f1_by_film)]
    name, middle = system_name(score.system), float(np.median(values))
    label = f"{name}: macro-F1 by film from {min(values):.2f} to {max(values):.2f}, median {middle:.2f}"
    return FilmDots(name, dot_strip(values, middle, KIND_CSS[score.kind], label), middle)
