"""Rejecting a refused delivery by name: what it takes, what it leaves, and what ends it."""

from pathlib import Path

import pytest

from corpus.annotations.batches import InboxFile, build_batch, deliver, scan_inbox
from corpus.annotations.decisions import Decision, Outcome, accepted_folders, read_decision, write_decision
from corpus.annotations.erasure import forget
from corpus.annotations.importers.reading import Told
from corpus.annotations.quarantine import readmit, reject
from corpus.annotations.sidecars import Rejection, read_rejection
from corpus.contracts import ANNOTATIONS, FAILING_ROWS
from corpus.paths import Home, content_version, writing
from corpus.terms import FeelmError
from tests.simulated_raters import Simulated, write_csv

REJECTED = Rejection("2026-11-27T05:22:00Z", "a test of the tool")
ROWS = Simulated(lines=5).rows()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def file(home: Home, name: str, n_rows: int) -> Path:
    return write_csv(home.root.parent / name, ROWS[:n_rows])


def judged(home: Home, name: str, n_rows: int, passes: bool) -> Decision:
    """A file of the first `n_rows` rows, delivered, read and decided on as the gate would."""
    return decide(home, deliver(file(home, name, n_rows), home), passes)


def decide(home: Home, item: InboxFile, passes: bool) -> Decision:
    with writing(home.batch(item.batch_id)) as out:
        build_batch(item.path, item.batch_id, home.root / "annotators.json", out)
    found = (Outcome("rows", passes, False, "critical", 0, (), "seen", "rows are there"),)
    return write_decision(home.batch(item.batch_id), found, FAILING_ROWS.empty(), read_rejection(item.path))


@pytest.mark.parametrize("name", ["bad.csv", "bad"])
def test_a_refused_batch_is_rejected_by_file_or_id_and_says_when_and_why(home: Home, name: str):
    assert judged(home, "bad.csv", 5, passes=False).verdict == "refused"
    item = reject(home, name, REJECTED)
    assert read_rejection(item.path) == REJECTED
    decision = decide(home, item, passes=False)
    assert (decision.verdict, decision.accepted, decision.rejected) == ("rejected", False, REJECTED)
    assert decision.rejected is not None
    assert decision.rejected.words == "rejected by name on 2026-11-27: a test of the tool"
    assert decision.reasons == ("rows: seen (rows are there)",)
    assert read_decision(home.batch("bad")) == decision


def test_what_is_rejected_is_never_used_even_where_the_checks_would_pass_it(home: Home):
    judged(home, "bad.csv", 5, passes=False)
    decision = decide(home, reject(home, "bad", REJECTED), passes=True)
    assert not decision.accepted
    assert accepted_folders(home) == []


def test_rejecting_changes_no_content_and_keeps_what_was_accepted_before_in_use(home: Home):
    judged(home, "batch.csv", 5, passes=True)
    refused = judged(home, "batch.csv", 8, passes=False)
    before = content_version(home.batch("batch"))
    decision = decide(home, reject(home, "batch.csv", REJECTED), passes=False)
    assert content_version(home.batch("batch")) == before == decision.batch_version
    assert (decision.sequence, decision.in_use_sequence) == (refused.sequence, refused.in_use_sequence)
    (folder,) = accepted_folders(home)
    assert ANNOTATIONS.read(folder / "annotations.parquet")["group_id"].nunique() == 5


def test_a_changed_file_of_the_name_is_a_new_delivery_and_is_judged_again(home: Home):
    judged(home, "bad.csv", 5, passes=False)
    reject(home, "bad", REJECTED)
    assert judged(home, "bad.csv", 6, passes=True).verdict == "accepted"
    assert judged(home, "bad.csv", 7, passes=False).verdict == "refused"
    assert judged(home, "bad.csv", 5, passes=False).verdict == "refused"


def test_the_same_file_delivered_again_stays_rejected_until_that_is_undone(home: Home):
    judged(home, "bad.csv", 5, passes=False)
    reject(home, "bad", REJECTED)
    assert judged(home, "bad.csv", 5, passes=True).verdict == "rejected"
    item = readmit(home, "bad")
    assert decide(home, item, passes=True).verdict == "accepted"
    with pytest.raises(FeelmError, match="batch bad is not rejected"):
        readmit(home, "bad")


def test_a_later_reason_replaces_the_earlier_one(home: Home):
    judged(home, "bad.csv", 5, passes=False)
    reject(home, "bad", Rejection("2026-11-26T00:00:00Z"))
    assert read_rejection(reject(home, "bad", REJECTED).path) == REJECTED
    assert Rejection("2026-11-26T00:00:00Z").words.endswith(": no reason was given")


def test_what_cannot_be_rejected_is_named_with_what_to_do(home: Home):
    judged(home, "good.csv", 5, passes=True)
    judged(home, "bad.csv", 6, passes=False)
    deliver(file(home, "new.csv", 3), home)
    for name, words in (
        ("absent", "no batch 'absent' in .*; waiting in quarantine: bad$"),
        ("good", r"batch good is accepted and in use.*import a mended file as good\.csv"),
        ("new.csv", r"new\.csv was not checked yet: `feelm run` checks it"),
    ):
        with pytest.raises(FeelmError, match=words):
            reject(home, name, REJECTED)
    reject(home, "bad", REJECTED)
    decide(home, scan_inbox(home)[0], passes=False)
    with pytest.raises(FeelmError, match=r"waiting in quarantine: none$"):
        reject(home, "absent", REJECTED)


def test_a_batch_whose_file_was_deleted_waits_for_nothing(home: Home):
    judged(home, "bad.csv", 5, passes=False)
    (home.inbox / "bad.csv").unlink()
    with pytest.raises(FeelmError, match=r"the file of batch bad is not in .* any more"):
        reject(home, "bad", REJECTED)


def test_a_rejected_file_whose_rater_is_erased_stays_rejected_and_a_reason_that_names_the_rater_is_told(home: Home):
    judged(home, "bad.csv", 40, passes=False)
    reject(home, "bad", Rejection("2026-11-27T05:22:00Z", "Anna Alm was asleep"))
    assert forget(home, "Anna Alm").named_files == ("bad.csv",)
    (item,) = scan_inbox(home)
    assert b"Anna" not in item.path.read_bytes()
    assert decide(home, item, passes=False).verdict == "rejected"


def test_erasing_a_rater_takes_what_was_told_of_a_file_that_is_gone(home: Home):
    judged(home, "good.csv", 40, passes=True)
    deliver(file(home, "gone.csv", 3), home, told=Told(annotator="Anna Alm")).path.unlink()
    forget(home, "Anna Alm")
    assert not [path for path in home.inbox.iterdir() if b"Anna" in path.read_bytes()]
