"""What stamps tell is read from them once, whichever process asks, and again when they change."""

import json
from pathlib import Path

import pytest

from assets import stamps
from assets.chain import STAGES, read_stamp, run_stage
from assets.stamps import Told, read_told
from assets.workspace import Workspace, stamp_digest
from corpus.paths import Home, write_json
from tests.orchestration.stub_chain import stub_home, work_through

LINK = STAGES["film"]
FILMS = ("film-000", "film-001", "film-002")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Three films whose first link is made; three stamps are many."""
    monkeypatch.setattr(stamps, "WORTH_KEEPING", len(FILMS))
    home = stub_home(tmp_path, len(FILMS))
    work_through(home, ("film",), list(FILMS))
    return home


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stamps that are opened from now on."""
    found: list[str] = []
    read = stamps._read
    monkeypatch.setattr(stamps, "_read", lambda path, facts: found.append(path.stem) or read(path, facts))
    return found


def as_stamped(home: Home) -> dict[str, tuple[object, ...]]:
    """The same by opening each stamp."""
    found = {key: read_stamp(Workspace(home), LINK.name, key) for key in FILMS}
    return {
        key: (stamp_digest(stamp), stamp["outputs"], stamp["cost"]["wall_s"], stamp["cost"]["cpu_s"])
        for key, stamp in found.items()
        if stamp is not None
    }


def told(home: Home) -> dict[str, tuple[object, ...]]:
    return {key: (one.digest, one.outputs, one.wall_s, one.cpu_s) for key, one in read_told(home, LINK).items()}


def test_another_process_opens_no_stamp_that_one_has_read(home: Home, opened: list[str]) -> None:
    assert told(home) == as_stamped(home)
    assert sorted(opened) == list(FILMS)
    assert told(home) == as_stamped(home)
    assert len(opened) == len(FILMS), "none was opened again"


def test_a_stamp_that_was_written_since_is_read_and_one_that_is_gone_tells_nothing(home: Home, opened: list[str]) -> None:
    read_told(home, LINK)
    opened.clear()
    path = home.stamp("film", "film-001")
    stamp = json.loads(path.read_text())
    write_json(path, {**stamp, "cost": {**stamp["cost"], "wall_s": 7.5}})
    home.stamp("film", "film-002").unlink()
    assert told(home) == as_stamped(home) and told(home)["film-001"][2] == 7.5
    assert set(opened) == {"film-001"}


def test_what_a_process_saw_itself_is_the_same_object(home: Home, opened: list[str]) -> None:
    first: dict[str, Told] = read_told(home, LINK)
    run_stage(Workspace(home), "film", "film-000")
    second = read_told(home, LINK, first)
    assert [second[key] is first[key] for key in FILMS] == [False, True, True]


def test_a_few_stamps_are_not_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "WORTH_KEEPING", len(FILMS) + 1)
    read_told(home, LINK)
    assert not (home.root / "cache" / "stamps").exists()
