"""The home as a bounded cache: what goes, what never does, and that nobody notices."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assets.chain import FEATURES, STAGES, Cause, is_fresh, run_stage, why_stale
from assets.recorded import recorded, stale_films
from assets.store.cache import at_hand, cached_bytes, evict
from assets.store.objects import Store, StoreError
from assets.store.places import HEAVY, evicted, stored_note
from assets.store.standing import fetch_all
from assets.workspace import Workspace
from corpus.chunks import ChunkStore
from corpus.paths import Home, content_version
from corpus.terms import FeelmError
from orchestration.wanted import FILM_LINKS
from tests.stores import Place

FILMS = ("film-000", "film-001", "film-002")


def used(home: Home, name: str, film_id: str, at_s: int) -> None:
    os.utime(home.artifact(name, film_id), (at_s, at_s))


def used_in_order(home: Home) -> None:
    """Have the artifacts of the first film be the longest unused."""
    for number, film_id in enumerate(FILMS):
        for name in HEAVY:
            used(home, name, film_id, 1_000_000 + number)


def test_the_longest_unused_go_until_the_bound_is_kept(safe: Home) -> None:
    used_in_order(safe)
    whole = cached_bytes(safe)
    done = evict(Workspace(safe), int(whole * 0.7))
    assert cached_bytes(safe) == done.left_bytes <= int(whole * 0.7) and not done.kept
    assert whole - done.left_bytes == done.freed_bytes and done.artifacts
    assert all(name.endswith("/film-000") for name in done.artifacts) and not any((safe.data / name).exists() for name in done.artifacts)


def test_only_heavy_artifacts_go_however_small_the_bound(safe: Home) -> None:
    before = {path for path in safe.data.glob("*/*") if path.parent.name not in HEAVY}
    done = evict(Workspace(safe), 0)
    assert done.left_bytes == cached_bytes(safe) == 0 and len(done.artifacts) == len(HEAVY) * len(FILMS)
    assert set(safe.data.glob("*/*")) == before


def test_nothing_is_made_anew_because_it_was_evicted(safe: Home) -> None:
    evict(Workspace(safe), 0)
    for look in (Workspace, recorded):
        assert all(is_fresh(look(safe), link, film_id) for link in FILM_LINKS for film_id in FILMS)
    assert stale_films(recorded(safe), FILM_LINKS, FILMS) == {}


def test_what_was_deleted_by_hand_is_still_gone_and_what_was_altered_still_altered(safe: Home) -> None:
    shutil.rmtree(safe.artifact("soundtrack", "film-000"))
    (safe.artifact("soundtrack", "film-001") / "sound.flac").write_bytes(b"by hand")
    causes = [next(why_stale(Workspace(safe), "film_scan", film_id)).cause for film_id in FILMS[:2]]
    assert causes == [Cause.OUTPUT_GONE, Cause.OUTPUT_ALTERED]


def test_an_evicted_input_is_fetched_and_the_link_makes_the_same_bytes(safe_anywhere: Home) -> None:
    before = content_version(safe_anywhere.artifact("voice_features", "film-001"))
    evict(Workspace(safe_anywhere), 0)
    made = run_stage(Workspace(safe_anywhere), "voice_features", "film-001")
    assert made.versions["voice_features"] == before == content_version(safe_anywhere.artifact("voice_features", "film-001"))
    assert safe_anywhere.artifact("soundtrack", "film-001").is_dir() and not safe_anywhere.artifact("faces", "film-001").exists()
    assert evicted(safe_anywhere, safe_anywhere.artifact("soundtrack", "film-000")) is not None


def test_a_link_that_learns_finds_the_features_of_all_films(safe: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    evict(Workspace(safe), 0)
    seen: list[str] = []

    def build(workspace: Workspace, key: str, outs: dict[str, Path]) -> Path:
        seen.extend(path.parent.name + "/" + path.name for path in workspace.home.data.glob("*_features/*"))
        (outs["emotion_model"] / "model.json").write_text("{}")
        return outs["emotion_model"]

    monkeypatch.setitem(STAGES, "emotion_model", dataclasses.replace(STAGES["emotion_model"], build=build))
    run_stage(Workspace(safe), "emotion_model")
    assert sorted(seen) == sorted(f"{name}/{film_id}" for name in FEATURES for film_id in FILMS)


def test_the_bound_is_kept_after_each_link(safe: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_CACHE_GB", str(25_000 / 1e9))
    run_stage(Workspace(safe), "voice_features", "film-001")
    assert 0 < cached_bytes(safe) <= 25_000
    assert all(is_fresh(Workspace(safe), link, film_id) for link in FILM_LINKS for film_id in FILMS)


def test_what_is_not_whole_in_the_store_stays(safe_anywhere: Home, place: Place) -> None:
    sound = next(one for one in Store.required().read(*version_of(safe_anywhere, "soundtrack/film-000")).files if one.name == "sound.flac")
    place.files().rm_file(next(path for path in place.paths() if path.endswith(sound.sha256)))
    stored_note(safe_anywhere, "faces/film-001").unlink()
    (safe_anywhere.artifact("faces", "film-002") / "crops.bin").write_bytes(b"by hand")
    done = evict(Workspace(safe_anywhere), 0)
    assert done.kept == {
        "soundtrack/film-000": "not whole in the store: `feelm store verify`",
        "faces/film-001": "not in the store",
        "faces/film-002": "not the version that is in the store",
    }
    assert all((safe_anywhere.data / name).is_dir() for name in done.kept) and done.left_bytes > 0


def version_of(home: Home, artifact: str) -> tuple[str, str]:
    return artifact, content_version(home.data / artifact)


def test_nothing_goes_without_a_store(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    done = evict(Workspace(home), 0)
    assert done.artifacts == () and set(done.kept.values()) == {"not in the store"} and len(done.kept) == len(HEAVY) * len(FILMS)


READER = """
import sys, time
from pathlib import Path
from assets.store.cache import at_hand
from assets.workspace import Workspace
from corpus.paths import Home
with at_hand(Workspace(Home(Path(sys.argv[1]))), ("soundtrack", "faces"), sys.argv[2]):
    print("reading", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(("film_id", "free"), [("film-001", 8), ("", 0)], ids=["a film", "all films"])
def test_what_another_process_reads_stays_until_it_is_done_or_killed(safe: Home, film_id: str, free: int) -> None:
    with subprocess.Popen([sys.executable, "-c", READER, str(safe.root), film_id], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None and reader.stdout.readline() == "reading\n"
        done = evict(Workspace(safe), 0)
        assert len(done.artifacts) == free and set(done.kept.values()) == {"being read"}
        reader.send_signal(signal.SIGKILL)
    assert len(evict(Workspace(safe), 0).artifacts) == 12 - free


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from assets.store import cache
from assets.workspace import Workspace
from corpus.paths import Home
at = int(sys.argv[2])
steps = 0
def killing(work):
    def step(*args, **kwargs):
        global steps
        if steps == at:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
        return work(*args, **kwargs)
    return step
cache.write_bytes = killing(cache.write_bytes)
Path.rename = killing(Path.rename)
cache.shutil.rmtree = killing(shutil.rmtree)
cache.evict(Workspace(Home(Path(sys.argv[1]))), 0)
"""


@pytest.mark.parametrize("step", range(6))
def test_a_kill_at_any_step_of_an_eviction_loses_nothing(safe: Home, step: int) -> None:
    before = {name: content_version(folder) for name in HEAVY for folder in (safe.data / name).glob("*") for name in [str(folder)]}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(safe.root), str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert all(is_fresh(Workspace(safe), link, film_id) for link in FILM_LINKS for film_id in FILMS)
    fetch_all(Workspace(safe), Store.required())
    assert {name: content_version(Path(name)) for name in before} == before
    evict(Workspace(safe), 0)
    assert not [path for name in HEAVY for path in (safe.data / name).iterdir()], "what the killed one left is swept up"


def test_what_cannot_be_fetched_is_told_and_nothing_is_made_of_half_of_it(
    safe_anywhere: Home, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_version(safe_anywhere.artifact("voice_features", "film-001"))
    evict(Workspace(safe_anywhere), 0)
    monkeypatch.delenv("FEELM_STORE")
    with pytest.raises(FeelmError, match="FEELM_STORE is not set"):
        run_stage(Workspace(safe_anywhere), "voice_features", "film-001")
    monkeypatch.setenv("FEELM_STORE", place.url)
    for path in place.paths():
        if "/objects/" in path and place.files().info(path)["size"] > 10_000:
            place.files().pipe_file(path, b"damaged")
    with pytest.raises(StoreError, match=r"sound.flac of soundtrack/film-001 .* is damaged"):
        run_stage(Workspace(safe_anywhere), "voice_features", "film-001")
    assert not safe_anywhere.artifact("soundtrack", "film-001").exists()
    assert (
        is_fresh(Workspace(safe_anywhere), "voice_features", "film-001")
        and evicted(safe_anywhere, safe_anywhere.artifact("voice_features", "film-001")) is not None
    )
    assert Workspace(safe_anywhere).versions.of(safe_anywhere.artifact("voice_features", "film-001")) == before


def test_an_artifact_that_is_used_is_no_longer_the_longest_unused(safe: Home) -> None:
    used_in_order(safe)
    with at_hand(Workspace(safe), ("soundtrack",), "film-000"):
        pass
    done = evict(Workspace(safe), cached_bytes(safe) - 1)
    assert done.artifacts and "soundtrack/film-000" not in done.artifacts


def test_pieces_of_finished_work_are_under_the_same_bound_and_need_no_store(home: Home) -> None:
    import numpy as np

    pieces = ChunkStore(home.chunks)
    for number, key in enumerate(("aa" * 32, "bb" * 32)):
        pieces.write(key, {"sound": np.zeros(5000, "float32")})
        os.utime(pieces.path(key), (1_000_000 + number, 1_000_000 + number))
    done = evict(Workspace(home), cached_bytes(home) - 1)
    assert done.n_pieces == 1 and done.artifacts == () and done.kept == {}
    assert pieces.read("aa" * 32) is None and pieces.read("bb" * 32) is not None


@pytest.mark.parametrize("told", ["much", "-1", "nan"])
def test_a_bound_that_is_none_is_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.store.cache import bound_bytes

    monkeypatch.setenv("FEELM_CACHE_GB", told)
    with pytest.raises(FeelmError, match=f"FEELM_CACHE_GB={told}"):
        bound_bytes()
