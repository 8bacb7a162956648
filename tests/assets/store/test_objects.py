"""Known bytes up and down, on each kind of store, and an upload whose process is killed."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.store.manifest import Manifest
from assets.store.objects import Store, StoreError
from corpus.paths import content_version, file_digest
from corpus.remote import Remote
from corpus.terms import FeelmError
from tests.stores import Place

FILES = {"faces.parquet": b"\x00\xff" * 700, "thumbs/0001.jpg": b"first", "thumbs/0002.jpg": b"first", "summary.json": b"{}"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An artifact, two of whose files are the same."""
    for name, content in FILES.items():
        path = tmp_path / "artifact" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "artifact"


def test_an_artifact_comes_back_byte_for_byte(place: Place, folder: Path, tmp_path: Path) -> None:
    store, manifest = Store.required(), Manifest.of_folder("faces/film-1", folder)
    store.put(manifest, folder)
    assert store.read("faces/film-1", manifest.version) == manifest
    store.get(manifest, tmp_path / "back")
    back = {path.relative_to(tmp_path / "back").as_posix(): path.read_bytes() for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert back == FILES and content_version(tmp_path / "back") == content_version(folder)


def test_each_file_lies_once_under_its_digest_and_the_manifest_names_them(place: Place, folder: Path) -> None:
    store, manifest = Store.required(), Manifest.of_folder("faces/film-1", folder)
    assert store.put(manifest, folder) == 1400 + 5 + 2
    digests = {file_digest(folder / name) for name in FILES}
    root = place.url.partition("://")[2]
    wanted = [f"{root}/objects/{digest[:2]}/{digest}" for digest in digests] + [f"{root}/artifacts/faces/film-1/{manifest.version}.json"]
    assert place.paths() == sorted(wanted) and len(digests) == 3


def test_what_is_there_with_its_size_is_not_sent_again_and_what_is_cut_short_is(place: Place, folder: Path) -> None:
    store, manifest = Store.required(), Manifest.of_folder("faces/film-1", folder)
    store.put(manifest, folder)
    assert store.put(manifest, folder) == 0
    place.files().pipe_file(next(path for path in place.paths() if path.endswith(file_digest(folder / "faces.parquet"))), b"\x00\xff")
    assert not store.holds(manifest)
    assert store.put(manifest, folder) == 1400 and store.holds(manifest)


def test_a_damaged_file_is_not_taken_for_the_artifact(place: Place, folder: Path, tmp_path: Path) -> None:
    store, manifest = Store.required(), Manifest.of_folder("faces/film-1", folder)
    store.put(manifest, folder)
    damaged = next(path for path in place.paths() if path.endswith(file_digest(folder / "faces.parquet")))
    place.files().pipe_file(damaged, b"\x01" * 1400)
    with pytest.raises(StoreError, match=r"faces.parquet of faces/film-1 in .* is damaged"):
        store.get(manifest, tmp_path / "back")
    place.files().rm_file(damaged)
    with pytest.raises(StoreError, match=r"faces.parquet of faces/film-1 is gone from"):
        store.get(manifest, tmp_path / "back")


UPLOAD = """
import sys
from pathlib import Path
from assets.store.manifest import Manifest
from assets.store.objects import Store
folder = Path(sys.argv[1])
manifest = Manifest.of_folder("faces/long", folder)
print("begins", flush=True)
Store.required().put(manifest, folder)
"""
LONG_MB = 160
"""Beyond 100 MB s3fs sends a file in parts."""


def killed_in_mid_upload(place: Place, folder: Path, store: Store) -> list[str]:
    """Send a folder and kill the process once its long file is on its way, again where that was too late; what lies there then."""
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", UPLOAD, str(folder)], stdout=subprocess.PIPE, text=True) as upload:
            assert upload.stdout is not None and upload.stdout.readline() == "begins\n"
            while upload.poll() is None and not store.unfinished(soon()):
                time.sleep(0.001)
            upload.send_signal(signal.SIGKILL)
        if upload.returncode == -signal.SIGKILL and store.unfinished(soon()):
            return place.paths()
        for path in place.paths():
            place.files().rm_file(path)
    raise AssertionError("no process was killed in mid-upload")


def soon() -> datetime:
    """Before which everything began."""
    return datetime.now(UTC) + timedelta(minutes=1)


def test_an_upload_that_was_killed_leaves_no_artifact_and_the_next_one_goes_on(place: Place, tmp_path: Path) -> None:
    folder, store = tmp_path / "long", Store.required()
    folder.mkdir()
    (folder / "long.bin").write_bytes(os.urandom(1 << 20) * LONG_MB)
    (folder / "short.bin").write_bytes(b"short")
    manifest = Manifest.of_folder("faces/long", folder)
    left = killed_in_mid_upload(place, folder, store)
    long = manifest.files[0]
    assert not any(path.endswith((".json", long.sha256)) for path in left), "neither a manifest nor a part under a whole file's name"
    assert store.read("faces/long", manifest.version) is None
    arrived = any(path.endswith(manifest.files[1].sha256) for path in left)
    assert store.put(manifest, folder) == (LONG_MB << 20) + (0 if arrived else len(b"short"))
    assert store.holds(manifest) and store.digest(long.sha256) == long.sha256
    assert store.unfinished(datetime.now(UTC) - timedelta(days=1)) == [], "what began today may still come to its end"
    for upload in store.unfinished(soon()):
        store.abort(upload)
    assert store.unfinished(soon()) == [] and store.holds(manifest)


def test_a_server_that_does_not_answer_or_refuses_is_told_in_a_line(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(StoreError, match=r"FEELM_STORE") as refused:
        Store.required().manifests()
    assert "another" not in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(StoreError, match=r"http://127.0.0.1:1 "):
        Store(Remote("s3://bucket/folder", "http://127.0.0.1:1")).manifests()


def test_an_address_with_credentials_is_refused_without_repeating_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEELM_STORE", "s3://key:secret@bucket/feelm")
    with pytest.raises(FeelmError, match=r"FEELM_STORE holds credentials: .* AWS_ACCESS_KEY_ID") as refused:
        Store.from_environment()
    assert "secret@" not in str(refused.value)


def test_a_store_in_memory_serves_too(folder: Path, tmp_path: Path) -> None:
    store, manifest = Store(Remote("memory://feelm-test")), Manifest.of_folder("faces/film-1", folder)
    store.put(manifest, folder)
    store.get(manifest, tmp_path / "back")
    assert content_version(tmp_path / "back") == manifest.version
