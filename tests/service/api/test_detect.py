"""`/v1/detect`: what it answers, for one, for a batch, and with the reasons."""

import pytest
from fastapi.testclient import TestClient

from ml.models.dialogue import Turn
from service.api.models.detect import DetectAnswer
from service.champion import Champion
from service.turns import DetectedTurns, detect_turns

TALK = [{"text": "How dare you!", "speaker": "anna"}, {"text": "I am so sorry.", "speaker": "ben"}]
TURNS = [Turn("How dare you!", "anna"), Turn("I am so sorry.", "ben")]


def value(answer: object) -> DetectedTurns:
    return DetectAnswer.model_validate(answer).value()


def close(one: DetectedTurns, other: DetectedTurns) -> None:
    """The same to rounding: what is read together is added up in another order."""
    assert one.origin == other.origin
    for a, b in zip(one.turns, other.turns, strict=True):
        assert (a.text, a.speaker, a.emotion, a.read, a.language) == (b.text, b.speaker, b.emotion, b.read, b.language)
        assert a.probabilities == pytest.approx(b.probabilities, abs=2e-3)


def test_turns_are_answered_with_what_the_champion_says_of_them(client: TestClient, champion: Champion) -> None:
    response = client.post("/v1/detect", json={"turns": TALK})
    assert response.status_code == 200
    close(value(response.json()), detect_turns(champion, TURNS))


def test_a_text_is_read_line_by_line(client: TestClient, champion: Champion) -> None:
    told = client.post("/v1/detect", json={"text": "How dare you!\n\nI am so sorry."}).json()
    close(value(told), detect_turns(champion, [Turn("How dare you!"), Turn("I am so sorry.")]))


def test_every_answer_says_whose_it_is(client: TestClient, champion: Champion) -> None:
    for answer in (client.post("/v1/detect", json={"turns": TALK}), client.get("/v1/model")):
        origin = answer.json()["origin"]
        assert origin["model_version"] == champion.origin.model_version
        assert (origin["trained_on"], origin["declared_use"]) == ("films", "research")


def test_each_turn_says_why_where_it_is_asked(client: TestClient) -> None:
    (first, _) = client.post("/v1/detect", json={"turns": TALK, "explain": True}).json()["turns"]
    assert first["why"]["emotion"] == first["emotion"] and first["why"]["modalities"][0]["name"] == "text"


def test_the_declared_language_counts(client: TestClient) -> None:
    asked = {"text": "Oh no, no."}
    assert client.post("/v1/detect", json={**asked, "language": "de"}).json()["turns"][0]["read"] is False
    assert client.post("/v1/detect", json={**asked, "language": "en"}).json()["turns"][0]["read"] is True


def test_a_batch_is_answered_in_order_and_none_hears_another(client: TestClient, champion: Champion) -> None:
    inputs = [{"turns": TALK}, {"text": "I miss her so much."}, {"turns": TALK[::-1]}]
    outputs = client.post("/v1/detect/batch", json={"inputs": inputs}).json()["outputs"]
    for told, turns in zip(outputs, (TURNS, [Turn("I miss her so much.")], TURNS[::-1]), strict=True):
        close(value(told), detect_turns(champion, turns))


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({}, "body"),
        ({"text": ""}, "body.text"),
        ({"text": " \n "}, "body.text"),
        ({"text": "a", "turns": [{"text": "b"}]}, "body"),
        ({"turns": []}, "body.turns"),
        ({"turns": [{"text": "a"}, {"text": ""}]}, "body.turns.1.text"),
        ({"turns": [{"text": "a"}] * 513}, "body.turns"),
        ({"text": "a\n" * 513}, "body"),
        ({"text": "a" * 50_001}, "body.text"),
        ({"turns": [{"text": "a" * 30_000}] * 2}, "body"),
        ({"text": "a", "langauge": "en"}, "body.langauge"),
        ({"text": "a", "language": "english please"}, "body.language"),
        ({"text": 5}, "body.text"),
    ],
)
def test_what_is_not_valid_is_told_by_its_place(client: TestClient, asked: object, where: str) -> None:
    response = client.post("/v1/detect", json=asked)
    assert response.status_code == 422
    assert where in [fault["where"] for fault in response.json()["faults"]]


def test_a_batch_is_bounded(client: TestClient) -> None:
    for inputs in ([], [{"text": "a"}] * 65, [{"text": "a\n" * 300}] * 2):
        assert client.post("/v1/detect/batch", json={"inputs": inputs}).status_code == 422
