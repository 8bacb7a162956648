"""The film pages as people use them: a real browser, a film that plays, hostile words, served over HTTP and opened from a disk."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from corpus.paths import Home
from pages.site.export import export_pages
from service.api.app import create_app
from service.api.settings import Settings
from tests.e2e.browser import Page, browsing, chromium
from tests.loopback import free_port
from tests.pages.looks import PHONE, SCHEMES, poor_contrast, show, too_wide
from tests.pages.sample import N_LINES, TALK
from tests.pages.site.conftest import NEW, OTHER, TITLE, make_site
from tests.service.api.conftest import MANY

FILM, COMPARE = f"/films/{TALK}", f"/compare?a={OTHER}&b={TALK}"
FILES = {"/films": "index.html", FILM: f"films/{TALK}.html", COMPARE: f"compare/{min(OTHER, TALK)}/{max(OTHER, TALK)}.html"}
WATCHING = """window.refused = []; window.asked = [];
document.addEventListener("securitypolicyviolation", event => refused.push(event.violatedDirective + " " + event.blockedURI));
for (const name of ["alert", "confirm", "prompt"]) window[name] = text => asked.push(text);"""
"""Runs before every page: what its policy refuses, and whether any script of foreign words ran."""

LENGTH_S = N_LINES * 3 + 2
TIME = "Number(document.querySelector('.scrub').value)"
PLAYED_S = "document.getElementById('film').currentTime"
HEAD = "parseFloat(document.querySelector('#timeline .cross').style.left)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Home:
    chromium()
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def address(site: Home) -> Iterator[str]:
    """The service without its champion, which no film page needs."""
    port = free_port()
    app = create_app(Settings(site, port=port, limits=MANY))
    server = uvicorn.Server(uvicorn.Config(app, port=port, http="h11", log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def folder(site: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("written") / "pages"
    export_pages(site, written, with_videos=True)
    return written


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Page]:
    with browsing(1280, 900) as page:
        page._send("Page.addScriptToEvaluateOnNewDocument", source=WATCHING)
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    show(browser)
    browser.console.clear()
    return browser


def opened(page: Page, url: str) -> Page:
    page.ask("void (window.old = true)")
    page.open(url)
    page.wait_for("the page", lambda: page.ask("!window.old && document.readyState === 'complete'"))
    return page


def playing(page: Page, url: str) -> Page:
    opened(page, url)
    if not page.ask("document.createElement('video').canPlayType('video/mp4; codecs=\"avc1.64001f\"')"):
        pytest.skip("this browser was built without H.264")
    page.wait_for("the film", lambda: page.ask("document.getElementById('film').readyState >= 2"))
    return page


@pytest.mark.parametrize("path", [*FILES, "/compare", f"/films/{OTHER}"])
def test_foreign_words_run_nothing_and_the_policy_refuses_nothing(page: Page, address: str, path: str) -> None:
    opened(page, address + path)
    assert page.ask("[refused, asked]") == [[], []] and page.console == []
    assert page.ask("document.querySelectorAll('script:not([src]), style, [style]:not(.cross), [onerror]').length") == 0
    assert page.ask("document.title") != "" and "<script>alert(1)</script>" in page.told() + page.ask("document.body.textContent")


@pytest.mark.parametrize("path", [*FILES, "/compare"])
def test_no_inline_script_runs_even_if_one_were_there(page: Page, address: str, path: str) -> None:
    opened(page, address + path)
    page.ask("(() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s) })()")
    assert page.ask("[window.owned === undefined, refused.length]") == [True, 1]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", [*FILES, "/compare"])
def test_every_word_can_be_read_and_a_phone_shows_all(page: Page, address: str, path: str, scheme: str) -> None:
    opened(page, address + path)
    for width in (1280, PHONE):
        show(page, scheme, width)  # type: ignore[arg-type]
        page.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert poor_contrast(page) == [] and too_wide(page) == []


def test_the_film_moves_the_playhead_and_tells_who_says_what(page: Page, address: str) -> None:
    playing(page, address + FILM)
    page.ask("void (document.getElementById('film').muted = true, document.getElementById('film').play())")
    page.wait_for("the film to run", lambda: page.ask(f"{PLAYED_S} > 1.1"))
    page.ask("document.getElementById('film').pause()")
    page.wait_for("the playhead", lambda: page.ask(f"Math.abs({TIME} - 1000 * {PLAYED_S}) < 150"))
    assert page.ask(HEAD) == pytest.approx(100 * page.ask(PLAYED_S) / LENGTH_S, abs=0.5)
    told = page.ask("document.getElementById('readout').textContent")
    assert "jonas" in told and "You kept the letter." in told and "Model" in told and "Raters" in told
    assert page.ask("document.querySelector('tr.now').id") == "line-1"


def test_a_click_on_the_timeline_goes_there_in_the_film(page: Page, address: str) -> None:
    playing(page, address + FILM)
    page.click("#timeline .lane-plot .plot-box", part=0.75)
    page.wait_for("the film to follow", lambda: abs(page.ask(PLAYED_S) - 0.75 * LENGTH_S) < 1)
    page.click("#timeline a.box", part=0.5)
    page.wait_for("the line's time", lambda: 1 <= page.ask(PLAYED_S) <= 3.5)
    assert page.ask("location.hash") == ""


@pytest.mark.parametrize("with_film", [True, False])
def test_the_keyboard_goes_through_the_film(page: Page, address: str, with_film: bool) -> None:
    opened(page, address + (FILM if with_film else f"/films/{OTHER}"))
    page.ask("document.querySelector('.scrub').focus()")
    for key, code, wanted in (("End", 35, 1000 * LENGTH_S), ("Home", 36, 0), ("ArrowRight", 39, 1000), ("ArrowUp", 38, 2000),
                              ("PageUp", 33, 12_000), ("ArrowLeft", 37, 11_000), ("ArrowDown", 40, 10_000)):  # fmt: skip
        page.press(key, code)
        assert page.ask(TIME) == wanted, key
    assert "0:10.0, mara" in page.ask("document.querySelector('.scrub').getAttribute('aria-valuetext')")
    if with_film:
        page.wait_for("the film to follow", lambda: abs(page.ask(PLAYED_S) - 10) < 0.5)


def test_subtitles_are_shown_over_the_film_as_words(page: Page, address: str) -> None:
    playing(page, address + FILM)
    cues = page.ask("[...document.getElementById('film').textTracks[0].cues].map(cue => cue.getCueAsHTML().textContent)")
    assert len(cues) == N_LINES and '"><img src=x onerror=alert(2)>' in cues
    assert page.ask("document.getElementById('film').textTracks[0].mode") == "showing"


def test_films_are_found_and_sorted_in_the_browser(page: Page, address: str) -> None:
    opened(page, address + "/films")
    shown = "[...document.querySelectorAll('#films > li:not([hidden]) h3')].map(one => one.textContent)"
    assert page.ask(shown) == ["Another cup", "Not run yet", TITLE, "Élise, silent"]
    page.fill("#words", "elise")
    assert page.ask(shown) == ["Élise, silent"] and page.ask("document.getElementById('count').textContent") == "1 of 4 films"
    page.fill("#words", " nothing like it")
    assert page.ask("document.getElementById('none').hidden") is False
    page.ask("(() => { const f = document.getElementById('words'); f.value = ''; f.dispatchEvent(new Event('input')) })()")
    page.ask("(() => { const f = document.getElementById('order'); f.value = 'year'; f.dispatchEvent(new Event('change')) })()")
    assert page.ask(shown)[:2] == [TITLE, "Another cup"]
    page.click("#films a", "Another cup")
    page.wait_for("the film's page", lambda: page.ask("location.pathname") == f"/films/{OTHER}")


def test_two_films_are_chosen_by_lists_without_any_script(page: Page, address: str) -> None:
    page._send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(address + "/compare")
        page.wait_for("the lists", lambda: page.ask("document.querySelectorAll('select').length === 2 && !document.scripts.length"))
        page.ask(f"void (document.getElementById('a').value = {OTHER!r}, document.getElementById('b').value = {TALK!r})")
        page.click("#choose button")
        page.wait_for("the comparison", lambda: page.ask("document.querySelectorAll('.figure svg').length === 4"))
    finally:
        page._send("Emulation.setScriptExecutionDisabled", value=False)
    assert page.ask("location.search") == f"?a={OTHER}&b={TALK}"


def test_a_film_without_a_page_is_named_and_leads_nowhere(page: Page, address: str) -> None:
    opened(page, address + "/films")
    assert f"feelm run --film {NEW}" in page.told()
    assert page.ask("document.querySelectorAll('#films a').length") == 3


@pytest.mark.parametrize("path", FILES)
def test_from_a_disk_the_pages_look_and_work_the_same(page: Page, folder: Path, path: str) -> None:
    opened(page, (folder / FILES[path]).as_uri())
    assert page.ask("[refused, asked]") == [[], []] and page.console == []
    assert page.ask("getComputedStyle(document.querySelector('.masthead')).borderBottomStyle") == "solid"
    assert poor_contrast(page) == []
    show(page, width=PHONE)
    assert too_wide(page) == []


def test_from_a_disk_the_film_plays_and_two_films_are_chosen(page: Page, folder: Path) -> None:
    playing(page, (folder / FILES[FILM]).as_uri())
    page.click("#timeline .lane-plot .plot-box", part=0.5)
    page.wait_for("the film to follow", lambda: abs(page.ask(PLAYED_S) - 0.5 * LENGTH_S) < 1)
    opened(page, (folder / "compare.html").as_uri())
    page.ask(f"void (document.getElementById('a').value = {TALK!r}, document.getElementById('b').value = {OTHER!r})")
    page.click("#choose button")
    page.wait_for("the comparison", lambda: page.ask("document.querySelectorAll('.figure svg').length === 4"))
