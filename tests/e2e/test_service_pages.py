"""The conversation page as a person uses it: a real browser against a real `feelm serve` on the small model."""

from collections.abc import Iterator

import pytest

from corpus.paths import Home
from corpus.weights import verify
from tests.e2e.browser import Page, browsing, chromium
from tests.service.api.conftest import serving
from tests.service.talk import talking_home

CALM = "This is wonderful, thank you!"
HOSTILE = "This is wonderful, thank you! <img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
ANSWERED = "!document.getElementById('send').disabled && document.querySelectorAll('.turn:not(.user)').length"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chromium()
    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")
    with serving(talking_home(Home(tmp_path_factory.mktemp("talk")))) as live:
        yield live.address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Page]:
    with browsing(1300, 1200) as page:
        yield page


@pytest.fixture
def page(address: str, browser: Page) -> Page:
    browser._send("Emulation.clearDeviceMetricsOverride")
    browser.console.clear()
    browser.open(f"{address}/")
    browser.wait_for("a domain to choose", lambda: browser.ask("document.querySelectorAll('#domain option').length"))
    return browser


def say(page: Page, text: str) -> None:
    page.fill("#words", text)
    page.enter()
    page.wait_for("an answer", lambda: page.ask(ANSWERED))


def agent_says(page: Page) -> str:
    return str(page.ask("[...document.querySelectorAll('.turn:not(.user) span')].at(-1).textContent"))


def test_a_turn_is_read_answered_and_explained(page: Page) -> None:
    say(page, CALM)
    assert page.ask("document.querySelectorAll('.reading .bars[aria-label=\"The seven emotions\"] li').length") == 7
    told = page.told()
    for part in ("Recognised: ", "Way of answering: ", "Reaction foreseen: ", "Model "):
        assert part in told
    assert agent_says(page) == page.ask("document.querySelector('.candidates [aria-pressed=true] span').textContent")
    assert page.console == []


def test_a_click_on_a_candidate_says_it_instead(page: Page) -> None:
    say(page, CALM)
    other = page.ask("document.querySelector('.candidates [aria-pressed=false]').dataset.text")
    assert other and other != agent_says(page)
    page.click(".candidates [aria-pressed=false]")
    assert agent_says(page) == other


def test_ones_own_reply_is_foreseen_before_it_is_said(page: Page) -> None:
    say(page, CALM)
    before = agent_says(page)
    page.fill("#own", "Leave me alone.")
    page.click("#foresee")
    page.wait_for("what is foreseen", lambda: page.ask("document.querySelectorAll('#foreseen .bars li').length === 7"))
    assert agent_says(page) == before
    page.click("#instead")
    assert agent_says(page) == "Leave me alone."


def test_markup_that_is_said_stays_text(page: Page) -> None:
    say(page, HOSTILE)
    page.fill("#own", HOSTILE)
    page.click("#instead")
    assert page.ask("[...document.querySelectorAll('.turn span')].map(one => one.textContent)") == [HOSTILE, HOSTILE]
    assert page.ask("document.querySelectorAll('main img, main script').length") == 0
    assert page.ask("document.title") == "Talk · Feelm"


def test_the_page_lets_no_inline_script_run(page: Page) -> None:
    page.ask("(() => { const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s) })()")
    assert page.ask("window.owned === undefined")


def test_a_phone_shows_it_without_sideways_scrolling(page: Page) -> None:
    page._send("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True)
    say(page, "How dare you! " + "x" * 300)
    assert page.ask("document.documentElement.scrollWidth") <= 360


def test_starting_again_forgets_what_was_said(page: Page) -> None:
    say(page, CALM)
    page.click("#again")
    assert page.ask("document.querySelectorAll('.turn').length") == 0
    assert not page.ask("!!document.querySelector('.candidates')")
