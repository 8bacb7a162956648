"""One short film, made once for all tests of the maker."""

from pathlib import Path

import pytest

from corpus.maker.films import make_film
from corpus.maker.story import Story, plan_stories
from corpus.maker.truth import Truth, read_truth

SEED = 11


@pytest.fixture(scope="session")
def short_story() -> Story:
    """A story of two lines in each of four scenes."""
    return plan_stories(1, SEED, lines=8)[0]


@pytest.fixture(scope="session")
def short_film(short_story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its film, made."""
    return make_film(short_story, tmp_path_factory.mktemp("made") / short_story.film_id)


@pytest.fixture(scope="session")
def truth(short_film: Path) -> Truth:
    """Its truth."""
    return read_truth(short_film / "truth.json")


@pytest.fixture(scope="session")
def many_stories() -> list[Story]:
    """Thirty films' stories, without pictures and sound."""
    return plan_stories(30, SEED)
