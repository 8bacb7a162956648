import re

import pytest

from corpus.terms import FeelmError
from pages.service.assets import FILES, PAGE_POLICY, asset


def test_every_file_that_the_page_names_is_served() -> None:
    named = set(re.findall(r'(?:href|src)="/assets/([^"]+)"', asset("talk.html").text))
    assert named and named <= set(FILES)
    assert all(asset(name).text for name in FILES)


def test_the_page_holds_nothing_that_its_policy_forbids() -> None:
    page = asset("talk.html").text
    assert "'unsafe" not in PAGE_POLICY
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)|https?://", page)


def test_the_script_never_turns_data_into_markup() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|localStorage|sessionStorage", asset("talk.js").text
    )


@pytest.mark.parametrize("name", ["../style.css", "/etc/passwd", "", "talk.py"])
def test_a_name_that_is_no_page_file_is_refused(name: str) -> None:
    with pytest.raises(FeelmError, match="no page has a file"):
        asset(name)
