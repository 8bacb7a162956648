"""One short film with subtitles and a screenplay beside it."""

from pathlib import Path

import pytest

from tests.corpus.films.conftest import FilmMaker, texture

CUES = "1\n00:00:00,100 --> 00:00:00,900\nHello.\n"


@pytest.fixture
def clip(film_maker: FilmMaker, tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    path = film_maker("in/The_Long Way-720p.mp4", [texture(k) for k in range(10)], [40 * k for k in range(10)])
    (path.parent / "The_Long Way.en.srt").write_text(CUES)
    (path.parent / "The_Long Way.fountain").write_text("INT. ROOM - DAY\n")
    return path
