"""The frame around every page of the site, and the parts of a film's own page that are put into it.

A film's page is stored whole, as one file with style and script in it. Here it is taken apart again at tags that no foreign text can hold,
since that is escaped, so that the site's page shows just what the chain made, under a policy without anything inline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup

from corpus.terms import FeelmError
from pages.render import environment
from pages.site.places import Places

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; media-src 'self'; "
    "base-uri 'none'; form-action 'self'"
)
"""What a page of the site may do: load its own files, pictures within it, and ask its own service for two films."""

SERVED_POLICY = f"{POLICY}; frame-ancestors 'none'"
_SHEET = re.compile(r'<style id="of-the-film">(.*?)</style>', re.DOTALL)
_CONTENT = re.compile(r'<main id="content" class="wrap">\n(.*?)\n</main>\n<footer class="wrap foot">(.*?)</footer>', re.DOTALL)


@dataclass(frozen=True)
class FilmParts:
    """A stored film page: its style beyond the common one, what it shows, and its foot."""

    sheet: str
    content: Markup
    foot: Markup


def film_parts(html: str) -> FilmParts:
    """The parts of a page that `pages.film.render_film` wrote.

    Raises:
        FeelmError: an earlier version of Feelm wrote it.
    """
    sheet, content = _SHEET.search(html), _CONTENT.search(html)
    if sheet is None or content is None:
        raise FeelmError("the film's page was made by an earlier version of Feelm: `feelm run` makes it anew")
    return FilmParts(sheet[1], Markup(content[1]), Markup(content[2]))


def render_site(template: str, page: object, places: Places, here: str) -> str:
    """A page of the site; `here` names it in the navigation. Everything foreign is escaped."""
    policy = None if places.served else POLICY.replace("'self'", "'self' file:")
    return environment().get_template(f"site/{template}").render(page=page, places=places, here=here, policy=policy)
