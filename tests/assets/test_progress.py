"""Progress in the log: how far, how fast, how long yet, and not too often."""

import logging

import pytest

from assets.progress import in_words, taken_up, tell_progress
from corpus.chunks import Progress


def test_progress_tells_place_rate_and_time_left():
    progress = Progress(until_ms=600_000, total_ms=7_170_000, seconds=60.0, chunks=10, stored=0)
    assert in_words(progress) == "0:10:00 of 1:59:30, 10.0 times real time, 10 min 57 s left"


def test_what_was_there_already_is_told_and_an_unknown_length_is_no_fault():
    assert in_words(Progress(60_000, 0, 3.0, 2, 1)) == "0:01:00, 20.0 times real time, 1 of 2 pieces were there"


def test_a_line_comes_at_once_and_then_not_before_its_time(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="feelm"):
        tell = tell_progress("film_scan made-1", every_s=3600)
        for chunk in range(1, 4):
            tell(Progress(chunk * 60_000, 180_000, chunk * 2.0, chunk, 0))
    assert [record.getMessage() for record in caplog.records] == [
        "film_scan made-1: 0:01:00 of 0:03:00, 30.0 times real time, 0 min 4 s left"
    ]


def test_work_that_begins_with_finished_pieces_is_known_by_name_and_not_what_finds_its_own():
    with taken_up() as found:
        tell = tell_progress("goes over the film twice")
        for done, stored in ((1, 0), (2, 0), (1, 1), (2, 2)):
            tell(Progress(60_000 * done, 120_000, 3.0, chunks=done, stored=stored))
        tell_progress("another link makes them too", shared=True)(Progress(60_000, 60_000, 3.0, chunks=1, stored=1))
        tell_progress("begun before")(Progress(60_000, 60_000, 3.0, chunks=2, stored=1))
    tell_progress("later")(Progress(60_000, 60_000, 3.0, chunks=1, stored=1))
    assert found == {"begun before"}
