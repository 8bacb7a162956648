"""The champion in memory: what it says of a conversation, and how another takes its place."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from corpus.paths import Home
from corpus.terms import EMOTIONS, FeelmError
from ml.models.dialogue import Turn
from service.champion import Champion, Standing, champion_folder
from service.detect import detect_text
from tests.ml.conftest import train
from tests.service.talk import FILMS, promote

SAID = ("I can't believe you did that!", "I am so sorry.", "Leave me alone.", "Please, I was afraid.")


def test_a_conversation_says_what_the_same_lines_say_as_a_text(home: Home, champion: Champion) -> None:
    """Two ways to the same networks: through files and tables as a film, and from memory."""
    (heard,) = champion.hear([[Turn(line) for line in SAID]])
    as_film = detect_text(home, "\n".join(SAID))
    assert heard.probabilities == pytest.approx(np.array([unit.probabilities for unit in as_film.units]), abs=2e-3)
    assert heard.levels[:, 0] == pytest.approx(np.array([unit.intensity for unit in as_film.units]), abs=2e-3)


def test_what_is_foreseen_rests_on_the_past_alone(champion: Champion) -> None:
    turns = [Turn(line, "ab"[i % 2]) for i, line in enumerate(SAID)]
    whole, begun = champion.hear([turns, turns[:2]])
    for name in ("so_far", "following"):
        assert getattr(whole, name)[:2] == pytest.approx(getattr(begun, name), abs=1e-5)
    assert not np.allclose(whole.probabilities[:2], begun.probabilities, atol=1e-4)  # what was said later tells of it too


def test_dialogues_that_are_asked_together_do_not_hear_each_other(champion: Champion) -> None:
    one, other = ([Turn(line, "ab"[i % 2]) for i, line in enumerate(lines)] for lines in (SAID, SAID[::-1]))
    alone, together = champion.hear([one])[0], champion.hear([other, one, other])[1]
    assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-4)


def test_words_in_a_language_that_the_encoder_does_not_read_are_told(champion: Champion) -> None:
    (heard,) = champion.hear([[Turn("Das habe ich dir doch schon dreimal gesagt, warum hörst du mir nie zu?")]])
    assert heard.languages == ("de",) and not heard.read.any()


def test_the_champion_tells_what_plain_words_mean(champion: Champion) -> None:
    heard = champion.hear([[Turn("This is wonderful, thank you!")], [Turn("How dare you!")], [Turn("I miss her so much.")]])
    assert [EMOTIONS[one.probabilities[0].argmax()] for one in heard] == ["joy", "anger", "sadness"]


@pytest.mark.long
def test_another_champion_takes_the_place_while_the_first_still_answers(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    there = Home(tmp_path_factory.mktemp("swap"))
    shutil.copytree(home.root, there.root, dirs_exist_ok=True)
    standing, made_ready = Standing(there), []

    def make_ready(other: Champion) -> None:
        made_ready.append((other.origin.model_version, standing.champion.origin.model_version))

    first, turns = standing.champion, [[Turn("How dare you!")]]
    before = first.hear(turns)[0].probabilities
    assert standing.look(make_ready) is False and standing.champion is first
    train(there, [f"talk-{number}" for number in range(FILMS)], [], seed=1)
    promote(there)
    assert standing.look(make_ready) is True
    assert standing.champion.origin.model_version != first.origin.model_version
    assert made_ready == [(standing.champion.origin.model_version, first.origin.model_version)], "made ready before it takes the place"
    assert first.hear(turns)[0].probabilities == pytest.approx(before)
    (there.artifact("champion") / "weights.safetensors").write_bytes(b"damaged")
    facts = there.artifact("champion") / "manifest.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "more": ""}))
    second = standing.champion
    with pytest.raises(FeelmError, match="is not the one that was written"):
        standing.look(make_ready)
    assert standing.champion is second and len(made_ready) == 1


def test_a_model_that_learned_from_made_films_alone_says_so(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    there = Home(tmp_path_factory.mktemp("made"))
    shutil.copytree(home.root, there.root, dirs_exist_ok=True)
    ground = {"name": "one", "kind": "film", "licence": "cc0", "declared_use": "commercial", "about": "", "language": "en"}
    made = {**ground, "credit": "Feelm's film maker, seed 5; made by corpus.maker; nobody's work is in it"}
    real = {**ground, "credit": "somebody's film"}
    weight = {**ground, "kind": "weight", "credit": "MiniLM"}
    for grounds, said in (([made, weight], True), ([made, real, weight], False)):
        (there.artifact("champion") / "grounds.json").write_text(json.dumps(grounds))
        told = dataclasses.asdict(Champion.load(champion_folder(there)).origin)["caveat"]
        assert (told is not None and "made by Feelm's film maker alone" in told) is said
