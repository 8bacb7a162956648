"""The site as files: every link leads to a file, films are there where they are asked for, and nobody's folder is overwritten."""

import re
from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.terms import FeelmError
from pages.site.export import MARK, export_pages
from tests.pages.sample import SILENT, TALK
from tests.pages.site.conftest import NEW, OTHER, SECRET


@pytest.fixture(scope="module")
def written(site_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "pages"
    told = export_pages(site_home, folder, with_videos=True)
    assert (told.films, told.pairs, told.videos, told.without_page) == (3, 1, 1, (NEW,))
    return folder


def test_every_link_leads_to_a_file(written: Path) -> None:
    pages = list(written.rglob("*.html"))
    assert len(pages) == 2 + 3 + 1
    for page in pages:
        for target in re.findall(r'(?:href|src)="([^"#]+)', page.read_text(encoding="utf-8")):
            if not target.startswith("data:"):
                assert (page.parent / target).resolve().is_file(), (page, target)


def test_a_film_that_may_not_be_shown_is_in_no_file(written: Path) -> None:
    assert not [path for path in written.rglob("*") if SECRET in path.name]
    texts = [path.read_text(encoding="utf-8") for path in written.rglob("*") if path.suffix in (".html", ".css", ".json")]
    assert not [text for text in texts if "A secret film" in text or "Not run yet" in text or str(written) in text]
    assert (written / "videos" / f"{TALK}.mp4").stat().st_size > 1000


def test_without_videos_none_is_there_and_the_page_says_so(site_home: Home, tmp_path: Path) -> None:
    told = export_pages(site_home, tmp_path / "pages")
    assert told.videos == 0 and not (tmp_path / "pages" / "videos").exists()
    assert "The film itself is not in this copy" in (tmp_path / "pages" / "films" / f"{TALK}.html").read_text(encoding="utf-8")


def test_an_export_is_replaced_as_a_whole_and_nothing_else_is(site_home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    export_pages(site_home, folder, most_pairs=1)
    (folder / "films" / "stale.html").write_text("old", encoding="utf-8")
    export_pages(site_home, folder)
    assert not (folder / "films" / "stale.html").exists() and (folder / MARK).is_file()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(FeelmError, match="holds something that is no export"):
        export_pages(site_home, mine)
    assert (mine / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_the_home_itself_is_no_place_for_it(site_home: Home) -> None:
    for folder in (site_home.root, site_home.root.parent, site_home.data / "pages"):
        with pytest.raises(FeelmError, match="write the pages somewhere else"):
            export_pages(site_home, folder)


def test_a_home_without_film_pages_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="there is no film page to write"):
        export_pages(Home(tmp_path / "home"), tmp_path / "out")


def test_a_pair_lies_under_both_ids_in_their_order(written: Path) -> None:
    first, second = sorted((TALK, OTHER))
    assert (written / "compare" / first / f"{second}.html").is_file()
    assert f'data-pairs="{first}/{second}"' in (written / "compare.html").read_text(encoding="utf-8")
    assert SILENT not in (written / "compare.html").read_text(encoding="utf-8")
