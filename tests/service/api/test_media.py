"""Files that are uploaded: read in a process of their own, removed whatever happens, and told of as jobs."""

import io
import json
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from corpus.paths import Home
from service.api import media
from service.api.jobs import Jobs, JobState
from service.api.keys import KeyRing
from service.api.settings import Limits, Settings
from tests.corpus.films.conftest import texture, write_film
from tests.service.api.conftest import MANY, running
from tests.service.senses import encoded
from tests.service.test_pictures import png_of

SUBTITLES = b"1\n00:00:01,000 --> 00:00:02,000\nHow dare you!\n\n2\n00:00:03,000 --> 00:00:04,000\nI miss her so much.\n"
MEDIA = "/v1/detect/media"


def upload(client: TestClient, name: str, content: bytes, **fields: Any) -> Any:
    return client.post(MEDIA, files={"media": (name, content)}, data={key: str(value).lower() for key, value in fields.items()})


def left_behind(home: Home) -> list[Path]:
    return list((home.root / "service" / "uploads").iterdir())


def home_of(client: TestClient) -> Home:
    home: Home = client.app.state.service.settings.home  # type: ignore[attr-defined]
    return home


def test_subtitles_are_answered_as_a_timeline(client: TestClient) -> None:
    response = upload(client, "scene.srt", SUBTITLES, explain=True)
    assert response.status_code == 200, response.text
    told = response.json()
    assert [(unit["start_ms"], unit["emotion"]) for unit in told["units"]] == [(1000, "anger"), (3000, "sadness")]
    assert told["units"][0]["why"]["emotion"] == "anger" and told["missing"]["face"] == "only text was given"
    assert (told["source"], told["kept"], told["origin"]["declared_use"]) == ("scene.srt", False, "research")
    assert all(unit["read"] and -1 <= unit["valence"] <= 1 and -1 <= unit["arousal"] <= 1 for unit in told["units"])
    assert left_behind(home_of(client)) == []


def test_a_clip_with_subtitles_is_answered_with_its_lines(client: TestClient, tmp_path: Path) -> None:
    clip = write_film(tmp_path / "clip.mp4", [texture(at // 60) for at in range(120)], [40 * at for at in range(120)])
    files = {"media": ("clip.mp4", clip.read_bytes()), "subtitles": ("clip.srt", SUBTITLES)}
    response = client.post(MEDIA, files=files)
    assert response.status_code == 200, response.text
    lines = [unit for unit in response.json()["units"] if unit["level"] == "utterance"]
    assert [unit["text"] for unit in lines] == ["How dare you!", "I miss her so much."]


def hostile_files() -> dict[str, tuple[str, bytes]]:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("film.mp4", b"\x00" * (64 << 20))
    return {
        "a zip bomb that calls itself a film": ("film.mp4", bomb.getvalue()),
        "a cut header": ("film.mp4", b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2mp41"),
        "a box of nearly no end": ("film.mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\xff\xff\xff\xffmoov" + b"\x7f" * 4096),
        "noise": ("film.mkv", bytes((i * 7919 + i // 251) % 256 for i in range(100_000))),
        "a program": ("sound.wav", b"\x7fELF" + b"\x02" * 5000),
        "a playlist that points elsewhere": (
            "film.m3u8",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        ),
        "a list of files to join": ("film.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        "subtitles of noise": ("film.srt", bytes(range(256)) * 50),
        "a picture that was cut off": ("face.jpg", encoded(np.full((300, 400, 3), 90, np.uint8))[:700]),
        "a picture of no end": ("face.mp4", png_of(60_000, 60_000)),
        "a name with a path": ("../../../etc/cron.d/evil.mp4", b"\x00" * 100),
        "a name that is none": ("\x00\u202e.mp4;rm -rf", b"\x00" * 100),
    }


@pytest.mark.parametrize("name", hostile_files())
@pytest.mark.long
def test_hostile_files_are_refused_and_leave_nothing(client: TestClient, name: str) -> None:
    file_name, content = hostile_files()[name]
    response = upload(client, file_name, content)
    assert response.status_code == 422, response.text
    home = home_of(client)
    assert "root:" not in response.text and str(home.root) not in response.text and "Traceback" not in response.text
    assert left_behind(home) == []


def test_a_film_that_was_cut_off_is_refused(client: TestClient, tmp_path: Path) -> None:
    whole = write_film(tmp_path / "clip.mp4", [texture(0)] * 60, [40 * at for at in range(60)]).read_bytes()
    response = upload(client, "clip.mp4", whole[: len(whole) // 2])
    assert response.status_code == 422 and "clip.mp4" not in response.json()["title"]


@pytest.mark.parametrize(
    ("files", "fields", "said"),
    [
        ({"media": ("a.srt", b"")}, {}, "0 bytes"),
        ({"other": ("a.srt", SUBTITLES)}, {}, "not known"),
        ({"subtitles": ("a.srt", SUBTITLES)}, {}, "`media` with the file is missing"),
        ({"media": ("a.srt", SUBTITLES)}, {"explain": "perhaps"}, "body.explain"),
        ({"media": ("a.srt", SUBTITLES)}, {"more": "x"}, "body.more"),
        ({"media": ("a.srt", SUBTITLES)}, {"language": "not a language"}, "body.language"),
        ({"media": ("a.srt", SUBTITLES)}, {"explain": "x" * 10_000}, "maximum size"),
        ({"media": ("a.srt", SUBTITLES)}, {f"f{i}": "x" for i in range(20)}, "Too many fields"),
    ],
)
def test_a_form_that_is_not_as_described_is_refused(client: TestClient, files: Any, fields: dict[str, str], said: str) -> None:
    response = client.post(MEDIA, files=files, data=fields)
    assert response.status_code == 422 and said in response.json()["detail"], response.text
    assert left_behind(home_of(client)) == []


def test_a_form_without_its_boundary_is_refused(client: TestClient) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        assert client.post(MEDIA, content=b"--y\r\n", headers={"Content-Type": content_type}).status_code == 422


def test_an_upload_is_cut_off_at_its_limit_while_it_arrives(own_home: Home) -> None:
    def pieces() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="media"; filename="a.mp4"\r\n\r\n'
        for _ in range(100):
            yield b"\x00" * (1 << 16)

    with running(Settings(own_home, limits=Limits(upload_bytes=1 << 20))) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        response = client.post(MEDIA, content=pieces(), headers=headers)
        assert response.status_code == 413 and left_behind(own_home) == []


def test_nothing_is_kept_unless_it_is_asked_and_there_is_a_place(own_home: Home, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    with running(Settings(own_home, keep=kept, limits=MANY)) as client:
        assert upload(client, "a.srt", SUBTITLES).json()["kept"] is False and not kept.exists()
        assert upload(client, "a.srt", SUBTITLES, keep=True).json()["kept"] is True
        assert [path.read_bytes() for path in kept.rglob("*") if path.is_file()] == [SUBTITLES]


def test_a_service_that_keeps_nothing_says_so_rather_than_not_keep(client: TestClient) -> None:
    refused = upload(client, "a.srt", SUBTITLES, keep=True)
    assert refused.status_code == 403 and refused.json()["type"].endswith("keeps-nothing")


def wait_for(client: TestClient, where: str, **headers: str) -> Any:
    until = time.monotonic() + 60
    while (told := client.get(where, headers=headers).json())["state"] in ("waiting", "running"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return told


def test_a_job_is_told_of_until_it_is_forgotten(client: TestClient) -> None:
    begun = upload(client, "a.srt", SUBTITLES, wait=False)
    assert begun.status_code == 202 and begun.headers["location"] == f"/v1/jobs/{begun.json()['id']}"
    assert client.delete(begun.headers["location"]).status_code in (204, 409)
    told = wait_for(client, begun.headers["location"])
    assert told["state"] == "done" and [unit["emotion"] for unit in told["result"]["units"]] == ["anger", "sadness"]
    assert left_behind(home_of(client)) == []
    assert client.delete(begun.headers["location"]).status_code == 204
    assert client.get(begun.headers["location"]).status_code == 404


def test_a_job_that_cannot_be_done_says_why(client: TestClient) -> None:
    told = wait_for(client, upload(client, "a.mp4", b"\x00" * 100, wait=False).headers["location"])
    assert told["state"] == "failed" and "cannot be read as a film" in told["problem"]["detail"]
    assert left_behind(home_of(client)) == []


def test_a_job_is_its_askers_alone(own_home: Home) -> None:
    settings = Settings(own_home, limits=MANY)
    ring = KeyRing(settings.folder)
    anna, ben = ({"X-API-Key": ring.add(name).key} for name in ("anna", "ben"))
    with running(settings) as client:
        begun = client.post(MEDIA, files={"media": ("a.srt", SUBTITLES)}, data={"wait": "false"}, headers=anna)
        where = begun.headers["location"]
        assert client.get(where, headers=ben).status_code == 404 and client.delete(where, headers=ben).status_code == 404
        assert wait_for(client, where, **anna)["state"] == "done"


def test_a_job_that_was_under_way_when_the_service_stopped_is_lost_and_says_so(own_home: Home) -> None:
    with running(Settings(own_home, limits=MANY)) as client:
        where = upload(client, "a.srt", SUBTITLES, wait=False).headers["location"]
    assert left_behind(own_home) == []
    with running(Settings(own_home, limits=MANY)) as client:
        told = client.get(where).json()
        assert told["state"] == "lost" and told["problem"]["type"].endswith(":lost") and told["result"] is None


def test_what_a_killed_service_left_behind_is_found_by_the_next(tmp_path: Path) -> None:
    killed = Jobs(tmp_path, 3600, 100)
    killed.open()
    job = killed.begin("anna")
    killed.upload_folder().joinpath("media.mp4").write_bytes(b"x")
    other = Jobs(tmp_path, 3600, 100)
    other.open()
    still = other.get(job.id, "anna")
    assert still is not None and still.state is JobState.WAITING, "its process lives"
    assert len(list(other.uploads.iterdir())) == 1 and other.waiting() == 1
    assert killed._lock is not None
    killed._lock.close()  # as the system does for a process that is killed
    lost = other.get(job.id, "anna")
    assert lost is not None and lost.state is JobState.LOST and other.waiting() == 0
    other.sweep()
    assert list(other.uploads.iterdir()) == []
    other.close()


def test_jobs_are_kept_for_a_while_and_not_without_end(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, 3600, 3)
    jobs.open()
    ended = [jobs.end(jobs.begin(None), JobState.DONE, {"n": number}) for number in range(6)]
    jobs.sweep()
    assert [jobs.get(job.id, None) is not None for job in ended] == [False] * 3 + [True] * 3
    path = jobs.jobs / f"{ended[-1].id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "ended_at": "2020-01-01T00:00:00Z"}))
    jobs.sweep()
    assert jobs.get(ended[-1].id, None) is None
    assert jobs.get("../../etc/passwd", None) is None
    jobs.close()


def test_what_takes_too_long_is_stopped_with_its_process(own_home: Home) -> None:
    with running(Settings(own_home, limits=Limits(media_s=0.3))) as client:
        began = time.monotonic()
        response = upload(client, "a.srt", SUBTITLES)
        assert response.status_code == 503 and response.json()["type"].endswith("too-slow")
        assert time.monotonic() - began < 10 and left_behind(own_home) == []


def test_more_files_than_there_is_room_for_are_asked_to_come_back(own_home: Home) -> None:
    with running(Settings(own_home, limits=Limits(media_waiting=0))) as client:
        statuses: list[int] = []
        threads = [threading.Thread(target=lambda: statuses.append(upload(client, "a.srt", SUBTITLES).status_code)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 503, 503]


def test_a_reader_that_crashes_is_a_file_that_cannot_be_read(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media.sys, "executable", "/bin/false")
    with running(Settings(own_home)) as client:
        response = upload(client, "a.srt", SUBTITLES)
        assert response.status_code == 422 and response.json()["type"].endswith("unreadable")
        assert left_behind(own_home) == []


def test_a_reader_has_no_more_memory_than_it_is_given(own_home: Home) -> None:
    with running(Settings(own_home, limits=Limits(media_memory_bytes=64 << 20))) as client:
        assert upload(client, "a.srt", SUBTITLES).status_code == 422
        assert client.post("/v1/detect", json={"text": "How dare you!"}).status_code == 200
