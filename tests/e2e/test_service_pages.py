"""The conversation and the script studio as a person uses them: a real browser against a real `feelm serve` on the small model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.terms import EMOTIONS
from corpus.weights import verify
from service.safety.escalation import Escalation, Queue, State
from tests.e2e.browser import Page, browsing, chromium
from tests.pages.looks import DESKTOP, PHONE, SCHEMES, poor_contrast, show, too_wide
from tests.service.api.conftest import serving
from tests.service.talk import talking_home

CALM = "This is wonderful, thank you!"
HOSTILE = "This is wonderful, thank you! <img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
ANSWERED = "!document.getElementById('send').disabled && document.querySelectorAll('.turn:not(.user)').length"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    chromium()
    if verify("minilm").state != "present":
        pytest.skip("weight minilm is not there: run `make install`")
    return talking_home(Home(tmp_path_factory.mktemp("talk")))


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with serving(home) as live:
        yield live.address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Page]:
    with browsing(1300, 1200) as page:
        yield page


def opened(browser: Page, address: str, ready: str) -> Page:
    browser._send("Emulation.clearDeviceMetricsOverride")
    browser.console.clear()
    browser.open(address)
    browser.wait_for("the page made ready", lambda: browser.ask(ready))
    return browser


@pytest.fixture
def page(address: str, browser: Page) -> Page:
    return opened(browser, f"{address}/", "document.querySelectorAll('#domain option').length")


def say(page: Page, text: str) -> None:
    page.fill("#words", text)
    page.enter()
    page.wait_for("an answer", lambda: page.ask(ANSWERED))


def rewrite(page: Page, selector: str, text: str) -> None:
    page.ask(f"document.querySelector({selector!r}).value = ''")
    page.fill(selector, text)


def agent_says(page: Page) -> str:
    return str(page.ask("[...document.querySelectorAll('.turn:not(.user) span')].at(-1).textContent"))


def test_a_turn_is_read_answered_and_explained(page: Page) -> None:
    say(page, CALM)
    assert page.ask("document.querySelectorAll('.reading .bars[aria-label=\"All emotions\"] li').length") == len(EMOTIONS)
    told = page.told()
    for part in ("Recognised: ", "Way of answering: ", "Reaction foreseen: ", "Model "):
        assert part in told
    assert agent_says(page) == page.ask("document.querySelector('.candidates [aria-pressed=true] span').textContent")
    assert page.console == []


def test_why_is_told_in_words_and_so_is_the_name_of_a_reaction(page: Page) -> None:
    say(page, "Hello, why is it so late?")
    because = page.ask("[...document.querySelectorAll('#why ul.because li')].map(one => one.textContent)")
    assert because and not any("_" in one or len(one.split()) < 3 for one in because)
    told = page.ask("document.getElementById('why').innerText")
    assert "Named is " in told and " usual" in told and "how often the emotion follows" in told
    assert page.ask("document.querySelectorAll('#why .bars i.usual').length") == len(EMOTIONS)


def test_light_and_dark_and_a_phone_are_readable(page: Page) -> None:
    say(page, CALM)
    readable_everywhere(page)


def test_a_click_on_a_candidate_says_it_instead(page: Page) -> None:
    say(page, CALM)
    other = page.ask("document.querySelector('.candidates [aria-pressed=false]').dataset.text")
    assert other and other != agent_says(page)
    page.click(".candidates [aria-pressed=false]")
    assert agent_says(page) == other


def test_ones_own_reply_is_foreseen_before_it_is_said(page: Page) -> None:
    say(page, CALM)
    before = agent_says(page)
    assert page.ask("document.getElementById('own').value") == before
    rewrite(page, "#own", "Leave me alone.")
    page.click("#foresee")
    page.wait_for("what is foreseen", lambda: page.ask("document.querySelectorAll('#foreseen .bars li').length") == len(EMOTIONS))
    assert agent_says(page) == before
    assert "Against the reply as it stands" in page.ask("document.getElementById('foreseen').innerText")
    page.click("#instead")
    assert agent_says(page) == "Leave me alone."


def test_markup_that_is_said_stays_text(page: Page) -> None:
    say(page, HOSTILE)
    rewrite(page, "#own", HOSTILE)
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


STILL = "document.querySelectorAll('script, link, form, button, select, textarea, [role=listbox], [role=slider]').length"


def saved(page: Page, folder: Path) -> str:
    """What "Save as a page" puts among the downloads, opened from there in the same browser; its text as HTML."""
    page._send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.click("#keep")
    path: Path = page.wait_for("the saved page", lambda: next(folder.glob("feelm-*.html"), None))
    page.console.clear()
    page.open(path.as_uri())
    page.wait_for("the page from its file", lambda: page.ask("location.protocol === 'file:' && document.readyState === 'complete'"))
    return path.read_text(encoding="utf-8")


def readable_everywhere(page: Page) -> None:
    for scheme in SCHEMES:
        for width in (PHONE, DESKTOP):
            show(page, scheme, width)
            assert poor_contrast(page) == [] and too_wide(page) == []
    page._send("Emulation.setEmulatedMedia", features=[])


def test_a_conversation_is_saved_as_a_page_that_needs_no_service_and_tells_of_every_reply_why(page: Page, tmp_path: Path) -> None:
    assert page.ask("document.getElementById('keep').disabled")
    say(page, CALM)
    first = agent_says(page)
    say(page, HOSTILE)
    last = agent_says(page)
    text = saved(page, tmp_path)
    assert "<script" not in text and "http://127.0.0.1" not in text and "unsafe-inline" in text
    assert page.ask("[...document.querySelectorAll('.turn > span')].map(one => one.textContent)") == [CALM, first, HOSTILE, last]
    whys = page.ask("[...document.querySelectorAll('details.came-of')].map(one => one.textContent)")
    assert len(whys) == 2 and all("Way of answering: " in why and "Reaction foreseen: " in why for why in whys)
    assert page.ask("[...document.querySelectorAll('.button-was > b')].map(one => one.nextSibling.textContent)") == [first, last]
    assert page.ask(STILL) == 0 and page.ask("document.title") == "A conversation, and what its replies came of · Feelm"
    page.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
    readable_everywhere(page)
    assert page.console == []


SCENE = "Anna: I cried all night.\nBen: He is gone and I am alone.\nAnna: It is a blue car.\nBen: I love it here.\n"
READ = "!document.getElementById('studio').hidden && /lines read\\.$/.test(document.getElementById('state').textContent)"
WORDS = "[...document.querySelectorAll('#lines .said')].map(one => one.textContent)"
EMOTION = "document.querySelector('#reading .statement').textContent"


@pytest.fixture
def studio(address: str, browser: Page) -> Page:
    return opened(browser, f"{address}/script", "document.getElementById('read') && !document.getElementById('read').disabled")


def paste(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("#read")
    page.wait_for("the scene read", lambda: page.ask(READ))


def settled(page: Page, what: str, expression: str) -> None:
    page.wait_for(what, lambda: page.ask(f"document.getElementById('studio').getAttribute('aria-busy') === 'false' && !!({expression})"))


def test_a_scene_is_read_a_line_is_changed_and_both_arcs_lie_over_each_other_until_it_is_undone(studio: Page) -> None:
    paste(studio, SCENE)
    assert "I cried all night." in studio.ask("document.getElementById('arc').getAttribute('aria-valuetext')")
    assert "sadness" in studio.ask(EMOTION) and not studio.ask("!!document.querySelector('#arc .was')")
    rewrite(studio, "#words", "We won, we won!")
    studio.enter()
    settled(studio, "the changed arc", "document.querySelector('#arc .was')")
    assert "joy" in studio.ask(EMOTION) and studio.ask(WORDS)[0] == "We won, we won!"
    was, now = (studio.ask(f"document.querySelector('#arc .{kind}').getAttribute('d')") for kind in ("was", "course:not(.was)"))
    assert was != now
    assert "as it was" in studio.told() and "It was “I cried all night.”: sadness" in studio.told()
    studio.click("#undo")
    settled(studio, "the arc as it was", "!document.querySelector('#arc .was')")
    assert studio.ask(WORDS)[0] == "I cried all night." and studio.ask("document.getElementById('undo').disabled")
    assert studio.console == []


def test_a_suggestion_is_asked_for_applied_and_the_changed_scene_read_anew(studio: Page) -> None:
    paste(studio, SCENE)
    studio.click("#line-2")
    studio.click("#ask")
    settled(studio, "suggestions", "document.querySelectorAll('#suggestions button').length")
    words = studio.ask("document.querySelector('#suggestions button span').textContent")
    studio.click("#suggestions button")
    settled(studio, "the suggestion in its place", "!document.getElementById('undo').disabled")
    assert studio.ask(WORDS)[2] == words
    studio.click("#leave")
    settled(studio, "the line left out", "document.querySelector('#lines .gone')")
    studio.click("#undo")
    settled(studio, "the line there again", "!document.querySelector('#lines .gone')")
    studio.click("#anew")
    settled(studio, "the scene anew", READ + " && !document.querySelector('#lines .edited')")
    assert studio.ask("document.getElementById('text').value") == SCENE.replace("It is a blue car.", words).strip()


def test_the_studio_is_used_by_keys_alone(studio: Page) -> None:
    paste(studio, SCENE)
    studio.ask("document.getElementById('arc').focus()")
    studio.press("ArrowRight", 39)
    assert studio.ask("document.getElementById('arc').getAttribute('aria-valuenow')") == "2"
    assert studio.ask("document.querySelector('#lines [aria-selected=true] b').textContent") == "2"
    studio.press("End", 35)
    assert "I love it here." in studio.ask("document.getElementById('arc').getAttribute('aria-valuetext')")
    studio.ask("document.getElementById('lines').focus()")
    studio.press("ArrowUp", 38)
    studio.enter()
    assert studio.ask("[document.activeElement.id, document.activeElement.value]") == ["words", "It is a blue car."]


def test_a_character_is_looked_at_alone_and_the_arc_is_a_table_too(studio: Page) -> None:
    paste(studio, SCENE)
    studio.ask("document.getElementById('who').value = 'Ben'; document.getElementById('who').dispatchEvent(new Event('change'))")
    studio.click("#table summary")
    cells = "[...document.querySelectorAll('#table tbody tr')].map(row => [...row.cells].slice(0, 3).map(cell => cell.textContent))"
    rows = studio.wait_for("rows", lambda: studio.ask(cells))
    assert rows == [["2", "Ben", "He is gone and I am alone."], ["4", "Ben", "I love it here."]]
    assert studio.ask("document.getElementById('arc').getAttribute('aria-valuemax')") == "2"


def test_markup_that_is_pasted_stays_text_wherever_it_is_shown(studio: Page) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    text = f"INT. <b>HOUSE</b> - NIGHT\n\nAnna: {CALM} {hostile}\nBen: {hostile} How dare you!\n(<i>a door</i>)\nAnna: {hostile}"
    paste(studio, text)
    rewrite(studio, "#words", f"Run! {HOSTILE}")
    studio.click("#try")
    settled(studio, "the changed arc", "!document.getElementById('undo').disabled")
    studio.click("#ask")
    settled(studio, "suggestions", "document.querySelector('#suggestions p')")
    studio.click("#table summary")
    assert studio.ask(WORDS)[0] == f"Run! {HOSTILE}" and hostile in studio.ask(WORDS)[1]
    assert studio.ask("document.querySelectorAll('main img, main script, main b b, main li i:not(.dot, [aria-hidden])').length") == 0
    assert studio.ask("document.title") == "Script · Feelm"


def test_a_paste_that_cannot_be_read_says_why_and_leaves_what_is_there(studio: Page) -> None:
    paste(studio, SCENE)
    rewrite(studio, "#text", "(a door)\n[rain]")
    studio.click("#read")
    studio.wait_for("the fault", lambda: "nobody speaks" in studio.ask("document.getElementById('trouble').textContent"))
    assert len(studio.ask(WORDS)) == 4
    assert studio.ask("document.getElementById('trouble').closest('[role=alert], .trouble') !== null")


def test_a_sample_of_several_scenes_is_readable_in_light_and_dark_and_on_a_phone(studio: Page) -> None:
    studio.click("[data-sample=lighthouse]")
    studio.wait_for("the scene read", lambda: studio.ask(READ))
    assert studio.ask("document.querySelectorAll('#scene option').length") == 2
    assert any(word in studio.told() for word in ("uncertain", "Unsure"))
    assert "declared use" in studio.told()
    readable_everywhere(studio)


def test_a_scene_is_saved_as_a_page_with_its_arc_its_table_and_its_spots(studio: Page, tmp_path: Path) -> None:
    paste(studio, f"INT. <b>HOUSE</b> - NIGHT\n\n{SCENE}Anna: {HOSTILE}\n")
    rewrite(studio, "#words", "We won, we won!")
    studio.enter()
    settled(studio, "the changed arc", "document.querySelector('#arc .was')")
    words, spots = studio.ask(WORDS), studio.ask("document.querySelectorAll('#spots li').length")
    text = saved(studio, tmp_path)
    assert "<script" not in text and "http://127.0.0.1" not in text
    assert studio.ask(WORDS) == words and studio.ask("document.querySelectorAll('#spots li').length") == spots
    assert studio.ask("[...document.querySelectorAll('#table tbody tr')].map(row => row.cells[2].textContent)") == words
    assert studio.ask("document.querySelectorAll('#arc .was, #arc .dots').length") >= 2 and studio.ask(
        "document.getElementById('table').open"
    )
    assert studio.ask(STILL) == 0 and studio.ask("document.title") == "Scene: INT. <b>HOUSE</b> - NIGHT · Feelm"
    readable_everywhere(studio)
    assert studio.console == []


LAST_SAID = "I do not want to be here any more. <b>bold</b>"


def test_a_conversation_is_taken_over_by_name_and_only_then_does_the_page_say_what_was_said(
    home: Home, address: str, browser: Page
) -> None:
    queue, new = Queue(home, None), Escalation.new("support_companion", "talk-7", "plain words of danger", [LAST_SAID], "on-call")
    queue.add(new)
    button = f"#waiting button[data-id='{new.id}']"  # other tests may have handed over too
    page = opened(browser, f"{address}/escalations", f'document.querySelector("{button}") !== null')
    told = page.told()
    assert page.ask("document.getElementById('state').textContent").startswith(f"{len(queue.all(State.WAITING))} conversation")
    assert "plain words of danger" in told and "Not sent to on-call yet" in told
    assert "do not want to be here" not in told and "talk-7" not in told
    readable_everywhere(page)

    page.click(button)
    page.wait_for("the question for a name", lambda: "Say who takes it over" in page.told())
    assert page.ask("document.activeElement.id") == "who" and queue.get(new.id).acknowledged_by is None

    page.fill("#who", "mara")
    page.click(button)
    page.wait_for("what was said", lambda: page.ask("document.querySelector('#taken blockquote')?.textContent") == LAST_SAID)
    assert "talk-7" in page.told() and "mara took it over" in page.told() and not page.ask(f'!!document.querySelector("{button}")')
    assert queue.get(new.id).acknowledged_by == "mara"
    readable_everywhere(page)
    assert page.console == []


def test_what_somebody_else_took_meanwhile_is_told_with_their_name(home: Home, address: str, browser: Page) -> None:
    queue, new = Queue(home, None), Escalation.new("education", "talk-8", "frustration is 0.91", [LAST_SAID], "teachers")
    queue.add(new)
    button = f"#waiting button[data-id='{new.id}']"  # other tests may have handed over too
    page = opened(browser, f"{address}/escalations", f'document.querySelector("{button}") !== null')
    queue.acknowledge(new.id, "tom")
    page.fill("#who", "mara")
    page.click(button)
    page.wait_for("who has it", lambda: "tom took it over before" in page.told())
    assert "do not want to be here" not in page.told() and not page.ask(f'!!document.querySelector("{button}")')
