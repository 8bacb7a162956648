"""`/v1/escalations`: what people who take over are told, and what they are not."""

import sqlite3
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from corpus.paths import Home
from service.api.keys import KeyRing
from service.api.settings import Settings
from service.safety.escalation import Escalation, Queue
from tests.service.api.conftest import MANY, copied, running

SAID = "I do not want to be here any more."


@pytest.fixture(scope="module")
def served(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Queue]]:
    own = copied(home, tmp_path_factory.mktemp("taken"))
    with running(Settings(own, limits=MANY)) as client:
        yield client, Queue(own, None)


@pytest.fixture
def waiting(served: tuple[TestClient, Queue]) -> Escalation:
    new = Escalation.new("support_companion", "talk-7", "plain words of danger (wish to die)", [SAID], "on-call")
    served[1].add(new)
    return new


def test_a_list_says_why_and_no_word_of_the_conversation(served: tuple[TestClient, Queue], waiting: Escalation) -> None:
    response = served[0].get("/v1/escalations", params={"state": "waiting"})
    (told,) = [one for one in response.json()["escalations"] if one["id"] == waiting.id]
    assert told["reason"] == waiting.reason and told["route"] == "on-call" and told["taken_by"] is None
    assert SAID not in response.text and "talk-7" not in response.text
    assert "no target is set" in response.json()["faults"][0]


def test_whoever_takes_it_is_told_what_was_said_and_asking_again_changes_nothing(
    served: tuple[TestClient, Queue], waiting: Escalation
) -> None:
    client, queue = served
    first, again = (client.post(f"/v1/escalations/{waiting.id}/take", json={"who": "mara"}) for _ in range(2))
    assert first.status_code == 200 and first.json() == again.json()
    assert first.json()["evidence"] == [SAID] and first.json()["conversation"] == "talk-7" and first.json()["taken_by"] == "mara"
    assert queue.get(waiting.id).acknowledged_by == "mara"


def test_a_second_person_is_told_who_has_it_and_nothing_else(served: tuple[TestClient, Queue], waiting: Escalation) -> None:
    client, queue = served
    client.post(f"/v1/escalations/{waiting.id}/take", json={"who": "mara"})
    second = client.post(f"/v1/escalations/{waiting.id}/take", json={"who": "tom"})
    assert second.status_code == 409 and "mara took it over" in second.json()["detail"] and SAID not in second.text
    assert queue.get(waiting.id).acknowledged_by == "mara"


def test_what_nobody_has_comes_first_and_the_rest_is_counted(served: tuple[TestClient, Queue], waiting: Escalation) -> None:
    client, queue = served
    later = Escalation.new("education", "talk-8", "frustration is 0.91", [], "teachers")
    queue.add(later)
    client.post(f"/v1/escalations/{waiting.id}/take", json={"who": "mara"})
    told = client.get("/v1/escalations").json()
    states = [one["state"] for one in told["escalations"]]
    assert states == sorted(states, key=lambda state: state == "acknowledged") and states[-1] == "acknowledged"
    assert len(client.get("/v1/escalations", params={"limit": 1}).json()["escalations"]) == 1 < told["total"] == len(queue.all())


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("0c0f4c9e-6a53-5cf1-9d6c-2f1f0f3b9c11", {"who": "mara"}, 404),
        ("..%2Fkeys", {"who": "mara"}, 404),
        ("no-id", {"who": "mara"}, 422),
        ("0c0f4c9e-6a53-5cf1-9d6c-2f1f0f3b9c11", {"who": " "}, 422),
        ("0c0f4c9e-6a53-5cf1-9d6c-2f1f0f3b9c11", {}, 422),
    ],
)
def test_what_is_none_is_refused(served: tuple[TestClient, Queue], path: str, body: dict, status: int) -> None:
    response = served[0].post(f"/v1/escalations/{path}/take", json=body)
    assert response.status_code == status and response.headers["content-type"] == "application/problem+json"


def test_a_queue_that_cannot_be_read_is_told_without_its_place(served: tuple[TestClient, Queue], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Queue, "all", broken)
    response = served[0].get("/v1/escalations")
    assert response.status_code == 503 and "cannot be read" in response.json()["detail"] and "sqlite" not in response.text


def test_no_key_no_escalations_and_the_key_that_took_one_is_noted(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    own = copied(home, tmp_path_factory.mktemp("keyed"))
    settings, new = Settings(own, limits=MANY), Escalation.new("education", "t", "why", [SAID], "teachers")
    key = KeyRing(settings.folder).add("desk").key
    Queue(own, None).add(new)
    with running(settings) as client:
        assert client.get("/v1/escalations").status_code == 401
        assert client.post(f"/v1/escalations/{new.id}/take", json={"who": "mara"}).status_code == 401
        taken = client.post(f"/v1/escalations/{new.id}/take", json={"who": "mara"}, headers={"X-API-Key": key})
    assert taken.json()["taken_by"] == "mara (key desk)"
