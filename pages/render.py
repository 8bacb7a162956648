"""Turns templates and typed views into one self-contained HTML text.

Everything is escaped (autoescape, undefined names are errors); the style sheet and the script are inlined, and the content security
policy of each page allows nothing but them and `data:` pictures, so that a page can be mailed, archived and opened from a disk.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from corpus import emotions
from corpus.terms import EMOTIONS

ROOM = Path(__file__).parent


@cache
def environment() -> Environment:
    """The templates with the filters they use."""
    made = Environment(
        loader=FileSystemLoader(ROOM / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(clock=clock, figure=figure, percent=percent, plural=plural, probability=probability)
    made.globals.update(emotions=EMOTIONS, style=Markup(style_sheet()))
    return made


def render(template: str, page: object, script: str | None = None) -> str:
    """Render `template` with `page`; `script` names a file of this package that is inlined and allowed by its hash."""
    code = _asset(script) if script else ""
    return environment().get_template(template).render(page=page, script=Markup(code), policy=policy(code))


PLACED, POLICY = '@"placed";', "@policy@"
"""Stand in a page of `render_placed` until everything is placed: the first holds a sign that foreign text never has, the second stands
before any of it."""


@dataclass
class Placing:
    """Gives every distinct piece of style that a template asks for a rule of its own, so that no element carries inline style."""

    known: dict[str, int] = field(default_factory=dict)

    def __call__(self, style: str) -> Markup:
        """The attribute by which an element gets the style; it holds numbers that the page computed, never foreign text."""
        return Markup(f'data-at="{self.known.setdefault(style, len(self.known))}"')

    @property
    def css(self) -> str:
        """The rules."""
        return "\n".join(f'[data-at="{number}"]{{{style}}}' for style, number in self.known.items())


def render_placed(template: str, page: object, script: str) -> str:
    """`render` for a page without any inline style: its template asks `placed(...)` for what is particular to one element.

    The policy then names the page's style sheets and script by their hashes, and lets nothing else in.
    """
    placed, code = Placing(), _asset(script)
    text = environment().get_template(template).render(page=page, script=Markup(code), policy=Markup(POLICY), placed=placed)
    text = text.replace(PLACED, placed.css, 1)
    sheets = re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL)
    return text.replace(POLICY, policy(code, sheets), 1)


def policy(code: str, sheets: Sequence[str] | None = None) -> str:
    """The content security policy of a page whose one inline script is `code` (empty: no script may run) and whose only style is `sheets`
    (None: any inline style may be there)."""
    styles = "'unsafe-inline'" if sheets is None else " ".join(map(_hashed, sheets))
    rules = ["default-src 'none'", "img-src data:", f"style-src {styles}", "base-uri 'none'", "form-action 'none'"]
    if code:
        rules.append(f"script-src {_hashed(code)}")
    return "; ".join(rules)


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def style_sheet() -> str:
    """The style of all pages: the emotions' colours, light and dark, and their classes (`e-joy`), then `style.css`."""
    light = "; ".join(f"--{emotion.name}: {emotion.light}" for emotion in emotions.ALL)
    dark = "; ".join(f"--{emotion.name}: {emotion.dark}" for emotion in emotions.ALL)
    classes = "\n".join(f".e-{emotion} {{ --e: var(--{emotion}) }}" for emotion in EMOTIONS)
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{classes}\n{_asset('style.css')}"


@cache
def _asset(name: str) -> str:
    return (ROOM / name).read_text(encoding="utf-8")


def picture(path: Path) -> str | None:
    """A JPEG file as a data URI; None where there is no such file."""
    return data_uri(path.read_bytes()) if path.is_file() else None


def data_uri(jpeg: bytes) -> str:
    """A JPEG's bytes as a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def clock(t_ms: float, tenths: bool = False) -> str:
    """A time of the film as `m:ss`, from one hour on `h:mm:ss`; with `tenths` also tenths of a second, cut, not rounded."""
    seconds, rest = divmod(int(t_ms), 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{rest // 100}" if tenths else text


def percent(share: float | None) -> str:
    """A share as a percentage that does not break over a line; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def figure(value: float | None) -> str:
    """Two decimals; a dash where there is nothing to tell."""
    return "–" if value is None else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def probability(p_value: float) -> str:
    """A p value as papers write it."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 film`, `12 films`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
