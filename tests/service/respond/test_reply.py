"""A reply and why: chosen by the reaction foreseen, handed over where the domain says so, and never what must not be said."""

import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from corpus.paths import Home
from corpus.terms import EMOTIONS, FeelmError
from ml.models.dialogue import Turn
from service.anticipate import anticipate
from service.api.models.talk import ReplyAnswer
from service.champion import Champion
from service.domains.profile import Never, Strategy, profile, profiles
from service.respond.because import clauses, sentences
from service.respond.candidates import Candidate, written
from service.respond.choose import Choice, read_chooser
from service.respond.endpoint import Endpoint
from service.respond.film_lines import FilmLines
from service.respond.rank import allowed, effect_of, relatedness
from service.respond.reply import WAYS, _reason, respond
from service.respond.wording import Said

ANGRY = [
    Turn("I ordered a lamp three weeks ago.", "user"),
    Turn("Thank you for explaining it so clearly, that saves time.", "agent"),
    Turn("I have been waiting for my lamp and nobody answers my letters.", "user"),
]


@pytest.mark.parametrize("domain", sorted(profiles()))
def test_every_domain_answers_with_one_of_its_candidates_and_tells_why(champion: Champion, domain: str) -> None:
    reply = respond(champion, profile(domain), [Turn("I miss her so much.", "user")])
    assert reply.ranked
    assert reply.text == reply.ranked[0].candidate.text or reply.hand_over
    assert [one.score for one in reply.ranked] == sorted((one.score for one in reply.ranked), reverse=True)
    assert sum(reply.choice.shares.values()) == pytest.approx(1, abs=1e-4)
    assert reply.reason and reply.origin == champion.origin


def test_the_effect_is_that_of_the_reaction_which_is_foreseen_to_the_candidate(champion: Champion) -> None:
    purpose = profile("customer_service")
    reply = respond(champion, purpose, ANGRY)
    for one in reply.ranked[:3]:
        (reaction,) = anticipate(champion, ANGRY, [Turn(one.candidate.text, "agent")])
        assert one.effect == pytest.approx(effect_of(purpose, reaction.probabilities), abs=2e-3)


def test_the_same_talk_has_the_same_reply_and_what_was_said_is_not_said_again(champion: Champion) -> None:
    purpose = profile("customer_service")
    first, again = respond(champion, purpose, ANGRY), respond(champion, purpose, ANGRY)
    assert first.text == again.text
    assert ANGRY[1].text not in {one.candidate.text for one in first.ranked}


def test_the_way_told_is_that_of_the_reply_and_the_reason_says_which_would_have_suited_more(champion: Champion) -> None:
    reply = respond(champion, profile("customer_service"), ANGRY)
    given, other = (
        next(one for one in reply.ranked if (one.candidate.strategy is reply.choice.strategy) is suits) for suits in (True, False)
    )
    for first in (given, other):
        told = dataclasses.replace(reply, ranked=(first, *(one for one in reply.ranked if one is not first)))
        assert told.strategy is first.candidate.strategy
        reason = _reason(told.ranked, told.choice, told.reading)
        assert f"The reply {WAYS[first.candidate.strategy]}" in reason and "_" not in reason
        assert ("suits the turn most" in reason) is (first is other)
    assert dataclasses.replace(reply, hand_over="customer-care").strategy is Strategy.OTHER


def test_programs_are_given_names_of_what_spoke_for_a_way_and_people_sentences(champion: Champion) -> None:
    told = ReplyAnswer.of(respond(champion, profile("customer_service"), ANGRY))
    assert told.because_of and set(told.because_of) <= set(read_chooser().features)
    assert told.because == list(sentences(told.because_of))
    assert told.strategy == told.candidates[0].strategy and told.suits_most == max(told.strategies, key=lambda way: told.strategies[way])


def test_all_that_may_speak_for_a_way_has_words_and_a_language_without_has_english() -> None:
    names = read_chooser().features
    assert len(set(clauses(names))) == len(names) and clauses(names, "xx") == clauses(names, "en")
    assert all(re.fullmatch(r"[A-Z][a-z].*[a-z]\.", sentence) for sentence in sentences(names))


def test_the_persons_own_words_are_said_back_by_one_candidate_a_way() -> None:
    purpose, said = profile("support_companion"), Said("My brother borrowed my car and lied about it.", "anger", 0.5, "en")
    shares = {way: 1 / len(Strategy) for way in Strategy}
    for way in (Strategy.RESTATEMENT, Strategy.QUESTION):
        own = [one.text for one in written(purpose, Choice({**shares, way: 0.5}, ()), said, ()) if one.strategy is way]
        assert sum(bool(re.search(r"your (brother|car)", text)) for text in own) == 1, own


def test_a_talk_that_replies_continue_is_heard_with_each_as_with_it_alone(champion: Champion) -> None:
    talks = [[*ANGRY, Turn(text, "agent")] for text in ("It was sent today.", "Nobody answers my letters.", ANGRY[2].text)]
    for together, talk in zip(champion.hear(talks), talks, strict=True):
        (alone,) = champion.hear([talk])
        assert together.probabilities == pytest.approx(alone.probabilities, abs=2e-3)
        assert together.following == pytest.approx(alone.following, abs=2e-3)


def test_a_state_above_the_routes_bound_hands_over_in_the_persons_language(champion: Champion) -> None:
    purpose = profile("customer_service")
    eager = dataclasses.replace(purpose, route=dataclasses.replace(purpose.route, above={"frustration": 0.0}))
    english, german = respond(champion, eager, ANGRY), respond(champion, eager, [Turn("Wo bleibt meine Lampe?", "user")], "de")
    assert english.hand_over == german.hand_over == purpose.route.queue
    assert (english.text, german.text) == (purpose.route.told["en"], purpose.route.told["de"])
    assert re.fullmatch(r"frustration is 0\.\d\d, above 0\.00: a person takes over \(customer-care\)", english.reason)
    never = dataclasses.replace(purpose, route=dataclasses.replace(purpose.route, above={"frustration": 1.0}))
    assert respond(champion, never, ANGRY).hand_over is None


def test_what_must_not_be_said_is_refused_with_the_reason_and_what_is_too_long(champion: Champion) -> None:
    purpose = profile("customer_service")
    candidates = [Candidate(text, Strategy.OTHER, "endpoint") for text in ("Calm down.", "word " * 60, "I can look it up.")]
    kept, refused = allowed(purpose, candidates)
    assert [one.text for one in kept] == ["I can look it up."]
    assert [one.reason for one in refused] == ["it argues or blames", "it is longer than 45 words"]
    mute = dataclasses.replace(purpose, never=(Never(re.compile("."), "nothing may be said"),))
    with pytest.raises(FeelmError, match="refuses every candidate"):
        respond(champion, mute, ANGRY)


def test_nothing_to_answer_is_told(champion: Champion) -> None:
    purpose = profile("education")
    with pytest.raises(FeelmError, match="nothing to answer"):
        respond(champion, purpose, [])
    with pytest.raises(FeelmError, match="agent's own"):
        respond(champion, purpose, [Turn("Hello.", "agent")])


def test_a_line_about_the_same_thing_is_nearer_than_another(champion: Champion) -> None:
    near, far = relatedness(champion, ANGRY, ["Your lamp left our store yesterday.", "The second verse is in a minor key."])
    assert near > far


def test_a_films_line_is_offered_where_the_domain_takes_them_and_its_film_may_be_quoted(home: Home, champion: Champion) -> None:
    lines, turns = FilmLines.read(home, champion.lines), [Turn("I am scared of him.", "user")]
    character = profile("interactive_character")
    choice = respond(champion, character, turns).choice
    offered = lines(character, turns, choice)
    assert offered and all(one.writer == "film" and one.source and one.source.startswith("talk-") for one in offered)
    assert lines(profile("customer_service"), turns, choice) == []
    assert lines(character, [Turn("The tax form has two pages and a supplement.", "user")], choice) == []


@contextmanager
def endpoint(answer: Callable[[dict[str, object]], tuple[int, bytes]]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A server that speaks chat completions as `answer` says; its address, and what it was asked."""
    asked: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
            status, content = answer(asked[-1])
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def completion(*replies: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": json.dumps({"replies": replies})}}]}).encode()


def test_an_endpoints_replies_are_filtered_and_ranked_with_the_others(champion: Champion) -> None:
    purpose = profile("customer_service")
    with endpoint(lambda _: (200, completion("Your lamp is found and on its way.", "Calm down."))) as (url, asked):
        reply = respond(champion, purpose, ANGRY, writers=[Endpoint(url, "some-model", "secret")])
    assert {one.candidate.text for one in reply.ranked if one.candidate.writer == "endpoint"} == {"Your lamp is found and on its way."}
    assert [one.reason for one in reply.refused] == ["it argues or blames"]
    assert asked[0]["path"] == "/v1/chat/completions" and asked[0]["key"] == "Bearer secret" and asked[0]["model"] == "some-model"


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"{}"), (200, b"no json"), (200, b'{"choices": []}'), (200, completion()), (200, b"x" * 300_000)]
)
def test_an_endpoint_that_fails_is_left_alone_and_the_embedded_writer_answers(champion: Champion, status: int, body: bytes) -> None:
    purpose = profile("customer_service")
    with endpoint(lambda _: (status, body)) as (url, asked):
        writer = Endpoint(url, "some-model")
        replies = [respond(champion, purpose, ANGRY, writers=[writer]) for _ in range(2)]
    assert writer.rests and len(asked) == 1
    assert all(one.candidate.writer == "templates" for reply in replies for one in reply.ranked)


def test_an_endpoint_that_is_not_there_costs_no_answer(champion: Champion) -> None:
    reply = respond(
        champion, profile("education"), [Turn("I am lost.", "user")], writers=[Endpoint("http://127.0.0.1:9/v1", "none", limit_s=1)]
    )
    assert reply.text


def test_an_endpoint_is_named_by_the_environment_and_only_encrypted_or_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEELM_LLM_URL", raising=False)
    assert Endpoint.from_environment() is None
    monkeypatch.setenv("FEELM_LLM_URL", "http://example.org/v1")
    with pytest.raises(FeelmError, match="https"):
        Endpoint.from_environment()
    monkeypatch.setenv("FEELM_LLM_URL", "https://example.org/v1/")
    with pytest.raises(FeelmError, match="FEELM_LLM_MODEL"):
        Endpoint.from_environment()
    monkeypatch.setenv("FEELM_LLM_MODEL", "some-model")
    monkeypatch.setenv("FEELM_LLM_KEY", "secret")
    found = Endpoint.from_environment()
    assert found is not None and found.url == "https://example.org/v1" and "secret" not in repr(found)


def test_what_is_wished_for_is_weighed_by_emotion() -> None:
    purpose = profile("customer_service")
    joy, anger = ([float(name == emotion) for name in EMOTIONS] for emotion in ("joy", "anger"))
    assert effect_of(purpose, joy) > 0 > effect_of(purpose, anger)
