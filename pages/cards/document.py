"""A card as data: sections of paragraphs, bullets and tables, written as Markdown for model hubs and as HTML for people.

Both say the same, since both are made of the same sections. The Markdown begins with the YAML block that Hugging Face reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from corpus.paths import Home, write_text
from pages.markdown import plain, table
from pages.render import render

CARD_FILE = "README.md"
PAGE_FILE = "card.html"
LINKS = "<!-- links beside the report -->"
"""Stands in `card.html`; the report's copy puts links to the report and the other card in its place."""


@dataclass(frozen=True)
class CardTable:
    """A table of words and figures."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def of_figures(self) -> tuple[bool, ...]:
        """By column: whether it holds figures alone, which stand to the right."""
        cells = [[row[place] for row in self.rows] for place in range(len(self.head))]
        return tuple(place > 0 and all(cell[:1].isdigit() or cell == "–" for cell in own) for place, own in enumerate(cells))


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it: paragraphs, then bullets, then tables."""

    title: str
    paragraphs: tuple[str, ...] = ()
    bullets: tuple[str, ...] = ()
    tables: tuple[CardTable, ...] = ()

    @property
    def anchor(self) -> str:
        """Its name in the page's addresses."""
        return "".join(mark if mark.isalnum() else "-" for mark in self.title.lower()).strip("-")


@dataclass(frozen=True)
class Card:
    """A card: what hubs read (`front`), the title, what it is in a few sentences, and the sections."""

    front: Mapping[str, object]
    title: str
    lead: str
    sections: tuple[Section, ...]
    notice: str | None = None


def write_card(card: Card, out: Path) -> None:
    """Write README.md and card.html into `out`."""
    write_text(out / CARD_FILE, markdown(card))
    write_text(out / PAGE_FILE, render("card.html", card))


def markdown(card: Card) -> str:
    """The card for model hubs; no text from outside is read as markup there."""
    front = yaml.safe_dump(dict(card.front), sort_keys=False, allow_unicode=True, width=120)
    lines = [f"# {plain(card.title)}", "", plain(card.lead), ""]
    lines += [f"> {plain(card.notice)}", ""] if card.notice else []
    lines += [line for section in card.sections for line in _section(section)]
    return f"---\n{front}---\n\n" + "\n".join(lines).rstrip() + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """A figure of a table; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def _section(section: Section) -> list[str]:
    lines = [f"## {plain(section.title)}", ""]
    for paragraph in section.paragraphs:
        lines += [plain(paragraph), ""]
    lines += [*(f"- {plain(bullet)}" for bullet in section.bullets), ""] if section.bullets else []
    for shown in section.tables:
        lines += table(shown.head, shown.rows)
    return lines


@dataclass(frozen=True)
class CardLink:
    """A card beside the report: its artifact, which gives its files their names, and its title for people."""

    artifact: str
    title: str

    @property
    def page(self) -> str:
        """The HTML page."""
        return f"{self.artifact}.html"

    @property
    def text(self) -> str:
        """The Markdown."""
        return f"{self.artifact}.md"


CARDS = (CardLink("model_card", "Model card"), CardLink("dataset_card", "Data set card"))


def copy_cards(home: Home, out: Path) -> tuple[CardLink, ...]:
    """Copy the cards beside the report in `out`, linked with it and each other; which there are."""
    there = tuple(link for link in CARDS if (home.artifact(link.artifact) / PAGE_FILE).is_file())
    for link in there:
        folder = home.artifact(link.artifact)
        others = "".join(f'<a href="{other.page}">{other.title}</a>' for other in there if other is not link)
        links = f'<a href="report.html">Report</a>{others}<a href="{link.text}">As Markdown</a>'
        write_text(out / link.page, (folder / PAGE_FILE).read_text(encoding="utf-8").replace(LINKS, links, 1))
        write_text(out / link.text, (folder / CARD_FILE).read_text(encoding="utf-8"))
    return there
