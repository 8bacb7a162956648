"""The compliance bundle: everything that somebody who must account for this service is asked for, in one folder with a manifest.

Cards, scores by film with the human ceiling, groups, limits, uses with their recorded bases, disclosure, escalations, the distress rules
with their measured recall and the route to a person. What is not there is told as lacking and never left out in silence. Not legal advice.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from corpus.paths import Home, file_digest, write_json, write_text, writing
from ml.evaluation.report import CorpusReport, ValidationReport
from pages.cards.document import CARD_FILE, PAGE_FILE, Card, CardTable, Section, markdown
from pages.render import render
from pages.systems import fused, human
from service.safety.disclosure import DisclosureLog, Told, disclosure_texts
from service.safety.distress.classifier import read_facts
from service.safety.distress.rules import all_rules
from service.safety.escalation import Queue, read_target
from service.safety.uses import all_profiles, decide, read_bases, use_table

MEASURED = Path(__file__).parent / "distress" / "measured.json"
"""What `python -m benchmarks.distress` found; it names the digests of the rules that it measured."""

LIMITS = (
    "It reads what words, voices and faces show, as raters of films named it; it does not know what somebody feels.",
    "Recognition of distress is a safety net and no diagnosis: it misses some danger and asks some people who are in none.",
    "Languages other than those of the distress rules are not read; such a text is handed to a person.",
    "It was not measured by group of persons beyond the groups that are listed here.",
)


@dataclass(frozen=True)
class Route:
    """Who takes over in a domain: the queue's name, and what the person is told."""

    domain: str
    queue: str
    told: str


@dataclass(frozen=True)
class Piece:
    """A file of the bundle: what it is, or why it is lacking."""

    name: str
    about: str
    lacking: str | None = None


@dataclass(frozen=True)
class Bundle:
    """What was written: the folder, its pieces, and when."""

    folder: Path
    pieces: tuple[Piece, ...]
    at: str

    @property
    def lacking(self) -> tuple[Piece, ...]:
        """What could not be written."""
        return tuple(piece for piece in self.pieces if piece.lacking is not None)


@dataclass(frozen=True)
class _Scores:
    """A body of data: the model by film, the raters on the same units, and the groups."""

    corpus: str
    n_units: int
    accuracy: float | None
    by_film: dict[str, float]
    human_ceiling: float | None
    human_by_film: dict[str, float]
    groups: list[dict[str, Any]]
    groups_withheld: dict[str, int]


def build_compliance(home: Home, out: Path, environment: dict[str, str], routes: Sequence[Route] = ()) -> Bundle:
    """Write the bundle into `out`, which is replaced as a whole.

    Raises:
        FeelmError: a record in the home was changed by hand, or a setting cannot be meant so.
    """
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with writing(out) as folder:
        pieces = (
            *_cards(home, folder),
            _scores(home, folder),
            _uses(home, folder),
            *_disclosures(home, folder),
            _escalations(home, folder, environment),
            _distress(folder),
            _oversight(folder, routes),
            _limits(folder),
        )
        index = _index(pieces, folder, at)
        write_text(folder / "index.md", markdown(index))
        write_text(folder / "index.html", render("card.html", index))
        write_json(folder / "manifest.json", {path.name: file_digest(path) for path in sorted(folder.iterdir())})
    return Bundle(out, pieces, at)


def _cards(home: Home, folder: Path) -> list[Piece]:
    found = []
    for name, title in (
        ("model_card", "Model card: what taught the model, what it is worth, for what it must not be used"),
        ("dataset_card", "Data card"),
    ):
        source = home.artifact(name)
        there = [(file, f"{name}{Path(file).suffix}") for file in (CARD_FILE, PAGE_FILE) if (source / file).is_file()]
        for file, own in there:
            shutil.copyfile(source / file, folder / own)
        found += [Piece(own, title) for _, own in there] or [
            Piece(f"{name}.md", title, f"there is no {name} in this home: `feelm run` writes it")
        ]
    return found


def _scores(home: Home, folder: Path) -> Piece:
    about = "Scores on films that the model never saw, film by film, beside one rater against the others (human ceiling), and by group"
    path = home.artifact("validation_report") / "report.json"
    if not path.is_file():
        return Piece("scores.json", about, "there is no validation report in this home: `feelm run` writes it")
    report = ValidationReport.read(path)
    held = {
        "model_version": report.model_version,
        "trained_on": report.trained_on,
        "corpora": [asdict(_corpus(one)) for one in report.corpora],
    }
    write_json(folder / "scores.json", held)
    return Piece("scores.json", about)


def _corpus(corpus: CorpusReport) -> _Scores:
    own, raters = fused(corpus), human(corpus)
    return _Scores(
        corpus.name,
        corpus.n_gold,
        own.accuracy.value if own else None,
        own.by_film if own else {},
        raters.accuracy.value if raters else None,
        raters.by_film if raters else {},
        [asdict(group) for group in corpus.groups],
        corpus.groups_withheld,
    )


def _uses(home: Home, folder: Path) -> Piece:
    bases = read_bases(home)
    decided = [decide(profile, bases) for profile in all_profiles()]
    held = {
        "notice": use_table().notice,
        "bases": [_plain(asdict(basis)) for basis in bases],
        "profiles": [_plain(asdict(one)) for one in decided],
    }
    write_json(folder / "uses.json", held)
    refused = sum(not one.allowed for one in decided)
    return Piece("uses.json", f"All {len(decided)} uses with article and date; {refused} are refused, {len(bases)} bases are recorded")


def _disclosures(home: Home, folder: Path) -> list[Piece]:
    write_json(folder / "disclosure_texts.json", disclosure_texts())
    entries = list(DisclosureLog(home).entries())
    held = {
        "told": len(entries),
        "first": entries[0].at if entries else None,
        "last": entries[-1].at if entries else None,
        "by_month": _counted(entries, lambda entry: entry.at[:7]),
        "by_domain": _counted(entries, lambda entry: entry.domain),
        "by_text": _counted(entries, lambda entry: "+".join(entry.names)),
        "by_language": _counted(entries, lambda entry: entry.language),
        "digests": sorted({entry.digest for entry in entries}),
    }
    write_json(folder / "disclosure_log.json", held)
    return [
        Piece("disclosure_texts.json", "What people are told, in every language"),
        Piece("disclosure_log.json", f"How often people were told: {len(entries)} times; no content and no names of conversations"),
    ]


def _counted(entries: Sequence[Told], key: Callable[[Told], str]) -> dict[str, int]:
    return dict(sorted(Counter(map(key, entries)).items()))


def _escalations(home: Home, folder: Path, environment: dict[str, str]) -> Piece:
    queue = Queue(home, read_target(environment))
    held = {"target_set": queue.target is not None, "counts": asdict(queue.counts()), "faults": queue.faults()}
    write_json(folder / "escalations.json", held)
    return Piece("escalations.json", "How many conversations were handed to people, how fast, and what waits")


def _distress(folder: Path) -> Piece:
    about = "Versions and digests of the distress rules in each language, the classifier's, and the recall that was measured"
    rules = {one.language: {"version": one.version, "sha256": one.digest, "rules": len(one.rules)} for one in all_rules()}
    measured: dict[str, Any] | None = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.is_file() else None
    stale = measured is not None and measured["rules_sha256"] != {language: own["sha256"] for language, own in rules.items()}
    write_json(
        folder / "distress.json", {"rules": rules, "classifier": read_facts(), "measured": measured, "measured_before_a_change": stale}
    )
    if measured is None:
        return Piece("distress.json", f"{about}: not measured yet (`python -m benchmarks.distress`)")
    return Piece("distress.json", f"{about}{': measured before the rules were changed last' if stale else ''}")


def _oversight(folder: Path, routes: Sequence[Route]) -> Piece:
    about = "Who takes over in each domain, and what the person is told"
    if not routes:
        return Piece("oversight.json", about, "no domain gave its route to a person")
    write_json(folder / "oversight.json", [asdict(route) for route in routes])
    return Piece("oversight.json", about)


def _limits(folder: Path) -> Piece:
    write_text(folder / "limits.md", "# Limits\n\n" + "".join(f"- {limit}\n" for limit in LIMITS))
    return Piece("limits.md", "What the service cannot do")


def _index(pieces: Sequence[Piece], folder: Path, at: str) -> Card:
    there = [(piece.name, piece.about, file_digest(folder / piece.name)) for piece in pieces if piece.lacking is None]
    sections = [Section("What is here", tables=(CardTable(("File", "What it is", "sha256"), tuple(there)),))]
    lacking = tuple(f"{piece.name} ({piece.about}): {piece.lacking}" for piece in pieces if piece.lacking is not None)
    sections += [Section("What is lacking", bullets=lacking)] if lacking else []
    sections += [Section("Limits", bullets=LIMITS)]
    lead = "What accounts for this service: cards, ceilings, uses, disclosure, escalation. It recognises and responds; it never feels."
    return Card({"date": at}, "Compliance bundle", lead, tuple(sections), notice=use_table().notice)


def _plain(value: Any) -> Any:
    """Dates as text."""
    if isinstance(value, dict):
        return {name: _plain(own) for name, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    return value.isoformat() if isinstance(value, date) else value
