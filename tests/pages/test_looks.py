"""The measure of contrast itself: known colours give WCAG's known ratios, and layers count as they are seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Page, browsing
from tests.pages.looks import PHONE, poor_contrast, show, too_wide


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with browsing(900, 700) as page:
        yield page


def shown(browser: Page, folder: Path, body: str) -> Page:
    path = folder / "page.html"
    path.write_text(f"<!doctype html><meta name=viewport content='width=device-width'><body>{body}</body>", encoding="utf-8")
    browser.open(path.as_uri())
    browser.wait_for("the page", lambda: browser.ask("document.readyState === 'complete' && location.protocol === 'file:'"))
    return browser


@pytest.mark.parametrize(
    ("style", "ratio"),
    [
        ("color:#777;background:#fff", 4.48),
        ("color:rgb(0 0 0 / .5);background:#fff", 3.97),
        ("color:#000;background:#fff;opacity:.5", 3.97),
        ("color:#fff;background:color-mix(in srgb, #000 40%, #fff)", 2.85),
    ],
)
def test_text_that_is_too_faint_is_found_with_its_ratio(browser: Page, tmp_path: Path, style: str, ratio: float) -> None:
    found = poor_contrast(shown(browser, tmp_path, f"<p style='{style}'>faint</p><p style='color:#767676'>plain</p>"))
    assert len(found) == 1 and found[0].endswith(' < 4.5: p. "faint"')
    assert float(found[0].split()[0]) == pytest.approx(ratio, abs=0.04)


def test_large_text_needs_less_and_hidden_text_none(browser: Page, tmp_path: Path) -> None:
    body = "<p style='color:#888;font-size:24px'>large</p><p style='display:none;color:#eee'>gone</p>"
    body += "<p style='font-size:0;color:#eee'>none</p>"
    assert poor_contrast(shown(browser, tmp_path, body)) == []


def test_generated_content_fields_and_svg_are_read_too(browser: Page, tmp_path: Path) -> None:
    body = (
        "<style>p::after{content:'made';color:#ccc} ::placeholder{color:#bbb}</style><p></p><input placeholder='write'>"
        "<svg height=20><text y=15 fill='#ddd'>drawn</text></svg>"
    )
    found = poor_contrast(shown(browser, tmp_path, body))
    assert [one.split('"')[1] for one in found] == ["drawn", "made", "write"]


def test_text_in_a_drawing_is_held_against_what_is_drawn_beneath_it(browser: Page, tmp_path: Path) -> None:
    body = (
        "<svg width=200 height=60><rect width=100 height=60 fill='#124' /><rect x=100 width=100 height=60 fill='#124' fill-opacity='.1' />"
        "<text x=10 y=35 fill='#fff'>on dark</text><text x=110 y=35 fill='#fff'>on faint</text></svg>"
    )
    assert [one.split('"')[1] for one in poor_contrast(shown(browser, tmp_path, body))] == ["on faint"]


def test_what_stands_out_of_a_phone_is_named(browser: Page, tmp_path: Path) -> None:
    show(browser, width=PHONE)
    page = shown(
        browser,
        tmp_path,
        "<div class=wide style='width:600px'>x</div><div class=scroll style='overflow:auto'><p style='width:900px'>y</p></div>",
    )
    found = too_wide(page)
    assert any("div.wide" in one for one in found) and not any(one.startswith("p") for one in found)
