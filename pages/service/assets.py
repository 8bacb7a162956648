"""The service's own pages, and the files that they are made of, read once and known by name.

A name that is not among them has no file, so that no path can be asked for. The policy lets a page load these, talk to its own service,
and do nothing else: no inline script, no inline style, nothing from another host.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from corpus.terms import FeelmError
from pages.render import environment, style_sheet
from pages.site.places import Served

FOLDER = Path(__file__).parent
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGES = {"talk": "Talk", "script": "Script", "escalations": "Hand-overs"}
"""By template, its name in the navigation."""

STYLE = "style.css"
FILES = {
    STYLE: (FOLDER.parent / STYLE, "text/css"),
    "service.css": (FOLDER / "service.css", "text/css"),
    "common.js": (FOLDER / "common.js", "text/javascript"),
    "keep.js": (FOLDER / "keep.js", "text/javascript"),
    "talk.js": (FOLDER / "talk.js", "text/javascript"),
    "arc.js": (FOLDER / "arc.js", "text/javascript"),
    "script.js": (FOLDER / "script.js", "text/javascript"),
    "escalations.js": (FOLDER / "escalations.js", "text/javascript"),
    "kitchen.txt": (FOLDER / "samples" / "kitchen.txt", "text/plain"),
    "lighthouse.txt": (FOLDER / "samples" / "lighthouse.txt", "text/plain"),
    "site.css": (FOLDER.parent / "site" / "site.css", "text/css"),
    "film.js": (FOLDER.parent / "film.js", "text/javascript"),
    "library.js": (FOLDER.parent / "site" / "library.js", "text/javascript"),
    "compare.js": (FOLDER.parent / "site" / "compare.js", "text/javascript"),
}


@dataclass(frozen=True)
class Asset:
    """A file of a page: its text and its media type."""

    text: str
    media_type: str


@cache
def asset(name: str) -> Asset:
    """The file of this name.

    Raises:
        FeelmError: no page has such a file.
    """
    if name not in FILES:
        raise FeelmError(f"no page has a file {name[:60]!r}; there are {', '.join(FILES)}")
    path, media_type = FILES[name]
    return Asset(style_sheet() if name == STYLE else path.read_text(encoding="utf-8"), media_type)


@cache
def page(name: str) -> str:
    """A page of PAGES, as HTML."""
    return environment().get_template(f"service/{name}.html").render(places=Served(), here=PAGES[name], policy=None)
