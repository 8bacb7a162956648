"""What is wrong in the store is found, and mended from what lies here where that is possible."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

from assets.chain import Cause, is_fresh, run_stage, why_stale
from assets.store.audit import Fault, Wrong, audit
from assets.store.cache import evict
from assets.store.manifest import Manifest
from assets.store.objects import Store
from assets.workspace import Workspace
from corpus.paths import Home, content_version, file_digest
from tests.stores import Place

SOUND = "soundtrack/film-001"


def object_of(place: Place, path: Path) -> str:
    """Where the store has a file."""
    return next(there for there in place.paths() if there.endswith(file_digest(path)))


def test_a_whole_store_has_nothing_wrong(safe_anywhere: Home) -> None:
    found = audit(Workspace(safe_anywhere), Store.required(), deep=True)
    assert (found.n_artifacts, found.faults, found.ended_uploads, found.n_unclaimed) == (33, (), (), 0)


def test_what_is_missing_cut_short_or_damaged_is_found_and_mended_from_here(safe_anywhere: Home, place: Place) -> None:
    sounds = {number: safe_anywhere.artifact("soundtrack", f"film-00{number}") / "sound.flac" for number in range(3)}
    there = {number: object_of(place, path) for number, path in sounds.items()}
    place.files().rm_file(there[0])
    place.files().pipe_file(there[1], b"short")
    place.files().pipe_file(there[2], b"x" * sounds[2].stat().st_size)
    versions = {number: content_version(path.parent) for number, path in sounds.items()}
    shallow = audit(Workspace(safe_anywhere), Store.required())
    assert list(shallow.faults) == [
        Fault("soundtrack/film-000", versions[0], "sound.flac", Wrong.MISSING, mended=True),
        Fault("soundtrack/film-001", versions[1], "sound.flac", Wrong.SIZE, mended=True),
    ]
    deep = audit(Workspace(safe_anywhere), Store.required(), deep=True)
    assert list(deep.faults) == [Fault("soundtrack/film-002", versions[2], "sound.flac", Wrong.CONTENT, mended=True)]
    assert audit(Workspace(safe_anywhere), Store.required(), deep=True).faults == ()
    assert [place.files().cat_file(there[number]) for number in range(3)] == [path.read_bytes() for path in sounds.values()]


def test_what_cannot_be_mended_is_told_removed_and_made_again(safe_anywhere: Home, place: Place) -> None:
    damaged = object_of(place, safe_anywhere.artifact("soundtrack", "film-001") / "sound.flac")
    before = content_version(safe_anywhere.artifact("soundtrack", "film-001"))
    evict(Workspace(safe_anywhere), 0)
    place.files().pipe_file(damaged, b"x" * place.files().info(damaged)["size"])
    found = audit(Workspace(safe_anywhere), Store.required(), deep=True)
    assert found.lost == list(found.faults) == [Fault(SOUND, before, "sound.flac", Wrong.CONTENT, mended=False)]
    assert damaged not in place.paths()
    assert [reason.cause for reason in why_stale(Workspace(safe_anywhere), "film_scan", "film-001")] == [Cause.OUTPUT_GONE]
    run_stage(Workspace(safe_anywhere), "film_scan", "film-001")
    assert is_fresh(Workspace(safe_anywhere), "film_scan", "film-001") and content_version(safe_anywhere.data / SOUND) == before
    assert audit(Workspace(safe_anywhere), Store.required(), deep=True).faults == ()


def test_another_home_that_has_the_artifact_mends_it(safe: Home, file_place: Place, tmp_path: Path) -> None:
    other = Home(tmp_path / "other" / safe.root.name)
    shutil.copytree(safe.root.parent, other.root.parent)
    damaged = object_of(file_place, safe.artifact("soundtrack", "film-001") / "sound.flac")
    evict(Workspace(safe), 0)
    file_place.files().rm_file(damaged)
    assert audit(Workspace(safe), Store.required()).lost
    assert audit(Workspace(other), Store.required()).lost == []
    assert audit(Workspace(safe), Store.required(), deep=True).faults == ()


def test_a_manifest_that_is_lost_or_altered_is_written_again(safe: Home, file_place: Place) -> None:
    lost, altered = (next(path for path in file_place.paths() if f"artifacts/{name}/" in path) for name in (SOUND, "faces/film-001"))
    file_place.files().rm_file(lost)
    told = json.loads(file_place.files().cat_file(altered))
    file_place.files().pipe_file(altered, json.dumps({**told, "files": []}).encode())
    found = audit(Workspace(safe), Store.required())
    assert [(one.artifact, one.wrong, one.mended) for one in found.faults] == [
        (SOUND, Wrong.NO_MANIFEST, True), ("faces/film-001", Wrong.ALTERED, True),
    ]  # fmt: skip
    assert audit(Workspace(safe), Store.required()).faults == ()
    assert Manifest.from_bytes(file_place.files().cat_file(altered)).version == told["version"]


def test_an_upload_that_nobody_ends_is_ended_once_it_is_a_day_old(home: Home, s3_place: Place) -> None:
    bucket, _, folder = s3_place.url.removeprefix("s3://").partition("/")
    store, files, key = Store.required(), s3_place.files(), f"{folder}/objects/ab/half"
    begun = files.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    files.call_s3("upload_part", Bucket=bucket, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"0" * (5 << 20))
    other = files.call_s3("create_multipart_upload", Bucket=bucket, Key="someone-elses/half")
    assert audit(Workspace(home), store).ended_uploads == ()
    assert audit(Workspace(home), store, older_than=timedelta(seconds=-60)).ended_uploads == (f"{bucket}/{key}",)
    left = files.call_s3("list_multipart_uploads", Bucket=bucket)["Uploads"]
    assert key not in {one["Key"] for one in left} and "someone-elses/half" in {one["Key"] for one in left}
    files.call_s3("abort_multipart_upload", Bucket=bucket, Key="someone-elses/half", UploadId=other["UploadId"])
