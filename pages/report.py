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

from markupsafe import Markup

from corpus.paths import Home, write_json, write_text
from corpus.terms import EMOTIONS, ROLES, FeelmError
from ml.evaluation.report import CorpusReport, ValidationReport
from pages.annotators import Ceiling, write_annotators
from pages.cards.document import CardLink, copy_cards
from pages.errors import ErrorCard, read_errors
from pages.film import REPORT_LINK, Fact
from pages.film_cards import FilmCard, film_html, read_cards
from pages.findings import Findings, findings
from pages.raters import RaterRow, read_raters
from pages.render import percent, plural, render
from pages.rights import RIGHTS
from pages.robustness import Disturbed, disturbed
from pages.squares import Bin, confusion, reliability
from pages.stored import raters_agreement, read_json
from pages.systems import (
    FILMS,
    ROLE_NAMES,
    EmotionRow,
    FilmDots,
    SliceTable,
    SystemRow,
    emotion_row,
    film_dots,
    fused,
    human,
    interval_words,
    ordered,
    rows_of,
    slice_tables,
    system_name,
    system_rows,
)

BACK = '<a href="../report.html">All films</a>'


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
    errors: tuple[ErrorCard, ...] = ()
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
        """Why the human ceiling here is not that of the raters' page, in a sentence; empty where there are not both.

        Here it counts the same units as the model's score, there everything that was judged.
        """
        corpus, judged = self.main, self.judged
        if corpus is None or corpus.name != FILMS or human(corpus) is None or judged is None:
            return ""
        here = f"The human ceiling counts these {plural(corpus.n_gold, 'line')} with gold alone, as the model’s score does"
        return f"{here}; over all {judged.units:,} judged, those on which the raters split too, it is {percent(judged.share)}."

    def systems(self, corpus: CorpusReport, metric: str = "accuracy") -> list[SystemRow]:
        """All systems of a corpus, the fused model first; `metric` is what the bars show."""
        return system_rows(corpus, metric)

    def reaction(self) -> list[SystemRow]:
        """Who foresees the next emotion."""
        return rows_of(self.report.reaction, {}, None, "macro_f1")

    def characters(self) -> list[tuple[str, int, list[SystemRow]]]:
        """By role: its name, how many reactions were foreseen, and who foresees them."""
        found = self.report.characters
        return [(ROLE_NAMES[role], found[role][0].n_units, rows_of(found[role], {}, None, "macro_f1")) for role in ROLES if role in found]

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
        return [] if score is None else [emotion_row(score, index) for index in range(len(EMOTIONS))]

    def by_film(self, corpus: CorpusReport) -> list[FilmDots]:
        """Macro-F1 of every system by unseen film; only where there are enough films for a picture."""
        if corpus.n_films < 8:
            return []
        return [film_dots(score) for score in ordered(corpus.scores) if score.macro_f1_by_film]

    def tables(self, corpus: CorpusReport) -> list[SliceTable]:
        """The slices, those with the same systems in one table."""
        return slice_tables(corpus)

    def found(self, corpus: CorpusReport) -> Findings:
        """What was found beyond scores: abstention, soft labels, people, groups, context, courses."""
        return findings(corpus, {film.film_id: film.title for film in self.films})

    @property
    def disturbed(self) -> Disturbed | None:
        """What disturbed films cost, where it was measured."""
        return disturbed(self.report.robustness) if self.report.robustness else None

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
    cards = read_cards(home, film_ids, report)
    told = raters_agreement(home)
    alpha, share = told.get("alpha_unflagged", {}).get("category"), told.get("human_ceiling")
    judged = None if share is None else Ceiling(float(share), int(told["units"]))
    raters = read_raters(home)
    errors = read_errors(home, report, {card.film_id: card.href for card in cards})
    text = render_report(
        ReportPage(report, cards, raters, read_licences(home, report, film_ids), alpha, judged, errors, copy_cards(home, out))
    )
    write_text(out / "report.html", text)
    write_annotators(home, film_ids, {card.film_id for card in cards if card.href is not None}, raters, out, _tested(report))
    for card in cards:
        if card.href is not None:
            write_text(out / card.href, film_html(home, card.film_id).read_text(encoding="utf-8").replace(REPORT_LINK, BACK, 1))
    summary = ReportPageSummary(len(cards), sum(card.href is not None for card in cards), len(text.encode()))
    write_json(out / "summary.json", dataclasses.asdict(summary))
    return summary


def _tested(report: ValidationReport) -> Ceiling | None:
    """The human ceiling over the films' gold that the model was tested on."""
    corpus = report.corpus(FILMS)
    score = human(corpus) if corpus else None
    return Ceiling(score.accuracy.value, corpus.n_gold) if corpus and score else None


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
        same = f"; the model, held against the same others, {percent(corpus.humans.model)}" if corpus.humans else ""
        said.append(f"A single rater, held against the others on the same {what}, reaches {percent(ceiling.accuracy.value)}{same}.")
    channels = [other for other in corpus.scores if other.kind == "modality"]
    if channels:
        best = max(channels, key=lambda other: other.accuracy.value)
        channel = system_name(best.system).lower()
        said.append(f"The best single channel, {channel}, reaches {percent(best.accuracy.value)}.")
    return " ".join(said)


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
