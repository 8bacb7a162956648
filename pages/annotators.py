"""The annotators' page: how far the raters agree, who with whom, who is set aside and why, what is covered, what is disputed.

The figures are those that stand beside the gold labels; pairs and disputes are taken from the same votes. What the checks decided about
each delivered batch is told here too, in HTML and as Markdown, with everything that people or files wrote escaped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from corpus.annotations.agreement import LEAST_SHARED, PairAgreement, disputed, pairwise_agreement
from corpus.annotations.decisions import Decision, Outcome, read_decisions
from corpus.contracts import ANNOTATIONS, GOLD_LABELS, UNITS, VOTES, TableSchema
from corpus.paths import Home, write_text
from pages.disputes import MOST_NOTES, DisputedScene, FilmNote, clipped, read_disputes, read_notes
from pages.film import Fact
from pages.markdown import plain, table
from pages.raters import AgreementView, Coverage, Matrix, RaterRow, ShownFilm, matrix, read_agreement, read_coverage
from pages.render import figure, percent, plural, render
from pages.stored import film_title, raters_agreement

PAGE, TWIN = "annotators.html", "annotators.md"

MOST_PAIRS = 45
"""Pairs that the Markdown lists, the least agreeing first."""

MOST_BATCHES = 40
MOST_EXAMPLES = 10
MOST_WORST = 5
MOST_OF_TEXT = 300
"""Characters that are shown of a reason, an observation or the name of a row."""


@dataclass(frozen=True)
class Failure:
    """A check that a batch fails: how grave, what was seen, and at most MOST_EXAMPLES of the rows."""

    check: str
    severity: str
    blocks: bool
    observed: str
    description: str
    count: int
    rows: tuple[str, ...]
    worst: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ceiling:
    """How often one rater gives the emotion that most of the others give (0..1), and the units that this was counted over."""

    share: float
    units: int


@dataclass(frozen=True)
class BatchView:
    """What the checks decided about the latest delivery of a batch, and how it was `rejected` by name, if it was.

    `word` is `accepted`, `refused` or `rejected`.
    """

    batch_id: str
    word: str
    rejected: str | None
    sequence: int
    earlier: int | None
    checks: int
    failures: tuple[Failure, ...]

    @property
    def accepted(self) -> bool:
        """Whether the delivery is in use."""
        return self.word == "accepted"

    @property
    def verdict(self) -> str:
        """The decision and what is in use, in a sentence, after one on the rejection."""
        passed = f"{self.checks - len(self.failures)} of {plural(self.checks, 'check')} passed"
        if self.accepted:
            return f"Accepted as delivery {self.sequence}: {passed}."
        use = f"the content of delivery {self.earlier} stays in use" if self.earlier is not None else "nothing of it is in use"
        said = "" if self.rejected is None else f"{self.rejected[0].upper()}{self.rejected[1:]}. "
        return f"{said}Refused as delivery {self.sequence}: {passed}; {use}."


@dataclass(frozen=True)
class AnnotatorsPage:
    """Everything that the template and the Markdown show."""

    agreement: AgreementView
    pairs: tuple[PairAgreement, ...]
    raters: tuple[RaterRow, ...]
    coverage: tuple[Coverage, ...]
    disputes: int
    scenes: tuple[DisputedScene, ...]
    notes: tuple[FilmNote, ...]
    batches: tuple[BatchView, ...]
    tested: Ceiling | None = None

    @property
    def flagged(self) -> list[RaterRow]:
        """Raters who are set aside."""
        return [rater for rater in self.raters if rater.reason is not None]

    @property
    def flagged_first(self) -> list[RaterRow]:
        """All raters, those who are set aside above the others."""
        return sorted(self.raters, key=lambda rater: rater.reason is None)

    @property
    def apart(self) -> int:
        """Raters who count and share too few units with anybody to be compared."""
        met = {name for pair in self.pairs for name in (pair.first, pair.second)}
        return sum(rater.reason is None and rater.name not in met for rater in self.raters)

    @property
    def least_shared(self) -> int:
        """Units that two raters must share to be compared."""
        return LEAST_SHARED

    @property
    def perspectives(self) -> int:
        """Under how many perspectives the films were judged."""
        return len({row.perspective for row in self.coverage} - {None})

    @property
    def matrix(self) -> Matrix | None:
        """Who agrees with whom; None where no two raters share enough."""
        return matrix(self.pairs) if self.pairs else None

    @property
    def shown_notes(self) -> tuple[FilmNote, ...]:
        """The notes that the page has room for."""
        return self.notes[:MOST_NOTES]

    @property
    def shown_batches(self) -> tuple[BatchView, ...]:
        """The batches delivered last, the latest first."""
        return self.batches[:MOST_BATCHES]

    @property
    def lead(self) -> str:
        """What the page says, in at most four sentences."""
        told, stopped = self.agreement, _stopped(self.batches)
        if not told.judgements:
            return "No judgement is in use yet, so there is no agreement to tell." + stopped
        said = [f"{plural(told.n_raters, 'rater')} gave {plural(told.judgements, 'judgement')} on {plural(told.units, told.level)}."]
        if told.ceiling is not None:
            said.append(f"A single rater gives the emotion that most others give in {percent(told.ceiling)} of them.")
        if self.flagged:
            are = "is" if len(self.flagged) == 1 else "are"
            said.append(f"{plural(len(self.flagged), 'rater')} {are} set aside: their votes weigh nothing.")
        return " ".join(said) + stopped

    @property
    def facts(self) -> list[Fact]:
        """The tiles above everything."""
        told = self.agreement
        found: list[Fact] = []
        if told.judgements:
            flagged = f"{len(self.flagged)} set aside" if self.flagged else "none set aside"
            interval = told.overall.interval
            spread = f"95\N{NO-BREAK SPACE}%: {interval[0]:.2f}–{interval[1]:.2f}" if interval else "without the flagged"
            found = [
                Fact("Raters", f"{told.n_raters:,}", flagged),
                Fact("Alpha", told.overall.words, spread),
                Fact("Human ceiling", percent(told.ceiling), f"one rater against the others, all {told.level}s"),
            ]
            units, gold = sum(row.units for row in self.coverage), sum(row.gold for row in self.coverage)
            found.append(Fact("Gold", f"{gold:,}", f"of {plural(units, 'unit')}"))
        if self.batches:
            accepted = sum(batch.accepted for batch in self.batches)
            found.append(Fact("Batches accepted", f"{accepted:,}", f"of {len(self.batches):,}"))
        return found

    @property
    def ceiling(self) -> str:
        """The human ceiling over everything judged, and why the report's is another, in a sentence; empty where there is none."""
        told = self.agreement
        if told.ceiling is None:
            return ""
        everything = f"over all {plural(told.units, told.level)} judged, those on which they split too"
        here = f"{percent(told.ceiling)}: how often one rater gives what most of the others give, {everything}"
        if self.tested is None:
            return f"{here}."
        gold = f"the {plural(self.tested.units, told.level)} of gold that the model was tested on"
        return f"{here}; the report’s {percent(self.tested.share)} leaves those out, since it is over {gold}."


def write_annotators(
    home: Home, film_ids: Sequence[str], with_page: Collection[str], raters: tuple[RaterRow, ...], out: Path, tested: Ceiling | None = None
) -> None:
    """Write `annotators.html` and `annotators.md` about these films into `out`; `with_page` are those with a page in `out/films`.

    `tested` is the human ceiling of the report, over the gold that a model was tested on.
    """
    page = dataclasses.replace(read_annotators(home, film_ids, with_page, raters), tested=tested)
    write_text(out / PAGE, render("annotators.html", page))
    write_text(out / TWIN, markdown(page))


def read_annotators(home: Home, film_ids: Sequence[str], with_page: Collection[str], raters: tuple[RaterRow, ...]) -> AnnotatorsPage:
    """Read what the stages left; whatever is absent is empty."""
    folder, told, known = home.artifact("gold_labels"), raters_agreement(home), set(film_ids)
    gold, votes = (_of_films(schema, folder / name, known) for schema, name in ((GOLD_LABELS, "gold.parquet"), (VOTES, "votes.parquet")))
    annotations = _of_films(ANNOTATIONS, home.artifact("annotations") / "annotations.parquet", known)
    own = {film_id: _table(UNITS, home.artifact("scenes", film_id) / "units.parquet") for film_id in film_ids}
    units = pd.concat(own.values(), ignore_index=True) if own else UNITS.empty()
    films = [
        ShownFilm(film_id, clipped(film_title(home, film_id), MOST_OF_TEXT), f"films/{film_id}.html" if film_id in with_page else None)
        for film_id in film_ids
    ]
    found, fine = disputed(gold, votes, units), votes[_is_of_levels(votes, units, str(told.get("level", "")))]
    return AnnotatorsPage(
        agreement=read_agreement(told, fine),
        pairs=tuple(pairwise_agreement(fine)),
        raters=raters,
        coverage=tuple(_coverage(films, gold, own, dict(told.get("alpha_by_film", {})))),
        disputes=len(found),
        scenes=read_disputes(home, found, units, films),
        notes=read_notes(annotations, films),
        batches=tuple(batch_view(decision) for decision in reversed(read_decisions(home))),
    )


def _table(schema: TableSchema, path: Path) -> pd.DataFrame:
    return schema.read(path) if path.is_file() else schema.empty()


def _of_films(schema: TableSchema, path: Path, known: Collection[str]) -> pd.DataFrame:
    table = _table(schema, path)
    return table[table["film_id"].isin(list(known))].reset_index(drop=True)


def _coverage(
    films: Sequence[ShownFilm], gold: pd.DataFrame, units: Mapping[str, pd.DataFrame], alphas: Mapping[str, float]
) -> Iterator[Coverage]:
    """Film by film; the gold of all is taken apart once."""
    judged, nothing = {str(film_id): own for film_id, own in gold.groupby("film_id")}, gold.iloc[:0]
    for film in films:
        yield from read_coverage(film, judged.get(film.film_id, nothing), units[film.film_id], alphas.get(film.film_id))


def _is_of_levels(votes: pd.DataFrame, units: pd.DataFrame, levels: str) -> pd.Series:
    """Votes on units of the levels that agreement was measured on: a scene's votes repeat those of its lines."""
    return votes["unit_id"].isin(units.loc[units["level"].isin(levels.split(",")), "unit_id"])


def batch_view(decision: Decision) -> BatchView:
    """A decision for people: every failing check, the gravest first."""
    failing = sorted((outcome for outcome in decision.outcomes if not outcome.passed), key=lambda outcome: not outcome.blocks)
    return BatchView(
        batch_id=decision.batch_id,
        word=decision.verdict,
        rejected=clipped(decision.rejected.words, MOST_OF_TEXT) if decision.rejected else None,
        sequence=decision.sequence,
        earlier=decision.in_use_sequence,
        checks=len(decision.outcomes),
        failures=tuple(_failure(outcome) for outcome in failing),
    )


def _failure(outcome: Outcome) -> Failure:
    return Failure(
        check=clipped(outcome.check, MOST_OF_TEXT),
        severity="could not be carried out" if outcome.errored else clipped(outcome.severity, MOST_OF_TEXT),
        blocks=outcome.blocks,
        observed=clipped(outcome.observed, MOST_OF_TEXT),
        description=clipped(outcome.description, MOST_OF_TEXT),
        count=max(outcome.unexpected_count, len(outcome.examples)),
        rows=tuple(clipped(row, MOST_OF_TEXT) for row in outcome.examples[:MOST_EXAMPLES]),
        worst=tuple((clipped(one.where, MOST_OF_TEXT), clipped(one.what, MOST_OF_TEXT)) for one in outcome.worst[:MOST_WORST]),
    )


def _stopped(batches: Sequence[BatchView]) -> str:
    refused = sum(not batch.accepted for batch in batches)
    rejected = sum(batch.word == "rejected" for batch in batches)
    left = f"; {rejected} of them {'was' if rejected == 1 else 'were'} rejected by name" if rejected else ""
    return f" The checks refused {refused} of {plural(len(batches), 'batch', 'batches')}{left}." if refused else ""


def markdown(page: AnnotatorsPage) -> str:
    """The agreement figures and the decisions as Markdown; no text from outside is read as markup there."""
    parts = [["# How far do the raters agree?", "", plain(page.lead), ""], _agreement_part(page), _pairs_part(page), _raters_part(page)]
    parts += [_coverage_part(page), _batches_part(page)]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _agreement_part(page: AnnotatorsPage) -> list[str]:
    told = page.agreement
    lines = ["## Agreement by emotion", ""]
    if not told.judgements:
        return [*lines, "No judgement is in use yet.", ""]
    interval = told.overall.interval
    spread = f"95 % interval {interval[0]:.2f} to {interval[1]:.2f}" if interval else "no interval"
    words = f"Krippendorff's alpha without the flagged raters {told.overall.words} ({spread}), with them {figure(told.with_flagged)}."
    rows = [(row.name, row.words, "" if row.votes is None else f"{row.votes:,}") for row in (*told.emotions, *told.scales)]
    return [*lines, plain(f"{words} Human ceiling {page.ceiling or '–.'}"), "", *table(("About", "Alpha", "Votes"), rows)]


def _pairs_part(page: AnnotatorsPage) -> list[str]:
    lines = ["## Who agrees with whom", ""]
    if not page.pairs:
        return [*lines, "No two raters share enough units.", ""]
    least = sorted(page.pairs, key=lambda pair: (pair.agreement, pair.first, pair.second))[:MOST_PAIRS]
    told = f"{plural(len(page.pairs), 'pair')}, the least agreeing first" + (
        f"; {MOST_PAIRS} are listed." if len(page.pairs) > MOST_PAIRS else "."
    )
    rows = [(pair.first, pair.second, percent(pair.agreement), f"{pair.units:,}") for pair in least]
    return [*lines, plain(told), "", *table(("Rater", "Rater", "Same emotion", "Units"), rows)]


def _raters_part(page: AnnotatorsPage) -> list[str]:
    lines = ["## Raters", ""]
    if not page.raters:
        return [*lines, "Nobody has judged yet.", ""]
    rows = [
        (rater.name, f"{rater.judgements:,}", percent(rater.agreement), percent(rater.competence), rater.reason or "counts")
        for rater in page.raters
    ]
    return [*lines, *table(("Rater", "Judgements", "Agrees with the others", "Not guessing", "Verdict"), rows)]


def _coverage_part(page: AnnotatorsPage) -> list[str]:
    lines = ["## Coverage", ""]
    if not page.coverage:
        return [*lines, "There are no films yet.", ""]
    head = ("Film", "Judged", "By number of raters", "Gold", "Split", "Too few raters", "Alpha")
    return [*lines, *table(head, [_coverage_row(row, page.perspectives) for row in page.coverage])]


def _coverage_row(row: Coverage, perspectives: int) -> tuple[str, ...]:
    film = f"{row.film.title} ({row.perspective})" if row.perspective is not None and perspectives > 1 else row.film.title
    counts = (f"{count:,}" for count in (row.gold, row.ambiguous, row.insufficient))
    return (film, f"{row.judged:,} of {plural(row.units, row.level)}", row.spread_words, *counts, figure(row.alpha))


def _batches_part(page: AnnotatorsPage) -> list[str]:
    lines = ["## What the checks decided", ""]
    if not page.batches:
        return [*lines, "No batch has been delivered yet."]
    if len(page.batches) > MOST_BATCHES:
        lines += [f"The latest {MOST_BATCHES} of {len(page.batches):,} batches.", ""]
    return lines + [line for batch in page.shown_batches for line in _batch(batch)]


def _batch(batch: BatchView) -> list[str]:
    lines = [f"### {plain(batch.batch_id)}", "", plain(batch.verdict), ""]
    for failure in batch.failures:
        lines.append(
            f"- **{plain(failure.check)}** ({plain(failure.severity)}): {plain(failure.observed)}. Rule: {plain(failure.description)}."
        )
        lines += [f"  - at {plain(where)}: {plain(what)}" for where, what in failure.worst]
        if failure.rows:
            shown = f"{len(failure.rows)} of {plural(failure.count, 'row')}"
            lines.append(f"  - {plain(shown)}: " + ", ".join(plain(row) for row in failure.rows))
    return [*lines, ""] if batch.failures else lines
