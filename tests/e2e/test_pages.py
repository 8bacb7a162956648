"""The written pages in a real browser: nothing overflows a phone, nothing is refused by the page's own policy, the script works."""

import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from tests.e2e.browser import browsing
from tests.pages import sample
from tests.pages.looks import SCHEMES, poor_contrast, show

PAGES = ("report.html", "annotators.html", f"films/{sample.TALK}.html", f"films/{sample.SILENT}.html", f"films/{sample.BARE}.html")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=2000",
)  # fmt: skip
FRAME = """<!doctype html><iframe style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe><script>
onload = () => {{
  const frame = document.querySelector("iframe"), page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.body.querySelectorAll("*")].filter(
    e => e.getBoundingClientRect().right > {width} + 1 && !e.closest(".scroll, .hidden, .skip"));
  const names = wide.map(e => e.tagName + "." + e.className);
  document.body.innerHTML = `<p>${{frame.contentWindow.innerWidth}} ${{root.scrollWidth}} [${{names}}]</p>`;
}};
</script>"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: layout and script of the pages are not tried in a browser")
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report and the film pages, as written."""
    folder = tmp_path_factory.mktemp("site")
    return sample.write_pages(sample.make_home(folder / "home"), folder)


def opened(browser: str, page: Path, profile: Path) -> tuple[str, str]:
    """The page's document after its script ran, and what the browser's console said."""
    command = [browser, *QUIET, f"--user-data-dir={profile}", "--window-size=1280,900", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1200])
def test_a_page_fits_its_window_and_breaks_no_rule_of_its_own(browser: str, site: Path, tmp_path: Path, name: str, width: int) -> None:
    """The page stands in a frame as wide as a phone: a headless window cannot be narrower than 500 px."""
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(width=width, page=escape((site / name).read_text(encoding="utf-8"))), encoding="utf-8")
    document, console = opened(browser, frame, tmp_path / "profile")
    assert console == ""
    assert f"<p>{width} {width} []</p>" in document


def test_the_script_runs_under_the_pages_own_policy(browser: str, site: Path, tmp_path: Path) -> None:
    document, console = opened(browser, site / PAGES[2], tmp_path / "profile")
    assert console == ""
    assert 'aria-label="Time in the film"' in document
    assert 'class="agree now"' in document


def test_every_word_can_be_read_in_light_and_dark(browser: str, site: Path) -> None:
    with browsing() as page:
        for name in PAGES:
            page.open((site / name).as_uri())
            page.wait_for(name, lambda name=name: page.ask(f"location.href.endsWith('{name}') && document.readyState === 'complete'"))
            page.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
            for scheme in SCHEMES:
                show(page, scheme)
                assert poor_contrast(page) == [], (name, scheme)
