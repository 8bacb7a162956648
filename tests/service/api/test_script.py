"""`/v1/script` as programs ask it: what `feelm script` tells, by the same code, with the same faults as problems."""

import threading
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from fastapi.testclient import TestClient

from corpus.terms import EMOTIONS
from service.api.models.script import MOST_SPEECHES
from service.api.routes import script as routes
from service.champion import Champion
from service.script.analyse import analyse
from service.script.read import read_script
from service.script.suggest import Target, changed, suggest
from tests.service.api.test_hostile import HOSTILE

TEXT = "Anna: I cried all night.\nBen: He is gone and I am alone.\n(a door)\nAnna: It is a blue car.\nBen: I love it here.\n"
TWO = f"{TEXT}***\nAnna: Here is your receipt.\nBen: You lied to me again.\n"


def asked(client: TestClient, what: str, **question: object) -> dict:
    response = client.post(f"/v1/script/{what}", json=question)
    assert response.status_code == 200, response.text
    return response.json()


def test_an_analysis_is_what_the_code_behind_it_says(client: TestClient, champion: Champion) -> None:
    told, found = asked(client, "analyse", text=TEXT), asdict(analyse(champion, read_script(TEXT)))
    assert [one["line"] for one in told["scenes"][0]["lines"]] == [1, 2, 4, 5]
    assert told["scenes"][0]["course"]["valence"] == pytest.approx(found["course"]["valence"], abs=1e-3)
    for own, line in zip(told["scenes"][0]["lines"], found["scenes"][0]["lines"], strict=True):
        assert own["reading"]["emotion"] == line["reading"]["emotion"] and own["words"] == pytest.approx(line["words"], abs=1e-3)
        assert [own["reading"]["probabilities"][name] for name in EMOTIONS] == pytest.approx(line["reading"]["probabilities"], abs=1e-3)
        assert own["foreseen"]["who"] == line["foreseen"]["who"] and own["foreseen"]["emotion"] == line["foreseen"]["emotion"]
    assert [one["name"] for one in told["characters"]] == ["Anna", "Ben"]
    assert [(one["line"], one["text"]) for one in told["unspoken"]] == [(3, "(a door)")]
    assert told["layout"] == "named" and told["origin"]["declared_use"] and told["bounds"]["flat"]["lines"] > 0


def test_without_spots_readings_and_arcs_are_the_same_and_no_line_is_left_out_of_its_scene(client: TestClient) -> None:
    quick, whole = asked(client, "analyse", text=TEXT, spots=False), asked(client, "analyse", text=TEXT)
    assert not quick["spots"] and whole["spots"]
    assert quick["course"] == whole["course"]
    for one, other in zip(quick["scenes"][0]["lines"], whole["scenes"][0]["lines"], strict=True):
        assert one["words"] is one["scene"] is None and one["tips"] == []
        assert {**one, "words": 0, "scene": 0, "tips": 0} == {**other, "words": 0, "scene": 0, "tips": 0}


def test_suggestions_move_the_line_and_say_in_words_what_was_done(client: TestClient, champion: Champion) -> None:
    told = asked(client, "suggest", text=TEXT, target="joy", line=4)
    found = suggest(champion, read_script(TEXT).scenes[0], Target("joy"), 4)
    assert told["place"] == 4 and told["best"] and told["best"][0]["after"] > told["probability"]
    assert told["best"][0]["text"] in {one.text for one in found.best}
    assert all(" " in one["ways"] or one["film"] for one in told["best"])


def test_the_end_of_a_scene_is_moved_where_no_line_is_given(client: TestClient) -> None:
    assert asked(client, "suggest", text=TWO, target="anger")["place"] == 8
    assert asked(client, "suggest", text=TWO, target="anger", scene=1)["place"] == 5


def test_suggestions_are_made_for_the_scene_as_it_was_changed(client: TestClient, champion: Champion) -> None:
    changes = [{"line": 5, "text": "I miss her so much."}, {"line": 2, "text": None}]
    told = asked(client, "suggest", text=TEXT, target="joy", line=5, changes=changes)
    scene = changed(read_script(TEXT).scenes[0], {5: "I miss her so much.", 2: None})
    assert told["reading"]["text"] == "I miss her so much." and len(scene.turns) == 3
    assert told["probability"] == pytest.approx(suggest(champion, scene, Target("joy"), 5).probability, abs=1e-3)


def test_other_words_change_the_arcs_of_the_scenes_that_have_them(client: TestClient) -> None:
    (told,) = asked(client, "what-if", text=TWO, changes=[{"line": 1, "text": "We won, we won!"}, {"line": 2, "text": None}])["scenes"]
    first, second = told["lines"][:2]
    assert first["after"]["emotion"] == "joy" and second["after"] is None
    assert told["before"]["valence"][0] < 0 < told["after"]["valence"][0]
    assert [(one["name"], one["before"]["lines"], one["after"]["lines"]) for one in told["characters"]] == [("Anna", 2, 2), ("Ben", 2, 1)]
    both = asked(client, "what-if", text=TWO, changes=[{"line": 8, "text": "So be it."}, {"line": 1, "text": "So be it."}])["scenes"]
    assert [one["line"] for one in both] == [1, 6]


@pytest.mark.parametrize(
    ("what", "question", "status", "told"),
    [
        ("analyse", {"text": "   "}, 422, "nobody speaks"),
        ("analyse", {"text": "a\x00b"}, 422, "NUL"),
        ("analyse", {"text": "Well.\n" * (MOST_SPEECHES + 1)}, 422, f"more than {MOST_SPEECHES}"),
        ("analyse", {"text": "word " * 50_000}, 422, "at most 200000"),
        ("suggest", {"text": TEXT, "target": "bliss"}, 422, "target"),
        ("suggest", {"text": TEXT, "target": "joy", "line": 3}, 422, "no line is spoken at line 3"),
        ("suggest", {"text": TEXT, "target": "joy", "scene": 2}, 422, "the script has 1"),
        ("suggest", {"text": TEXT, "target": "joy", "scene": 1, "line": 1}, 422, "not both"),
        ("what-if", {"text": TEXT, "changes": []}, 422, "changes"),
        ("what-if", {"text": TEXT, "changes": [{"line": 3, "text": "Hello."}]}, 422, "no line is spoken at line 3"),
        ("what-if", {"text": TEXT, "changes": [{"line": 1, "text": "a"}, {"line": 1, "text": "b"}]}, 422, "twice"),
        ("what-if", {"text": "Anna: Hello.", "changes": [{"line": 1, "text": " "}]}, 422, "keep at least one"),
    ],
)
def test_a_fault_is_a_problem_that_says_what_was_wrong(client: TestClient, what: str, question: dict, status: int, told: str) -> None:
    response = client.post(f"/v1/script/{what}", json=question)
    assert response.status_code == status and response.headers["content-type"] == "application/problem+json"
    assert told in response.text


def test_the_examples_of_the_description_are_answered(client: TestClient) -> None:
    schemas = client.get("/v1/openapi.json").json()["components"]["schemas"]
    for what, name in (("analyse", "AnalyseQuestion"), ("suggest", "SuggestQuestion"), ("what-if", "WhatIfQuestion")):
        parts = schemas[name]["properties"].items()
        example = {field: part["examples"][0] for field, part in parts if part.get("examples")}
        assert client.post(f"/v1/script/{what}", json=example).status_code == 200, (what, example)


def test_others_are_answered_while_a_scene_is_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene that is never done: between two of its pieces others come in."""
    begun, over = threading.Event(), threading.Event()

    def endless(champion: Champion, script: object, *_: object, **__: object) -> Iterator[None]:
        while not over.is_set():
            begun.set()
            yield
        return (yield from real(champion, read_script(TEXT)))

    real = routes.analysing
    monkeypatch.setattr(routes, "analysing", endless)
    found: list[int] = []
    asking = threading.Thread(target=lambda: found.append(client.post("/v1/script/analyse", json={"text": TEXT}).status_code))
    asking.start()
    assert begun.wait(30)
    talk = {"turns": [{"text": "How dare you!", "speaker": "anna"}], "candidates": [{"text": "I am so sorry.", "speaker": "ben"}]}
    assert client.post("/v1/anticipate", json=talk).status_code == 200
    over.set()
    asking.join(60)
    assert found == [200]


@pytest.mark.parametrize("name", HOSTILE)
def test_strange_text_is_read_as_it_stands_or_refused(client: TestClient, name: str) -> None:
    response = client.post("/v1/script/analyse", json={"text": f"Anna: {HOSTILE[name]}\nBen: {HOSTILE[name]}", "spots": False})
    assert response.status_code in (200, 422), response.text
    if response.status_code == 422:
        assert "break it into lines" in response.json()["detail"] or "nobody speaks" in response.json()["detail"]
    assert client.post("/v1/script/analyse", json={"text": "I love it here.", "spots": False}).status_code == 200


def test_ten_megabytes_are_refused_before_they_are_read(client: TestClient) -> None:
    assert client.post("/v1/script/analyse", json={"text": "a" * 10_000_000}).status_code == 413
