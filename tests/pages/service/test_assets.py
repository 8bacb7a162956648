import re

import pytest

from corpus.terms import FeelmError
from pages.service.assets import FILES, PAGE_POLICY, PAGES, asset, page
from service.script.read import Layout, read_script

SCRIPTS = tuple(name for name in FILES if name.endswith(".js"))


@pytest.mark.parametrize("text", [*map(page, PAGES), *(asset(name).text for name in SCRIPTS)], ids=[*PAGES, *SCRIPTS])
def test_every_file_that_a_page_or_script_names_is_served(text: str) -> None:
    named = set(re.findall(r'(?:href|src)="/assets/([^"]+)"|from "/assets/([^"]+)"', text))
    assert {one or other for one, other in named} <= set(FILES)
    assert named or "<html" not in text
    assert all(asset(one).text for one in FILES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_nothing_that_its_policy_forbids(name: str) -> None:
    assert "'unsafe" not in PAGE_POLICY
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|https?://", page(name))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_leads_to_the_others_and_says_which_it_is(name: str) -> None:
    (nav,) = re.findall(r"<nav.*?</nav>", page(name))
    assert re.findall(r'href="([^"]+)"', nav) == ["/films", "/compare", "/talk", "/script", "/escalations", "/v1/docs"]
    assert re.findall(r'href="/(\w+)" aria-current="page"', nav) == [name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_turns_data_into_markup_or_keeps_it(name: str) -> None:
    forbidden = (
        r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|localStorage|sessionStorage|indexedDB|document\.cookie"
    )
    assert not re.search(forbidden, asset(name).text)


@pytest.mark.parametrize(("name", "layout", "scenes"), [("kitchen.txt", Layout.SCREENPLAY, 1), ("lighthouse.txt", Layout.NAMED, 2)])
def test_a_sample_scene_is_read_as_what_it_is(name: str, layout: Layout, scenes: int) -> None:
    script = read_script(asset(name).text)
    assert script.layout is layout and len(script.scenes) == scenes
    assert all(len(scene.characters) == 2 and len(scene.turns) >= 8 for scene in script.scenes)


@pytest.mark.parametrize("name", ["../style.css", "/etc/passwd", "", "talk.py"])
def test_a_name_that_is_no_page_file_is_refused(name: str) -> None:
    with pytest.raises(FeelmError, match="no page has a file"):
        asset(name)
